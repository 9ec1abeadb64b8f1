"""COCO JSON: `images`, `annotations`, `categories`, as detection, layout and scene-text data sets are published.

Categories that are all layout kinds make samples of the task "layout", any others of the task "detect". An annotation's text
is taken from where COCO-Text and its relatives keep it; crowds, illegible and ignored objects are ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ocrtune.contracts import Draft, Rejected
from ocrtune.core.document import Point
from ocrtune.options import SourceOptions
from ocrtune.sources._kinds import layout_kind
from ocrtune.sources._objects import Labelled, Mark, boxes, declared_size, layout, named_picture, points_of
from ocrtune.sources.records import GROUP_KEYS, HEAD, first, tags_of

IMAGES = re.compile(r'"images"\s*:\s*\[\s*\{[^\]]*?"(?:file_name|coco_url)"\s*:')
ANNOTATIONS = re.compile(r'"annotations"\s*:\s*\[\s*\{[^}]*?"image_id"\s*:')
TEXT_KEYS = ("text", "transcription", "utf8_string", "transcript", "caption", "label")


class Coco:
    """One sample for each image, annotated or not, in the order of `images`."""

    name = "coco"

    def claims(self, path: Path) -> bool:
        if path.suffix.lower() != ".json" or not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(HEAD).decode("utf-8-sig", errors="replace")
        return head.lstrip().startswith("{") and bool(IMAGES.search(head) or ANNOTATIONS.search(head))

    def read(self, path: Path, options: SourceOptions) -> Iterator[Draft | Rejected]:
        try:
            content = json.loads(path.read_text("utf-8-sig"))
            images, annotations = _records(content["images"]), _records(content["annotations"])
            categories = {_key(item.get("id")): str(item["name"]) for item in _records(content.get("categories") or [])}
        except (ValueError, KeyError, TypeError, RecursionError) as cause:
            yield Rejected(str(path), f"not a COCO file, or a broken one ({type(cause).__name__}: {cause})")
            return
        by_image: dict[str, list[Mapping[str, Any]]] = {}
        for item in annotations:
            by_image.setdefault(_key(item.get("image_id")), []).append(item)
        sampled = layout if _is_layout(categories.values()) else boxes
        for image in images:
            where = f"{path} image {image.get('id')}"
            if not image.get("file_name"):
                yield Rejected(where, "the image has no file_name")
                continue
            marks = tuple(_mark(item, categories) for item in by_image.pop(_key(image.get("id")), ()))
            yield sampled(_labelled(where, path, image, marks))
        for name, lost in by_image.items():
            yield Rejected(f"{path} image {name}", f"{len(lost)} annotations of an image that the file does not have")


def _records(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise TypeError("images, annotations and categories must be lists of objects")
    return value


def _key(number: Any) -> str:
    """Ids are numbers in most files and text in some; a few mix the two."""
    return str(number)


def _is_layout(names: Any) -> bool:
    kinds = [layout_kind(name) for name in names]
    return len(kinds) > 1 and None not in kinds


def _labelled(where: str, path: Path, image: Mapping[str, Any], marks: tuple[Mark, ...]) -> Labelled:
    named = Path(str(image["file_name"]).replace("\\", "/"))
    split = path.stem.rpartition("_")[2]  # instances_train2017.json stands in annotations/, its pictures in train2017/
    places = (path.parent, path.parent / split, path.parent.parent / split)
    picture = next(filter(None, (named_picture(named, place) for place in places)), path.parent / named)
    size = declared_size(image.get("width"), image.get("height"))
    group = first(image, (*GROUP_KEYS, "doc_name"))
    return Labelled(
        where, picture, marks, size, group=str(image[group]) if group else str(image["file_name"]), tags=tags_of(image)
    )


def _mark(item: Mapping[str, Any], categories: Mapping[str, str]) -> Mark:
    name = categories.get(_key(item.get("category_id")), "object")
    inside = item.get("attributes")
    places = (item, inside) if isinstance(inside, Mapping) else (item,)
    text = next((str(place[key]) for key in TEXT_KEYS for place in places if isinstance(place.get(key), str)), "")
    ignored = bool(item.get("iscrowd") or item.get("ignore")) or str(item.get("legibility")) == "illegible"
    return Mark(_points(item), layout_kind(name) or name.strip().lower(), text, ignored)


def _points(item: Mapping[str, Any]) -> tuple[Point, ...]:
    """The outline where the object is one polygon, else the corners of its bbox, else those around its polygons."""
    outlines = [outline for part in _lists(item.get("segmentation")) if len(outline := points_of(part)) > 2]
    if len(outlines) == 1:
        return outlines[0]
    box = points_of(item.get("bbox"))
    if len(box) == 2:
        (left, top), (width, height) = box
        return ((left, top), (left + width, top + height))
    xs, ys = [x for o in outlines for x, _ in o], [y for o in outlines for _, y in o]
    return ((min(xs), min(ys)), (max(xs), max(ys))) if outlines else ()


def _lists(value: Any) -> list[Any]:
    """Polygons; run-length masks have none."""
    if not isinstance(value, list) or not value:
        return []
    return value if isinstance(value[0], list) else [value]
