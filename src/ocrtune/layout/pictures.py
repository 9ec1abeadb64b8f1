"""What is drawn on a page, not written: ruling lines, and figures such as photographs and drawings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ocrtune.core import Size
from ocrtune.layout.ink import connected, ink_of
from ocrtune.layout.lines import CAPTION, is_wide
from ocrtune.layout.parts import Rect, Rule, Span, area, bounds, overlap, shared

if TYPE_CHECKING:
    from PIL.Image import Image

SHORTEST = 1 / 40  # of the page's shorter side: ruling lines are longer than strokes of letters
THICKEST = 0.004  # of the page's longer side
WORKING = 900  # pixels of the longer side at which figures are looked for
LEAST = 1 / 16  # of the page's shorter side: figures are larger on both sides
DIVIDER = 0.6  # of the page's width: straight lines this long divide a page and belong to no figure
LONGEST = 10  # times as long as wide: more is a coloured band
SOLID = 0.35  # of its box is filled by a figure that runs off the page; coloured bands along two edges fill less
FRAME = (0.25, 0.2)  # of the page's area, and of its own: what is so large and so empty runs around other things
GROWTH = 2.0  # times a figure's area with its labels, at most
FADED = 24  # grey levels by which something drawn differs from the paper
TEXTURE = 9.0  # standard deviation of grey in a figure; a plain coloured ground has less
GROUND = (0.5, 0.8, 0.08)  # of a coloured ground is coloured; of that is of one grey; of it is under text
DRAWN = 0.012  # of a figure's area that is ink besides straight lines; a table without its text has less
LONGEST_LABEL, SHORTEST_LINE = 30, 12  # letters


def rules_in(image: Image) -> list[Rule]:
    """Straight horizontal and vertical lines in the picture of a page, from top left on; slightly slanted ones too."""
    import cv2
    import numpy as np

    ink = ink_of(image)
    least, thick = max(24, int(SHORTEST * min(image.size))), max(3.0, THICKEST * max(image.size))
    found = []
    for across in (True, False):
        lines = ink
        for step, length in ((cv2.MORPH_OPEN, 2 * least // 3), (cv2.MORPH_CLOSE, least // 3)):  # short gaps in long lines
            lines = cv2.morphologyEx(lines, step, np.ones((1, length) if across else (length, 1), np.uint8))
        for x, y, w, h, count in connected(lines).tolist():
            long, high = (w, h) if across else (h, w)
            if long >= least and count / long <= thick and high <= 0.05 * long + thick:
                found.append(Rule((float(x), float(y), float(x + w), float(y + h))))
    return sorted(found, key=lambda rule: (rule.box[1], rule.box[0], rule.box))


def figures_in(image: Image, spans: Sequence[Span]) -> list[Rect]:
    """Boxes of photographs and drawings, their labels included, from top left on; `spans` is the text found on the page.

    Neither the lines of a table nor a coloured ground under text are figures.
    """
    import cv2
    import numpy as np

    scale = min(1.0, WORKING / max(image.size))
    small = image.convert("L").reduce(max(1, round(1 / scale))) if scale < 1 else image.convert("L")
    scale = small.width / image.width
    grey = np.array(small)
    paper = int(np.argmax(small.histogram()))
    ink = cv2.compare(cv2.absdiff(grey, np.full_like(grey, paper)), FADED, cv2.CMP_GT)
    covered = np.zeros_like(ink)
    for box in _text_boxes(spans, scale):
        covered[box[1] : box[3], box[0] : box[2]] = 255
        ink[box[1] : box[3], box[0] : box[2]] = 0
    ink &= ~_straight(ink, int(DIVIDER * small.width))
    reach = max(5, max(small.size) // 100)
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    least = LEAST * min(small.size)
    drawn = ink & ~_straight(ink, min(small.size) // 12)
    found = []
    for x, y, w, h, count in _components(joined):
        part = np.s_[y : y + h, x : x + w]
        if (
            min(w, h) < max(least, max(w, h) / LONGEST)
            or (drawn[part] > 0).mean() < DRAWN
            or _texture(grey[part], ink[part]) < TEXTURE
        ):
            continue
        if _is_ground(grey[part], ink[part], covered[part]):
            continue
        bleeds = x <= 1 or y <= 1 or x + w >= small.width - 1 or y + h >= small.height - 1
        if not bleeds or count >= SOLID * w * h:
            found.append((x / scale, y / scale, (x + w) / scale, (y + h) / scale))
    return _with_labels(_merged(found), spans, Size(*image.size))


def _components(joined: Any) -> list[tuple[int, int, int, int, int]]:
    """Left, top, width, height and pixels of what hangs together; of a frame that runs around other things its solid parts."""
    import cv2
    import numpy as np

    height, width = joined.shape
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    out = []
    for label, (x, y, w, h, count) in enumerate(stats.tolist()):
        if label and (w * h <= FRAME[0] * width * height or count >= FRAME[1] * w * h):
            out.append((x, y, w, h, count))
        elif label:
            core = np.ones((max(3, int(LEAST * min(width, height)) // 2),) * 2, np.uint8)
            solid = cv2.morphologyEx((labels == label).astype(np.uint8), cv2.MORPH_OPEN, core)
            out += [tuple(part) for part in connected(solid).tolist()]
    return out


def _text_boxes(spans: Sequence[Span], scale: float) -> list[tuple[int, int, int, int]]:
    out = []
    for span in spans:
        left, top, right, bottom = (v * scale for v in span.box)
        grown = 0.2 * span.size * scale + 1
        out.append((max(int(left - grown), 0), max(int(top - grown), 0), int(right + grown) + 1, int(bottom + grown) + 1))
    return out


def _straight(ink: Any, least: int) -> Any:
    """Long horizontal and vertical lines of ink, somewhat thickened."""
    import cv2
    import numpy as np

    out = np.zeros_like(ink)
    for shape in ((1, least), (least, 1)):
        out |= cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(shape, np.uint8))
    solid = cv2.morphologyEx(out, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    return cv2.dilate(out & ~solid, np.ones((3, 3), np.uint8))


def _is_ground(grey: Any, ink: Any, covered: Any) -> bool:
    """Whether a box is one colour with text on it, whatever noise, lines and ends of letters add to that."""
    import numpy as np

    free, inked = covered == 0, ink > 0
    if (covered > 0).mean() < GROUND[2] or inked.sum() < GROUND[0] * free.sum():
        return False
    inside = grey[inked].astype(np.int16)
    return bool((np.abs(inside - np.median(inside)) < FADED / 2).mean() > GROUND[1])


def _texture(grey: Any, ink: Any) -> float:
    inside = grey[ink > 0]
    return float(inside.std()) if inside.size else 0.0


def _merged(boxes: Sequence[Rect]) -> list[Rect]:
    """Boxes that overlap are one."""
    out: list[Rect] = []
    for box in sorted(boxes):
        current = box
        while touching := [o for o in out if shared(o, current, 0) > 0 and shared(o, current, 1) > 0]:
            out = [o for o in out if o not in touching]
            current = bounds([current, *touching])
        out.append(current)
    return sorted(out, key=lambda b: (b[1], b[0], b))


def _with_labels(boxes: Sequence[Rect], spans: Sequence[Span], size: Size) -> list[Rect]:
    """Figures with the short texts that stand close around them, such as the numbers at the axes of a chart."""
    labels = [s for s in spans if len(s.text) <= LONGEST_LABEL and not CAPTION.match(s.text) and not _in_paragraph(s, spans)]
    out = []
    for box in boxes:
        current, left = box, labels
        for _ in range(2):
            near = [s for s in left if _beside(s, current)]
            left = [s for s in left if s not in near]
            for span in near:
                grown = bounds([current, span.box])
                current = grown if area(grown) <= GROWTH * area(box) else current
        out.append(current)
    return [(max(b[0], 0.0), max(b[1], 0.0), min(b[2], float(size.width)), min(b[3], float(size.height))) for b in _merged(out)]


def _beside(span: Span, box: Rect) -> bool:
    """Whether a text stands at a side of the figure, or runs into it."""
    reach = 1.5 * min(span.size, span.box[2] - span.box[0], span.box[3] - span.box[1])
    across, down = shared(span.box, box, 0), shared(span.box, box, 1)
    if across > 0 and down > 0:
        return True
    return (across > -reach and overlap(span.box, box, 1) > 0.7) or (down > -reach and overlap(span.box, box, 0) > 0.7)


def _in_paragraph(span: Span, spans: Sequence[Span]) -> bool:
    """Whether a line with the same left edge stands directly above or below, a longer one or one of several words like it."""
    wordy = _is_wordy(span)
    return any(
        other is not span
        and (len(other.text) > LONGEST_LABEL or (wordy and _is_wordy(other)))
        and abs(other.box[0] - span.box[0]) < 2.5 * span.size
        and abs(other.box[1] - span.box[1]) < 2.0 * max(span.size, other.size)
        for other in spans
    )


def _is_wordy(span: Span) -> bool:
    return (len(span.text) >= SHORTEST_LINE and " " in span.text) or sum(map(is_wide, span.text)) >= SHORTEST_LINE / 2
