"""Tables as olmOCR-bench sees them: cells, their nearest neighbours in four directions, the headings above and beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ocrtune.errors import extra

Place = tuple[int, int]

STEPS: dict[str, Place] = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
HEADINGS = {"top_heading": "up", "left_heading": "left"}
MOST_SPAN = 1000  # of a reply that runs wild; browsers stop there, too
MOST_PLACES = 200_000  # that the cells of one table may take, for the same reason: a larger one is not read


class Spec(NamedTuple):
    """A cell before it has its place."""

    text: str
    heading: bool
    down: int = 1
    across: int = 1


class Cell(NamedTuple):
    """`places` are all (row, column) that it takes, whether or not another cell took some of them later."""

    text: str
    heading: bool
    places: tuple[Place, ...]


class Table:
    def __init__(self, rows: Sequence[Sequence[Spec]]) -> None:
        self.cells: list[Cell] = []
        self._at: dict[Place, int] = {}
        self._lay(rows)
        self._rows = 1 + max((row for row, _ in self._at), default=0)
        self._columns = 1 + max((column for _, column in self._at), default=0)

    def _lay(self, rows: Sequence[Sequence[Spec]]) -> None:
        """Row by row: a cell begins where no other one reaches down, and ends those that reach down further to its right."""
        reaching: dict[int, tuple[int, int]] = {}  # by column: a cell, and how many rows it still takes
        for row, specs in enumerate(rows):
            column = 0
            for spec in specs:
                while column in reaching:
                    self._reach(reaching, row, column)
                    column += 1
                across = range(column, column + spec.across)
                places = tuple((row + down, taken) for down in range(spec.down) for taken in across)
                for taken in across:
                    self._at[row, taken] = len(self.cells)
                    reaching.pop(taken, None)
                    if spec.down > 1:
                        reaching[taken] = (len(self.cells), spec.down - 1)
                self.cells.append(Cell(spec.text, spec.heading, places))
                column = across.stop
            for further in [taken for taken in reaching if taken >= column]:
                self._reach(reaching, row, further)
        for column, (cell, left) in reaching.items():
            self._at.update(((len(rows) + down, column), cell) for down in range(left))

    def _reach(self, reaching: dict[int, tuple[int, int]], row: int, column: int) -> None:
        cell, left = reaching.pop(column)
        self._at[row, column] = cell
        if left > 1:
            reaching[column] = (cell, left - 1)

    def related(self, at: int, relation: str) -> set[int]:
        """The cells that stand in that relation to the cell `at`."""
        if relation in HEADINGS:
            return self._headings(at, HEADINGS[relation])
        step = STEPS[relation]
        edge = self._edge(at, step)
        return {found for place in edge if (found := self._nearest(at, place, step)) is not None}

    def _edge(self, at: int, step: Place) -> list[Place]:
        """The outermost places of a cell in one direction."""
        places = self.cells[at].places
        outermost = max(row * step[0] + column * step[1] for row, column in places)
        return [(row, column) for row, column in places if row * step[0] + column * step[1] == outermost]

    def _nearest(self, at: int, place: Place, step: Place) -> int | None:
        row, column = place[0] + step[0], place[1] + step[1]
        while 0 <= row < self._rows and 0 <= column < self._columns:
            found = self._at.get((row, column), at)
            if found != at:
                return found
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
    specs = [*(_pipe_tables(text) if markdown else ()), *_html_tables(text)]
    tables = (Table(rows) for rows in specs if sum(one.down * one.across for row in rows for one in row) <= MOST_PLACES)
    return [table for table in tables if table.cells]


def _pipe_tables(text: str) -> Iterator[list[list[Spec]]]:
    """Runs of two or more lines with a bar; the first row and the first column are headings."""
    run: list[str] = []
    for line in [*text.strip().split("\n"), ""]:
        if "|" in line:
            run.append(line)
            continue
        if len(run) >= 2:
            rows = [cells for line_ in _without_rules(run) if (cells := _pipe_cells(line_))]
            yield [[Spec(cell, row == 0 or column == 0) for column, cell in enumerate(cells)] for row, cells in enumerate(rows)]
        run = []


def _without_rules(lines: Sequence[str]) -> list[str]:
    """Lines of nothing but rules and bars are no rows, even where they are rows of empty cells."""
    bare = [line.replace("|", "").strip() for line in lines]
    first = next((at for at, line in enumerate(bare) if line and not set(line) - set("- :")), -1)
    return [line for at, line in enumerate(lines) if at != first and (not line.strip() or set(line) - set("- :|"))]


def _pipe_cells(line: str) -> list[str]:
    cells = [cell.strip() for cell in line.split("|")]
    if cells[0] == "":
        cells = cells[1:]
    return cells[:-1] if cells and cells[-1] == "" else cells


def _html_tables(text: str) -> Iterator[list[list[Spec]]]:
    """Every table with the rows of those inside it, too, which are also tables of their own."""
    with extra("scores"):
        from bs4 import BeautifulSoup
    for table in BeautifulSoup(text, "html.parser").find_all("table"):
        rows = table.find_all("tr")
        yield [
            [_spec(cell, len(rows) - at) for cell in row.find_all(["th", "td"], recursive=False)] for at, row in enumerate(rows)
        ]


def _spec(cell: Any, rows_left: int) -> Spec:
    for line_break in cell.find_all("br"):
        line_break.replace_with("\n")
    heading = cell.name == "th" or cell.find_parent("thead") is not None
    down = rows_left if str(cell.get("rowspan")).strip() == "0" else _span(cell.get("rowspan"))
    return Spec(cell.get_text().strip(), heading, min(down, MOST_SPAN), _span(cell.get("colspan")))


def _span(value: Any) -> int:
    try:
        return min(max(int(value), 1), MOST_SPAN)
    except (TypeError, ValueError):
        return 1
