"""The truth about a rendered PDF: text and order from the manuscript, boxes and page numbers from the PDF itself."""

from __future__ import annotations

import unicodedata
from ctypes import byref, c_double
from typing import Any, NamedTuple

from ocrtune.core import Box, Document, Page, Region
from ocrtune.errors import InputError
from ocrtune.sources.synth.model import Block, Manuscript, plain, table_html

Corners = tuple[float, float, float, float]


class Layer(NamedTuple):
    """A page's printed characters without white space, NFKC, one box each (left, top, right, bottom from the top left)."""

    width: float
    height: float
    text: str
    boxes: list[Corners]
    pictures: list[Corners]


def fold(text: str) -> str:
    """As it is compared: compatibility forms made equal, white space removed."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def locate(pdf: bytes, manuscript: Manuscript) -> Document:
    """The document with one region per block in reading order. Raises InputError when a block is not in the PDF."""
    layers = read_layers(pdf)
    regions: list[list[Region]] = [[] for _ in layers]
    heads = fold(manuscript.header)
    cursor = (0, len(heads) if layers[0].text.startswith(heads) else 0)
    pictures = [0] * len(layers)
    for block in manuscript.blocks():
        if block.kind == "stamp":
            page = next((n for n in range(cursor[0], len(layers)) if pictures[n] < len(layers[n].pictures)), None)
            if page is None:
                raise _lost(manuscript, block)
            corners = layers[page].pictures[pictures[page]]
            pictures[page] += 1
        else:
            page, start, end = _find(layers, fold(plain(block)), cursor, manuscript, block)
            cursor, corners = (page, end), _union(layers[page].boxes[start:end])
        regions[page].append(_region(block, corners, layers[page]))
    return Document(source=f"{manuscript.name}.pdf", pages=tuple(
        _page(number, layer, tuple(found), manuscript, len(layers))
        for number, (layer, found) in enumerate(zip(layers, regions, strict=True), start=1)
    ))  # fmt: skip


def _page(number: int, layer: Layer, body: tuple[Region, ...], manuscript: Manuscript, count: int) -> Page:
    """The page with its running header and footer around the body."""
    header = Block("page-header", manuscript.header)
    footer = Block("page-footer", manuscript.footer.format(n=number, m=count))
    around = []
    for block, wanted in ((header, layer.text.find(fold(header.text))), (footer, layer.text.rfind(fold(footer.text)))):
        if wanted < 0:
            raise _lost(manuscript, block)
        around.append(_region(block, _union(layer.boxes[wanted : wanted + len(fold(block.text))]), layer))
    return Page(number=number, width=round(layer.width), height=round(layer.height), regions=(around[0], *body, around[1]))


def _find(
    layers: list[Layer], needle: str, cursor: tuple[int, int], manuscript: Manuscript, block: Block
) -> tuple[int, int, int]:
    page, start = cursor
    for number in range(page, len(layers)):
        place = layers[number].text.find(needle, start if number == page else 0)
        if place >= 0:
            return number, place, place + len(needle)
    raise _lost(manuscript, block)


def _lost(manuscript: Manuscript, block: Block) -> InputError:
    return InputError(
        f"{manuscript.name}: the {block.kind} {plain(block)[:60]!r} is not in the text layer of the rendered PDF",
        hint="the renderer or a font drops characters: try the other renderer, or name a font with the option fonts",
    )


def _region(block: Block, corners: Corners, layer: Layer) -> Region:
    box = Box.from_pixels(corners, layer.width, layer.height)
    if block.rows:
        return Region(kind=block.kind, text=table_html(block), markup="html", box=box)
    return Region(kind=block.kind, text=block.text, box=box)


def _union(boxes: list[Corners]) -> Corners:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def read_layers(pdf: bytes) -> list[Layer]:
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    try:
        return [_layer(page) for page in document]
    finally:
        document.close()


def _layer(page: Any) -> Layer:
    import pypdfium2.raw as c

    width, height = page.get_size()
    textpage = page.get_textpage()
    text, boxes = [], []
    left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
    for index in range(c.FPDFText_CountChars(textpage)):
        code = c.FPDFText_GetUnicode(textpage, index)
        letters = "-" if code in (0x02, 0xFFFE) else fold(chr(code)) if code else ""
        if not letters or not c.FPDFText_GetCharBox(textpage, index, byref(left), byref(right), byref(bottom), byref(top)):
            continue
        text.append(letters)
        boxes += [(left.value, height - top.value, right.value, height - bottom.value)] * len(letters)
    pictures = []
    for picture in page.get_objects(filter=[c.FPDF_PAGEOBJ_IMAGE]):
        x0, y0, x1, y1 = picture.get_bounds()
        if (x1 - x0) * (y1 - y0) < 0.9 * width * height:
            pictures.append((x0, height - y1, x1, height - y0))
    textpage.close()
    page.close()
    return Layer(width, height, "".join(text), boxes, pictures)
