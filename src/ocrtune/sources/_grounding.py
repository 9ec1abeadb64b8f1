"""Boxes in conversations: ms-swift's `objects` with placeholders, and boxes written into the reply in a model's own tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ocrtune.core.document import Point
from ocrtune.errors import InputError
from ocrtune.sources._objects import FRACTIONS, Mark, Plane, points_of

PLACEHOLDER = re.compile(r"<ref-object>|<bbox>")
INLINE = re.compile(
    r"<ref>(?P<ref>.*?)</ref>|<\|object_ref_start\|>(?P<ref2>.*?)<\|object_ref_end\|>"
    r"|<box>(?P<box>.*?)</box>|<\|box_start\|>(?P<box2>.*?)<\|box_end\|>"
    r"|<quad>(?P<quad>.*?)</quad>|<\|quad_start\|>(?P<quad2>.*?)<\|quad_end\|>",
    re.DOTALL,
)
GROUNDING = re.compile(r"<box>|<\|box_start\|>|<quad>|<\|quad_start\|>")
INNERMOST = re.compile(r"\[([^\[\]]*)\]")
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
TOP = 1000  # of a grid of thousandths


class Objects(NamedTuple):
    """ms-swift's `objects`: names and boxes, consumed by the placeholders of all turns in their order."""

    names: list[str]
    boxes: list[tuple[Point, ...]]
    units: Plane | None

    @property
    def fractions(self) -> bool:
        """Whether the boxes look like fractions of the sides although pixels are declared."""
        values = [value for box in self.boxes for point in box for value in point]
        return self.units is None and bool(values) and all(0 <= v <= 1 for v in values) and any(0 < v < 1 for v in values)


class Said(NamedTuple):
    """A turn with its placeholders filled: the text with names and without boxes, the marks in it."""

    text: str
    marks: tuple[Mark, ...]


def objects_of(fields: Mapping[str, Any]) -> Objects | None:
    """The objects of a record, None where it has none. Raises InputError where they are no objects."""
    given = fields.get("objects")
    if isinstance(given, str) and given.strip():
        try:
            given = json.loads(given)
        except ValueError as cause:
            raise InputError(f"objects is not JSON ({cause})") from cause
    if not given:
        return None
    if not isinstance(given, Mapping):
        raise InputError("objects must hold lists `ref` and `bbox`")
    names, boxes, pictures = (given.get(key) or [] for key in ("ref", "bbox", "image_id"))
    if not isinstance(names, list) or not isinstance(boxes, list):
        raise InputError("objects must hold lists `ref` and `bbox`")
    if any(pictures) if isinstance(pictures, list) else pictures:
        raise InputError("objects on several images; a sample shows exactly one")
    units = {"real": None, "norm1": FRACTIONS}
    kind = str(given.get("bbox_type") or "real")
    if kind not in units:
        raise InputError(f"bbox_type {kind!r} is none of {', '.join(units)}")
    return Objects([str(name) for name in names], [points_of(box) for box in boxes], units[kind])


def fill(texts: Sequence[str], objects: Objects) -> list[Said]:
    """The turns in order with names and boxes put in. Raises InputError where placeholders and objects do not match."""
    names, boxes = iter(objects.names), iter(objects.boxes)
    wanted = [found for text in texts for found in PLACEHOLDER.findall(text)]
    for holder, given in (("<ref-object>", objects.names), ("<bbox>", objects.boxes)):
        if wanted.count(holder) != len(given):
            raise InputError(f"{wanted.count(holder)} placeholders {holder} for {len(given)} objects")
    said = []
    name = ""
    for text in texts:
        marks = []
        for holder in PLACEHOLDER.findall(text):
            if holder == "<bbox>":
                marks.append(Mark(next(boxes), text=name))
            else:
                name = next(names)
                text = text.replace(holder, name, 1)
        said.append(Said(text.replace("<bbox>", ""), tuple(marks)))
    return said


def inline_marks(reply: str) -> tuple[Mark, ...]:
    """The boxes of a reply in its own numbers, each with the name before it."""
    marks: list[Mark] = []
    name = ""
    for found in INLINE.finditer(reply):
        parts = found.groupdict()
        if (named := parts["ref"] if parts["ref"] is not None else parts["ref2"]) is not None:
            name = named.strip()
            continue
        outline = parts["quad"] if parts["quad"] is not None else parts["quad2"]
        body = parts["box"] if parts["box"] is not None else parts["box2"]
        groups = [_floats(outline)] if outline is not None else list(_boxes(body or ""))
        marks += [Mark(points_of(numbers), text=name) for numbers in groups]
    return tuple(marks)


def above_thousand(marks: Sequence[Mark]) -> float | None:
    """The largest number where it is above 1000."""
    most = max((value for mark in marks for point in mark.points for value in point), default=0.0)
    return most if most > TOP else None


def _boxes(body: str) -> Iterator[list[float]]:
    """`[[a, b, c, d], [e, f, g, h]]`, or `(a,b),(c,d)` once or several times."""
    inner = INNERMOST.findall(body)
    if inner:
        yield from map(_floats, inner)
        return
    numbers = _floats(body)
    yield from (numbers[at : at + 4] for at in range(0, len(numbers), 4)) if numbers else ([],)


def _floats(text: str) -> list[float]:
    return [float(number) for number in NUMBER.findall(text)]
