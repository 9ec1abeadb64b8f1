"""A parsed document as plain text."""

from __future__ import annotations

from collections.abc import Iterator

from ocrtune.contracts import Artefact
from ocrtune.core import Document, Page
from ocrtune.exporters._page import Shown, alternative, shown
from ocrtune.exporters._wording import plain
from ocrtune.options import ExportOptions


class Text:
    """Plain text with the lines of the page; pages are separated by form feeds, as pdftotext does it. Failed pages are empty.
    `[formula]` stands for one that nobody could read.

    Files: `<stem>.txt`, and page by page `pages/0001.txt`.
    """

    name = "txt"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        texts = [self._text(page) for page in document.pages]
        yield Artefact(f"{stem}.txt", "\f".join(texts).encode())
        if self.options.per_page:
            for page, text in zip(document.pages, texts, strict=True):
                yield Artefact(f"pages/{page.number:04d}.txt", text.encode())

    def _text(self, page: Page) -> str:
        """A form feed that was read would be one more page."""
        text = "\n".join(filter(None, map(_said, shown(page, headers=self.options.headers)))).replace("\f", "\n")
        return text + "\n" if text else ""


def _said(part: Shown) -> str:
    if part.region.kind == "formula" and part.figure is not None:
        return f"[{alternative(part)}]"
    return plain(part.region) if part.region.text.strip() else ""
