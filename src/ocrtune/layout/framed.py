"""Tables as books set them: a line above, a line below, one under the head, and columns that only white parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from ocrtune.layout.aligned import is_prose
from ocrtune.layout.cells import Cell, Table, mostly_in
from ocrtune.layout.lines import build_lines
from ocrtune.layout.parts import Rect, Rule, Span, SpanWord, bounds, middle
from ocrtune.layout.rowed import NEAR, Stroke, strokes

LEAST_ROWS = 3
COLUMNAR = 0.5  # of the rows between two lines have several cells
THROUGH = 0.12  # of the rows may reach over the white between two columns: heads over several of them
WHOLE = 0.9  # of the table's width: a line under its head
GUTTER = 0.5  # letter heights
GRID = 4.0  # places per letter height at which white is looked for

Row = list[Span]


def framed_tables(spans: Sequence[Span], rules: Sequence[Rule], longest: float) -> list[Table]:
    """Tables between lines of one width; `longest` is the page's longer side in pixels. Running text in columns is none, and only
    a table with a line under its head may have a column of it."""
    near = NEAR * longest
    every = sorted(strokes([r for r in rules if r.horizontal], near))
    found = (_table(box, spans, every) for stack in _stacks(every, near) for box in _frames(stack, spans))
    return [table for table in found if table is not None]


def _stacks(every: Sequence[Stroke], near: float) -> Iterator[list[Stroke]]:
    """Lines of one width and place, from top to bottom."""
    waiting = list(every)
    while waiting:
        first = waiting[0]
        stack = [s for s in waiting if abs(s.left - first.left) <= 2 * near and abs(s.right - first.right) <= 2 * near]
        waiting = [s for s in waiting if s not in stack]
        yield stack


def _frames(stack: Sequence[Stroke], spans: Sequence[Span]) -> Iterator[Rect]:
    """What lies between lines and is set in columns; neighbours together, but parted by a double line."""
    run: list[Stroke] = []
    for above, below in pairwise(stack):
        rows = _rows([s for s in spans if mostly_in(s, (above.left, above.y, above.right, below.y))])
        if rows and sum(len(row) > 1 for row in rows) >= COLUMNAR * len(rows):
            run = [*run, below] if run else [above, below]
        elif run:
            yield run[0].left, run[0].y, run[0].right, run[-1].y
            run = []
    if run:
        yield run[0].left, run[0].y, run[0].right, run[-1].y


def _rows(spans: Sequence[Span]) -> list[Row]:
    """Pieces of text on one height, from left to right, rows from top to bottom."""
    rows: list[Row] = []
    for span in sorted(spans, key=lambda s: middle(s.box)[1]):
        if rows and middle(span.box)[1] - middle(rows[-1][0].box)[1] < 0.5 * max(span.size, rows[-1][0].size):
            rows[-1].append(span)
        else:
            rows.append([span])
    return [sorted(row, key=lambda s: s.box) for row in rows]


def _table(frame: Rect, spans: Sequence[Span], every: Sequence[Stroke]) -> Table | None:
    inside = [s for s in spans if mostly_in(s, frame)]
    rows = _rows(inside)
    if len(rows) < LEAST_ROWS:
        return None
    edges = _edges(rows)
    columns = list(zip([frame[0], *edges], [*edges, frame[2]], strict=True))
    headed = any(frame[1] < s.y < frame[3] and s.right - s.left > WHOLE * (frame[2] - frame[0]) for s in every)
    if not edges or sum(_reads_on(inside, column) for column in columns) > headed:
        return None
    head = _head(frame, spans, len(rows), every)
    if len(head) != len(columns):
        head = []
    cells = [Cell(0, at, (span,)) for at, span in enumerate(head)]
    cells += [cell for at, row in enumerate(rows, bool(head)) for cell in _cells(at, row, edges, every)]
    inside = [*head, *inside]
    return Table(bounds([frame, *(s.box for s in inside)]), tuple(cells), tuple(inside))


def _head(frame: Rect, spans: Sequence[Span], rows: int, every: Sequence[Stroke]) -> Row:
    """What stands right above the first of the lines that part the rows: a head on a ground of its own, from left to right."""
    left, top, right, bottom = frame
    between = sum(top < s.y < bottom and s.right - s.left > WHOLE * (right - left) for s in every)
    above = (left, top - 1.2 * (bottom - top) / rows, right, top)
    found = _rows([s for s in spans if mostly_in(s, above)])
    return found[-1] if found and between >= rows - 1 else []


def _edges(rows: Sequence[Row]) -> list[float]:
    """Middles of the white between columns, which nearly all rows with several pieces leave."""
    several = [row for row in rows if len(row) > 1]
    size = median(s.size for row in rows for s in row)
    box = bounds(s.box for row in rows for s in row)
    places = int((box[2] - box[0]) / size * GRID) + 1
    step = (box[2] - box[0]) / places
    counts = [0] * places
    for row in several:
        taken: set[int] = set()
        for left, _, right, _ in (w.box for s in row for w in (s.words or (s,))):
            taken.update(range(max(int((left - box[0]) / step), 0), min(int((right - box[0]) / step) + 1, places)))
        for at in taken:
            counts[at] += 1
    white = [count <= THROUGH * len(several) for count in counts]
    return [box[0] + (a + b) / 2 * step for a, b in _stretches(white) if a > 0 and b < places and (b - a) * step >= GUTTER * size]


def _stretches(white: Sequence[bool]) -> Iterator[tuple[int, int]]:
    start = None
    for at, free in enumerate([*white, False]):
        if free and start is None:
            start = at
        elif not free and start is not None:
            yield start, at
            start = None


def _reads_on(spans: Sequence[Span], column: tuple[float, float]) -> bool:
    """Whether a column holds running text."""
    lines = build_lines([s for s in spans if column[0] <= middle(s.box)[0] <= column[1]])
    return bool(lines) and is_prose(lines, column)


def _cells(at: int, row: Row, edges: Sequence[float], every: Sequence[Stroke]) -> Iterator[Cell]:
    """The cells of a row; a piece with a line of its own under it spans the columns that the line spans."""
    homes: dict[int, list[Span]] = {}
    wide: dict[int, int] = {}
    for span in row:
        under = _underlined(span, every)
        if under is not None:
            first, last = (sum(x > edge for edge in edges) for x in (under.left + span.size, under.right - span.size))
            homes.setdefault(first, []).append(span)
            wide[first] = last - first + 1
            continue
        for piece in _divided(span, edges):
            homes.setdefault(sum(middle(piece.box)[0] > edge for edge in edges), []).append(piece)
    column = 0
    while column <= len(edges):
        span_of = wide.get(column, 1)
        inside = [s for c in range(column, column + span_of) for s in homes.get(c, ())]
        yield Cell(at, column, tuple(inside), columns=min(span_of, len(edges) + 1 - column))
        column += span_of


def _underlined(span: Span, every: Sequence[Stroke]) -> Stroke | None:
    """The line close under a piece of text that is wider than it, and not as wide as a table."""
    width = span.box[2] - span.box[0]
    for stroke in every:
        close = -0.3 * span.size < stroke.y - span.box[3] < 0.9 * span.size
        around = stroke.left - span.size < span.box[0] and span.box[2] < stroke.right + span.size
        wider = any(o.left <= stroke.left and o.right >= stroke.right and o.right - o.left > 1.3 * (stroke.right - stroke.left)
                    for o in every)  # fmt: skip
        if close and around and wider and stroke.right - stroke.left > width:
            return stroke
    return None


def _divided(span: Span, edges: Sequence[float]) -> list[Span]:
    """A line of text cut where the white of an edge goes through it; whole where a word stands across."""
    groups: list[list[SpanWord]] = []
    for word in span.words:
        last = groups[-1][-1] if groups else None
        cut = last is not None and any(last.box[2] <= x <= word.box[0] for x in edges)
        if last is None or (cut and last is not None and word.box[0] - last.box[2] >= GUTTER * span.size):
            groups.append([])
        groups[-1].append(word)
    if len(groups) < 2:
        return [span]
    return [
        span._replace(text=" ".join(w.text for w in words), box=bounds(w.box for w in words), words=tuple(words))
        for words in groups
    ]
