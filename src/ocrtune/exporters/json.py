"""A parsed document as JSON: the `Document` noun itself, so that nothing is lost and it can be read back."""

from __future__ import annotations

from ocrtune.core import Document


class Json:
    """`Document.model_validate_json` reads it back unchanged."""

    name = "json"
    suffix = ".json"

    def export(self, document: Document) -> bytes:
        return (document.model_dump_json(indent=2, exclude_none=True) + "\n").encode()
