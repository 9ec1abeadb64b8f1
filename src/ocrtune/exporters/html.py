"""A parsed document as a web page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ocrtune.contracts import Artefact
from ocrtune.core import Document, Page
from ocrtune.exporters._html import page_html
from ocrtune.options import ExportOptions


class Html:
    """One HTML file with its own style: paragraphs as running text, tables, formulas as MathML, figures by relative links.

    What a model said is cleaned by a list of allowed tags, and a content security policy forbids scripts and requests.
    Each page is an anchor, `#page-3`. Files: `<stem>.html`, and page by page `pages/0001.html`.
    """

    name = "html"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        yield Artefact(f"{stem}.html", self._html(stem, document.pages, ""))
        if self.options.per_page:
            for page in document.pages:
                yield Artefact(f"pages/{page.number:04d}.html", self._html(f"{stem} {page.number}", [page], "../"))

    def _html(self, title: str, pages: Sequence[Page], up: str) -> bytes:
        parts = page_html(title, pages, headers=self.options.headers, figure=lambda _, part: f"{up}{part.figure}")
        return "".join(parts).encode()
