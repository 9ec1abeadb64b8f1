"""Areas and intersections of polygons in whole coordinates, as the Polygon library of the ICDAR scripts gives them.

That library is not free for every use; shapely gives the same figures, if areas are those of the shoelace formula (also for
a quad whose sides cross) and intersections those of the regions left by the even-odd rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ocrtune.errors import extra


class Region(NamedTuple):
    """A polygon, its area by the shoelace formula, and its bounds (left, top, right, bottom)."""

    shape: Any
    area: float
    bounds: tuple[float, float, float, float]


def as_region(points: Sequence[float]) -> Region:
    """The region of x1, y1, x2, y2, …; sides may cross."""
    with extra("scores"):
        from shapely import Polygon, make_valid
    corners = list(zip(points[0::2], points[1::2], strict=True))
    shape = Polygon(corners)
    if not shape.is_valid:
        shape = make_valid(shape)
    following = [*corners[1:], corners[0]]
    twice = sum(x * b - a * y for (x, y), (a, b) in zip(corners, following, strict=True))
    return Region(shape, abs(twice) / 2, (min(points[0::2]), min(points[1::2]), max(points[0::2]), max(points[1::2])))


def intersection(one: Region, two: Region) -> float:
    """The area both regions cover."""
    (a, b, c, d), (e, f, g, h) = one.bounds, two.bounds
    if a >= g or e >= c or b >= h or f >= d:  # most pairs of a page lie apart; this is a hundred times faster
        return 0.0
    return float(one.shape.intersection(two.shape).area)
