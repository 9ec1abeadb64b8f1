"""A parsed document as JSON: the `Document` noun itself, so that nothing is lost and it can be read back."""

from __future__ import annotations

from collections.abc import Iterator

from ocrtune.contracts import Artefact
from ocrtune.core import Document
from ocrtune.options import ExportOptions


class Json:
    """`Document.model_validate_json` reads it back unchanged."""

    name = "json"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        yield Artefact(f"{stem}.json", (document.model_dump_json(indent=2, exclude_none=True) + "\n").encode())
