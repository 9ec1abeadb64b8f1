"""Characters merged into lines, and lines into paragraphs and headings."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from ocrtune.textlayer._bidi import SPACE, logical, right_to_left
from ocrtune.textlayer._glyph import Glyph, Rect, Turn, around

COLUMN_GAP = 1.0  # line heights between two glyphs of one line; a word space is about 0.25, a justified one rarely above 0.8
ARABIC_GAP = 0.6  # the same for fonts of which a line is nearly twice as high as their size
LEAST_CELL, MOST_CELL = 0.7, 2.5  # of a font's size: a cell's height; where it is none of these, the size says nothing
MOST_UNLIKE = 2.2  # ratio of two cells' heights in one line
DASHES = "—―–…‥·"
LYING: Turn = 270  # Latin letters in a column of ideographs
RECENT = 40  # glyphs of a line among which the largest is looked for
REJOIN_GAP = 0.5  # line heights between two pieces that pdfium broke apart


class Line(NamedTuple):
    """Text on one baseline without a gap of a column in it. `cells` bounds its glyphs' cells, `height` is their usual one, the
    same for all fonts of one size."""

    text: str
    box: Rect
    cells: Rect
    height: float
    glyphs: tuple[Glyph, ...]
    upright: bool = True
    vertical: bool = False

    @property
    def bold(self) -> bool:
        """Whether most of its letters are."""
        inked = [glyph for glyph in self.glyphs if glyph.inked]
        return 2 * sum(glyph.bold for glyph in inked) > len(inked)


class Block(NamedTuple):
    """Lines of a paragraph or a heading, one below the other; cells of one row are joined by a space."""

    text: str
    box: Rect
    kind: str
    lines: tuple[Line, ...]


def build_lines(glyphs: Sequence[Glyph]) -> list[Line]:
    """Glyphs merged into lines, in the order of each line's first glyph.

    A line ends where pdfium says so, where the baseline or the letter size changes, where the text jumps back, and at a gap
    as wide as COLUMN_GAP. Pieces that stand side by side like words are joined again.
    """
    pieces = _stack_vertical([_line(p) for p in _pieces(glyphs)])
    return _by_font(_rejoin(_read_from_right(pieces)))


def _by_font(lines: Sequence[Line]) -> list[Line]:
    """Lines as high as their fonts are large, in the page's usual ratio: letters of one size stand in cells of different heights,
    those of Arabic in nearly twice as high ones as Chinese."""
    sizes = [median(glyph.size for glyph in line.glyphs if glyph.inked) for line in lines]
    ratios = [line.height / size if size > 0 else 0.0 for line, size in zip(lines, sizes, strict=True)]
    known = [LEAST_CELL < ratio < MOST_CELL for ratio in ratios]
    letters = [ratio for line, ratio, sure in zip(lines, ratios, known, strict=True) if sure for _ in line.glyphs]
    usual = median(letters) if letters else 0.0
    return [line._replace(height=usual * size) if sure else line for line, size, sure in zip(lines, sizes, known, strict=True)]


def _pieces(glyphs: Sequence[Glyph]) -> list[list[Glyph]]:
    pieces: list[list[Glyph]] = [[]]
    space = False
    largest = Glyph("")
    at = 0  # where in its line the largest of the last glyphs is
    for glyph in glyphs:
        current = pieces[-1]
        if glyph.text == "\n":
            pieces.append([])
        elif glyph.inked:
            if len(current) - at > RECENT:
                largest = max(current[-RECENT:], key=_cell_height)
                at = len(current)
            if current and not _continues(current[-1], largest, glyph):
                current = []
                pieces.append(current)
            if space and current:
                current.append(SPACE)
            if not current or _cell_height(glyph) > _cell_height(largest):
                largest, at = glyph, len(current)
            current.append(glyph)
        space = not glyph.inked
    return [p for p in pieces if p]


def _continues(last: Glyph, largest: Glyph, glyph: Glyph) -> bool:
    """Whether a glyph goes on with a line, of which the last one and the largest of the last ones are known."""
    if last.upright != glyph.upright:
        return False
    if not glyph.upright:
        return True  # only pdfium knows where slanted and vertical lines break
    size, usual = glyph.height, largest.height
    if max(usual, size) > MOST_UNLIKE * min(usual, size):
        return False
    if _overlap(largest.cell, glyph.cell) < 0.5 and (largest is last or _overlap(last.cell, glyph.cell) < 0.5):
        return False
    height = max(last.height, size)
    gap, back = glyph.cell[0] - last.cell[2], last.cell[0] - glyph.cell[0]
    if right_to_left(glyph) or right_to_left(last):
        return max(gap, last.cell[0] - glyph.cell[2]) < COLUMN_GAP * height
    return gap < COLUMN_GAP * height and back < 0.3 * height


def _cell_height(glyph: Glyph) -> float:
    return glyph.cell[3] - glyph.cell[1]


def _overlap(one: Rect, other: Rect) -> float:
    """Shared vertical extent as a share of the lower one's height."""
    shared = min(one[3], other[3]) - max(one[1], other[1])
    return shared / max(min(one[3] - one[1], other[3] - other[1]), 1e-6)


def _read_from_right(lines: Sequence[Line]) -> list[Line]:
    """Pieces of a row with Arabic or Hebrew in it as one line, in the order in which it is read; all others as they are."""
    turned = [any(right_to_left(glyph) for glyph in line.glyphs) for line in lines]
    if not any(turned):
        return list(lines)
    letters = [glyph for line in lines for glyph in line.glyphs if glyph.text[0].isalpha()]
    from_right = 2 * sum(map(right_to_left, letters)) > len(letters)
    out = []
    for row in _rows(lines):
        if any(turned[at] for at in row):
            glyphs = [glyph for at in row for glyph in lines[at].glyphs if glyph.inked]
            out += [_line(logical(part, from_right=from_right)) for part in _apart(glyphs)]
        else:
            out += [lines[at] for at in row]
    return out


def _apart(row: Sequence[Glyph]) -> list[list[Glyph]]:
    """The glyphs of a row, divided where a column may lie between them: from the right."""
    out: list[list[Glyph]] = []
    left = 0.0
    for glyph in sorted(row, key=lambda g: -g.cell[2]):
        if not out or left - glyph.cell[2] > ARABIC_GAP * glyph.height:
            out.append([])
            left = glyph.cell[0]
        out[-1].append(glyph)
        left = min(left, glyph.cell[0])
    return out


def _rows(lines: Sequence[Line]) -> list[list[int]]:
    """Places of the lines that stand beside each other without a column between them, as they come."""
    row = list(range(len(lines)))

    def first(at: int) -> int:
        while row[at] != at:
            at = row[at]
        return at

    by_top = sorted(row, key=lambda at: lines[at].cells[1])
    for place, one in enumerate(by_top):
        for other in by_top[place + 1 :]:
            if lines[other].cells[1] >= lines[one].cells[3]:
                break
            if _beside(lines[one], lines[other]):
                low, high = sorted((first(one), first(other)))
                row[high] = low
    out: dict[int, list[int]] = {}
    for at in range(len(lines)):
        out.setdefault(first(at), []).append(at)
    return list(out.values())


def _beside(one: Line, other: Line) -> bool:
    if not (one.upright and other.upright) or one.vertical or other.vertical or _overlap(one.cells, other.cells) < 0.5:
        return False
    marks = any(all(map(unicodedata.combining, line.text)) for line in (one, other))
    height = max(one.height, other.height)
    gap = max(other.cells[0] - one.cells[2], one.cells[0] - other.cells[2])
    return gap < COLUMN_GAP * height and (marks or height <= MOST_UNLIKE * min(one.height, other.height))


def _line(glyphs: Sequence[Glyph]) -> Line:
    glyphs = _with_lost_spaces(glyphs)
    inked = [g for g in glyphs if g.inked]
    text = " ".join(unicodedata.normalize("NFC", "".join(g.text for g in glyphs)).split())
    upright = all(g.upright is not False for g in inked)
    cells = _bounds([g.cell for g in inked])
    return Line(text, _bounds([g.box for g in inked]), cells, median(g.height for g in inked), tuple(glyphs), upright)


def _with_lost_spaces(glyphs: Sequence[Glyph]) -> list[Glyph]:
    """A gap as wide as the line's other spaces is one, though pdfium wrote none (it happens after capitals)."""
    joints = [i for i in range(1, len(glyphs)) if glyphs[i].inked and glyphs[i - 1].inked]
    gaps = {i: glyphs[i].cell[0] - glyphs[i - 1].cell[2] for i in joints}
    spaces = [glyphs[i + 1].cell[0] - glyphs[i - 1].cell[2] for i in range(1, len(glyphs) - 1) if not glyphs[i].inked]
    height = median(g.height for g in glyphs if g.inked)
    if len(spaces) < 2 or len(gaps) < 2 or median(gaps.values()) > 0.05 * height:
        return list(glyphs)
    least = max(0.8 * median(spaces), 0.1 * height)
    lost = {i for i, gap in gaps.items() if gap >= least and glyphs[i].text.isalnum() and glyphs[i - 1].text.isalnum()}
    return [g for i, glyph in enumerate(glyphs) for g in ((SPACE, glyph) if i in lost else (glyph,))]


def _bounds(boxes: Sequence[Rect]) -> Rect:
    return around([b for b in boxes if b[2] > b[0] or b[3] > b[1]] or boxes)


def _stack_vertical(lines: Sequence[Line]) -> list[Line]:
    """Three or more single ideographs below one another are one line of vertical text."""
    out: list[Line] = []
    column: list[Line] = []

    def close() -> None:
        if len(column) < 3:
            out.extend(column)
        else:
            out.append(_line([g for line in column for g in line.glyphs])._replace(upright=True, vertical=True))
        column.clear()

    for line in lines:
        fits = _is_ideograph(line) or (len(column) > 1 and _goes_on_down(line))
        down = bool(column) and fits and _is_below(column[-1], line)
        if column and not down:
            close()
        if down or _is_ideograph(line):
            column.append(line)
        else:
            out.append(line)
    close()
    return out


def _is_ideograph(line: Line) -> bool:
    return line.upright and len(line.text) == 1 and unicodedata.east_asian_width(line.text) in ("W", "F")


def _goes_on_down(line: Line) -> bool:
    """Whether it can stand in a column of ideographs: two letters or digits set across, dashes, what lies on its side."""
    if not line.upright:
        return all(glyph.turn == LYING for glyph in line.glyphs if glyph.inked)
    return not line.text.strip(DASHES) or (len(line.text) <= 2 and line.text.isalnum())


def _is_below(above: Line, line: Line) -> bool:
    aligned = abs(above.box[0] + above.box[2] - line.box[0] - line.box[2]) / 2 < 0.4 * line.height
    return aligned and line.box[3] > above.box[3] and line.box[1] - above.box[3] < 1.2 * line.height


def _rejoin(lines: Sequence[Line]) -> list[Line]:
    out: list[Line] = []
    for line in lines:
        partner = next((i for i in range(len(out) - 1, -1, -1) if _adjoin(out[i], line) is not None), None)
        if partner is None:
            out.append(line)
        else:
            out[partner] = _joined(out[partner], line)
    return out


def _adjoin(one: Line, other: Line) -> float | None:
    """The gap between two pieces of one line, None when they are not that."""
    if one.cells[3] <= other.cells[1] or other.cells[3] <= one.cells[1]:
        return None
    if not (one.upright and other.upright) or one.vertical or other.vertical:
        return None
    height = max(one.height, other.height)
    if height > 1.6 * min(one.height, other.height) or _overlap(one.cells, other.cells) < 0.6:
        return None
    gap = max(other.box[0] - one.box[2], one.box[0] - other.box[2])
    return gap if -0.1 * height < gap < REJOIN_GAP * height else None


def _joined(one: Line, other: Line) -> Line:
    first, second = (one, other) if one.box[0] <= other.box[0] else (other, one)
    wide = (_adjoin(one, other) or 0.0) > 0.15 * max(one.height, other.height)
    between = (SPACE,) if wide else ()
    return _line([*first.glyphs, *between, *second.glyphs])


# --- blocks -------------------------------------------------------------------------------------------------------------


def build_blocks(lines: Sequence[Line]) -> list[Block]:
    """Consecutive lines of one letter size, one close below the other, as paragraphs; larger ones are titles."""
    if not lines:
        return []
    usual = median(line.height for line in lines)
    blocks: list[list[Line]] = []
    for line in lines:
        if blocks and (_same_row(blocks[-1][-1], line) or _next_row(blocks[-1], line)):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return [_block(b, usual) for b in blocks]


def _same_row(last: Line, line: Line) -> bool:
    return last.upright and line.upright and _overlap(last.box, line.box) > 0.5 and line.box[0] >= last.box[2]


def _next_row(block: Sequence[Line], line: Line) -> bool:
    last = block[-1]
    if last.upright != line.upright or last.vertical or line.vertical:
        return False
    if max(last.height, line.height) > 1.25 * min(last.height, line.height):
        return False
    left, _, right, _ = _bounds([b.box for b in block])
    beside = min(right, line.box[2]) - max(left, line.box[0]) <= 0
    down = line.box[3] - last.box[3]
    return not beside and 0.3 * line.height < down < 1.9 * line.height


def _block(lines: Sequence[Line], usual: float) -> Block:
    text = lines[0].text
    for last, line in pairwise(lines):
        text += (" " if _same_row(last, line) else "\n") + line.text
    kind = "title" if min(line.height for line in lines) > 1.25 * usual and len(lines) <= 3 else "text"
    return Block(text, _bounds([line.box for line in lines]), kind, tuple(lines))
