"""A parsed document as hOCR 1.2."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ocrtune.contracts import Artefact
from ocrtune.core import Document, Page, Region, Size
from ocrtune.exporters._lines import Line, Rect, boxed, gaps, lines, page_size, rect_of
from ocrtune.exporters._xml import SOFTWARE, as_it_is, child, kind_name
from ocrtune.options import ExportOptions

DOCTYPE = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
)
AREAS = {"table": "ocr_table", "picture": "ocr_photo", "formula": "ocr_display"}
PARAGRAPHS = {
    "title": "ocr_title", "section-header": "ocr_section", "caption": "ocr_caption", "page-header": "ocr_header",
    "page-footer": "ocr_footer",
}  # fmt: skip
CAPABILITIES = (
    "ocr_page ocr_carea ocr_par ocr_line ocrx_word ocr_table ocr_photo ocr_display ocr_title ocr_section ocr_caption ocr_header "
    "ocr_footer"
)


class Hocr:
    """All pages in one file, in reading order: areas, paragraphs, lines and words with `bbox`, words with `x_wconf` where a
    confidence is known. A line whose place was reckoned from its region's box says `x_placed interpolated`; a page's problems
    are its `x_problems`. File: `<stem>.hocr`.
    """

    name = "hocr"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        root = Element("html", {"xmlns": "http://www.w3.org/1999/xhtml"})
        head = child(root, "head")
        child(head, "title", stem)
        child(head, "meta", **{"http-equiv": "Content-Type", "content": "text/html;charset=utf-8"})
        child(head, "meta", name="ocr-system", content=" ".join(SOFTWARE))
        child(head, "meta", name="ocr-capabilities", content=CAPABILITIES)
        child(head, "meta", name="ocr-number-of-pages", content=len(document.pages))
        body = child(root, "body")
        for page in document.pages:
            _page(body, page)
        for element in root.iter():  # words keep what is between them
            if element.tag != "span":
                element.tail = "\n"
            if element.tag == "div" and not len(element):
                element.text = "\n"  # browsers do not take a tag that closes itself for closed
        yield Artefact(f"{stem}.hocr", as_it_is(root, doctype=DOCTYPE))


def _page(body: Element, page: Page) -> None:
    size, name = page_size(page), f"page_{page.number}"
    about = [f'image "pages/{page.number:04d}.jpg"', _bbox(Rect(0, 0, *size)), f"ppageno {page.number - 1}"]
    about += [f'x_problems "{_quoted(problem)}"' for problem in page.problems]
    sheet = child(body, "div", class_="ocr_page", id=name, title="; ".join(about))
    for number, region in enumerate(boxed(page), start=1):
        _region(sheet, region, f"{page.number}_{number}", size)


def _region(sheet: Element, region: Region, name: str, size: Size) -> None:
    kind = kind_name(region.kind)
    place = _bbox(rect_of(region.box, size))
    area = child(sheet, "div", class_=AREAS.get(kind, "ocr_carea"), id=f"block_{name}", title=f"{place}; x_kind {kind}")
    if kind == "picture":
        return
    own = f" {PARAGRAPHS[kind]}" if kind in PARAGRAPHS else ""
    paragraph = child(area, "p", class_=f"ocr_par{own}", id=f"par_{name}", title=place)
    for number, line in enumerate(lines(region, size), start=1):
        _line(paragraph, line, f"{name}_{number}")


def _line(paragraph: Element, line: Line, name: str) -> None:
    how = "" if line.placed else "; x_placed interpolated"
    element = child(paragraph, "span", class_="ocr_line", id=f"line_{name}", title=f"{_bbox(line.rect)}{how}")
    element.tail = "\n"
    spaces = gaps(line)
    for number, word in enumerate(line.words, start=1):
        sure = "" if word.confidence is None else f"; x_wconf {round(100 * word.confidence)}"
        part = child(element, "span", word.text, class_="ocrx_word", id=f"word_{name}_{number}", title=_bbox(word.rect) + sure)
        part.tail = " " if spaces[number - 1] and number < len(line.words) else ""


def _bbox(rect: Rect) -> str:
    return "bbox " + " ".join(map(str, rect))


def _quoted(text: str) -> str:
    return " ".join(text.replace('"', "'").replace(";", ",").split())
