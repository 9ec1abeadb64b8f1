"""Pascal VOC XML, and its relative with quadrilaterals (x0 … y3) for slanted text: one file for each picture.

The `name` of an object is its text or its class; objects that are `difficult`, or whose name is ###, are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import Size
from ocrtune.core.document import Point
from ocrtune.errors import InputError
from ocrtune.options import SourceOptions
from ocrtune.sources._objects import Labelled, Mark, boxes, declared_size, picture_beside
from ocrtune.sources._xml import number_in, parse, root_name, text_in

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

TAGS = {"type": "type", "quality": "quality", "language": "language"}
NAN = float("nan")


class Voc:
    """One sample of the task "detect" for each XML file; its picture has the same stem, or the name that the file gives."""

    name = "voc"

    def claims(self, path: Path) -> bool:
        return root_name(path) == "annotation"

    def read(self, path: Path, options: SourceOptions) -> Iterator[Draft | Rejected]:
        try:
            root = parse(path)
        except InputError as cause:
            yield Rejected(str(path), str(cause))
            return
        picture, problems = picture_beside(path, text_in(root, "filename") or text_in(root, "path"))
        marks = tuple(map(_mark, root.iter("object")))
        tags = {tag: value for child, tag in TAGS.items() if (value := text_in(root, child))}
        yield boxes(Labelled(str(path), picture, marks, _declared(root), tags=tags, problems=problems))


def _declared(root: Element) -> Size | None:
    size = root.find("size")
    if size is None:
        return None
    return declared_size(number_in(size, "width"), number_in(size, "height"))


def _mark(item: Element) -> Mark:
    name = text_in(item, "name") or ""
    kind, text = ("text", name) if name else ("object", "")
    return Mark(_points(item), kind, text, ignored=text_in(item, "difficult") in ("1", "true"))


def _points(item: Element) -> tuple[Point, ...]:
    """The outline where the object has one, else the corners."""
    for place in ("bndbox", "polygon", "quad"):
        found = item.find(place)
        if found is not None and (outline := _outline(found)):
            return outline
    corners = item.find("bndbox")
    if corners is None:
        return ()
    left, top, right, bottom = (number_in(corners, name) for name in ("xmin", "ymin", "xmax", "ymax"))
    return ((_or_nan(left), _or_nan(top)), (_or_nan(right), _or_nan(bottom)))


def _outline(place: Element) -> tuple[Point, ...]:
    """x0, y0, x1, y1 … (or counted from 1) of three or more points."""
    start = 0 if place.find("x0") is not None else 1
    points: list[Point] = []
    while (x := number_in(place, f"x{start + len(points)}")) is not None:
        points.append((x, _or_nan(number_in(place, f"y{start + len(points)}"))))
    return tuple(points) if len(points) > 2 else ()


def _or_nan(value: float | None) -> float:
    return NAN if value is None else value
