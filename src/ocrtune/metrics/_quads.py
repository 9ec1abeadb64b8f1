"""Regions of samples and readings as what the ICDAR protocol and COCO compare: quads, or boxes, never both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ocrtune.core import Box, BoxesTarget, Decoded, Region, Sample, Size
from ocrtune.core.sample import RegionsTarget
from ocrtune.scoring.icdar import ILLEGIBLE, Points, Quad, bounding_rectangle, clockwise

GRID = Size(1000, 1000)  # where the size of the picture is not known; the protocol counts in whole pixels


class Objects(NamedTuple):
    """What is to be found, `ignored` apart."""

    wanted: tuple[Region, ...]
    ignored: tuple[Region, ...] = ()


def objects(sample: Sample) -> Objects | str:
    """The objects of a sample, or a sentence saying why there are none. Regions that nobody can read ("###") are ignored."""
    target = sample.target
    if isinstance(target, BoxesTarget):
        found, ignored = target.boxes, target.ignored
    elif isinstance(target, RegionsTarget) and any(region.box for region in target.regions):
        found, ignored = target.regions, ()
    else:
        kind = target.kind if target else "none"
        return f"a target of the kind {kind!r} has no boxes to find"
    boxed = [region for region in found if region.box]
    hidden = [region for region in boxed if region.text == ILLEGIBLE]
    return Objects(tuple(r for r in boxed if r.text != ILLEGIBLE), (*(r for r in ignored if r.box), *hidden))


def size_of(sample: Sample) -> Size:
    return sample.images[0].size or GRID


def has_quads(regions: Iterable[Region]) -> bool:
    return all(region.box is not None and is_quad(region.box) for region in regions)


def is_quad(box: Box) -> bool:
    return box.polygon is not None and len(box.polygon) == 4


def as_boxes(regions: Iterable[Region], size: Size, text: str | None = None) -> list[Quad]:
    """Upright rectangles, those around the quads where there are quads. `text` replaces that of the regions."""
    return [
        Quad(bounding_rectangle(_whole(region.box.to_pixels(*size))), region.text if text is None else text, region.confidence)
        for region in regions
        if region.box is not None
    ]


def as_quads(regions: Iterable[Region], size: Size, text: str | None = None) -> list[Quad]:
    """The quads as they are. A region without one has no place there: as an empty quad it matches nothing and counts."""
    return [Quad(_points(region.box, size), region.text if text is None else text, region.confidence) for region in regions]


def _points(box: Box | None, size: Size) -> Points:
    if box is None or not is_quad(box) or box.polygon is None:
        return 0, 0, 0, 0, 0, 0, 0, 0
    points = [(x * size.width, y * size.height) for x, y in box.polygon]
    try:
        return clockwise(_whole([value for point in points for value in point]))
    except ValueError:  # drawn the other way round
        return clockwise(_whole([value for point in reversed(points) for value in point]))


def _whole(coordinates: Sequence[float]) -> list[float]:
    """The protocol cuts to integers: a pixel must not get lost on the way through fractions (0.29 * 100 is 28.999…)."""
    return [round(value, 6) for value in coordinates]


def found_in(decoded: Decoded) -> Sequence[Region]:
    return [region for region in decoded.regions if region.box is not None]
