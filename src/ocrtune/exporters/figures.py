"""The pictures of a document as files of their own, cut from the clean pages."""

from __future__ import annotations

from collections.abc import Iterator

from ocrtune.contracts import Artefact
from ocrtune.core import Document
from ocrtune.exporters._crops import crops, png
from ocrtune.options import ExportOptions


class Figures:
    """`figures/0003-1.png` is the first picture of page 3. Markdown and HTML show them by these names."""

    name = "figures"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        for page in document.pages:
            for crop in crops(page):
                yield Artefact(f"figures/{page.number:04d}-{crop.number}.png", png(crop.image))
