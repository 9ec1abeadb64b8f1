"""The tables of a parsed document as a workbook."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from ocrtune.contracts import Artefact
from ocrtune.core import Document
from ocrtune.errors import extra
from ocrtune.exporters._tables import Grid, tables
from ocrtune.options import ExportOptions

NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.(\d{1,14}))?")
DIGITS = 15  # significant ones that a spreadsheet keeps
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]")
LONGEST = 32_767  # characters that a cell can hold
WIDEST = 60  # characters of a column that is shown whole


class Xlsx:
    """One sheet for each table, with its cells merged as they are on the page. Texts are never formulas; a number is one only
    where the spreadsheet shows it as it was read. No file without tables. File: `<stem>.xlsx`.
    """

    name = "xlsx"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        with extra("export"):
            book = _book()
        found = tables(document)
        if not found:
            return
        for table in found:
            _fill(book.create_sheet(f"{table.page:04d}-{table.number}"), table.grid)
        buffer = io.BytesIO()
        book.save(buffer)
        yield Artefact(f"{stem}.xlsx", buffer.getvalue())


def _book() -> Any:
    """A workbook without sheets. Their names are different anyway: to look at all of them for each new one takes minutes for the
    thousands of tables of a book, or of a model that runs in circles."""
    from openpyxl import Workbook

    book: Any = type("Book", (Workbook,), {"sheetnames": ()})()
    book.remove(book.active)
    return book


def _fill(sheet: Any, grid: Grid) -> None:
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    widths = [0] * grid.width
    for cell in grid.cells:
        place = sheet.cell(cell.row + 1, cell.column + 1)
        _write(place, cell.text)
        place.alignment = Alignment(vertical="top", wrap_text=True)
        place.font = Font(bold=cell.header)
        if cell.spans:
            last = {"end_row": cell.row + cell.rows, "end_column": cell.column + cell.columns}
            sheet.merge_cells(start_row=cell.row + 1, start_column=cell.column + 1, **last)
        if cell.columns == 1:
            widths[cell.column] = max(widths[cell.column], *map(len, cell.text.split("\n")))
    for column, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = min(max(width + 2, 8), WIDEST)


def _write(place: Any, text: str) -> None:
    number = NUMBER.fullmatch(text)
    if number is not None and len(re.sub(r"\D", "", text)) <= DIGITS and text != "-0":
        decimals = len(number[1] or "")
        place.value = float(text) if decimals else int(text)
        place.number_format = "0." + "0" * decimals if decimals else "0"
    elif text:
        place.value = CONTROL.sub("", text)[:LONGEST]
        place.data_type = "s"
