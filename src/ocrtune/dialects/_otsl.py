"""Tables in OTSL (Lysak et al. 2023, arXiv:2305.03393): one token for each place of the grid, rows ended by `<nl>`.

`fcel` holds a cell's text and `ecel` none; `ched`, `rhed` and `srow` are headers of columns, rows and sections; `lcel`, `ucel`
and `xcel` belong to the cell on their left, above, or both.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ocrtune.dialects._html import Cell, escaped, unescaped
from ocrtune.dialects._problems import Problems

TOKEN = re.compile(r"<(fcel|ecel|ched|rhed|srow|lcel|ucel|xcel|nl)>")
AROUND = re.compile(r"</?otsl>|<loc_\d{1,4}>|```[\w-]*")
LEFT, ABOVE, BOTH = "lcel", "ucel", "xcel"
HEADERS = ("ched", "rhed", "srow")


class Place(NamedTuple):
    token: str
    text: str


def write_otsl(rows: list[list[Cell]]) -> str:
    """A table as one line. Rows shorter than the table is wide are filled with empty cells."""
    places: list[dict[int, str]] = [{} for _ in rows]
    for number, row in enumerate(rows):
        column = 0
        for cell in row:
            while column in places[number]:
                column += 1
            _lay(cell, places[number : number + cell.rows], column, _token(cell, row, column))
            column += cell.columns
    width = max((max(row, default=-1) + 1 for row in places), default=0)
    return "".join("".join(row.get(column, "<ecel>") for column in range(width)) + "<nl>" for row in places)


def _lay(cell: Cell, rows: list[dict[int, str]], column: int, first: str) -> None:
    """The cell over its rows and columns; what is taken already stays."""
    for down, row in enumerate(rows):
        for across in range(cell.columns):
            mark = f"<{BOTH if down and across else ABOVE if down else LEFT}>" if down or across else first
            row.setdefault(column + across, mark)


def _token(cell: Cell, row: list[Cell], column: int) -> str:
    text = unescaped(cell.inner)
    if cell.header:
        return f"<{'rhed' if column == 0 and not all(other.header for other in row) else 'ched'}>{text}"
    return f"<fcel>{text}" if text else "<ecel>"


def read_otsl(text: str, problems: Problems) -> list[list[Cell]]:
    """The rows of a table. Spans without a cell to belong to are empty cells, and a problem."""
    grid, whole = _places(text, problems)
    if grid and not whole:
        problems.add("truncated", "the reply ends within a row")
    taken: set[tuple[int, int]] = set()
    rows: list[list[Cell]] = []
    for down, row in enumerate(grid):
        cells: list[Cell] = []
        for across, place in enumerate(row):
            if (down, across) in taken:
                continue
            if place.token in (LEFT, ABOVE, BOTH):
                problems.add("bad-span", f"<{place.token}> in row {down + 1} has no cell to belong to")
            columns, height = _extent(grid, down, across)
            taken |= {(down + below, across + beside) for below in range(height) for beside in range(columns)}
            cells.append(Cell(escaped(place.text), place.token in HEADERS, height, columns))
        rows.append(cells)
    return rows


def _extent(grid: list[list[Place]], down: int, across: int) -> tuple[int, int]:
    """Columns and rows of the cell whose first place this is."""
    columns = height = 1
    while across + columns < len(grid[down]) and grid[down][across + columns] == Place(LEFT, ""):
        columns += 1
    while down + height < len(grid) and _covered(grid[down + height], across, columns):
        height += 1
    return columns, height


def _covered(row: list[Place], across: int, columns: int) -> bool:
    below = row[across : across + columns]
    return len(below) == columns and below[0] == Place(ABOVE, "") and all(p in ((BOTH, ""), (ABOVE, "")) for p in below[1:])


def _places(text: str, problems: Problems) -> tuple[list[list[Place]], bool]:
    """The grid, and whether its last row is finished. What stands around the table is a problem when it is not a mark."""
    grid: list[list[Place]] = [[]]
    tokens = list(TOKEN.finditer(text))
    ends = [token.start() for token in tokens[1:]] + [len(text)]
    around = [text[: tokens[0].start()] if tokens else text]
    for token, end in zip(tokens, ends, strict=True):
        said = text[token.end() : end]
        if token[1] == "nl":
            grid.append([])
            around.append(said)
        else:
            grid[-1].append(Place(token[1], AROUND.sub("", said).strip() if end == len(text) else said.strip()))
    prose = " ".join(AROUND.sub("", part).strip() for part in around).strip()
    if prose and tokens:
        problems.add("prose", f"{prose[:40]!r} stands around the table")
    whole = not grid[-1]
    return (grid[:-1] if whole else grid), whole
