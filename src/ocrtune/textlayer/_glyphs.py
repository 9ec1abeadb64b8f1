"""The characters of a PDF page, where they are painted, and whether they can be its text."""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from ctypes import addressof
from functools import lru_cache
from typing import Any, NamedTuple

from ocrtune.core import Size
from ocrtune.textlayer._clusters import Source, clustered, extents, span_of
from ocrtune.textlayer._glyph import Affine, Glyph, Rect, Turn

GARBAGE_SHARE = 0.02
HIDDEN_SHARE = 0.50
FEWEST_LYING, MOST_LYING = 20, 0.66  # characters of a page, and the share of them that stands as they do
BEARING = 0.3  # cell heights of white before the ink of a glyph, at most
LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
MADE_UP = (10, 13, 32)  # what pdfium writes between characters where a document has nothing
HYPHENS = frozenset({0x02, 0x2D, 0xAD, 0x2010, 0xFFFE})
HEAVY = re.compile(rb"bold|black|heavy|(?:^|[-,+ _])(?:cmbx|sfbx|ebgb)", re.IGNORECASE)  # in names of fonts
FORMS = re.compile("[\ufb1d-\ufdff\ufe70-\ufefc]")  # of Hebrew and Arabic letters: where in a word they stand, and joined ones
UNSEEN = frozenset("\u200b\u200c\u200d\u2060\ufeff\u200e\u200f")


def read_glyphs(page: Any, size: Size, *, turn: int = 0) -> list[Glyph]:
    """All characters of a pypdfium2 page, rendered at `size` after turning it by `turn` degrees clockwise, in pdfium's order;
    made-up line breaks are "\\n"."""
    textpage = page.get_textpage()
    try:
        to_pixels = Affine.of(page, size, turn=turn)
        characters = _Characters(textpage, to_pixels)
        glyphs = characters.glyphs()
        if not any(characters.sources):
            return glyphs
        return clustered(glyphs, characters.sources, extents(page, to_pixels))
    finally:
        textpage.close()


class _Object(NamedTuple):
    """A text object: whether it is invisible, how it stands, whether it is bold, its font's size, and what replaces its text."""

    hidden: bool
    turn: Turn | None
    bold: bool
    size: float
    source: Source | None


class _Characters:
    """The characters of one text page. Calls into pdfium are what reading costs, so none is made twice: render mode, direction
    and weight are asked once per text object."""

    def __init__(self, textpage: Any, to_pixels: Affine) -> None:
        import pypdfium2.raw as pdfium

        self._pdfium = pdfium
        self._textpage = textpage
        self._handle = textpage.raw
        self._to_pixels = to_pixels
        self.sources: list[Source | None] = []  # of the glyphs, one each
        self._objects: dict[int, _Object] = {}
        self._name = ctypes.create_string_buffer(128)
        self._source: Source | None = None
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
                self.sources.append(self._source)
        return found

    def _glyph(self, index: int, code: int) -> Glyph | None:
        """None for marks without ink."""
        self._source = None
        if code in MADE_UP and self._is_made_up(index):
            return Glyph("\n") if code in (10, 13) else Glyph(" ")
        text = _readable(code, code in HYPHENS and self._pdfium.FPDFText_IsHyphen(self._handle, index) == 1)
        if text == "":
            return None
        hidden, turn, bold, size, self._source = self._object(index)
        garbage = text == "\ufffd" or self._pdfium.FPDFText_HasUnicodeMapError(self._handle, index) == 1
        box, cell = self._box(index), self._cell(index)
        if self._source is not None and turn == 0:
            cell = self._full(index, cell)
        return Glyph(text, box, cell, turn == 0, hidden, garbage, bold, turn, size)

    def _is_made_up(self, index: int) -> bool:
        """pdfium forgets that it made up a space where it turns a line around; such a one has no place."""
        made = self._pdfium.FPDFText_IsGenerated(self._handle, index) == 1
        return made or not self._pdfium.FPDFText_GetTextObject(self._handle, index)

    def _box(self, index: int) -> Rect:
        left, right, bottom, top = self._edges
        self._pdfium.FPDFText_GetCharBox(self._handle, index, *self._edge_pointers)
        return self._to_pixels.rect(left.value, bottom.value, right.value, top.value)

    def _cell(self, index: int) -> Rect:
        self._pdfium.FPDFText_GetLooseCharBox(self._handle, index, self._loose_pointer)
        return self._to_pixels.rect(self._loose.left, self._loose.bottom, self._loose.right, self._loose.top)

    def _full(self, index: int, cell: Rect) -> Rect:
        """A cell as high as the font, from where the glyph begins: of a text that a PDF gives apart pdfium knows the ink only."""
        pdfium = self._pdfium
        item = pdfium.FPDFText_GetTextObject(self._handle, index)
        font, size, x, y = pdfium.FPDFTextObj_GetFont(item), ctypes.c_float(), ctypes.c_double(), ctypes.c_double()
        above, below, matrix = ctypes.c_float(), ctypes.c_float(), pdfium.FS_MATRIX()
        pdfium.FPDFTextObj_GetFontSize(item, size)
        pdfium.FPDFText_GetCharOrigin(self._handle, index, x, y)
        pdfium.FPDFText_GetMatrix(self._handle, index, matrix)
        if not (pdfium.FPDFFont_GetAscent(font, size, above) and pdfium.FPDFFont_GetDescent(font, size, below)):
            return cell
        low, high = (y.value + matrix.d * reach.value for reach in (below, above))
        begin, top, _, bottom = self._to_pixels.rect(x.value, low, x.value, high)
        left = begin if 0 < cell[0] - begin < BEARING * (bottom - top) else cell[0]
        return left, min(top, cell[1]), cell[2], max(bottom, cell[3])

    def _object(self, index: int) -> _Object:
        """The text object that a character belongs to."""
        item = self._pdfium.FPDFText_GetTextObject(self._handle, index)
        address = addressof(item.contents) if item else 0
        known = self._objects.get(address)
        if known is None:
            mode = self._pdfium.FPDFTextObj_GetTextRenderMode(item) if item else self._pdfium.FPDF_TEXTRENDERMODE_FILL
            unseen = (self._pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, self._pdfium.FPDF_TEXTRENDERMODE_CLIP)
            turn, size = self._stands(index, item)
            span = span_of(item) if item else 0
            source = Source(span, address) if span else None
            known = self._objects[address] = _Object(mode in unseen, turn, self._is_bold(index), size, source)
        return known

    def _stands(self, index: int, item: Any) -> tuple[Turn | None, float]:
        """How a character stands, and the size of its font in pixels, 0 where it is not known."""
        matrix, size = self._pdfium.FS_MATRIX(), ctypes.c_float()
        if not self._pdfium.FPDFText_GetMatrix(self._handle, index, matrix):
            return 0, 0.0
        if item:
            self._pdfium.FPDFTextObj_GetFontSize(item, size)
        along, up = self._to_pixels.turn(matrix.a, matrix.b), self._to_pixels.turn(matrix.c, matrix.d)
        return _turn(along, up), abs(size.value) * math.hypot(*up)

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
    if FORMS.match(text):
        return unicodedata.normalize("NFKC", text).strip()
    return LIGATURES.get(text, text)


def _turn(along: tuple[float, float], up: tuple[float, float]) -> Turn | None:
    (dx, dy), (ux, uy) = along, up
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
