"""Boxes as numbers in a reply: pixels of the picture that the model saw, or thousandths of its sides."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from ocrtune.contracts import Coordinates
from ocrtune.core import Box, Size
from ocrtune.core.document import Point
from ocrtune.dialects._problems import Problems
from ocrtune.errors import InputError

NUMBER = re.compile(r"[-+]?\d{1,15}(?:\.\d{1,15})?")
MOST_NUMBERS = 1024  # of one outline


class Grid(NamedTuple):
    """How many steps the sides of the picture have."""

    width: int
    height: int


def grid(coordinates: Coordinates, sees: Size | None) -> Grid | None:
    """None where pixels are meant and the size of the picture is not known."""
    if coordinates == "norm1000":
        return Grid(1000, 1000)
    return None if sees is None else Grid(*sees)


def known_grid(coordinates: Coordinates, sees: Size | None, *, dialect: str) -> Grid:
    """Raises InputError where the size of the picture is needed and not known."""
    found = grid(coordinates, sees)
    if found is None:
        raise InputError(
            f"the dialect {dialect!r} writes boxes in pixels of the picture that the model sees, whose size is not known here",
            hint="use an engine and a model family that tell the size, or a dialect with coordinates of 0 to 1000",
        )
    return found


def write_box(box: Box, steps: Grid) -> list[int]:
    """Left, top, right, bottom on the nearest steps of the grid. Of a quadrilateral it is the box around it."""
    return [round(value) for value in box.to_pixels(steps.width, steps.height)]


def read_box(value: object, steps: Grid | None, problems: Problems) -> Box | None:
    """Four numbers (flat, in pairs, or in a string), or an outline of more pairs, as a box within the picture.

    What is not a box, and any box when the grid is not known, is a problem and None; what is outside, upside down or
    without area is put right and a problem.
    """
    numbers = list(_numbers(value))
    if len(numbers) < 4 or len(numbers) % 2 or len(numbers) > MOST_NUMBERS or not all(map(math.isfinite, numbers)):
        problems.add("bad-box", f"{len(numbers)} numbers are no box")
        return None
    if steps is None:
        problems.add("unknown-size", "boxes are in pixels of a picture whose size is not known, and were left out")
        return None
    xs, ys = numbers[0::2], numbers[1::2]
    if len(numbers) == 4 and (xs[1] < xs[0] or ys[1] < ys[0]):
        problems.add("corner-order", f"{_short(numbers)} has its corners in the wrong order")
    if min(xs) < 0 or max(xs) > steps.width or min(ys) < 0 or max(ys) > steps.height:
        problems.add("outside", f"{_short(numbers)} reaches out of {steps.width} × {steps.height}")
    box = Box.from_pixels((min(xs), min(ys), max(xs), max(ys)), steps.width, steps.height)
    if box.left == box.right or box.top == box.bottom:
        problems.add("zero-area", f"{_short(numbers)} has no area within the picture")
    return box if len(numbers) == 4 else box.model_copy(update={"polygon": _outline(numbers, steps)})


def _outline(numbers: list[float], steps: Grid) -> tuple[Point, ...]:
    pairs = zip(numbers[0::2], numbers[1::2], strict=True)
    return tuple((min(max(x / steps.width, 0.0), 1.0), min(max(y / steps.height, 0.0), 1.0)) for x, y in pairs)


def _short(numbers: list[float]) -> str:
    return "[" + ", ".join(f"{number:g}" for number in numbers[:8]) + "]"


def _numbers(value: object) -> Iterator[float]:
    """The numbers in a value, in order; anything else in it makes one that is not finite."""
    waiting: list[object] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(reversed(item))
        elif isinstance(item, str):
            found = NUMBER.findall(item)
            waiting.extend(float(number) for number in reversed(found)) if found else waiting.append(math.nan)
        elif isinstance(item, bool) or not isinstance(item, int | float):
            yield math.nan
        else:
            yield _as_float(item)


def _as_float(number: int | float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf
