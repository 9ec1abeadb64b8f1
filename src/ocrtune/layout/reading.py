"""Reading order of boxes: cuts where the page has them, Breuel's partial order where it has none.

A page falls apart at white bands and gutters (Nagy's recursive X-Y cut). Which of two crossing cuts comes first decides the
order: gutters do, unless the band is clearly wider or the columns are rows of marks and what they mark, such as equations
and their numbers. Boxes that no cut separates are sorted topologically (Breuel, High Performance Document Layout Analysis,
2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ocrtune.core import Size
from ocrtune.layout.parts import Rect, bounds, overlap, shared

TOUCH = 0.003  # of the page's side: boxes that overlap by less are taken as side by side
WIDER = 1.4  # a white band this much wider than the gutter it crosses separates what is above from what is below
SPREAD = (1.25, 1.65)  # width / height of two facing pages
MARGIN = 0.12  # of the page's height: where running heads and feet are
THIN = 0.035  # of the page's height: one line or two
MARK = 0.05  # of the page's height: the lower of a mark and what it marks
TALL = 1.8  # times as high as wide: more is no mark, but words that run down the edge of a page
ASIDE = 0.25  # of the narrower box's width: boxes that run into one another by less stand side by side
NARROW = 0.15  # of the page's width: a column of marks
STRIPS = 200  # places across the page at which boxes are looked for
OPEN = 0.2  # of what the tallest column covers: less is a gutter, crossed by titles only
INTO = 0.4  # of a gutter: text of the columns does not reach as far into it
LEVEL = 0.1  # of their height: columns that were made equally long end within it
CROWD = 150  # boxes that no cut separates: more are no page that a person reads, and the partial order takes cubic time

Places = list[int]


def order(boxes: Sequence[Rect], size: Size, *, vertical: bool = False) -> list[int]:
    """Indices of `boxes` in reading order. The order in which they are given does not matter, except among equal boxes.

    `vertical`: lines of the page run down and follow each other from right to left. Turned by a quarter, such a page reads
    like any other: its tiers are columns, its columns lines.
    """
    if vertical:
        return order([turned(b, size) for b in boxes], Size(size.height, size.width))
    places = sorted(range(len(boxes)), key=lambda i: (boxes[i][1], boxes[i][0], boxes[i]))
    page = _Page([boxes[i] for i in places], size)
    parts = [part for half in page.halves(list(range(len(places)))) for part in page.margins(half)]
    return [places[i] for part in parts for i in page.sort(part)]


def halves(boxes: Sequence[Rect], size: Size) -> list[list[int]]:
    """Indices of `boxes` on each of two facing pages, or of all where it is one page."""
    return _Page(list(boxes), size).halves(list(range(len(boxes))))


def turned(box: Rect, size: Size) -> Rect:
    """A box of a page of `size` turned left by a quarter: from the right edge down becomes from the top to the right."""
    return box[1], size.width - box[2], box[3], size.width - box[0]


class _Page(NamedTuple):
    """`boxes` stand in the order of their tops, so that a place in the list also breaks ties."""

    boxes: list[Rect]
    size: Size

    # --- whole pages -----------------------------------------------------------------------------------------------------

    def halves(self, places: Places) -> list[Places]:
        """Two facing pages apart, where nothing crosses the fold."""
        if not SPREAD[0] <= self.size.width / self.size.height <= SPREAD[1]:
            return [places]
        left = [i for i in places if sum(self.boxes[i][::2]) < self.size.width]
        right = [i for i in places if i not in set(left)]
        fold, slack = self.size.width / 2, 0.02 * self.size.width
        crossing = any(self.boxes[i][2] > fold + slack for i in left) or any(self.boxes[i][0] < fold - slack for i in right)
        return [places] if crossing or len(left) < 3 or len(right) < 3 else [left, right]

    def margins(self, places: Places) -> list[Places]:
        """Heads, body, feet: thin boxes in the margins above and below everything else."""
        head, foot, body = self._edge(places, top=True), self._edge(places, top=False), set(places)
        if set(head) & set(foot) or len(head) + len(foot) == len(places):
            return [places]
        body -= {*head, *foot}
        return [part for part in (head, [i for i in places if i in body], foot) if part]

    def _edge(self, places: Places, *, top: bool) -> Places:
        bands = self._split(places, axis=1)
        if len(bands) < 2:
            return []
        outer, inner = (bands[0], bands[1:]) if top else (bands[-1], bands[:-1])
        box = bounds(self.boxes[i] for i in outer)
        reach = MARGIN * self.size.height
        inside = box[3] <= reach if top else box[1] >= self.size.height - reach
        thin = all(self._height(i) <= THIN * self.size.height for i in outer)
        return outer if inside and thin and inner else []

    # --- cuts ------------------------------------------------------------------------------------------------------------

    def sort(self, places: Places) -> Places:
        out: Places = []
        waiting = [places]
        while waiting:
            part = waiting.pop()
            parts = self._parts(part)
            if len(parts) > 1:
                waiting.extend(reversed(parts))
            else:
                out.extend(self._topological(part))
        return out

    def _parts(self, places: Places) -> list[Places]:
        """What is read one after the other; a single part where no cut goes through."""
        columns, bands = self._split(places, axis=0), self._split(places, axis=1)
        if len(columns) <= 1:
            return self._joined(bands) if bands else []
        if below := self._below(bands):
            return [[i for i in places if i not in below], [i for i in places if i in below]]
        if len(bands) == 1 or self._in_columns(columns, bands):
            return columns
        return self._at_widest(bands)

    def _split(self, places: Places, axis: int) -> list[Places]:
        """Groups with white between them along `axis` (0 across: columns, 1 down: bands), first to last."""
        limit = TOUCH * self.size[axis]
        slack = {i: min(limit, 0.1 * (self.boxes[i][axis + 2] - self.boxes[i][axis])) for i in places}
        groups: list[Places] = []
        reach = 0.0
        for i in sorted(places, key=lambda i: (self.boxes[i][axis] + slack[i], i)):
            if not groups or self.boxes[i][axis] + slack[i] >= reach:
                groups.append([])
                reach = self.boxes[i][axis + 2] - slack[i]
            groups[-1].append(i)
            reach = max(reach, self.boxes[i][axis + 2] - slack[i])
        return groups

    def _gaps(self, groups: list[Places], axis: int) -> list[float]:
        around = [bounds(self.boxes[i] for i in group) for group in groups]
        return [after[axis] - before[axis + 2] for before, after in pairwise(around)]

    def _in_columns(self, columns: list[Places], bands: list[Places]) -> bool:
        """Whether what has gutters and white bands is read down its columns."""
        if not self._beside(columns):
            return False
        if max(self._gaps(bands, 1)) > WIDER * max(self._gaps(columns, 0)):
            return False
        return not self._marked(columns)

    def _beside(self, columns: list[Places]) -> bool:
        around = [bounds(self.boxes[i] for i in column) for column in columns]
        return all(overlap(one, other, 1) > 0.2 for one, other in pairwise(around))

    def _marked(self, columns: list[Places]) -> bool:
        """Whether a narrow column holds marks, each beside the one line that it belongs to."""
        for at, column in enumerate(columns):
            box = bounds(self.boxes[i] for i in column)
            if box[2] - box[0] > NARROW * self.size.width:
                continue
            others = [i for n, other in enumerate(columns) if n != at for i in other]
            if all(any(self._in_row(i, j) for j in others) for i in column):
                return True
        return False

    def _in_row(self, mark: int, other: int) -> bool:
        low, high = sorted((self._height(mark), self._height(other)))
        beside = overlap(self.boxes[mark], self.boxes[other], 1) > 0.5 and high <= 5 * low
        left, top, right, bottom = self.boxes[mark]
        return beside and low <= MARK * self.size.height and bottom - top < TALL * (right - left)

    def _at_widest(self, bands: list[Places]) -> list[Places]:
        gaps = self._gaps(bands, 1)
        at = gaps.index(max(gaps)) + 1
        return [[i for band in bands[:at] for i in band], [i for band in bands[at:] for i in band]]

    def _joined(self, bands: list[Places]) -> list[Places]:
        """Bands one below the other with the same columns are one."""
        out = [bands[0]]
        for band in bands[1:]:
            both = out[-1] + band
            columns = self._split(both, axis=0)
            apart = self._gaps([out[-1], band], 1)[0]
            several = max(len(self._split(out[-1], 0)), len(self._split(band, 0))) > 1
            close = apart <= WIDER * max(self._gaps(columns, 0), default=0.0)
            if len(columns) > 1 and several and close and self._beside(columns) and not self._spanning(out[-1], band, bands):
                out[-1] = both
            else:
                out.append(band)
        return out

    def _spanning(self, above: Places, below: Places, bands: list[Places]) -> bool:
        """Whether one of two bands lies across the gutter of the page, on both sides of which the other has something."""
        gutter = self._gutter([i for band in bands for i in band])
        if gutter is None:
            return False
        for one, other in ((above, below), (below, above)):
            across = all(self.boxes[i][0] < gutter < self.boxes[i][2] for i in one)
            sides = {self.boxes[i][0] > gutter for i in other if not self.boxes[i][0] < gutter < self.boxes[i][2]}
            if across and len(sides) == 2:
                return True
        return False

    def _below(self, bands: list[Places]) -> set[int]:
        """What stands below columns and is set to the page's width though it reaches no farther than one of them, as lines to
        sign on are: it runs into the gutter, or columns of one height end above it. Beyond the gutter there is nothing more."""
        for at in range(1, len(bands)):
            columns = self._split([i for band in bands[:at] for i in band], axis=0)
            if len(columns) < 2 or not self._beside(columns):
                continue
            below = {i for band in bands[at:] for i in band}
            for one, other in pairwise(columns):
                a, b = (bounds(self.boxes[i] for i in column) for column in (one, other))
                edge = a[2] + INTO * (b[0] - a[2])
                alone = not any(self.boxes[i][0] >= a[2] for i in below)
                begun = [self.boxes[i] for i in bands[at] if self.boxes[i][0] < (a[0] + a[2]) / 2]
                into = any(edge < box[2] < b[2] for box in begun)
                if alone and (into or self._ends_level(bands[at], one, other)):
                    return below
        return set()

    def _ends_level(self, band: Places, one: Places, other: Places) -> bool:
        """Whether two columns are of one height, and more white than between the parts of the first one follows."""
        a, b = (bounds(self.boxes[i] for i in column) for column in (one, other))
        parts = self._split(one, axis=1)
        white = max(self._gaps(parts, 1), default=float("inf"))
        apart = min(self.boxes[i][1] for i in band) - a[3]
        return abs(a[3] - b[3]) < LEVEL * min(a[3] - a[1], b[3] - b[1]) and apart > WIDER * white

    def _gutter(self, places: Places) -> float | None:
        """Where fewest boxes lie, by height, between two places that at least half of the tallest column covers."""
        left, _, right, _ = bounds(self.boxes[i] for i in places)
        grid = [left + (right - left) * (at + 0.5) / STRIPS for at in range(STRIPS)]
        covered = [sum(self._height(i) for i in places if self.boxes[i][0] <= x <= self.boxes[i][2]) for x in grid]
        full = [at for at, high in enumerate(covered) if high >= 0.5 * max(covered)]
        inner = range(full[0], full[-1] + 1)
        least = min(covered[at] for at in inner)
        if least > OPEN * max(covered):
            return None
        lowest = [at for at in inner if covered[at] == least]
        return grid[lowest[len(lowest) // 2]]

    # --- no cut ----------------------------------------------------------------------------------------------------------

    def _topological(self, places: Places) -> Places:
        left = sorted(places)
        if len(left) > CROWD:
            return left
        before = {i: {j for j in left if j != i and self._precedes(j, i, left)} for i in left}
        out: Places = []
        while left:
            free = next((i for i in left if before[i].isdisjoint(left)), left[0])
            left.remove(free)
            out.append(free)
        return out

    def _precedes(self, one: int, other: int, places: Places) -> bool:
        a, b = self.boxes[one], self.boxes[other]
        if shared(a, b, 0) > TOUCH * self.size.width and not (shared(a, b, 1) > 0 and overlap(a, b, 0) < ASIDE):
            return (a[1], a[0]) < (b[1], b[0])
        if (a[0] + a[2]) > (b[0] + b[2]):
            return False
        low, high = sorted((a[1], b[1]))
        between = (self.boxes[i] for i in places)
        return not any(low < c[1] < high and shared(c, a, 0) > 0 and shared(c, b, 0) > 0 for c in between)

    def _height(self, place: int) -> float:
        return self.boxes[place][3] - self.boxes[place][1]
