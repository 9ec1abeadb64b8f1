"""Tables as olmOCR-bench sees them: cells, their nearest neighbours in four directions, the headings above and beside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ocrtune.errors import extra

Place = tuple[int, int]

STEPS: dict[str, Place] = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
HEADINGS = {"top_heading": "up", "left_heading": "left"}
_SEPARATOR = re.compile(r"[\s|:\-]+")
MOST_SPAN = 1000  # of a reply that runs wild


class Cell(NamedTuple):
    """`places` are all (row, column) that it takes."""

    text: str
    heading: bool
    places: tuple[Place, ...]


class Table:
    def __init__(self, cells: list[Cell]) -> None:
        self.cells = cells
        self._at = {place: at for at, cell in enumerate(cells) for place in cell.places}
        self._rows = 1 + max((row for row, _ in self._at), default=0)
        self._columns = 1 + max((column for _, column in self._at), default=0)

    def related(self, at: int, relation: str) -> set[int]:
        """The cells that stand in that relation to the cell `at`."""
        if relation in HEADINGS:
            return self._headings(at, HEADINGS[relation])
        step = STEPS[relation]
        return {found for place in self.cells[at].places if (found := self._nearest(at, place, step)) is not None}

    def _nearest(self, at: int, place: Place, step: Place) -> int | None:
        row, column = place[0] + step[0], place[1] + step[1]
        while 0 <= row < self._rows and 0 <= column < self._columns:
            found = self._at.get((row, column))
            if found is not None:
                return found if found != at else None
            row, column = row + step[0], column + step[1]
        return None

    def _headings(self, start: int, direction: str) -> set[int]:
        """Headings on the way; without any, where the ways end."""
        headings: set[int] = set()
        ends: set[int] = set()
        seen: set[int] = set()
        ahead = {start}
        while ahead:
            at = ahead.pop()
            seen.add(at)
            if self.cells[at].heading:
                headings.add(at)
            following = self.related(at, direction)
            if not following:
                ends.add(at)
            ahead |= following - seen
        return (headings - {start}) or (ends - {start})


def tables_in(text: str, *, markdown: bool = True) -> list[Table]:
    return [*(_pipe_tables(text) if markdown else ()), *_html_tables(text)]


def _pipe_tables(text: str) -> Iterator[Table]:
    """Runs of two or more lines with a bar; the first row and the first column are headings."""
    run: list[str] = []
    for line in [*text.split("\n"), ""]:
        if "|" in line:
            run.append(line.strip())
            continue
        rows = [row for row in run if not _SEPARATOR.fullmatch(row) or "-" not in row]
        if len(run) >= 2 and rows:
            yield Table(
                [
                    Cell(cell.strip(), row == 0 or column == 0, ((row, column),))
                    for row, line_ in enumerate(rows)
                    for column, cell in enumerate(line_.removeprefix("|").removesuffix("|").split("|"))
                ]
            )
        run = []


def _html_tables(text: str) -> Iterator[Table]:
    with extra("scores"):
        from bs4 import BeautifulSoup
    for table in BeautifulSoup(text, "html.parser").find_all("table"):
        cells = list(_html_cells(table))
        if cells:
            yield Table(cells)


def _html_cells(table: Any) -> Iterator[Cell]:
    taken: set[Place] = set()
    for row, line in enumerate(table.find_all("tr")):
        column = 0
        in_head = line.find_parent("thead") is not None
        for cell in line.find_all(["td", "th"]):
            while (row, column) in taken:
                column += 1
            down, across = _span(cell.get("rowspan")), _span(cell.get("colspan"))
            places = tuple((row + y, column + x) for y in range(down) for x in range(across))
            taken.update(places)
            yield Cell(cell.get_text().strip(), in_head or cell.name == "th", places)
            column += across


def _span(value: Any) -> int:
    try:
        return min(max(int(value), 1), MOST_SPAN)
    except (TypeError, ValueError):
        return 1
