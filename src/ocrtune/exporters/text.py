"""A parsed document as text or Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from ocrtune.contracts import Artefact
from ocrtune.core import Document, Page, Region
from ocrtune.options import ExportOptions


class Text:
    """Plain text; pages are separated by form feeds, as pdftotext does it. Failed pages are empty."""

    name = "txt"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        yield Artefact(f"{stem}.txt", "\f".join(page.text + "\n" if page.text else "" for page in document.pages).encode())


class Markdown:
    """Markdown: kinds of regions become headings, tables and formulas; problems of a page stay visible as a note.

    Text that is not Markdown already is escaped, so that it is shown as it was read. Pages are separated by a comment
    with the page number, which viewers hide and programs can find.
    """

    name = "md"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        yield Artefact(f"{stem}.md", "\n".join(_page(page) for page in document.pages).encode())


def _page(page: Page) -> str:
    notes = [f"> **Page {page.number}:** {_escape(problem)}" for problem in page.problems]
    blocks = [block for region in page.regions if (block := _block(region))]
    return "\n\n".join([f"<!-- page {page.number} -->", *notes, *blocks]) + "\n"


def _block(region: Region) -> str:
    text = region.text.strip("\n")
    if not text.strip() or region.markup in ("markdown", "html"):
        return text
    if region.markup == "latex":
        return f"$$\n{text}\n$$"
    if region.kind in ("title", "section-header"):
        return f"{'#' if region.kind == 'title' else '##'} {_escape(' '.join(text.split()))}"
    # Two spaces before a newline keep the page's own line ends; blank lines stay paragraph breaks.
    return re.sub(r"(?<!\n)\n(?!\n)", "  \n", _escape(text))


def _escape(text: str) -> str:
    text = re.sub(r"([\\`*_\[\]|])", r"\\\1", html.escape(text, quote=False))
    text = re.sub(r"(?m)^(\s*)(#{1,6}(?=\s)|[-+](?=\s)|[-=~]{3,}\s*$)", r"\1\\\2", text)
    return re.sub(r"(?m)^(\s*\d+)([.)])(?=\s)", r"\1\\\2", text)
