"""Where the text of a page stands: lines of words, each along a straight stretch of the picture.

Words that an engine placed stay where they are. Text that came without words is spread over its box: as many lines as fit
its shape, each word as long as its share of the line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from ocrtune.core import Box, Page, Word
from ocrtune.core.document import Point
from ocrtune.exporters._glyphless import advance, is_right_to_left, is_wide, searchable
from ocrtune.exporters._tables import Cell, Grid, grids
from ocrtune.exporters._wording import plain

Direction = Literal["right", "down", "up"]
SHARED, MOST_DRIFT = 0.6, 2.0  # of a level line: what all words share of the lowest, the whole in heights of its highest words
UNEVEN = 0.1  # of their distance, by which ideographs of one word may be off
LINE_PITCH = 1.25  # usual distance of lines in letter sizes
TALL = 1.5  # a word this much higher than wide is written downwards or upwards
NEAR = 4.0  # heights between two words of one line
MARGIN = 0.04  # of the page, around text that nobody placed
PAGE_ROWS, PAGE_ROOM = 60, 40  # of such text: lines on a page, letter sizes in a line


class Piece(NamedTuple):
    """A word and its stretch, in fractions of the picture: from `start` to `end` along the foot of the letters; `upper` is
    above `start` by their height. `spaced` says that a space separates it from the next word of its line."""

    text: str
    start: Point
    end: Point
    upper: Point
    direction: Direction = "right"
    spaced: bool = False


CLOSING, OPENING = frozenset("，。、；：？！）」』】》〉〕…—・ー％"), frozenset("（「『【《〈〔")

Placed = list[Piece]  # a line


def lines(page: Page) -> Iterator[Placed]:
    """The lines of the page in reading order; `page` needs a size for the shapes of its boxes."""
    ratio = (page.height or 1414) / (page.width or 1000)
    unplaced: list[str] = []
    for region in page.regions:
        if region.words:
            yield from word_lines(region.words, ratio)
        elif region.box is None:
            unplaced.append(plain(region))
        elif region.kind == "table" and (tables := grids(region)):
            for cell in tables[0].cells:
                yield from spread(cell.text, cell_box(cell, tables[0], region.box), ratio)
        else:
            yield from spread(plain(region), region.box, ratio)
    text = "\n".join(text for text in unplaced if text)
    rows = sum(1 + int(advance(line) / PAGE_ROOM) for line in text.splitlines())
    foot = MARGIN + min(1 - 2 * MARGIN, rows / PAGE_ROWS)
    yield from spread(text, Box(left=MARGIN, top=MARGIN, right=1 - MARGIN, bottom=foot), ratio)


# --- words that were placed ---------------------------------------------------------------------------------------------


def word_lines(words: Sequence[Word], ratio: float) -> Iterator[Placed]:
    """Words that were placed, line by line; `ratio` is the height of the page over its width."""
    lying = [w.box for w in words if len(w.text) > 1 and w.box.right - w.box.left >= (w.box.bottom - w.box.top) * ratio]
    pieces = [piece for word in words if (piece := _piece(word, ratio, lying)) is not None]
    line: Placed = []
    for piece in pieces:
        if line and not _goes_on(line, piece, ratio):
            yield _evened(line)
            line = []
        line.append(piece)
    if line:
        yield _evened(line)


def _piece(word: Word, ratio: float, lying: Sequence[Box]) -> Piece | None:
    """A word with nothing beside it that is `lying` may stand; else it is narrow, or its box is poor."""
    text = searchable(word.text)
    box = word.box
    if not text or box.right <= box.left or box.bottom <= box.top:
        return None
    if box.polygon is not None and len(box.polygon) == 4 and (slanted := _slanted(text, box.polygon, ratio)) is not None:
        return slanted
    tall = (box.bottom - box.top) * ratio > TALL * (box.right - box.left)
    if tall and len(text) > 1 and not any(_beside(box, other, ratio) for other in lying):
        return _standing(text, box, "down" if _mostly_wide(text) else "up")
    return Piece(text, (box.left, box.bottom), (box.right, box.bottom), (box.left, box.top))


def _beside(box: Box, other: Box, ratio: float) -> bool:
    """Whether two words can be of one line that runs across: on one height, about equally high, and not far apart."""
    low, high = sorted((box.bottom - box.top, other.bottom - other.top))
    level = min(box.bottom, other.bottom) - max(box.top, other.top) > 0.5 * low and high < 2 * low
    return level and max(box.left, other.left) - min(box.right, other.right) < NEAR * low * ratio


def _standing(text: str, box: Box, direction: Direction) -> Piece:
    if direction == "down":
        return Piece(text, (box.left, box.top), (box.left, box.bottom), (box.right, box.top), "down")
    return Piece(text, (box.right, box.bottom), (box.right, box.top), (box.left, box.bottom), "up")


def _slanted(text: str, corners: Sequence[Point], ratio: float) -> Piece | None:
    """A word along its quadrilateral (clockwise from the top left one of the letters), where that is a lying rectangle."""
    top_left, top_right, right, left = corners
    run = (right[0] - left[0], (right[1] - left[1]) * ratio)
    rise = (top_left[0] - left[0], (top_left[1] - left[1]) * ratio)
    length, height = math.hypot(*run), math.hypot(*rise)
    across = run[0] * rise[0] + run[1] * rise[1]
    turning = run[0] * rise[1] - run[1] * rise[0]
    parallel = math.dist((top_right[0] - top_left[0], (top_right[1] - top_left[1]) * ratio), run)
    if run[0] <= abs(run[1]) or turning >= 0 or abs(across) > 0.2 * length * height or parallel > 0.3 * length:
        return None
    return Piece(text, left, right, top_left)


def _mostly_wide(text: str) -> bool:
    return 2 * sum(map(is_wide, text)) > len(text)


def _goes_on(line: Placed, piece: Piece, ratio: float) -> bool:
    """Whether the word stands in the line, after its last one."""
    last = line[-1]
    if last.direction != piece.direction:
        return last.direction == "down" and _below(last, piece, ratio) and len(piece.text) == 1
    if piece.direction == "right":
        shared = min(last.start[1], piece.start[1]) - max(last.upper[1], piece.upper[1])
        height = min(last.start[1] - last.upper[1], piece.start[1] - piece.upper[1])
        forward = piece.start[0] > last.start[0] or (_right_to_left(piece.text) and piece.end[0] < last.end[0])
        if shared > 0.5 * height and forward:
            return True
        stacked = len(line) == 1 or not _level(line[-2], last)
        return stacked and len(last.text) == 1 == len(piece.text) and _below(last, piece, ratio)
    return False


def _below(last: Piece, piece: Piece, ratio: float) -> bool:
    """Whether an ideograph stands right below the other one, as in a column of them."""
    if not (is_wide(last.text[-1]) and is_wide(piece.text[0])):
        return False
    one, other = _extent(last), _extent(piece)
    width = min(one[2] - one[0], other[2] - other[0])
    gap = (other[1] - one[3]) * ratio
    return min(one[2], other[2]) - max(one[0], other[0]) > 0.6 * width and -0.5 * width < gap < width


def _extent(piece: Piece) -> tuple[float, float, float, float]:
    far = (piece.end[0] + piece.upper[0] - piece.start[0], piece.end[1] + piece.upper[1] - piece.start[1])
    xs, ys = zip(piece.start, piece.end, piece.upper, far, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _right_to_left(text: str) -> bool:
    return any(map(is_right_to_left, text))


def _evened(line: Placed) -> Placed:
    """The line on one foot and of one height, where its boxes are level: readers then see it as one line."""
    if len(line) == 1:
        return line
    if line[0].direction == "down" or not _level(line[0], line[1]):
        return [_column(line)]
    line = [one._replace(spaced=separated(one.text, other.text)) for one, other in pairwise(line)] + line[-1:]
    if any(piece.start[1] != piece.end[1] for piece in line):
        return line
    top, foot = min(piece.upper[1] for piece in line), max(piece.start[1] for piece in line)
    if not _shares_a_band(line, foot - top):
        return line
    return _joined([p._replace(start=(p.start[0], foot), end=(p.end[0], foot), upper=(p.upper[0], top)) for p in line])


def _shares_a_band(line: Placed, whole: float) -> bool:
    """Whether all words stand on one foot, though their boxes end where their ink does: the small letters of all are at one
    height. In a slanting line they are not. One word may be a bracket over two lines."""
    letters = [piece for piece in line if any(map(str.isalnum, piece.text))] or line
    heights = sorted(piece.start[1] - piece.upper[1] for piece in letters)
    shared = min(piece.start[1] for piece in letters) - max(piece.upper[1] for piece in letters)
    return shared >= SHARED * heights[0] and whole <= MOST_DRIFT * heights[-2 if len(heights) > 3 else -1]


def _joined(line: Placed) -> Placed:
    """Single ideographs that follow one another evenly are one word: a fifth of the work for everybody who reads it."""
    joined: Placed = []
    pitch = 0.0
    for piece in line:
        last = joined[-1] if joined else piece
        step = piece.start[0] - last.start[0] - pitch * (len(last.text) - 1)
        single = len(piece.text) == 1 and is_wide(piece.text) and last is not piece and not last.spaced and is_wide(last.text[-1])
        if (
            single
            and (len(last.text) == 1 or abs(step - pitch) < UNEVEN * pitch)
            and 0 < step < 1.5 * (piece.end[0] - piece.start[0])
        ):
            pitch = step if len(last.text) == 1 else pitch
            joined[-1] = last._replace(text=last.text + piece.text, end=piece.end, spaced=piece.spaced)
        else:
            joined.append(piece)
    return joined


def _level(one: Piece, other: Piece) -> bool:
    return min(one.start[1], other.start[1]) > max(one.upper[1], other.upper[1])


def _column(line: Placed) -> Piece:
    """Ideographs below one another as one word written downwards; readers take single ones for lines."""
    boxes = [_extent(piece) for piece in line]
    left, right = min(box[0] for box in boxes), max(box[2] for box in boxes)
    text = "".join(piece.text for piece in line)
    return Piece(text, (left, boxes[0][1]), (left, boxes[-1][3]), (right, boxes[0][1]), "down")


# --- text that came without words -----------------------------------------------------------------------------------------


def spread(text: str, box: Box, ratio: float) -> Iterator[Placed]:
    """The text over the box. Line breaks in it stay, more are made where the shape of the box asks for them; ideographs in a
    narrow column run downwards."""
    asked = [line for raw in text.splitlines() if (line := searchable(raw))]
    width, height = box.right - box.left, (box.bottom - box.top) * ratio
    if not asked or width <= 0 or height <= 0:
        return
    whole = " ".join(asked)
    if len(asked) == 1 and len(whole) > 1 and height > TALL * width and height * width < 2 * advance(whole) * width * width:
        yield [_standing(whole, box, "down" if _mostly_wide(whole) else "up")]
        return
    wrapped = _wrapped(asked, width, height)
    size = min(width / max(map(advance, wrapped)), height / len(wrapped) / LINE_PITCH)
    pitch = (box.bottom - box.top) / len(wrapped)
    for number, line in enumerate(wrapped):
        foot = box.top + pitch * (number + 1) - (pitch - min(pitch, size / ratio)) / 2
        upper = foot - min(pitch, size / ratio)
        yield _spaced(line, box.left, size, foot=foot, upper=upper)


def _wrapped(asked: Sequence[str], width: float, height: float) -> list[str]:
    """Lines broken so that letters of the usual shape fill the box."""
    total = sum(map(advance, asked))
    estimated = min(math.sqrt(total * height / (width * LINE_PITCH)), 2 * total)  # no more lines than letters
    if len(asked) >= estimated - 0.5:
        return list(asked)
    room = max(total / max(round(estimated), 1), max(map(advance, asked)) / max(round(estimated), 1), 1.0)
    return [line for paragraph in asked for line in wrap(paragraph, room)]


def wrap(text: str, room: float, measure: Callable[[str], float] = advance) -> list[str]:
    """Broken at spaces, and between ideographs, into lines of at most `room` as `measure` has it where words allow it."""
    broken: list[str] = []
    line, used = "", 0.0
    for part in _parts(text):
        if line and used + measure(part.rstrip()) > room:
            broken.append(line.rstrip())
            line, used = "", 0.0
        line += part
        used += measure(part)
    return [*broken, line.rstrip()] if line.strip() else broken


def _parts(text: str) -> list[str]:
    """Words with the space after them; every ideograph is one, with the closing marks that may not begin a line."""
    parts: list[str] = []
    for character in text:
        last = parts[-1][-1] if parts else ""
        within = last and not is_wide(character) and not is_wide(last) and last != " "
        closes = character == " " or (character in CLOSING and last != " ")
        if within or (last and closes) or (last and last in OPENING):
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def _spaced(line: str, left: float, size: float, *, foot: float, upper: float) -> Placed:
    placed = []
    at = left
    for word in line.split(" "):
        end = at + advance(word) * size
        placed.append(Piece(word, (at, foot), (end, foot), (at, upper), spaced=True))
        at = end + advance(" ") * size
    if 2 * sum(map(is_right_to_left, line)) > len(line):
        ends = left + placed[-1].end[0]
        placed = [
            p._replace(start=(ends - p.end[0], foot), end=(ends - p.start[0], foot), upper=(ends - p.end[0], upper))
            for p in placed
        ]
    return [*placed[:-1], placed[-1]._replace(spaced=False)]


def cell_box(cell: Cell, grid: Grid, box: Box) -> Box:
    """Where a cell stands in a table of equal rows and columns."""
    wide, high = (box.right - box.left) / grid.width, (box.bottom - box.top) / grid.height
    return Box(
        left=box.left + cell.column * wide,
        right=min(box.left + (cell.column + cell.columns) * wide, 1.0),
        top=box.top + cell.row * high,
        bottom=min(box.top + (cell.row + cell.rows) * high, 1.0),
    )


def separated(one: str, other: str) -> bool:
    """Whether a space stands between two words of a line: not between ideographs."""
    return not (_closed(one[-1]) and _closed(other[0]))


def _closed(character: str) -> bool:
    """Korean words have spaces, and so have pictograms."""
    return is_wide(character) and not "\uac00" <= character <= "\ud7a3" and not "\U00010000" <= character < "\U00020000"


def gaps(line: Placed) -> Iterator[tuple[Piece, Piece | None]]:
    """Each word with the one after it."""
    yield from pairwise(line)
    yield line[-1], None
