"""JSON of a parsed document: nothing is lost, and its form is documented."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ocrtune.cli.reference import SCHEMA, schema
from ocrtune.core import Attempt, Box, Document, Failure, ImageRef, Ledger, Page, Region, Usage, Word
from ocrtune.core.parsed import ParsedDocument
from ocrtune.exporters.json import Json
from ocrtune.options import ExportOptions

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference" / SCHEMA
SIDES = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)
BOXES = st.builds(lambda x, y: Box(left=x[0], right=x[1], top=y[0], bottom=y[1]), SIDES, SIDES)
CHANCE = st.none() | st.floats(0, 1)
WORDS = st.builds(Word, text=st.text(), box=BOXES, confidence=CHANCE, placed=st.sampled_from(["read", "aligned", "interpolated"]))
REGIONS = st.builds(
    Region, kind=st.sampled_from(["text", "table"]), text=st.text(), box=st.none() | BOXES, confidence=CHANCE,
    words=st.none() | st.lists(WORDS, max_size=2).map(tuple), flag=st.sampled_from([None, "omitted"]),
)  # fmt: skip
PAGES = st.builds(
    Page, number=st.integers(1, 9), width=st.none() | st.integers(1, 9999), height=st.none() | st.integers(1, 9999),
    regions=st.lists(REGIONS, max_size=3).map(tuple), problems=st.lists(st.text(), max_size=2).map(tuple),
)  # fmt: skip


def written(document: Document) -> bytes:
    (only,) = Json(ExportOptions()).export(document, "a")
    assert only.name == "a.json"
    return only.content


@given(st.lists(PAGES, max_size=2))
def test_json_is_read_back_unchanged(pages: list[Page]) -> None:
    document = Document(source="a.pdf", pages=tuple(pages), provenance={"engine": "echo"})
    assert ParsedDocument.model_validate_json(written(document)).document() == document


def test_the_ledger_of_a_page_comes_back_unchanged() -> None:
    attempts = (
        Attempt(finish="error", seconds=2.0, error=Failure(kind="timeout", message="no answer", retryable=True)),
        Attempt(finish="stop", seconds=1.5, step="at half the pixels", why="timeout"),
    )
    ledger = Ledger(engine="http", why="--model", attempts=attempts, seconds=3.5, usage=Usage(completion_tokens=7), reply="[{")
    page = Page(number=1, image=ImageRef(path="a.pdf", page=1, turn=90, width=10, height=20), ledger=ledger)
    document = Document(source="a.pdf", pages=(page,))
    assert ParsedDocument.model_validate_json(written(document)).document() == document


def test_boxes_are_given_in_pixels_too_and_regions_have_their_place_in_the_order() -> None:
    box = Box(left=0.25, top=0.5, right=0.75, bottom=1)
    regions = (Region(text="a", box=box, words=(Word(text="a", box=box),)), Region(text="b"))
    found = json.loads(written(Document(source="a", pages=(Page(number=1, width=200, height=100, regions=regions),))))
    first, second = found["pages"][0]["regions"]
    assert found["schema"] == 1
    assert first["order"] == 1 and first["pixels"] == [50, 50, 150, 100] and first["words"][0]["pixels"] == [50, 50, 150, 100]
    assert second["order"] == 2 and "pixels" not in second


def test_the_schema_in_the_reference_is_current() -> None:
    assert REFERENCE.read_text("utf-8") == schema()
