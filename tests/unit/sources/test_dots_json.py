"""Layout JSON of dots.ocr beside the picture of its page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import Box, Region, RegionsTarget
from ocrtune.options import SourceOptions
from ocrtune.plugins import SOURCES
from ocrtune.sources.dots_json import DotsJson

CELLS = [
    {"bbox": [20, 10, 180, 20], "category": "Section-header", "text": "# Договор"},
    {"bbox": [20, 30, 180, 60], "category": "Table", "text": "<table><tr><td>1</td></tr></table>"},
    {"bbox": [20, 70, 100, 80], "category": "Formula", "text": r"\frac{a}{b}"},
    {"bbox": [20, 80, 100, 90], "category": "Picture"},
]


def page(folder: Path, cells: object = CELLS, *, suffix: str = ".jpg") -> Path:
    Image.new("RGB", (200, 100), "white").save(folder / f"p{suffix}")
    (folder / "p.json").write_text(json.dumps(cells, ensure_ascii=False), "utf-8")
    return folder / "p.json"


def one(file: Path) -> Draft | Rejected:
    assert [name for name in SOURCES.names() if SOURCES.get(name)().claims(file)] == ["dots_json"]
    (record,) = DotsJson().read(file, SourceOptions())
    return record


def test_cells_become_regions_in_their_order_with_their_markup(tmp_path: Path) -> None:
    found = one(page(tmp_path))
    assert isinstance(found, Draft) and found.task == "layout" and isinstance(found.target, RegionsTarget)
    header = Region(kind="section-header", text="# Договор", markup="markdown", box=Box(left=0.1, top=0.1, right=0.9, bottom=0.2))
    assert found.target.regions[0] == header
    assert [(r.kind, r.markup) for r in found.target.regions[1:]] == [
        ("table", "html"),
        ("formula", "latex"),
        ("picture", "plain"),
    ]


def test_a_blank_page_is_a_page_without_regions(tmp_path: Path) -> None:
    found = one(page(tmp_path, []))
    assert isinstance(found, Draft) and found.target == RegionsTarget(regions=())


def test_a_cell_without_a_box_is_left_out_by_name(tmp_path: Path) -> None:
    found = one(page(tmp_path, [*CELLS, {"bbox": [1, 2, 3], "category": "Text", "text": "x"}]))
    assert isinstance(found, Draft) and [p.kind for p in found.problems] == ["unreadable-box"] and len(found.labels or ()) == 5


def test_the_drawing_that_dots_ocr_leaves_beside_its_json_is_no_page(tmp_path: Path) -> None:
    file = page(tmp_path)
    (tmp_path / "p_nohf.md").write_text("…")
    refused = one(file)
    assert isinstance(refused, Rejected) and "drawing of the layout" in refused.why
    Image.new("RGB", (200, 100), "white").save(tmp_path / "p.png")
    clean = one(file)
    assert isinstance(clean, Draft) and clean.image == tmp_path / "p.png"


def test_the_record_of_a_page_leads_to_the_picture_it_was_made_from(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    file = page(tmp_path / "p")
    source = tmp_path / "scan.png"
    Image.new("RGB", (200, 100), "white").save(source)
    record = {"page_no": 0, "layout_info_path": str(file), "filtered": False, "file_path": str(source)}
    (tmp_path / "p.jsonl").write_text(json.dumps(record) + "\n")
    found = one(file)
    assert isinstance(found, Draft) and found.image == source


@pytest.mark.parametrize("cells", ["raw reply", {"bbox": [1, 2, 3, 4], "category": "Text"}])
def test_what_is_no_list_of_cells_says_so(cells: object, tmp_path: Path) -> None:
    (record,) = DotsJson().read(page(tmp_path, cells), SourceOptions())
    assert isinstance(record, Rejected) and "not a list" in record.why
