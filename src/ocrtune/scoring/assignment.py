"""The cheapest one-to-one assignment (shortest augmenting paths), as scipy's `linear_sum_assignment` solves it.

Where several assignments are equally cheap it finds the one that scipy finds, down to the order in which columns are looked at.
"""

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
    solver = _Solver(matrix)
    for row in range(len(matrix)):
        solver.take(row)
    return sorted((int(row), column) for column, row in enumerate(solver.row_of) if row >= 0)


class _Solver:
    """Rows that have their column, and the prices of rows and columns that prove that nothing is cheaper."""

    def __init__(self, matrix: Any) -> None:
        self._matrix = matrix
        rows, columns = matrix.shape
        self._row_price, self._column_price = np.zeros(rows), np.zeros(columns)
        self.row_of, self._column_of = np.full(columns, -1), np.full(rows, -1)

    def take(self, start: int) -> None:
        """Give one more row a column; others may change theirs."""
        columns = self._matrix.shape[1]
        open_ = np.arange(columns)[::-1].copy()  # so the first of equals is the last of these
        shortest, came_from = np.full(columns, np.inf), np.full(columns, -1)
        seen: list[int] = []
        row, least = start, 0.0
        while True:
            reached = least + self._matrix[row, open_] - self._row_price[row] - self._column_price[open_]
            better = reached < shortest[open_]
            shortest[open_[better]], came_from[open_[better]] = reached[better], row
            at = self._nearest(shortest[open_], open_)
            column = int(open_[at])
            least = float(shortest[column])
            seen.append(column)
            open_[at] = open_[-1]
            open_ = open_[:-1]
            if self.row_of[column] < 0:
                break
            row = int(self.row_of[column])
        self._raise(start, seen, shortest, least)
        self._turn(came_from, column, start)

    def _nearest(self, distances: Any, columns: Any) -> int:
        """Where the nearest column stands: the last one of equals that has no row, else the first."""
        equal = np.flatnonzero(distances == distances.min())
        free = equal[self.row_of[columns[equal]] < 0]
        return int(free[-1] if len(free) else equal[0])

    def _raise(self, start: int, seen: list[int], shortest: Any, least: float) -> None:
        self._row_price[start] += least
        for column in seen[:-1]:
            self._row_price[self.row_of[column]] += least - shortest[column]
        self._column_price[seen] -= least - shortest[seen]

    def _turn(self, came_from: Any, column: int, start: int) -> None:
        """Give every row on the way back the column that it was left by."""
        while True:
            row = int(came_from[column])
            self.row_of[column] = row
            column, self._column_of[row] = int(self._column_of[row]), column
            if row == start:
                return
