"""The cheapest one-to-one assignment (shortest augmenting paths), as scipy's `linear_sum_assignment` solves it."""

from __future__ import annotations

from typing import Any

import numpy as np


def assigned(costs: Any) -> list[tuple[int, int]]:
    """Pairs (row, column) of the smaller side's size with the least sum, by row. `costs` is a matrix without NaN."""
    matrix = np.asarray(costs, dtype=np.float64)
    if not matrix.size:
        return []
    if matrix.shape[0] > matrix.shape[1]:
        return sorted((row, column) for column, row in assigned(matrix.T))
    rows, columns = matrix.shape
    u, v = np.zeros(rows), np.zeros(columns)
    row_of = np.full(columns, -1)
    for start in range(rows):
        shortest = np.full(columns, np.inf)
        came_from = np.full(columns, -1)
        seen_rows, seen_columns = np.zeros(rows, dtype=bool), np.zeros(columns, dtype=bool)
        row, least, sink = start, 0.0, -1
        while sink < 0:
            seen_rows[row] = True
            reached = least + matrix[row] - u[row] - v
            better = ~seen_columns & (reached < shortest)
            came_from[better], shortest[better] = row, reached[better]
            column, least = _nearest(shortest, seen_columns, row_of)
            seen_columns[column] = True
            if row_of[column] < 0:
                sink = column
            else:
                row = int(row_of[column])
        _raise(u, v, least, _Reached(start, seen_rows, seen_columns, shortest, row_of))
        _turn(row_of, came_from, sink, start)
    return sorted((int(row), column) for column, row in enumerate(row_of) if row >= 0)


def _nearest(shortest: Any, seen: Any, row_of: Any) -> tuple[int, float]:
    """The nearest column that was not seen; among equals one without a row."""
    open_ = np.where(seen, np.inf, shortest)
    least = float(open_.min())
    equal = np.flatnonzero(open_ == least)
    free = equal[row_of[equal] < 0]
    return int(free[0] if len(free) else equal[0]), least


class _Reached:
    """What one search has seen."""

    def __init__(self, start: int, rows: Any, columns: Any, shortest: Any, row_of: Any) -> None:
        self.start, self.rows, self.columns, self.shortest, self.row_of = start, rows, columns, shortest, row_of


def _raise(u: Any, v: Any, least: float, reached: _Reached) -> None:
    u[reached.start] += least
    column_of = {int(row): column for column, row in enumerate(reached.row_of) if row >= 0}
    for row in np.flatnonzero(reached.rows):
        if row != reached.start:
            u[row] += least - reached.shortest[column_of[int(row)]]
    v[reached.columns] -= least - reached.shortest[reached.columns]


def _turn(row_of: Any, came_from: Any, sink: int, start: int) -> None:
    column = sink
    while True:
        row = int(came_from[column])
        before = np.flatnonzero(row_of == row)
        row_of[column] = row
        if row == start:
            return
        column = int(before[0])
