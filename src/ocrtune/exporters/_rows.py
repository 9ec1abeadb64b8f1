"""Tables that are longer than a page."""

from __future__ import annotations

from collections.abc import Iterator

from ocrtune.exporters._table_setting import Ruled, laid_out
from ocrtune.exporters._tables import Cell, Grid
from ocrtune.exporters._typesetter import SMALLEST, Typesetter

LEAST_COLUMN = 3.0  # letter sizes; tables with more columns are set smaller


def split(setter: Typesetter, grid: Grid, width: float, *, size: float) -> Iterator[Ruled]:
    """Bands of rows that may stand on different pages: rows that share a cell stay together."""
    size = max(min(size, width / (LEAST_COLUMN * grid.width)), SMALLEST)
    whole = laid_out(setter, grid, width, size=size)
    start = 0
    for end in range(1, grid.height + 1):
        if end == grid.height or _divisible(grid, end):
            yield _band(whole, start, end)
            start = end


def _divisible(grid: Grid, row: int) -> bool:
    """Whether no cell stands on both sides of the upper edge of the row."""
    return not any(cell.row < row < cell.row + cell.rows for cell in grid.cells)


def _band(whole: Ruled, start: int, end: int) -> Ruled:
    kept = [(cell, lines) for cell, lines in zip(whole.grid.cells, whole.lines, strict=True) if start <= cell.row < end]
    cells: tuple[Cell, ...] = tuple(cell._replace(row=cell.row - start) for cell, _ in kept)
    grid = Grid(end - start, whole.grid.width, cells)
    return Ruled(grid, whole.size, whole.columns, whole.rows[start:end], tuple(lines for _, lines in kept))
