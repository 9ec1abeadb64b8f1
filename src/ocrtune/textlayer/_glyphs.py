"""The characters of a PDF page, where they are painted, and whether they can be its text."""

from __future__ import annotations

import ctypes
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from ctypes import addressof
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from ocrtune.core import Size

GARBAGE_SHARE = 0.02
HIDDEN_SHARE = 0.50
FEWEST_LYING, MOST_LYING = 20, 0.66  # characters of a page, and the share of them that stands as they do
GRID = 1_000_000  # pdfium maps points to whole device units; a device this fine keeps 10⁻⁶ of the page
LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
MADE_UP = (10, 13, 32)  # what pdfium writes between characters where a document has nothing
HYPHENS = frozenset({0x02, 0x2D, 0xAD, 0x2010, 0xFFFE})
HEAVY = re.compile(rb"bold|black|heavy|(?:^|[-,+ _])(?:cmbx|sfbx|ebgb)", re.IGNORECASE)  # in names of fonts
UNSEEN = frozenset("\u200b\u200c\u200d\u2060\ufeff\u200e\u200f")

Rect = tuple[float, float, float, float]
Turn = Literal[0, 90, 180, 270]


class Glyph(NamedTuple):
    """One character. `box` is its ink, `cell` its advance × line height. "\\n" and spaces have no meaningful box.

    `upright` is None where it is not known (characters that pdfium made up). `garbage`: no Unicode, or none with a meaning.
    `turn`: a page turned by so many degrees clockwise shows it upright; None where none of the four does, or is known to.
    """

    text: str
    box: Rect = (0.0, 0.0, 0.0, 0.0)
    cell: Rect = (0.0, 0.0, 0.0, 0.0)
    upright: bool | None = None
    hidden: bool = False
    garbage: bool = False
    bold: bool = False
    turn: Turn | None = None

    @property
    def height(self) -> float:
        return max(self.cell[3] - self.cell[1], 1e-6)

    @property
    def inked(self) -> bool:
        return not self.text.isspace()


def read_glyphs(page: Any, size: Size, *, turn: int = 0) -> list[Glyph]:
    """All characters of a pypdfium2 page, rendered at `size` after turning it by `turn` degrees clockwise, in pdfium's order;
    made-up line breaks are "\\n"."""
    textpage = page.get_textpage()
    try:
        return _Characters(textpage, Affine.of(page, size, turn=turn)).glyphs()
    finally:
        textpage.close()


class Affine(NamedTuple):
    """Points of the page → pixels; takes /Rotate and /CropBox from pdfium itself."""

    origin: tuple[float, float]
    along_x: tuple[float, float]
    along_y: tuple[float, float]

    @classmethod
    def of(cls, page: Any, size: Size, *, turn: int = 0) -> Affine:
        import pypdfium2.raw as pdfium

        def at(x: float, y: float) -> tuple[float, float]:
            across, down = ctypes.c_int(), ctypes.c_int()
            pdfium.FPDF_PageToDevice(page, 0, 0, GRID, GRID, turn // 90, x, y, across, down)
            return across.value / GRID * size.width, down.value / GRID * size.height

        step = max(page.get_size())
        (ox, oy), (xx, xy), (yx, yy) = at(0, 0), at(step, 0), at(0, step)
        return cls((ox, oy), ((xx - ox) / step, (xy - oy) / step), ((yx - ox) / step, (yy - oy) / step))

    def turn(self, x: float, y: float) -> tuple[float, float]:
        return x * self.along_x[0] + y * self.along_y[0], x * self.along_x[1] + y * self.along_y[1]

    def at(self, x: float, y: float) -> tuple[float, float]:
        across, down = self.turn(x, y)
        return across + self.origin[0], down + self.origin[1]

    def rect(self, left: float, bottom: float, right: float, top: float) -> Rect:
        (ox, oy), (xx, xy), (yx, yy) = self
        ax, bx = ox + left * xx + bottom * yx, ox + right * xx + top * yx
        ay, by = oy + left * xy + bottom * yy, oy + right * xy + top * yy
        return (ax, ay, bx, by) if ax <= bx and ay <= by else (min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))


class _Characters:
    """The characters of one text page. Calls into pdfium are what reading costs, so none is made twice: render mode, direction
    and weight are asked once per text object."""

    def __init__(self, textpage: Any, to_pixels: Affine) -> None:
        import pypdfium2.raw as pdfium

        self._pdfium = pdfium
        self._textpage = textpage
        self._handle = textpage.raw
        self._to_pixels = to_pixels
        self._objects: dict[int | None, tuple[bool, Turn | None, bool]] = {}
        self._name = ctypes.create_string_buffer(128)
        self._edges = [ctypes.c_double() for _ in range(4)]
        self._edge_pointers = [ctypes.byref(edge) for edge in self._edges]
        self._loose = pdfium.FS_RECTF()
        self._loose_pointer = ctypes.byref(self._loose)

    def glyphs(self) -> list[Glyph]:
        unicode, handle = self._pdfium.FPDFText_GetUnicode, self._handle
        found = []
        high = 0
        for index in range(self._textpage.count_chars()):
            code = unicode(handle, index)
            if 0xD800 <= code < 0xDC00:
                high = code
                continue
            if 0xDC00 <= code < 0xE000 and high:
                code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)
            high = 0
            glyph = self._glyph(index, code)
            if glyph is not None:
                found.append(glyph)
        return found

    def _glyph(self, index: int, code: int) -> Glyph | None:
        """None for marks without ink."""
        if code in MADE_UP and self._pdfium.FPDFText_IsGenerated(self._handle, index) == 1:
            return Glyph("\n") if code in (10, 13) else Glyph(" ")
        text = _readable(code, code in HYPHENS and self._pdfium.FPDFText_IsHyphen(self._handle, index) == 1)
        if text == "":
            return None
        hidden, turn, bold = self._object(index)
        garbage = text == "\ufffd" or self._pdfium.FPDFText_HasUnicodeMapError(self._handle, index) == 1
        return Glyph(text, self._box(index), self._cell(index), turn == 0, hidden, garbage, bold, turn)

    def _box(self, index: int) -> Rect:
        left, right, bottom, top = self._edges
        self._pdfium.FPDFText_GetCharBox(self._handle, index, *self._edge_pointers)
        return self._to_pixels.rect(left.value, bottom.value, right.value, top.value)

    def _cell(self, index: int) -> Rect:
        self._pdfium.FPDFText_GetLooseCharBox(self._handle, index, self._loose_pointer)
        return self._to_pixels.rect(self._loose.left, self._loose.bottom, self._loose.right, self._loose.top)

    def _object(self, index: int) -> tuple[bool, Turn | None, bool]:
        """Whether the text object that a character belongs to is invisible, how it stands, and whether it is bold."""
        item = self._pdfium.FPDFText_GetTextObject(self._handle, index)
        address = addressof(item.contents) if item else 0
        known = self._objects.get(address)
        if known is None:
            mode = self._pdfium.FPDFTextObj_GetTextRenderMode(item) if item else self._pdfium.FPDF_TEXTRENDERMODE_FILL
            unseen = (self._pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, self._pdfium.FPDF_TEXTRENDERMODE_CLIP)
            turn = _turn(self._textpage, index, self._to_pixels)
            known = self._objects[address] = (mode in unseen, turn, self._is_bold(index))
        return known

    def _is_bold(self, index: int) -> bool:
        """By the font's name: the weight that pdfium gives is a guess for most embedded fonts."""
        flags = ctypes.c_int()
        self._pdfium.FPDFText_GetFontInfo(self._handle, index, self._name, len(self._name), ctypes.byref(flags))
        return HEAVY.search(self._name.value) is not None


@lru_cache(4096)
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


def _turn(textpage: Any, index: int, to_pixels: Affine) -> Turn | None:
    import pypdfium2.raw as pdfium

    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFText_GetMatrix(textpage, index, matrix):
        return 0
    dx, dy = to_pixels.turn(matrix.a, matrix.b)
    ux, uy = to_pixels.turn(matrix.c, matrix.d)
    turns: tuple[Turn, ...] = (0, 90, 180, 270)
    for turn in turns:
        if dx > 0 and abs(dy) < 0.03 * dx and uy < 0:
            return turn
        dx, dy, ux, uy = -dy, dx, -uy, ux
    return None


def lying(glyphs: Sequence[Glyph]) -> Turn:
    """By how many degrees clockwise to turn a page so that most of its text stands upright; 0 where there is little of it."""
    turns = Counter(glyph.turn for glyph in glyphs if glyph.inked)
    if turns.total() < FEWEST_LYING:
        return 0
    turn, count = turns.most_common(1)[0]
    return turn if turn is not None and count > MOST_LYING * turns.total() else 0


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
    if not any(_inside(g.box, size) for g in inked):
        return "all of the text lies outside the page"
    return None


def visible(glyphs: Iterable[Glyph], size: Size, *, hidden_text: bool) -> list[Glyph]:
    """Without what is not painted on the page: invisible characters (unless wanted) and those outside of it."""
    return [g for g in glyphs if not g.inked or ((hidden_text or not g.hidden) and _inside(g.box, size))]


def _inside(box: Rect, size: Size) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return 0 <= x <= size.width and 0 <= y <= size.height
