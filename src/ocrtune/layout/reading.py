"""Reading order of boxes: Breuel's partial order (High Performance Document Layout Analysis, 2003), sorted topologically."""

from __future__ import annotations

from collections.abc import Sequence

from ocrtune.core import Size
from ocrtune.layout.parts import Rect, shared


def order(boxes: Sequence[Rect], size: Size, *, vertical: bool = False) -> list[int]:
    """Indices of `boxes` in reading order. The result does not depend on the order in which they are given.

    `vertical`: the page is written in columns from right to left.
    """
    seen = [(size.width - b[2], b[1], size.width - b[0], b[3]) for b in boxes] if vertical else list(boxes)
    by_place = sorted(range(len(seen)), key=lambda i: (seen[i][1], seen[i][0], seen[i], i))
    before = {i: [j for j in by_place if j != i and _precedes(seen, j, i)] for i in by_place}
    out: list[int] = []
    left = list(by_place)
    while left:
        free = next((i for i in left if not any(j in left for j in before[i])), left[0])
        left.remove(free)
        out.append(free)
    return out


def _precedes(boxes: Sequence[Rect], one: int, other: int) -> bool:
    a, b = boxes[one], boxes[other]
    if shared(a, b, 0) > 0:
        return (a[1] + a[3]) < (b[1] + b[3])
    if a[2] > b[0]:
        return False
    low, high = sorted((a[1], b[1]))
    return not any(low < c[1] < high and shared(c, a, 0) > 0 and shared(c, b, 0) > 0 for c in boxes)
