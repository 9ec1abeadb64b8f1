"""A parsed document as PAGE XML, version 2019-07-15."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ocrtune.contracts import Artefact
from ocrtune.core import Document, Page, Region, Size
from ocrtune.exporters._lines import Line, Rect, boxed, cell_lines, lines, page_size, rect_of
from ocrtune.exporters._page import is_figure
from ocrtune.exporters._tables import grids
from ocrtune.exporters._wording import plain
from ocrtune.exporters._xml import SOFTWARE, child, kind_name, now, picture_name, share, written
from ocrtune.options import ExportOptions

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
TYPES = {
    "text": "paragraph", "title": "heading", "section-header": "heading", "caption": "caption", "page-header": "header",
    "page-footer": "footer", "footnote": "footnote",
}  # fmt: skip


class PageXml:
    """One file for each page: regions in reading order, lines and words with boxes and confidences, cells of tables with their
    rows and columns. The region's own kind is in `custom`, as Transkribus writes it; lines whose places were reckoned from
    the region's box are marked `interpolated` there. Files: `page/0001.xml`, about the pictures `pages/0001.jpg`.
    """

    name = "page"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        for page in document.pages:
            yield Artefact(f"page/{page.number:04d}.xml", written(_document(page)))


def _document(page: Page) -> Element:
    root, time = Element("PcGts", {"xmlns": NAMESPACE}), now()
    about = child(root, "Metadata")
    child(about, "Creator", " ".join(SOFTWARE))
    child(about, "Created", time)
    child(about, "LastChange", time)
    if page.problems:
        child(about, "Comments", "\n".join(page.problems))
    size, regions = page_size(page), boxed(page)
    sheet = child(root, "Page", imageFilename=picture_name(page), imageWidth=size.width, imageHeight=size.height)
    if regions:
        group = child(child(sheet, "ReadingOrder"), "OrderedGroup", id="order")
        for number in range(len(regions)):
            child(group, "RegionRefIndexed", index=number, regionRef=f"r{number + 1}")
    for number, region in enumerate(regions):
        _region(sheet, region, number, size)
    return root


def _region(sheet: Element, region: Region, number: int, size: Size) -> None:
    name, kind = f"r{number + 1}", kind_name(region.kind)
    custom = f"readingOrder {{index:{number};}} structure {{type:{kind};}}"
    if kind == "picture":
        _outline(child(sheet, "ImageRegion", id=name, custom=custom, comments=region.text or None), region, size)
    elif kind == "formula":
        maths = child(sheet, "MathsRegion", id=name, custom=custom)
        _outline(maths, region, size)
        if is_figure(region):
            return
        inner = child(maths, "TextRegion", id=f"{name}_t", type="other", comments="LaTeX" if region.markup == "latex" else None)
        _outline(inner, region, size)
        _text(inner, plain(region), region.confidence)
    elif kind == "table":
        _table(sheet, region, name, custom, size)
    else:
        block = child(sheet, "TextRegion", id=name, type=TYPES.get(kind, "other"), custom=custom)
        _outline(block, region, size)
        _lines(block, lines(region, size), name)
        _text(block, plain(region), region.confidence)


def _table(sheet: Element, region: Region, name: str, custom: str, size: Size) -> None:
    found = grids(region)[:1]
    rows, columns = (found[0].height, found[0].width) if found else (None, None)
    table = child(sheet, "TableRegion", id=name, rows=rows, columns=columns, custom=custom)
    _outline(table, region, size)
    if not found:
        inner = child(table, "TextRegion", id=f"{name}_t", type="other")
        _outline(inner, region, size)
        _lines(inner, lines(region, size), f"{name}_t")
        _text(inner, plain(region), region.confidence)
        return
    for cell, rect, inside in cell_lines(region, found[0], size):
        at = f"{name}_c{cell.row}_{cell.column}"
        block = child(table, "TextRegion", id=at, type="other")
        _coords(block, rect)
        spans = {"rowSpan": cell.rows, "colSpan": cell.columns, "header": "true" if cell.header else "false"}
        child(child(block, "Roles"), "TableCellRole", rowIndex=cell.row, columnIndex=cell.column, **spans)
        _lines(block, inside, at)
        _text(block, "\n".join(line.text for line in inside), None)


def _lines(block: Element, found: list[Line], name: str) -> None:
    for number, line in enumerate(found):
        at = f"{name}_l{number + 1}"
        how = "" if line.placed else " placed {how:interpolated;}"
        element = child(block, "TextLine", id=at, custom=f"readingOrder {{index:{number};}}{how}")
        _coords(element, line.rect)
        for place, word in enumerate(line.words, start=1):
            guess = None if word.placed == "read" else f"placed {{how:{word.placed};}}"
            part = child(element, "Word", id=f"{at}_w{place}", custom=guess)
            _coords(part, word.rect)
            _text(part, word.text, word.confidence)
        _text(element, line.text, None)


def _text(element: Element, text: str, confidence: float | None) -> None:
    child(child(element, "TextEquiv", conf=share(confidence)), "Unicode", text)


def _outline(element: Element, region: Region, size: Size) -> None:
    """The region's own outline where it has one, else its rectangle."""
    if region.box is not None and region.box.polygon is not None and len(region.box.polygon) > 2:
        points = (f"{round(_within(x) * size.width)},{round(_within(y) * size.height)}" for x, y in region.box.polygon)
        child(element, "Coords", points=" ".join(points))
    else:
        _coords(element, rect_of(region.box, size))


def _within(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _coords(element: Element, rect: Rect) -> None:
    left, top, right, bottom = rect
    child(element, "Coords", points=f"{left},{top} {right},{top} {right},{bottom} {left},{bottom}")
