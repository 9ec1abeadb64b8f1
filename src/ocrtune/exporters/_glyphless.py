"""A font without shapes, for text that is searched and copied but not seen.

One code per UTF-16 unit of the basic plane, so that ToUnicode is the identity there. Surrogates never stand alone in text:
their 2048 codes name the characters above U+FFFF that the document has, in the order of their first use.
"""

from __future__ import annotations

import functools
import io
import itertools
import unicodedata
from collections.abc import Iterable
from typing import Any

NARROW, WIDE = 500, 1000  # advance in thousandths of the size
WIDE_RANGES = (
    (0x1100, 0x115F),
    (0x2E80, 0x303E),
    (0x3041, 0xA4CF),
    (0xAC00, 0xD7FF),
    (0xD800, 0xDFFF),
    (0xF900, 0xFAFF),
    (0xFE30, 0xFE4F),
    (0xFF00, 0xFF60),
    (0xFFE0, 0xFFE6),
)
SURROGATES = range(0xD800, 0xE000)
UNKNOWN = 0xFFFD
JOINERS = "\u200c\u200d"  # they tell words of Persian and pictures of families apart


@functools.lru_cache(maxsize=0x10000)
def is_wide(character: str) -> bool:
    """Whether it is set as wide as it is high; everything above the basic plane is."""
    code = ord(character)
    return (code >= 0x1100 and any(first <= code <= last for first, last in WIDE_RANGES)) or code > 0xFFFF


def advance(text: str) -> float:
    """The width of the text in sizes."""
    if text.isascii():
        return len(text) * NARROW / 1000
    return sum(WIDE if is_wide(c) else NARROW for c in text) / 1000


def searchable(text: str) -> str:
    """The text on one line, composed, without control characters and halves of characters."""
    if text.isprintable() and text.isascii():
        return " ".join(text.split())
    if not text.isprintable():
        text = "".join(map(_kept, text))
    return " ".join(unicodedata.normalize("NFC", text).split())


def _kept(character: str) -> str:
    if unicodedata.category(character) not in ("Cc", "Cf", "Cs") or character in JOINERS:
        return character
    return " " if character.isspace() else ""


def is_right_to_left(character: str) -> bool:
    return "\u0590" <= character <= "\u08ff" or "\ufb1d" <= character <= "\ufefc"


def painted(text: str) -> str:
    """Words of Hebrew and Arabic letters in the order in which they stand from left to right, as PDF readers expect them."""
    if not any(map(is_right_to_left, text)):
        return text
    runs = ["".join(run) for _, run in itertools.groupby(text, is_right_to_left)]
    return "".join(run[::-1] if is_right_to_left(run[0]) else run for run in reversed(runs))


class Glyphless:
    """The font of one document, or of a part of it that has at most 2048 different characters above U+FFFF."""

    def __init__(self) -> None:
        self._high: dict[str, int] = {}

    def holds(self, characters: Iterable[str]) -> bool:
        """Whether there are codes left for them."""
        new = {c for c in characters if ord(c) > 0xFFFF and c not in self._high}
        return len(self._high) + len(new) <= len(SURROGATES)

    def encode(self, text: str) -> str:
        """The text as the hexadecimal string of a Tj."""
        if text.isprintable() and max(text, default="") <= "\uffff":
            return text.encode("utf-16-be").hex()
        return "".join(f"{self._code(c):04x}" for c in text)

    def _code(self, character: str) -> int:
        code = ord(character)
        if code <= 0xFFFF:
            return UNKNOWN if code in SURROGATES else code
        if character not in self._high:
            if len(self._high) == len(SURROGATES):
                return UNKNOWN
            self._high[character] = SURROGATES[len(self._high)]
        return self._high[character]

    def fill(self, font: Any, pdf: Any) -> None:
        """Make the pikepdf dictionary `font` this font, with every code that was given out so far."""
        from pikepdf import Array, Dictionary, Name, String

        file = pdf.make_stream(_truetype())
        file.Length1 = len(_truetype())
        descriptor = Dictionary(
            Type=Name.FontDescriptor,
            FontName=Name.GlyphLessFont,
            Flags=5,  # fixed pitch, symbolic
            FontBBox=Array([0, 0, 1000, 1000]),
            ItalicAngle=0,
            Ascent=1000,
            Descent=0,
            CapHeight=1000,
            StemV=80,
            FontFile2=file,
        )
        inner = Dictionary(
            Type=Name.Font,
            Subtype=Name.CIDFontType2,
            BaseFont=Name.GlyphLessFont,
            CIDSystemInfo=Dictionary(Registry=String("Adobe"), Ordering=String("Identity"), Supplement=0),
            FontDescriptor=pdf.make_indirect(descriptor),
            DW=NARROW,
            W=Array([number for first, last in WIDE_RANGES for number in (first, last, WIDE)]),
            CIDToGIDMap=pdf.make_stream(_glyphs()),
        )
        font.Type = Name.Font
        font.Subtype = Name.Type0
        font.BaseFont = Name.GlyphLessFont
        font.Encoding = Name("/Identity-H")
        font.DescendantFonts = Array([pdf.make_indirect(inner)])
        font.ToUnicode = pdf.make_stream(self._to_unicode())

    def _to_unicode(self) -> bytes:
        pairs = [f"<{code:04X}> <{character.encode('utf-16-be').hex().upper()}>" for character, code in self._high.items()]
        blocks = [pairs[start : start + 100] for start in range(0, len(pairs), 100)]
        singles = "".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar\n" for block in blocks)
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
            "2 beginbfrange\n<0000> <D7FF> <0000>\n<E000> <FFFF> <E000>\nendbfrange\n"
            f"{singles}endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
        ).encode("ascii")


@functools.cache
def _glyphs() -> bytes:
    """Which glyph of the file each code has."""
    table = bytearray(b"\x00\x01" * 0x10000)
    for first, last in WIDE_RANGES:
        table[2 * first : 2 * last + 2] = b"\x00\x02" * (last + 1 - first)
    return bytes(table)


@functools.cache
def _truetype() -> bytes:
    """A TrueType file with a narrow and a wide glyph, each a line without breadth from corner to corner: nothing is painted
    even where a program ignores that the text is invisible, and readers that measure glyphs find them as large as they are."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    widths = {".notdef": NARROW, "narrow": NARROW, "wide": WIDE}
    shapes = {}
    for name, width in widths.items():
        pen = TTGlyphPen(None)
        pen.moveTo((0, 0))
        pen.lineTo((width, 1000))
        pen.closePath()
        shapes[name] = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(widths))
    builder.setupCharacterMap({0x20: "narrow"})
    builder.setupGlyf(shapes)
    builder.setupHorizontalMetrics({name: (width, 0) for name, width in widths.items()})
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": "GlyphLessFont", "styleName": "Regular", "psName": "GlyphLessFont"})
    builder.setupOS2(sTypoAscender=1000, sTypoDescender=0, usWinAscent=1000, usWinDescent=0)
    builder.setupPost(keepGlyphNames=False)
    builder.font["head"].created = builder.font["head"].modified = 0
    builder.font.recalcTimestamp = False
    buffer = io.BytesIO()
    builder.font.save(buffer)
    return buffer.getvalue()
