"""The tables of a parsed document as CSV and XLSX."""

from __future__ import annotations

import csv
import io
import sys
from typing import Any

import pytest
from examples import TABLE, document, exported, full_page
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.core import Page, Region
from ocrtune.errors import MissingExtraError
from ocrtune.exporters._tables import grids


def table(text: str, markup: str = "html") -> Page:
    return Page(number=7, regions=(Region(kind="table", markup=markup, text=text),))  # type: ignore[arg-type]


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def sheets(*pages: Page) -> dict[str, Any]:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(io.BytesIO(exported("xlsx", document(*pages))["a.xlsx"]))
    return {sheet.title: sheet for sheet in book}


def test_every_table_is_a_file_named_by_page_and_place() -> None:
    files = exported("csv", document(full_page(1), Page(number=2), full_page(12)))
    assert list(files) == ["tables/0001-1.csv", "tables/0012-1.csv"]
    assert rows(files["tables/0012-1.csv"]) == [["Год", "Income", ""], ["", "net", "gross"], ["2025", "1.50", "'=2+2"]]


def test_tables_without_rows_keep_their_number() -> None:
    regions = (Region(kind="table", text="a b"), Region(kind="table", markup="markdown", text="| a |\n|---|\n| \\|b |"))
    files = exported("csv", document(Page(number=1, regions=regions)))
    assert {name: rows(content) for name, content in files.items()} == {"tables/0001-2.csv": [["a"], ["|b"]]}


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", " =1", "＝1+1", "=HYPERLINK(1)"])
def test_spreadsheets_run_no_cell_of_a_csv(text: str) -> None:
    ((cell,),) = rows(exported("csv", document(table(f"<table><td>{text}</td></table>")))["tables/0007-1.csv"])
    assert cell == f"'{text.strip()}"


@pytest.mark.parametrize("text", ["-12.5", "+3", "-1 000,50", "- 5", "a=b", "−4"])
def test_numbers_and_words_of_a_csv_stay_as_they_are(text: str) -> None:
    ((cell,),) = rows(exported("csv", document(table(f"<table><td>{text}</td></table>")))["tables/0007-1.csv"])
    assert cell.lstrip("'") == text and (cell == text) == (text != "- 5")


@given(st.lists(st.lists(st.text(st.sampled_from('ab,";1 é'), max_size=5), min_size=2, max_size=2), min_size=1, max_size=3))
def test_cells_come_back_from_csv(cells: list[list[str]]) -> None:
    html = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells)
    found = rows(exported("csv", document(table(f"<table>{html}</table>")))["tables/0007-1.csv"])
    assert found == [[" ".join(cell.split()) for cell in row] for row in cells]


def test_a_workbook_has_a_sheet_for_each_table_with_merged_cells() -> None:
    (sheet,) = (found := sheets(full_page(3))).values()
    assert list(found) == ["0003-1"]
    assert sorted(map(str, sheet.merged_cells.ranges)) == ["A1:A2", "B1:C1"]
    assert sheet["A1"].value == "Год" and sheet["A1"].font.bold and sheet["C2"].value == "gross" and not sheet["C3"].font.bold


def test_numbers_are_numbers_only_where_they_look_the_same_afterwards() -> None:
    texts = ["7", "1.50", "007", "1,5", "12345678901234567890", "1e5", "-3", "0.1", "-0", "1.", "2025-01-02", "٣"]
    sheet = sheets(table("<table>" + "".join(f"<tr><td>{t}</td></tr>" for t in texts) + "</table>"))["0007-1"]
    read = [sheet.cell(n, 1) for n in range(1, len(texts) + 1)]
    numbers = {t: (c.value, c.number_format) for t, c in zip(texts, read, strict=True) if not isinstance(c.value, str)}
    assert numbers == {"7": (7, "0"), "1.50": (1.5, "0.00"), "-3": (-3, "0"), "0.1": (0.1, "0.0")}
    assert [c.value for t, c in zip(texts, read, strict=True) if t not in numbers] == [t for t in texts if t not in numbers]


def test_no_cell_of_a_workbook_is_a_formula() -> None:
    sheet = sheets(table("<table><tr><td>=1+1</td><td>a&#11;&#xFFFE;b</td></tr></table>"))["0007-1"]
    assert (sheet["A1"].value, sheet["A1"].data_type) == ("=1+1", "s") and sheet["B1"].value.replace(" ", "") == "ab"


def test_without_tables_there_is_no_workbook() -> None:
    pytest.importorskip("openpyxl")
    assert exported("xlsx", document(Page(number=1, regions=(Region(text="a"),)))) == {}


def test_without_openpyxl_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError) as caught:
        exported("xlsx", document(full_page()))
    assert caught.value.hint == 'pip install "ocrtune[export]"'


SPANS = st.sampled_from(["", " rowspan=2", " colspan=3", " rowspan=9 colspan=2", " colspan=99999", " rowspan=0", " colspan=x"])


@given(st.lists(st.lists(SPANS, max_size=4), max_size=4))
def test_every_place_of_a_grid_has_at_most_one_cell(rows_of_spans: list[list[str]]) -> None:
    html = "".join(f"<tr>{''.join(f'<td{span}>x</td>' for span in row)}</tr>" for row in rows_of_spans)
    for grid in grids(Region(kind="table", markup="html", text=f"<table>{html}</table>")):
        taken = [(c.row + r, c.column + k) for c in grid.cells for r in range(c.rows) for k in range(c.columns)]
        assert len(taken) == len(set(taken))
        assert all(row < grid.height and column < grid.width for row, column in taken)
        assert sum(bool(text) for row in grid.rows() for text in row) == sum(map(len, rows_of_spans))


def test_a_table_in_a_cell_is_the_text_of_the_cell() -> None:
    inner = TABLE.replace("'", '"')
    (grid,) = grids(Region(kind="table", markup="html", text=f"<table><tr><td>a{inner}</td><td>b</td></tr></table>"))
    assert (grid.height, grid.width) == (1, 2) and "Income" in grid.cells[0].text and "net gross" in grid.cells[0].text
