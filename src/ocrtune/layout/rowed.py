"""Tables whose rows are parted by lines across, without lines down: columns from the joints of the lines, else from white."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from ocrtune.layout.cells import Cell, Table, divided, mostly_in
from ocrtune.layout.lines import Line, build_lines
from ocrtune.layout.parts import Rect, Rule, Span, bounds, middle, shared

NEAR = 0.004  # of the page's longer side: ends this close are at one place
LEAST_LINES = 3
HIGHEST = 16.0  # letter heights of a row
LEAST_ROWS = 0.6  # of the rows have text in two columns or more
MOST_USUAL, MOST = 2.2, 6.0  # letter heights of text in the usual row, and in any, where lines are drawn whole
GUTTER = 0.6  # letter heights of white between two columns that no joint of lines parts
BROKEN = 0.1  # of a line's width: a gap in a line seen on a scan
APART = 0.8  # letter heights by which text stands farther below a line than in the usual row: another table begins


class Stroke(NamedTuple):
    """A line across, maybe drawn cell by cell: `joints` are where its pieces meet."""

    y: float
    left: float
    right: float
    joints: tuple[float, ...]


class _Band(NamedTuple):
    """A row: from above its text to its lower line. `joints` are those of the line that says where its cells end."""

    top: float
    bottom: float
    joints: tuple[float, ...]
    spans: tuple[Span, ...]


def rowed_tables(spans: Sequence[Span], rules: Sequence[Rule], longest: float) -> list[Table]:
    """Tables of at least two rows and two columns; `longest` is the page's longer side in pixels."""
    near = NEAR * longest
    every = _mended(sorted(strokes([r for r in rules if r.horizontal], near)), near)
    found = (_table(part, spans, near) for stack in _stacks(every, spans, near) for part in _apart(stack, spans))
    return [table for table in found if table is not None]


def strokes(rules: Sequence[Rule], near: float) -> Iterator[Stroke]:
    """Rules at one height that meet end to end, as one."""
    for group in _levels(rules, near):
        run: list[Rect] = []
        for box in sorted(r.box for r in group):
            if run and box[0] - max(b[2] for b in run) > near:
                yield _stroke(run, near)
                run = []
            run.append(box)
        yield _stroke(run, near)


def _mended(every: Sequence[Stroke], near: float) -> list[Stroke]:
    """Lines that a scan broke: pieces at one height that together are as wide as a whole line of the page are one, without
    joints, for the pieces end where the scan is poor and not where cells do."""
    out = list(every)
    for one in every:
        level = sorted((s for s in out if abs(s.y - one.y) <= near / 2), key=lambda s: s.left)
        if one not in level or len(level) < 2 or level[0] is not one:
            continue
        whole = Stroke(median(s.y for s in level), one.left, max(s.right for s in level), ())
        gaps = [b.left - a.right for a, b in pairwise(level)]
        known = any(_alike(whole, s, near) for s in every if s not in level)
        if known and max(gaps) <= BROKEN * (whole.right - whole.left):
            out = [whole, *(s for s in out if s not in level)]
    return sorted(out)


def _levels(rules: Sequence[Rule], near: float) -> list[list[Rule]]:
    levels: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda r: (middle(r.box)[1], r.box)):
        if levels and middle(rule.box)[1] - middle(levels[-1][-1].box)[1] <= near / 2:
            levels[-1].append(rule)
        else:
            levels.append([rule])
    return levels


def _stroke(run: Sequence[Rect], near: float) -> Stroke:
    left, right = run[0][0], max(b[2] for b in run)
    starts = [b[0] for b in run[1:] if left + near < b[0] < right - near]
    return Stroke(median(middle(b)[1] for b in run), left, right, tuple(starts))


def _stacks(every: Sequence[Stroke], spans: Sequence[Span], near: float) -> Iterator[list[Stroke]]:
    """Lines of one width below each other, no farther apart than a row is high."""
    letter = median(s.size for s in spans) if spans else 0.0
    waiting = list(every)
    while waiting:
        stack = [waiting.pop(0)]
        for stroke in list(waiting):
            if stroke.y - stack[-1].y <= HIGHEST * letter and _alike(stack[-1], stroke, near):
                stack.append(stroke)
                waiting.remove(stroke)
        if len(stack) >= LEAST_LINES:
            yield stack


def _apart(stack: Sequence[Stroke], spans: Sequence[Span]) -> Iterator[Sequence[Stroke]]:
    """The stack, cut where text begins so far below a line that it is no row of the table above: what stands between two
    tables, and the head of the lower one. Lines with joints tell their table themselves."""
    tops = [min((s.box[1] for s in _inside(spans, (a.left, a.y, a.right, b.y))), default=a.y) - a.y for a, b in pairwise(stack)]
    size = median(s.size for s in spans)
    start = 0
    for at, top in enumerate(tops):
        drawn = any(s.joints for s in stack[at : at + 2])
        if not drawn and top > median(tops) + APART * size and min(at + 1 - start, len(stack) - at - 1) >= 2:
            yield stack[start : at + 1]
            start = at + 1
    yield stack[start:]


def _alike(one: Stroke, other: Stroke, near: float) -> bool:
    """Whether two lines can be of one table: of one width, and where both are drawn in pieces, one has all joints of the other
    (a wide cell leaves some out)."""
    wide = abs(one.left - other.left) <= 2 * near and abs(one.right - other.right) <= 2 * near
    fewer, more = sorted((one.joints, other.joints), key=len)
    return wide and all(any(abs(a - b) <= near for b in more) for a in fewer)


def _table(stack: Sequence[Stroke], spans: Sequence[Span], near: float) -> Table | None:
    bands = [band for band in _bands(stack, spans) if band.spans]
    joints = _joints(bands, near)
    bands = bands if joints else [band._replace(joints=()) for band in bands]
    edges = joints or _gutters(bands)
    if len(bands) < 2 or not edges or not (joints or _one_row_each(bands)):
        return None
    rows = [_row(at, band, edges, near) for at, band in enumerate(bands)]
    if sum(sum(bool(cell.spans) for cell in row) > 1 for row in rows) < LEAST_ROWS * len(rows):
        return None
    sources = tuple(s for band in bands for s in band.spans)
    box = bounds([*(s.box for s in sources), (stack[0].left, bands[0].top, stack[0].right, bands[-1].bottom)])
    return Table(box, tuple(cell for row in rows for cell in row), sources)


def _one_row_each(bands: Sequence[_Band]) -> bool:
    """Whether the lines stand between rows, not around whole tables as books set them."""
    high = [(max(s.box[3] for s in band.spans) - min(s.box[1] for s in band.spans)) / median(s.size for s in band.spans)
            for band in bands]  # fmt: skip
    return median(high) < MOST_USUAL and max(high) < MOST


def _bands(stack: Sequence[Stroke], spans: Sequence[Span]) -> list[_Band]:
    """Rows between the lines, and the one above the first line where it has text in columns: a head without a line on top."""
    high = median(b.y - a.y for a, b in pairwise(stack))
    first = stack[0]
    head = _lowest(_inside(spans, (first.left, first.y - 1.6 * high, first.right, first.y)))
    headed = len(_pieces(head)) > 1 and first.y - max(s.box[3] for s in head) < high
    bands = [_Band(min(s.box[1] for s in head), first.y, first.joints, tuple(head))] if headed else []
    for above, below in pairwise(stack):
        inner = _inside(spans, (first.left, above.y, first.right, below.y))
        joints = below.joints if headed else tuple(sorted({*above.joints, *below.joints}))
        bands.append(_Band(above.y, below.y, joints, tuple(inner)))
    return bands


def _lowest(spans: Sequence[Span]) -> list[Span]:
    """The lowest row of text, and the rows close above it that have several cells too."""
    out: list[Span] = []
    for line in sorted(spans, key=lambda s: -middle(s.box)[1]):
        top = min((s.box[1] for s in out), default=line.box[3])
        row = [s for s in spans if shared(s.box, line.box, 1) > 0.5 * (line.box[3] - line.box[1])]
        if line not in out and (not out or (top - line.box[3] < 0.5 * line.size and len(row) > 1)):
            out += [s for s in row if s not in out]
    return out


def _inside(spans: Sequence[Span], box: Rect) -> list[Span]:
    return [s for s in spans if mostly_in(s, box)]


def _joints(bands: Sequence[_Band], near: float) -> list[float]:
    """Where most rows' lines have a joint; none where the lines are drawn whole."""
    every = sorted(x for band in bands for x in band.joints)
    groups: list[list[float]] = []
    for x in every:
        if groups and x - groups[-1][-1] <= near:
            groups[-1].append(x)
        else:
            groups.append([x])
    return [median(group) for group in groups if len(group) >= 0.5 * len(bands)]


def _gutters(bands: Sequence[_Band]) -> list[float]:
    """Middles of the white that goes through all rows which have more than one piece."""
    rows = [band.spans for band in bands if len(band.spans) > 1]
    boxes = sorted(w.box for spans in rows for s in spans for w in (s.words or (s,)))
    if len(rows) < 2:
        return []
    size = median(s.size for spans in rows for s in spans)
    reach, out = boxes[0][2], []
    for box in boxes[1:]:
        if box[0] - reach >= GUTTER * size:
            out.append((reach + box[0]) / 2)
        reach = max(reach, box[2])
    return out


def _pieces(spans: Sequence[Span]) -> list[Line]:
    """What stands side by side in a row, lines of one cell taken together."""
    lines = build_lines(list(spans))
    out: list[Line] = []
    for line in sorted(lines, key=lambda x: x.box):
        if not out or shared(line.box, out[-1].box, 0) <= 0:
            out.append(line)
    return out


def _row(at: int, band: _Band, edges: Sequence[float], near: float) -> list[Cell]:
    """The cells of a row; neighbours are one where its line has joints, but none between them, and only one has text."""
    homes: dict[int, list[Span]] = {}
    for span in band.spans:
        for piece in divided(span, edges, slack=0.0 if band.joints else 1.0):
            homes.setdefault(sum(middle(piece.box)[0] > x for x in edges), []).append(piece)
    cells: list[Cell] = []
    for column in range(len(edges) + 1):
        here = tuple(homes.get(column, ()))
        drawn = column == 0 or not band.joints or any(abs(edges[column - 1] - x) <= near for x in band.joints)
        if not drawn and not (here and cells[-1].spans):
            cells[-1] = cells[-1]._replace(spans=(*cells[-1].spans, *here), columns=cells[-1].columns + 1)
        else:
            cells.append(Cell(at, column, here))
    return cells
