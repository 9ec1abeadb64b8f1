"""JSON of a parsed document loses nothing."""

from ocrtune.core import Box, Document, ImageRef, Page, Region
from ocrtune.exporters.json import Json
from ocrtune.options import ExportOptions


def test_json_is_read_back_unchanged() -> None:
    region = Region(text="Итого: 1\u2028€", box=Box(left=0, top=0.25, right=1, bottom=0.5), confidence=0.5)
    pages = (Page(number=1, regions=(region,), image=ImageRef(path="pages/1.png")), Page(number=2, problems=("timeout",)))
    document = Document(source="a.pdf", pages=pages, provenance={"engine": "echo"})
    (only,) = Json(ExportOptions()).export(document, "a")
    assert only.name == "a.json" and Document.model_validate_json(only.content) == document
