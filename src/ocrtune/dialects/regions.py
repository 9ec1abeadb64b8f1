"""Regions as JSON, with everything that is known of them: what engines that find text with boxes answer in."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import NoReturn

from pydantic import JsonValue, ValidationError

from ocrtune.contracts import Coordinates
from ocrtune.core import Box, Decoded, Region, Sample, Size, Target, Task, TextTarget, Word
from ocrtune.dialects._json import objects, read, write
from ocrtune.dialects._problems import Problems
from ocrtune.dialects._targets import regions_of

ASK = "Find all regions of the page with their boxes, words and text, in reading order, as JSON."
KEYS = ("text", "kind", "markup", "box", "polygon", "confidence", "flag", "words")


class Regions:
    """`[{"text": "…", "kind": "title", "box": [left, top, right, bottom], "words": [["…", [l, t, r, b], 0.98], …]}, …]`.

    Boxes are fractions of the picture, so its size is not needed. What is as it is by default is left out; regions come back
    exactly as they were. A word is its text, box, confidence, how it was placed and the outline of its box, as far as there
    are. A blank page is `[]`.
    """

    name = "regions"
    tasks: tuple[Task, ...] = ("layout", "read", "detect")
    coordinates: Coordinates | None = None

    def __init__(self, prompt: str | None = None) -> None:
        self.prompt = ASK if prompt is None else prompt

    def ask(self, sample: Sample, *, sees: Size | None = None) -> str:
        """The sample's own question where it has one, else the prompt."""
        return sample.question or self.prompt

    def encode(self, target: Target, *, sees: Size | None = None) -> str:
        """Raises InputError for targets that have neither regions nor text."""
        if isinstance(target, TextTarget):
            return write([_cell(Region(text=target.text))])
        return write([_cell(region) for region in regions_of(target, dialect=self.name)])

    def decode(self, text: str, *, sees: Size | None = None) -> Decoded:
        """All objects of the reply that say something of a region; of an unfinished one what is whole."""
        problems = Problems()
        if not text.strip():
            problems.add("empty", "nothing was said")
            return Decoded(problems=problems.listed())
        values = _sound(text)
        values = read(text, problems, starts=("text",)).values if values is None else values
        found = list(objects(values))
        if not found and ("prose" in problems or not values or any(values)):
            problems.add("not-json", "the reply is no JSON; its words are kept as one region")
            return Decoded(regions=(Region(text=text),), problems=problems.listed())
        regions = tuple(_region(cell, problems) for cell in found if any(key in cell for key in KEYS))
        return Decoded(regions=regions, problems=problems.listed())


def _sound(text: str) -> Sequence[JsonValue] | None:
    """A reply that is one list of sound JSON, as engines of this package write it: much faster than looking for damage."""
    if "\\u" in text:
        return None  # might be halves of characters
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return [value] if isinstance(value, list) and all(isinstance(cell, dict) for cell in value) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _cell(region: Region) -> dict[str, JsonValue]:
    cell: dict[str, JsonValue] = {"text": region.text}
    if region.kind != "text":
        cell["kind"] = region.kind
    if region.markup != "plain":
        cell["markup"] = region.markup
    if region.box is not None:
        cell["box"] = _corners(region.box)
        if region.box.polygon is not None:
            cell["polygon"] = _outline(region.box)
    if region.confidence is not None:
        cell["confidence"] = region.confidence
    if region.flag is not None:
        cell["flag"] = region.flag
    if region.words is not None:
        cell["words"] = [_word_cell(word) for word in region.words]
    return cell


def _word_cell(word: Word) -> list[JsonValue]:
    cell: list[JsonValue] = [word.text, _corners(word.box), word.confidence, word.placed, _outline(word.box)]
    usual: list[JsonValue] = [None, None, None, "read", None]
    while cell[-1] == usual[len(cell) - 1] and len(cell) > 2:
        cell.pop()
    return cell


def _corners(box: Box) -> list[JsonValue]:
    return [box.left, box.top, box.right, box.bottom]


def _outline(box: Box) -> JsonValue:
    return None if box.polygon is None else [[x, y] for x, y in box.polygon]


def _region(cell: Mapping[str, JsonValue], problems: Problems) -> Region:
    """What the cell says, without the members that cannot be what they claim to be."""
    said: dict[str, object] = {key: cell[key] for key in ("kind", "markup", "confidence", "flag") if cell.get(key) is not None}
    text = cell.get("text")
    said["text"] = text if isinstance(text, str) else "" if text is None else str(text)
    said["box"] = _box(cell.get("box"), cell.get("polygon"), problems) if "box" in cell else None
    words = cell.get("words")
    if isinstance(words, list):
        said["words"] = tuple(word for one in words if (word := _word(one, problems)) is not None)
    try:
        return Region.model_validate(said)
    except ValidationError as error:
        for wrong in {str(e["loc"][0]) for e in error.errors()}:
            problems.add("bad-value", f"{wrong}: {said.pop(wrong)!r:.40}")
        return Region.model_validate(said)


def _word(value: JsonValue, problems: Problems) -> Word | None:
    if not isinstance(value, list) or len(value) < 2 or not isinstance(value[0], str):
        problems.add("bad-word", f"{value!r:.40}")
        return None
    text, corners, confidence, placed, outline = [*value, *[None] * 5][:5]
    box = _box(corners, outline, problems)
    if box is None:
        return None
    try:
        return Word.model_validate({"text": text, "box": box, "confidence": confidence, "placed": placed or "read"})
    except ValidationError:
        problems.add("bad-word", f"{value!r:.40}")
        return Word(text=str(text), box=box)


def _box(value: JsonValue, outline: JsonValue, problems: Problems) -> Box | None:
    numbers = _numbers(value, 4)
    if numbers is None:
        problems.add("bad-box", f"{value!r:.40}")
        return None
    points = [_numbers(point, 2) for point in outline] if isinstance(outline, list) else None
    polygon = tuple((p[0], p[1]) for p in points if p is not None) if points is not None else None
    left, right = sorted((numbers[0], numbers[2]))
    top, bottom = sorted((numbers[1], numbers[3]))
    if left < 0 or top < 0 or right > 1 or bottom > 1:
        problems.add("outside", f"{value!r:.60}")
        return None
    return Box(left=left, top=top, right=right, bottom=bottom, polygon=polygon)


def _numbers(value: JsonValue, count: int) -> list[float] | None:
    """That many finite numbers, None for anything else."""
    if not isinstance(value, list) or len(value) != count:
        return None
    numbers = [float(v) for v in value if isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e12]
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None
