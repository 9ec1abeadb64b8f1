"""The pictures of a document as files of their own, cut from the clean pages."""

from __future__ import annotations

from collections.abc import Iterator

from ocrtune.contracts import Artefact
from ocrtune.core import Document
from ocrtune.exporters._crops import figures, png
from ocrtune.options import ExportOptions


class Figures:
    """`figures/0003-1.png` is the first picture of page 3, `figures/0003-f1.png` its first formula, where nobody could read that.
    Markdown and HTML show them by these names."""

    name = "figures"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        for page in document.pages:
            for name, image in figures(page):
                yield Artefact(name, png(image))
