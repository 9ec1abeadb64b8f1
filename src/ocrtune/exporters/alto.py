"""A parsed document as ALTO, version 4."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ocrtune.contracts import Artefact
from ocrtune.core import Document, Page, Region, Size
from ocrtune.exporters._lines import Line, Rect, boxed, gaps, lines, page_size, rect_of
from ocrtune.exporters._xml import SOFTWARE, child, kind_name, now, picture_name, share, written
from ocrtune.options import ExportOptions

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
INTERPOLATED = "interpolated"


class Alto:
    """One file for each page: blocks in reading order, tagged with their kinds, lines and words with boxes and confidences;
    pictures are illustrations, tables composed blocks with a line for each row. Lines whose places were reckoned from the
    block's box are tagged `interpolated`. Files: `alto/0001.xml`, about the pictures `pages/0001.jpg`.
    """

    name = "alto"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        for page in document.pages:
            yield Artefact(f"alto/{page.number:04d}.xml", written(_document(page)))


def _document(page: Page) -> Element:
    size, regions = page_size(page), boxed(page)
    root = Element("alto", {"xmlns": NAMESPACE, "SCHEMAVERSION": "4.4"})
    _description(root, page)
    kinds = sorted({kind_name(region.kind) for region in regions})
    if kinds:
        tags = child(root, "Tags")
        for kind in kinds:
            child(tags, "LayoutTag", ID=f"kind-{kind}", LABEL=kind)
        child(tags, "OtherTag", ID=INTERPOLATED, LABEL=INTERPOLATED, DESCRIPTION="place reckoned from the box of the block")
        group = child(child(root, "ReadingOrder"), "OrderedGroup", ID="order")
        for number in range(1, len(regions) + 1):
            child(group, "ElementRef", ID=f"o{number}", REF=f"r{number}")
    sheet = child(
        child(root, "Layout"), "Page", ID=f"p{page.number}", PHYSICAL_IMG_NR=page.number, WIDTH=size.width, HEIGHT=size.height
    )
    space = child(sheet, "PrintSpace", **_place(Rect(0, 0, *size)))
    for number, region in enumerate(regions, start=1):
        _block(space, region, f"r{number}", size)
    return root


def _description(root: Element, page: Page) -> None:
    about = child(root, "Description")
    child(about, "MeasurementUnit", "pixel")
    child(child(about, "sourceImageInformation"), "fileName", picture_name(page))
    step = child(about, "Processing", ID="read")
    child(step, "processingDateTime", now())
    for problem in page.problems:
        child(step, "processingStepDescription", problem)
    if page.ledger is not None:
        child(step, "processingStepSettings", f"engine: {page.ledger.engine}")
    software = child(step, "processingSoftware")
    child(software, "softwareName", SOFTWARE[0])
    child(software, "softwareVersion", SOFTWARE[1])


def _block(space: Element, region: Region, name: str, size: Size) -> None:
    kind = kind_name(region.kind)
    place = {"TAGREFS": f"kind-{kind}", **_place(rect_of(region.box, size))}
    if kind == "picture":
        child(space, "Illustration", ID=name, **place)
    elif kind == "table":
        table = child(space, "ComposedBlock", ID=name, TYPE="table", **place)
        _lines(child(table, "TextBlock", ID=f"{name}_t", **place), lines(region, size), f"{name}_t")
    else:
        _lines(child(space, "TextBlock", ID=name, **place), lines(region, size), name)


def _lines(block: Element, found: list[Line], name: str) -> None:
    for number, line in enumerate(found, start=1):
        at = f"{name}_l{number}"
        element = child(block, "TextLine", ID=at, TAGREFS=None if line.placed else INTERPOLATED, **_place(line.rect))
        spaces = gaps(line)
        for place, word in enumerate(line.words, start=1):
            child(element, "String", ID=f"{at}_w{place}", CONTENT=word.text, WC=share(word.confidence), **_place(word.rect))
            if spaces[place - 1] and place < len(line.words):
                child(element, "SP")


def _place(rect: Rect) -> dict[str, int]:
    return {"HPOS": rect.left, "VPOS": rect.top, "WIDTH": rect.width, "HEIGHT": rect.height}
