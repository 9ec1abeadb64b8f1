"""Tables without ruling lines: rows of short cells under one another, with white between the columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from ocrtune.layout.cells import Cell, Table, divided
from ocrtune.layout.lines import BULLET, NUMBER, Line, build_lines
from ocrtune.layout.parts import Rect, Rule, Span, bounds, middle, shared, within

LEAST_ROWS = 3
MOST_HEAD_ROWS = 3
GUTTER = 0.9  # letter heights of white that every row leaves between two columns
WIDEST = 25.0  # letter heights of white; what is farther apart has nothing to do with each other
FARTHEST = 3.2  # letter heights between the middles of two rows
PROSE, NARROW_PROSE = 10.0, 6.5  # letter heights: width of a column from which on full lines make it running text
SHORT = 15.0  # letter heights: width of the usual cell of a table without rules
AMOUNT = re.compile(
    r"[(\[<>≤≥~±+−–-]*[$€£¥₽]?\s*[\d.,:/\s%‰°×xX±+−–-]*\d[\d.,:/\s%‰°×)\]*†]*(\s?[A-Za-zа-яА-Я%µμ]{1,4})?|[—–-]|n/?a", re.I
)
EQUATION_NUMBER = re.compile(r"\(\s?[A-Z]?\.?\d+([.\-]\d+)*[a-z]?\s?\)")
LEADER = re.compile(r"(\.\s?){4,}|…{2,}|_{4,}")

Extent = tuple[float, float]  # left and right edge


class _Row(NamedTuple):
    """Pieces of text on one height, from left to right."""

    pieces: tuple[Line, ...]

    @property
    def box(self) -> Rect:
        return bounds(p.box for p in self.pieces)


def aligned_tables(spans: Sequence[Span], rules: Sequence[Rule] = (), figures: Sequence[Rect] = ()) -> list[Table]:
    """Tables of at least three rows and two columns. Running text in columns is none, nor are lists and numbered equations.

    Nothing with one of the `figures` in it is a table either. Horizontal `rules` above and below, as books set them, let a table
    of longer cells pass.
    """
    found = _tables(build_lines(spans), rules)
    return [table for table in found if not any(within(figure, table.box) for figure in figures)]


def _tables(lines: Sequence[Line], rules: Sequence[Rule]) -> list[Table]:
    out: list[Table] = []
    for window in _windows(_rows(lines)):
        head, rows = _headed(window)
        columns = _columns(rows)
        found = [table for run in _runs(rows, columns) if (table := _table(rows, run, head, rules)) is not None]
        out += found
        for column in columns if len(columns) > 1 else ():
            if not any(table.box[0] <= (column[0] + column[1]) / 2 <= table.box[2] for table in found):
                out += _tables(_column(window, column), rules)
    return out


def _rows(lines: Sequence[Line]) -> list[_Row]:
    groups: list[list[Line]] = []
    for line in sorted(lines, key=lambda p: (p.box[1] + p.box[3], p.box, p.text)):
        first = groups[-1][0] if groups else None
        if first is not None and abs(middle(line.box)[1] - middle(first.box)[1]) < 0.5 * max(line.size, first.size):
            groups[-1].append(line)
        else:
            groups.append([line])
    return [_Row(tuple(sorted(group, key=lambda p: (p.box, p.text)))) for group in groups]


# --- where a table may be ------------------------------------------------------------------------------------------------


def _windows(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Runs of rows, close together, over which white gutters go through."""
    out: list[list[_Row]] = []
    window: list[_Row] = []
    for row in rows:
        if window and not _goes_on(window, row):
            out.append(window)
            window = window[-1:] if _goes_on(window[-1:], row) else []
        window = [*window, row]
    out.append(window)
    return [trimmed for window in out if len(trimmed := _trimmed(window)) >= LEAST_ROWS]


def _goes_on(window: Sequence[_Row], row: _Row) -> bool:
    size = median(p.size for p in (*window[-1].pieces, *row.pieces))
    far = middle(row.box)[1] - middle(window[-1].box)[1] > FARTHEST * size
    return not far and len(_gutters([*window, row], size)) > 0


def _trimmed(window: Sequence[_Row]) -> list[_Row]:
    """Without the rows of a single piece before and after."""
    several = [at for at, row in enumerate(window) if len(row.pieces) > 1]
    return list(window[several[0] : several[-1] + 1]) if several else []


def _gutters(rows: Sequence[_Row], size: float) -> list[Extent]:
    """White between the columns: right edge of what is before, left edge of what is after."""
    pieces = sorted(p.box for row in rows for p in row.pieces)
    reach, out = pieces[0][2], []
    for box in pieces[1:]:
        if box[0] - reach >= GUTTER * size:
            out.append((reach, box[0]))
        reach = max(reach, box[2])
    return out


def _columns(window: Sequence[_Row]) -> list[Extent]:
    size = median(p.size for row in window for p in row.pieces)
    box = bounds(row.box for row in window)
    edges = [box[0], *[x for gutter in _gutters(window, size) for x in gutter], box[2]]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _runs(window: Sequence[_Row], columns: Sequence[Extent]) -> list[list[Extent]]:
    """Neighbouring columns that are not running text, two or more."""
    runs: list[list[Extent]] = [[]]
    for column in columns:
        if is_prose(_column(window, column), column):
            runs.append([])
        else:
            runs[-1].append(column)
    return [run for run in runs if len(run) > 1]


def _headed(window: Sequence[_Row]) -> tuple[list[_Row], list[_Row]]:
    """Rows at the top whose cells stand over several columns, and the others: more columns show without them."""
    most = min(MOST_HEAD_ROWS, len(window) - LEAST_ROWS)
    cut = max(range(most + 1), key=lambda at: (len(_columns(window[at:])), -at))
    return list(window[:cut]), list(window[cut:])


def _column(window: Sequence[_Row], column: Extent) -> list[Line]:
    return [p for row in window for p in row.pieces if column[0] <= middle(p.box)[0] <= column[1]]


def is_prose(pieces: Sequence[Line], column: Extent) -> bool:
    """Whether lines of running text fill the column: many of a wide one, nearly all of a narrow one. Numbers are none."""
    if sum(2 * sum(map(str.isalpha, p.text)) >= sum(map(str.isalnum, p.text)) for p in pieces) < 0.5 * len(pieces):
        return False
    widths = [(p.box[2] - p.box[0]) / (column[1] - column[0]) for p in pieces]
    width = _width(pieces)
    many = sum(w > 0.75 for w in widths) >= 0.4 * len(pieces)
    nearly_all = sum(w > 0.9 for w in widths) >= 0.7 * len(pieces)
    return (len(pieces) >= 3 and many and width >= PROSE) or (len(pieces) >= 6 and nearly_all and width >= NARROW_PROSE)


def _width(pieces: Sequence[Line]) -> float:
    """The usual width of pieces in letter heights."""
    return median((p.box[2] - p.box[0]) / p.size for p in pieces)


# --- whether it is one ---------------------------------------------------------------------------------------------------


def _table(window: Sequence[_Row], columns: Sequence[Extent], head: Sequence[_Row], rules: Sequence[Rule]) -> Table | None:
    left, right = columns[0][0], columns[-1][1]
    inner = [_Row(tuple(p for p in row.pieces if left <= middle(p.box)[0] <= right)) for row in window]
    rows = _trimmed([row for row in inner if row.pieces])
    if sum(len(row.pieces) > 1 for row in rows) < LEAST_ROWS:
        return None
    filled = [_column(rows, column) for column in columns]
    framed = _framed(bounds(row.box for row in rows), rules)
    if not all(filled) or not (_is_tabular(filled, framed) and all(_is_aligned(column) for column in filled)):
        return None
    if max(b[0] - a[1] for a, b in pairwise(columns)) > WIDEST * median(p.size for column in filled for p in column):
        return None
    above = _head_cells(head, columns)
    grid = _joined([_cells_of(row, [(a[1] + b[0]) / 2 for a, b in pairwise(columns)]) for row in rows])
    cells = [
        Cell(len(above) + at, column, tuple(row.get(column, ()))) for at, row in enumerate(grid) for column in range(len(columns))
    ]
    lines = [
        piece
        for row in (*head[len(head) - len(above) :], *rows)
        for piece in row.pieces
        if left - 1 <= middle(piece.box)[0] <= right + 1
    ]
    sources = tuple(s for line in lines for s in line.spans)
    return Table(bounds(s.box for s in sources), tuple(cell for row in above for cell in row) + tuple(cells), sources)


def _head_cells(head: Sequence[_Row], columns: Sequence[Extent]) -> list[list[Cell]]:
    """The rows above a table as cells over one or several of its columns; those from the last row that does not fit are none."""
    fitting: list[list[tuple[Line, int, int]]] = []
    for row in reversed(head):
        inside = [p for p in row.pieces if columns[0][0] - 1 <= middle(p.box)[0] <= columns[-1][1] + 1]
        ranges = [(p, *_covered(p, columns)) for p in inside]
        if not ranges or any(a[2] >= b[1] for a, b in pairwise(ranges)):
            break
        fitting.insert(0, ranges)
    return [_filled(ranges, at, len(columns)) for at, ranges in enumerate(fitting)]


def _covered(piece: Line, columns: Sequence[Extent]) -> tuple[int, int]:
    """First and last column that a piece stands over; the nearest one where it stands over none."""
    over = [at for at, (left, right) in enumerate(columns) if min(piece.box[2], right) - max(piece.box[0], left) > 0]
    x = middle(piece.box)[0]
    nearest = min(range(len(columns)), key=lambda at: abs(sum(columns[at]) / 2 - x))
    return (over[0], over[-1]) if over else (nearest, nearest)


def _filled(ranges: Sequence[tuple[Line, int, int]], row: int, columns: int) -> list[Cell]:
    """Cells of one row, with empty ones where nothing stands."""
    taken = {at for _, first, last in ranges for at in range(first, last + 1)}
    cells = [Cell(row, first, piece.spans, columns=last - first + 1) for piece, first, last in ranges]
    return sorted([*cells, *(Cell(row, at, ()) for at in range(columns) if at not in taken)], key=lambda cell: cell.column)


def _framed(box: Rect, rules: Sequence[Rule]) -> bool:
    """Whether rules as wide as the table run above, below or between its rows: two at least."""
    high, wide = box[3] - box[1], box[2] - box[0]
    slack = 0.15 * high + 0.02 * wide
    near = [r for r in rules if r.horizontal and box[1] - slack < r.box[1] < box[3] + slack]
    return len({round(r.box[1]) for r in near if shared(r.box, box, 0) > 0.9 * wide and r.box[2] - r.box[0] < 1.3 * wide}) >= 2


def _is_tabular(columns: Sequence[Sequence[Line]], framed: bool) -> bool:
    first, last = columns[0], columns[-1]
    if len(columns) == 2 and all(BULLET.fullmatch(p.text.strip()) or NUMBER.fullmatch(p.text.strip()) for p in first):
        return False
    if len(columns) == 2 and all(EQUATION_NUMBER.fullmatch(p.text.strip()) for p in last):
        return False
    pieces = [p for column in columns for p in column]
    if sum(LEADER.search(p.text) is not None for p in pieces) > 0.3 * max(len(c) for c in columns):
        return False
    if sum(p.text[:1] in "•‣▪◦●■" for column in columns[1:] for p in column) > 0.3 * len(last):
        return False
    if framed:
        return True
    if _width(pieces) > SHORT:
        return False
    amounts = sum(_mostly(column, lambda p: AMOUNT.fullmatch(p.text.strip()) is not None) for column in columns)
    labels = _mostly(first, lambda p: p.text.rstrip().endswith((":", "：")))
    return amounts > 0 or labels or (len(columns) > 2 and max(map(_width, columns)) <= SHORT)


def _mostly(column: Sequence[Line], holds: Callable[[Line], bool]) -> bool:
    return sum(map(holds, column)) >= 0.5 * len(column)


def _is_aligned(column: Sequence[Line]) -> bool:
    """Most cells have one left edge, right edge or middle."""
    size = median(p.size for p in column)
    for places in ([p.box[0] for p in column], [p.box[2] for p in column], [middle(p.box)[0] for p in column]):
        usual = median(places)
        if sum(abs(x - usual) < 0.7 * size for x in places) >= 0.6 * len(places):
            return True
    return False


def _cells_of(row: _Row, middles: Sequence[float]) -> dict[int, list[Span]]:
    cells: dict[int, list[Span]] = {}
    for piece in row.pieces:
        for part in (p for span in piece.spans for p in divided(span, middles)):
            cells.setdefault(sum(middle(part.box)[0] > x for x in middles), []).append(part)
    return cells


def _joined(rows: Sequence[dict[int, list[Span]]]) -> list[dict[int, list[Span]]]:
    """A row without its first cell, set closer than the others, goes on with the cells of the one above."""
    tops = [middle(bounds(p.box for cell in row.values() for p in cell))[1] for row in rows]
    steps = [b - a for a, b in pairwise(tops)]
    out = [dict(rows[0])]
    for at, row in enumerate(rows[1:]):
        goes_on = 0 not in row and len(row) < len(out[-1]) and steps[at] < 0.8 * max(steps) and row.keys() <= out[-1].keys()
        if goes_on:
            out[-1] = {column: [*cell, *row.get(column, [])] for column, cell in out[-1].items()}
        else:
            out.append(dict(row))
    return out
