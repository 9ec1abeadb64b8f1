"""A parsed document as JSON, for programs."""

from __future__ import annotations

from collections.abc import Iterator

from ocrtune.contracts import Artefact
from ocrtune.core import Document
from ocrtune.core.parsed import ParsedDocument
from ocrtune.options import ExportOptions


class Json:
    """Everything that is known: regions in reading order with boxes as fractions and in pixels, engine, attempts, seconds and
    tokens of each page. `docs/reference/parse-document.schema.json` describes it;
    `ParsedDocument.model_validate_json(…).document()` reads it back unchanged. File: `<stem>.json`.
    """

    name = "json"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        yield Artefact(f"{stem}.json", ParsedDocument.written(document))
