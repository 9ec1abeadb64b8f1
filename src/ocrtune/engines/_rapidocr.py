"""What RapidOCR finds, as lines with places; and how a page stands, from what it makes of a few of its lines."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rapidfuzz.distance import Levenshtein

from ocrtune.engines._pooled import Turn
from ocrtune.layout import Rect, Span, SpanWord
from ocrtune.layout.parts import bounds

if TYPE_CHECKING:
    from PIL.Image import Image

TALL = 1.5  # height / width from which on RapidOCR takes a line as running down, and reads it turned to the left
LINES = 6  # how many of the longest lines are looked at to find how a page stands
LETTERS = 10  # of them are read upright to tell lines written downwards from lines that lie on their side
ALIKE = 0.5  # part of those that must be the same
LEAST = 4  # letters of a line that can say something of its script
THIN = 0.8  # letters per square of a line; Latin has 2 to 3, ideographs 1 to 1.4, an unknown script next to none


class Piece(NamedTuple):
    """Text with its box: left, top, bottom in pixels."""

    text: str
    left: float
    top: float
    bottom: float


def pixels_of(image: Image) -> Any:
    """The models were trained on BGR."""
    import numpy as np

    return np.ascontiguousarray(np.asarray(image)[:, :, ::-1])


def pieces(found: Any) -> list[Piece]:
    return [
        Piece(text, float(box[:, 0].min()), float(box[:, 1].min()), float(box[:, 1].max()))
        for text, box in zip(found.txts, found.boxes, strict=True)
    ]


def rows(found: Sequence[Piece]) -> list[str]:
    """Lines from top to bottom; a piece belongs to the row before when its middle lies inside it."""
    lines: list[list[Piece]] = []
    for piece in sorted(found, key=lambda p: (p.top + p.bottom) / 2):
        first = lines[-1][0] if lines else None
        if first is not None and first.top <= (piece.top + piece.bottom) / 2 <= first.bottom:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    return [" ".join(piece.text for piece in sorted(line, key=lambda p: p.left)) for line in lines]


# --- lines with places ------------------------------------------------------------------------------------------------------


def spans(found: Any) -> list[Span]:
    """The lines that were found, with their words; ideographs in a row are one word."""
    if not found.txts:
        return []
    words = found.word_results if len(found.word_results) == len(found.txts) else [()] * len(found.txts)
    every = zip(found.txts, found.boxes, found.scores, words, strict=True)
    return [_span(text, box, float(score), parts) for text, box, score, parts in every if text.strip()]


def _span(text: str, box: Any, score: float, parts: Sequence[Any]) -> Span:
    place = _rect(box)
    tall = is_tall(place)
    across, down = place[2] - place[0], place[3] - place[1]
    down_written = tall and any(_is_wide(letter) for letter in text)
    return Span(
        " ".join(text.split()), place, across if tall else _height(box, down), vertical=down_written, confidence=score,
        words=_words(text, parts),
    )  # fmt: skip


def _height(box: Any, down: float) -> float:
    """Of the line itself: the rectangle around a line that is not level is higher."""
    left = float(((box[3] - box[0]) ** 2).sum() ** 0.5)
    right = float(((box[2] - box[1]) ** 2).sum() ** 0.5)
    return min((left + right) / 2, down)


def is_tall(place: Rect) -> bool:
    return place[3] - place[1] >= TALL * (place[2] - place[0])


def _words(text: str, parts: Sequence[Any]) -> tuple[SpanWord, ...]:
    """RapidOCR's parts (words, or single ideographs and digits) joined to what stands between spaces or changes of script;
    none where the parts are not the line."""
    groups: list[list[Any]] = []
    at = 0
    for part in parts:
        start = text.find(part[0], at)
        if start < 0 or text[at:start].strip():
            return ()
        if groups and start == at and _is_wide(groups[-1][-1][0][-1]) == _is_wide(part[0][0]):
            groups[-1].append(part)
        else:
            groups.append([part])
        at = start + len(part[0])
    if text[at:].strip():
        return ()
    return tuple(_word(group) for group in groups)


def _word(group: Sequence[Any]) -> SpanWord:
    letters = sum(len(part[0]) for part in group)
    sure = sum(len(part[0]) * float(part[1]) for part in group) / letters
    return SpanWord("".join(part[0] for part in group), bounds(_rect(part[2]) for part in group), min(max(sure, 0.0), 1.0))


def _rect(points: Any) -> Rect:
    xs, ys = [float(p[0]) for p in points], [float(p[1]) for p in points]
    return min(xs), min(ys), max(xs), max(ys)


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in "WF"


def is_foreign(found: Sequence[Span]) -> bool:
    """Whether most lines have far too few letters for their length: RapidOCR leaves out what is in none of its scripts."""
    filled = total = 0.0
    for span in found:
        across, down = span.box[2] - span.box[0], span.box[3] - span.box[1]
        squares = max(across, down) / max(min(across, down), 1.0)
        if squares >= LEAST:
            total += squares
            filled += squares if sum(not c.isspace() for c in span.text) >= THIN * squares else 0.0
    return total > 0 and filled < 0.5 * total


# --- how a page stands ------------------------------------------------------------------------------------------------------


def stance(reader: Any, pixels: Any, found: Sequence[Span], sure: float) -> Turn:
    """By how many degrees clockwise the page must be turned, judged by its longest lines: lying lines run down the page, and
    lines that are upside down are read with little confidence (0.5 to 0.67; upright ones at 0.9 and above)."""
    longest = sorted(found, key=lambda s: max(s.box[2] - s.box[0], s.box[3] - s.box[1]), reverse=True)[:LINES]
    tall = [span for span in longest if is_tall(span.box)]
    if 2 * len(tall) <= len(longest):
        level = [span for span in longest if span not in tall]
        return 180 if level and _clear(level) < sure and _better(reader, pixels, level, quarter=2) else 0
    if _clear(tall) < sure:
        return 90 if _better(reader, pixels, tall, quarter=3) else 0
    return 0 if any(_is_written_down(reader, pixels, span) for span in tall) else 270


def _clear(found: Sequence[Span]) -> float:
    return sum(span.confidence or 0.0 for span in found) / len(found)


def _better(reader: Any, pixels: Any, found: Sequence[Span], *, quarter: int) -> bool:
    """Whether the lines are read with more confidence after so many turns by 90° to the left."""
    scores = [read_whole(reader, _turned(_cut(pixels, span.box), quarter))[1] for span in found]
    return sum(scores) / len(scores) > _clear(found) + 0.1


def _is_written_down(reader: Any, pixels: Any, span: Span) -> bool:
    """Whether the letters of a line that runs down stand upright: then, beside each other, they read the same."""
    import numpy as np

    if not span.vertical:
        return False
    left, top, right, bottom = span.box
    letters = [c for c in span.text if not c.isspace()]
    step = (bottom - top) / max(len(letters), 1)
    cells = [_cut(pixels, (left, top + i * step, right, top + (i + 1) * step)) for i in range(min(LETTERS, len(letters)))]
    height = min(cell.shape[0] for cell in cells)
    said, _ = read_whole(reader, np.ascontiguousarray(np.concatenate([cell[:height] for cell in cells], axis=1)))
    return bool(Levenshtein.normalized_similarity(said, "".join(letters[:LETTERS])) >= ALIKE)


def read_whole(reader: Any, pixels: Any) -> tuple[str, float]:
    """A picture that is one line: its text, and the confidence."""
    found = reader(pixels, use_det=False, use_rec=True, use_cls=False, return_word_box=False)
    return (" ".join(found.txts), float(found.scores[0])) if found.txts else ("", 0.0)


def _cut(pixels: Any, box: Rect) -> Any:
    left, top, right, bottom = (max(round(v), 0) for v in box)
    return pixels[top : max(bottom, top + 1), left : max(right, left + 1)]


def _turned(pixels: Any, quarter: int) -> Any:
    import numpy as np

    return np.ascontiguousarray(np.rot90(pixels, quarter))
