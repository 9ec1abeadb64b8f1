"""Glyphs whose text a PDF gives apart from them (/ActualText): one sign of Arabic or of an Indian script, drawn in parts.

pdfium says such a text once for every part that does not follow the last one, gives each of its letters an even share of the
first part's ink, and sees a gap where the other parts stand.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from ctypes import addressof, byref, c_float
from typing import Any, NamedTuple

from ocrtune.textlayer._glyph import Affine, Glyph, Rect, around

CLOSE, BACK = 0.17, 1.2  # of the font's size: between two signs of a word, and by which they may overlap
ONE_LINE = 2.0  # cell heights: a span that draws more than that goes on in the next line
LONGEST = 8  # letters of one sign; longer texts stand for words
LAM, ALEFS = "\u0644", "\u0622\u0623\u0625\u0627"
RIGHT_TO_LEFT = ("R", "AL")


class Source(NamedTuple):
    """Where a character comes from: the span of content that replaces its text, and its text object; both addresses."""

    span: int
    item: int


def span_of(item: Any) -> int:
    """Which span of content replaces the text of a text object; 0 where none does."""
    import pypdfium2.raw as pdfium

    for at in range(pdfium.FPDFPageObj_CountMarks(item)):
        mark = pdfium.FPDFPageObj_GetMark(item, at)
        if pdfium.FPDFPageObjMark_GetParamValueType(mark, b"ActualText") == pdfium.FPDF_OBJECT_STRING:
            return addressof(mark.contents)
    return 0


def extents(page: Any, to_pixels: Affine) -> dict[int, Rect]:
    """The box around all that each such span draws as text."""
    import pypdfium2.raw as pdfium

    found: dict[int, Rect] = {}
    edges = [c_float() for _ in range(4)]
    for at in range(pdfium.FPDFPage_CountObjects(page)):
        item = pdfium.FPDFPage_GetObject(page, at)
        if pdfium.FPDFPageObj_GetType(item) != pdfium.FPDF_PAGEOBJ_TEXT or not (span := span_of(item)):
            continue
        if pdfium.FPDFPageObj_GetBounds(item, *map(byref, edges)):
            left, bottom, right, top = (edge.value for edge in edges)
            found[span] = around([to_pixels.rect(left, bottom, right, top), *([found[span]] if span in found else [])])
    return found


def clustered(glyphs: Sequence[Glyph], sources: Sequence[Source | None], boxes: dict[int, Rect]) -> list[Glyph]:
    """Each text once, and a sign of several letters as one glyph as wide as all that is drawn of it."""
    owners: dict[int, int] = {}
    members: dict[int, list[Glyph]] = {}
    for glyph, source in zip(glyphs, sources, strict=True):
        if source is not None and owners.setdefault(source.span, source.item) == source.item:
            members.setdefault(source.span, []).append(glyph)
    out: list[Glyph] = []
    done: set[int] = set()
    signs: dict[int, float] = {}
    for glyph, source in zip(glyphs, sources, strict=True):
        if source is None:
            out.append(glyph)
        elif owners[source.span] == source.item:
            group = members[source.span]
            if len(group) > LONGEST or not all(g.inked for g in group):
                out.append(glyph)
            elif source.span not in done:
                done.add(source.span)
                out.append(_merged(group, boxes.get(source.span)))
                signs[id(out[-1])] = glyph.size
    return _without_gaps(out, signs)


def _without_gaps(glyphs: Sequence[Glyph], signs: Mapping[int, float]) -> list[Glyph]:
    """Without the spaces that pdfium made up where it did not see how far a sign reaches."""
    out: list[Glyph] = []
    for at, glyph in enumerate(glyphs):
        after = glyphs[at + 1] if at + 1 < len(glyphs) else None
        if glyph.text == " " and out and after is not None and after.inked:
            size = signs.get(id(out[-1])) or signs.get(id(after), 0.0)
            if -BACK * size < after.cell[0] - out[-1].cell[2] < CLOSE * size:
                continue
        out.append(glyph)
    return out


def _merged(group: Sequence[Glyph], box: Rect | None) -> Glyph:
    first, ink, cell = group[0], around([g.box for g in group]), around([g.cell for g in group])
    if box is not None and first.upright and box[3] - box[1] < ONE_LINE * first.height:
        ink = min(ink[0], box[0]), ink[1], max(ink[2], box[2]), ink[3]
    if len(group) > 1 and first.upright:
        cell = ink[0], cell[1], ink[2], cell[3]
    return first._replace(text=_in_order(group), box=ink, cell=cell, garbage=any(g.garbage for g in group))


def _in_order(group: Sequence[Glyph]) -> str:
    """pdfium lays the letters out as they run, but may give them in another order."""
    from_right = any(unicodedata.bidirectional(g.text[0]) in RIGHT_TO_LEFT for g in group)
    letters = [g.text for g in (sorted(group, key=lambda g: -g.box[0]) if from_right else group)]
    if unicodedata.combining(letters[0][0]) or (len(letters) == 2 and letters[1] == LAM and letters[0] in ALEFS):
        letters.reverse()
    return "".join(letters)
