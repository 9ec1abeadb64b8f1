"""The text layer of born-digital PDF pages: glyphs where they are painted, merged into lines and blocks.

All coordinates are pixels of the rendered page, origin top-left, as floats. The order is pdfium's own (content order with
its corrections), which is what people see in most born-digital documents.
"""

from __future__ import annotations

import ctypes
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from ocrtune.core import Size

COLUMN_GAP = 1.0  # line heights between two glyphs of one line; a word space is about 0.25, a justified one rarely above 0.8
REJOIN_GAP = 0.5  # line heights between two pieces that pdfium broke apart
GARBAGE_SHARE = 0.02
OUTSIDE_SHARE = 0.10
HIDDEN_SHARE = 0.50
GRID = 1_000_000  # pdfium maps points to whole device units; a device this fine keeps 10⁻⁶ of the page
LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
UNSEEN = frozenset("\u200b\u200c\u200d\u2060\ufeff\u200e\u200f")

Rect = tuple[float, float, float, float]


class Glyph(NamedTuple):
    """One character. `box` is its ink, `cell` its advance × line height. "\\n" and spaces have no meaningful box.

    `upright` is None where it is not known (characters that pdfium made up). `garbage`: no Unicode, or none with a meaning.
    """

    text: str
    box: Rect = (0.0, 0.0, 0.0, 0.0)
    cell: Rect = (0.0, 0.0, 0.0, 0.0)
    upright: bool | None = None
    hidden: bool = False
    garbage: bool = False

    @property
    def height(self) -> float:
        return max(self.cell[3] - self.cell[1], 1e-6)

    @property
    def inked(self) -> bool:
        return not self.text.isspace()


class Line(NamedTuple):
    """Text on one baseline without a gap of a column in it. `cells` bounds its glyphs' cells, `height` is their usual one."""

    text: str
    box: Rect
    cells: Rect
    height: float
    glyphs: tuple[Glyph, ...]
    upright: bool = True
    vertical: bool = False


class Block(NamedTuple):
    """Lines of a paragraph or a heading, one below the other; cells of one row are joined by a space."""

    text: str
    box: Rect
    kind: str
    lines: tuple[Line, ...]


# --- glyphs -------------------------------------------------------------------------------------------------------------


def read_glyphs(page: Any, size: Size) -> list[Glyph]:
    """All characters of a pypdfium2 page, rendered at `size`, in pdfium's order; made-up line breaks are "\\n"."""
    textpage = page.get_textpage()
    try:
        to_pixels = _Affine.of(page, size)
        glyphs = []
        high = None
        for index in range(textpage.count_chars()):
            glyph, high = _glyph(textpage, index, to_pixels, high)
            if glyph is not None:
                glyphs.append(glyph)
        return glyphs
    finally:
        textpage.close()


class _Affine(NamedTuple):
    """Points of the page → pixels; takes /Rotate and /CropBox from pdfium itself."""

    origin: tuple[float, float]
    along_x: tuple[float, float]
    along_y: tuple[float, float]

    @classmethod
    def of(cls, page: Any, size: Size) -> _Affine:
        import pypdfium2.raw as pdfium

        def at(x: float, y: float) -> tuple[float, float]:
            across, down = ctypes.c_int(), ctypes.c_int()
            pdfium.FPDF_PageToDevice(page, 0, 0, GRID, GRID, 0, x, y, across, down)
            return across.value / GRID * size.width, down.value / GRID * size.height

        step = max(page.get_size())
        (ox, oy), (xx, xy), (yx, yy) = at(0, 0), at(step, 0), at(0, step)
        return cls((ox, oy), ((xx - ox) / step, (xy - oy) / step), ((yx - ox) / step, (yy - oy) / step))

    def turn(self, x: float, y: float) -> tuple[float, float]:
        return x * self.along_x[0] + y * self.along_y[0], x * self.along_x[1] + y * self.along_y[1]

    def rect(self, left: float, bottom: float, right: float, top: float) -> Rect:
        (ax, ay), (bx, by) = self.turn(left, bottom), self.turn(right, top)
        xs, ys = sorted((ax + self.origin[0], bx + self.origin[0])), sorted((ay + self.origin[1], by + self.origin[1]))
        return xs[0], ys[0], xs[1], ys[1]


def _glyph(textpage: Any, index: int, to_pixels: _Affine, high: int | None) -> tuple[Glyph | None, int | None]:
    """The character at `index`, None where it is only half of one; a waiting high surrogate goes in and out."""
    import pypdfium2.raw as pdfium

    code = pdfium.FPDFText_GetUnicode(textpage, index)
    if 0xD800 <= code < 0xDC00:
        return None, code
    if 0xDC00 <= code < 0xE000 and high is not None:
        code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)
    if pdfium.FPDFText_IsGenerated(textpage, index) == 1:
        return (Glyph("\n") if code in (10, 13) else Glyph(" ")), None
    text = _readable(code, pdfium.FPDFText_IsHyphen(textpage, index) == 1)
    if text == "":
        return None, None
    garbage = text == "\ufffd" or pdfium.FPDFText_HasUnicodeMapError(textpage, index) == 1
    item = pdfium.FPDFText_GetTextObject(textpage, index)
    mode = pdfium.FPDFTextObj_GetTextRenderMode(item) if item else pdfium.FPDF_TEXTRENDERMODE_FILL
    return Glyph(
        text,
        box=to_pixels.rect(*textpage.get_charbox(index)),
        cell=to_pixels.rect(*textpage.get_charbox(index, loose=True)),
        upright=_is_upright(textpage, index, to_pixels),
        hidden=mode in (pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP),
        garbage=garbage,
    ), None


def _readable(code: int, hyphen: bool) -> str:
    """What a reader would type for the glyph: "" for marks without ink, U+FFFD for codes that mean nothing."""
    if hyphen or code in (0x02, 0xAD, 0xFFFE):  # pdfium writes a hyphen at a line's end as U+0002 or U+FFFE
        return "-"
    text = chr(code)
    if text in UNSEEN:
        return ""
    if text.isspace():
        return " "
    if unicodedata.category(text) in ("Cc", "Co", "Cs", "Cn"):
        return "\ufffd"
    return LIGATURES.get(text, text)


def _is_upright(textpage: Any, index: int, to_pixels: _Affine) -> bool:
    import pypdfium2.raw as pdfium

    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFText_GetMatrix(textpage, index, matrix):
        return True
    dx, dy = to_pixels.turn(matrix.a, matrix.b)
    up = to_pixels.turn(matrix.c, matrix.d)[1]
    return dx > 0 and abs(dy) < 0.03 * dx and up < 0


def layer_problem(glyphs: Sequence[Glyph], size: Size, *, hidden_text: bool) -> str | None:
    """Why the text layer of a page cannot be the truth about its picture; None when it can."""
    inked = [g for g in glyphs if g.inked]
    if not inked:
        return "no text layer: a scan, or letters drawn as outlines"
    hidden = sum(g.hidden for g in inked) / len(inked)
    if hidden > HIDDEN_SHARE and not hidden_text:
        return f"{hidden:.0%} of the text layer is invisible (an OCR layer); trust it with --hidden-text"
    garbage = sum(g.garbage for g in inked) / len(inked)
    if garbage > GARBAGE_SHARE:
        return f"{garbage:.0%} of the glyphs have no Unicode: the text layer is garbage"
    outside = sum(not _inside(g.box, size) for g in inked) / len(inked)
    if outside > OUTSIDE_SHARE:
        return f"{outside:.0%} of the text lies outside the page"
    return None


def visible(glyphs: Iterable[Glyph], size: Size, *, hidden_text: bool) -> list[Glyph]:
    """Without what is not painted on the page: invisible characters (unless wanted) and those outside of it."""
    return [g for g in glyphs if not g.inked or ((hidden_text or not g.hidden) and _inside(g.box, size))]


def _inside(box: Rect, size: Size) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return 0 <= x <= size.width and 0 <= y <= size.height


# --- lines --------------------------------------------------------------------------------------------------------------


def build_lines(glyphs: Sequence[Glyph]) -> list[Line]:
    """Glyphs merged into lines, in the order of each line's first glyph.

    A line ends where pdfium says so, where the baseline or the letter size changes, where the text jumps back, and at a gap
    as wide as COLUMN_GAP. Pieces that stand side by side like words are joined again.
    """
    pieces = _stack_vertical([_line(p) for p in _pieces(glyphs)])
    return _rejoin(pieces)


def _pieces(glyphs: Sequence[Glyph]) -> list[list[Glyph]]:
    pieces: list[list[Glyph]] = [[]]
    space = False
    for glyph in glyphs:
        current = pieces[-1]
        if glyph.text == "\n":
            pieces.append([])
        elif glyph.inked:
            if current and not _continues(current, glyph):
                current = []
                pieces.append(current)
            if space and current:
                current.append(Glyph(" "))
            current.append(glyph)
        space = not glyph.inked
    return [p for p in pieces if p]


def _continues(line: Sequence[Glyph], glyph: Glyph) -> bool:
    last = line[-1]
    if last.upright != glyph.upright:
        return False
    if not glyph.upright:
        return True  # only pdfium knows where slanted and vertical lines break
    largest = max((g for g in line[-40:] if g.inked), key=lambda g: g.height)
    if max(largest.height, glyph.height) > 2.2 * min(largest.height, glyph.height):
        return False
    if max(_overlap(largest.cell, glyph.cell), _overlap(last.cell, glyph.cell)) < 0.5:
        return False
    height = max(last.height, glyph.height)
    gap, back = glyph.cell[0] - last.cell[2], last.cell[0] - glyph.cell[0]
    if _right_to_left(glyph) or _right_to_left(last):
        return max(gap, last.cell[0] - glyph.cell[2]) < COLUMN_GAP * height
    return gap < COLUMN_GAP * height and back < 0.3 * height


def _overlap(one: Rect, other: Rect) -> float:
    """Shared vertical extent as a share of the lower one's height."""
    shared = min(one[3], other[3]) - max(one[1], other[1])
    return shared / max(min(one[3] - one[1], other[3] - other[1]), 1e-6)


def _right_to_left(glyph: Glyph) -> bool:
    return unicodedata.bidirectional(glyph.text[0]) in ("R", "AL")


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
    return [g for i, glyph in enumerate(glyphs) for g in ((Glyph(" "), glyph) if i in lost else (glyph,))]


def _bounds(boxes: Sequence[Rect]) -> Rect:
    solid = [b for b in boxes if b[2] > b[0] or b[3] > b[1]] or list(boxes)
    return min(b[0] for b in solid), min(b[1] for b in solid), max(b[2] for b in solid), max(b[3] for b in solid)


def _stack_vertical(lines: Sequence[Line]) -> list[Line]:
    """Three or more single ideographs below one another are one line of vertical text."""
    out: list[Line] = []
    column: list[Line] = []

    def close() -> None:
        if len(column) < 3:
            out.extend(column)
        else:
            out.append(_line([g for line in column for g in line.glyphs])._replace(vertical=True))
        column.clear()

    for line in lines:
        if column and not (_is_ideograph(line) and _is_below(column[-1], line)):
            close()
        if _is_ideograph(line):
            column.append(line)
        else:
            out.append(line)
    close()
    return out


def _is_ideograph(line: Line) -> bool:
    return line.upright and len(line.text) == 1 and unicodedata.east_asian_width(line.text) == "W"


def _is_below(above: Line, line: Line) -> bool:
    aligned = abs(above.box[0] + above.box[2] - line.box[0] - line.box[2]) / 2 < 0.4 * line.height
    return aligned and 0 < line.box[3] - above.box[3] < 2.0 * line.height


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
    between = (Glyph(" "),) if wide else ()
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
