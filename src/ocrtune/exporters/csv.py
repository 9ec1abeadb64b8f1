"""The tables of a parsed document as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from ocrtune.contracts import Artefact
from ocrtune.core import Document
from ocrtune.exporters._tables import Grid, tables
from ocrtune.options import ExportOptions

NUMBER = re.compile(r"[-+]?\d[\d.,\u00a0\u202f' ]*%?")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class Csv:
    """One file for each table, UTF-8, commas, quotes where they are needed; a cell over several places is at its first one.

    A text that a spreadsheet would run as a formula gets an apostrophe before it; numbers stay as they are.
    Files: `tables/0001-1.csv`, by page and the table's number on it.
    """

    name = "csv"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        for table in tables(document):
            yield Artefact(f"tables/{table.page:04d}-{table.number}.csv", _csv(table.grid).encode())


def _csv(grid: Grid) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows([harmless(text) for text in row] for row in grid.rows())
    return buffer.getvalue()


def harmless(text: str) -> str:
    """
    >>> harmless("=HYPERLINK(1)"), harmless("-12.5"), harmless("a = b")
    ("'=HYPERLINK(1)", '-12.5', 'a = b')
    """
    runs = text.lstrip(" ").startswith(FORMULA) and NUMBER.fullmatch(text.strip()) is None
    return f"'{text}" if runs else text
