"""Tables with ruling lines: the grid that the lines make, with cells merged where a line is missing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from ocrtune.layout.cells import Cell, Table, divided, mostly_in
from ocrtune.layout.lines import build_lines
from ocrtune.layout.parts import Rect, Rule, Span, area, bounds, middle, shared

NEAR = 0.004  # of the page's longer side: lines this close are at one place
TOUCH = 0.001, 2.0  # of the page's longer side, and pixels: lines this close meet
LEAST_FILLED = 0.2  # of the cells: fewer with text are a chart or squared paper
LEAST_ROWS = 3  # lines in the first column of a row that may be several rows
MOSTLY_FILLED, MOSTLY_DRAWN = 0.4, 0.42  # of the cells, of the walls between them: for what looks like a picture
WHOLE, NAMED = 0.9, 0.8  # of the walls are drawn, of the rows have text in the first column: a form that nobody filled in yet
SHORTEST, WORDED = 3, 16  # letters of a word; cells with words that no chart has
MOST_LINES = 10  # in the usual cell: more are the columns of a newspaper with rules between them

Place = tuple[int, int]


def ruled_tables(spans: Sequence[Span], rules: Sequence[Rule], pictures: Sequence[Rect], longest: float) -> list[Table]:
    """Tables made by `rules`; `longest` is the page's longer side in pixels.

    Where somebody saw a picture, only a grid that is mostly drawn and filled is a table: axes and grid lines of charts are not.
    """
    near = NEAR * longest
    found: list[Table] = []
    for group in _connected(rules, TOUCH[0] * longest + TOUCH[1]):
        box = bounds(r.box for r in group)
        drawn = any(shared(box, p, 0) > 0 and shared(box, p, 1) > 0 and area(p) < 4 * area(box) for p in pictures)
        table = _table(spans, group, near, strict=drawn)
        if table is not None and not any(shared(table.box, t.box, 0) > 0 and shared(table.box, t.box, 1) > 0 for t in found):
            found.append(table)
    return found


def _connected(rules: Sequence[Rule], near: float) -> list[list[Rule]]:
    """Rules that touch each other, directly or through others; groups from the largest area on."""
    waiting = sorted(rules)
    groups = []
    while waiting:
        group, edge = [], [waiting.pop()]
        while edge:
            rule = edge.pop()
            group.append(rule)
            wide = (rule.box[0] - near, rule.box[1] - near, rule.box[2] + near, rule.box[3] + near)
            touched = [r for r in waiting if shared(r.box, wide, 0) >= 0 and shared(r.box, wide, 1) >= 0]
            if touched:
                waiting = [r for r in waiting if r not in touched]
                edge += touched
        groups.append(group)
    return sorted(groups, key=len, reverse=True)


def _table(spans: Sequence[Span], rules: Sequence[Rule], near: float, *, strict: bool) -> Table | None:
    across, down = [r for r in rules if r.horizontal], [r for r in rules if not r.horizontal]
    if len(across) < 2 or not down:
        return None
    box = bounds(r.box for r in rules)
    inside = [s for s in spans if mostly_in(s, box)]
    xs = _edges([middle(r.box)[0] for r in down], (box[0], box[2]), near)
    ys = _edges([middle(r.box)[1] for r in across], (box[1], box[3]), near)
    if len(xs) < 3 or len(xs) * len(ys) > 20_000:
        return None
    added = _text_rows(_homes(inside, xs, ys), ys)
    ys = sorted({*ys, *added})
    if len(ys) < 3:
        return None
    homes = _homes(inside, xs, ys)
    walls = _Walls(across, down, _Grid(xs, ys, added, near))
    if strict and walls.drawn < MOSTLY_DRAWN:
        return None
    pieces = _merged(walls)
    cells = [_cell(piece, homes) for piece in pieces]
    filled = [cell for cell in cells if cell.spans]
    if len(cells) < 3 or not (_is_filled(filled, len(cells), strict=strict) or _is_form(filled, walls) or _is_worded(filled)):
        return None
    if median(len(build_lines(cell.spans)) for cell in filled) > MOST_LINES:
        return None
    return Table(box, tuple(sorted(cells, key=lambda cell: cell[:2])), tuple(inside))


def _is_filled(filled: Sequence[Cell], cells: int, *, strict: bool) -> bool:
    enough = len(filled) >= max(2, (MOSTLY_FILLED if strict else LEAST_FILLED) * cells)
    return enough and len({cell.row for cell in filled}) > 1 and len({cell.column for cell in filled}) > 1


def _is_form(filled: Sequence[Cell], walls: _Walls) -> bool:
    """Whether all walls are drawn and the rows have names in the first column: what is empty is there to be filled in."""
    rows = walls.size[0]
    named = sum(cell.column == 0 and any(c.isalpha() for c in cell.text) for cell in filled)
    return rows >= LEAST_ROWS and walls.drawn >= WHOLE and named >= NAMED * rows


def _is_worded(filled: Sequence[Cell]) -> bool:
    """Whether so many cells have words that it is a form, however much is empty: a chart has numbers and a few names."""
    words = [cell for cell in filled if sum(map(str.isalpha, cell.text)) >= SHORTEST]
    return len(words) >= WORDED and len({cell.column for cell in words}) > 2 and len({cell.row for cell in words}) > 2


def _edges(places: Sequence[float], ends: tuple[float, float], near: float) -> list[float]:
    """Where the grid's lines are, those at one place taken together; the ends of the crossing lines close an open grid."""
    groups: list[list[float]] = []
    for place in sorted(places):
        if groups and place - groups[-1][-1] <= near:
            groups[-1].append(place)
        else:
            groups.append([place])
    out = [sum(group) / len(group) for group in groups]
    if out[0] - ends[0] > 3 * near:
        out.insert(0, ends[0])
    if ends[1] - out[-1] > 3 * near:
        out.append(ends[1])
    return out


def _text_rows(homes: dict[Place, list[Span]], ys: Sequence[float]) -> set[float]:
    """Edges of rows that are not drawn: where the lines of the first column have one each beside them in the others."""
    out: set[float] = set()
    for row in range(len(ys) - 1):
        columns = [build_lines(spans) for (r, _), spans in sorted(homes.items()) if r == row]
        if len(columns) < 2 or len(columns[0]) < LEAST_ROWS:
            continue
        heads = [middle(line.box)[1] for line in columns[0]]
        size = columns[0][0].size
        fits = [all(min(abs(middle(line.box)[1] - y) for y in heads) < 0.5 * size for line in column) for column in columns[1:]]
        if all(fits) and max(len(column) for column in columns[1:]) >= 0.8 * len(heads):
            out.update((a.box[3] + b.box[1]) / 2 for a, b in pairwise(columns[0]))
    return out


class _Grid(NamedTuple):
    """Edges of columns and of rows; those in `added` are told by the text, not drawn. `near`: how far a rule may be off."""

    xs: list[float]
    ys: list[float]
    added: set[float]
    near: float


class _Walls:
    """Which lines of the grid are drawn between which cells."""

    def __init__(self, across: Sequence[Rule], down: Sequence[Rule], grid: _Grid) -> None:
        xs, ys, added, near = grid
        rows, columns = self.size = len(ys) - 1, len(xs) - 1
        lower = [[r for r in across if abs(middle(r.box)[1] - y) <= near] for y in ys[1:-1]]
        right = [[r for r in down if abs(middle(r.box)[0] - x) <= near] for x in xs[1:-1]]
        self._below = [
            [ys[r + 1] in added or self._drawn(lower[r], 0, xs[c : c + 2]) for c in range(columns)] for r in range(rows - 1)
        ]
        self._right = [[self._drawn(right[c], 1, ys[r : r + 2]) for c in range(columns - 1)] for r in range(rows)]

    @staticmethod
    def _drawn(rules: Sequence[Rule], axis: int, ends: Sequence[float]) -> bool:
        """Whether rules cover more than half of the way between `ends` along `axis`."""
        covered = sum(max(0.0, min(r.box[axis + 2], ends[1]) - max(r.box[axis], ends[0])) for r in rules)
        return covered > 0.5 * (ends[1] - ends[0])

    @property
    def drawn(self) -> float:
        """Share of the walls between two cells that are drawn."""
        every = [wall for walls in (self._below, self._right) for row in walls for wall in row]
        return sum(every) / max(len(every), 1)

    def below(self, row: int, column: int) -> bool:
        return row + 1 >= self.size[0] or self._below[row][column]

    def right(self, row: int, column: int) -> bool:
        return column + 1 >= self.size[1] or self._right[row][column]


def _merged(walls: _Walls) -> list[tuple[Place, Place]]:
    """Rectangles of grid places without walls in them: first and last place, from top left on."""
    rows, columns = walls.size
    free = {(r, c) for r in range(rows) for c in range(columns)}
    out = []
    for start in sorted(free):
        if start not in free:
            continue
        row, last = start
        while not walls.right(row, last) and (row, last + 1) in free:
            last += 1
        bottom = row
        while _extends(walls, bottom, start[1], last) and all((bottom + 1, c) in free for c in range(start[1], last + 1)):
            bottom += 1
        free -= {(r, c) for r in range(row, bottom + 1) for c in range(start[1], last + 1)}
        out.append((start, (bottom, last)))
    return out


def _extends(walls: _Walls, row: int, first: int, last: int) -> bool:
    """Whether the piece `first` … `last` of a row goes on in the row below."""
    open_below = not any(walls.below(row, c) for c in range(first, last + 1))
    return open_below and row + 1 < walls.size[0] and not any(walls.right(row + 1, c) for c in range(first, last))


def _homes(spans: Sequence[Span], xs: Sequence[float], ys: Sequence[float]) -> dict[Place, list[Span]]:
    homes: dict[Place, list[Span]] = {}
    for span in spans:
        for piece in divided(span, xs[1:-1]):
            x, y = middle(piece.box)
            home = max(sum(y > edge for edge in ys[1:-1]), 0), max(sum(x > edge for edge in xs[1:-1]), 0)
            homes.setdefault(home, []).append(piece)
    return homes


def _cell(piece: tuple[Place, Place], homes: dict[Place, list[Span]]) -> Cell:
    (row, column), (bottom, last) = piece
    spans = [s for r in range(row, bottom + 1) for c in range(column, last + 1) for s in homes.get((r, c), ())]
    return Cell(row, column, tuple(spans), bottom - row + 1, last - column + 1)
