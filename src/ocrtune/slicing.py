"""What a benchmark is sliced by: attributes that a file gives to its pictures, and how long the texts are."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ocrtune.core import Sample, target_text
from ocrtune.errors import InputError
from ocrtune.imaging import sha256
from ocrtune.inventory import script_of

IMAGE_KEYS = ("image_path", "image", "img_path", "images", "path", "file_name", "filename", "file", "name", "id")
LIST_KEYS = ("results", "samples", "images", "data", "pages", "annotations")
LONGEST_PATH = 1024
LONGEST_VALUE = 60  # characters; longer ones are texts, not kinds
MOST_THINGS = 20  # in the lists of one column
DISTINCT = 8  # a column of numbers with more values than this is cut into three bands
BANDS = ((0, "0"), (20, "1–20"), (100, "21–100"), (500, "101–500"), (2000, "501–2000"))
LONG = "2001 or more"


class Attributes(NamedTuple):
    """What a file says of one picture; `file` is the picture where it is on this disk."""

    image: str
    tags: Mapping[str, str]
    file: Path | None = None


class Joined(NamedTuple):
    """Samples with the tags of their pictures. `without` are ids of samples that the file does not know, `unused` its pictures
    that no sample shows, `ambiguous` ids of samples whose file name stands there more than once."""

    samples: list[Sample]
    without: list[str]
    unused: list[str]
    ambiguous: list[str]


def read_attributes(file: Path) -> list[Attributes]:
    """JSON (a list, a list under a key such as `results`, or one object per picture), JSONL, CSV or TSV; one column names the
    picture. Lists become `a+b`, and each thing in them a yes or no of its own, since it may come in many company; numbers with
    many values become thirds. Raises InputError."""
    rows = [row for row in _rows(file) if isinstance(row, dict)]
    key = next((k for k in IMAGE_KEYS if any(isinstance(r.get(k), str) for r in rows)), None)
    if key is None:
        raise InputError(
            f"{file} names no pictures", hint=f"one column must be called {', '.join(IMAGE_KEYS[:4])} or another of these"
        )
    bands, things = _thirds(rows), _things(rows)
    return [
        Attributes(row[key], {**_tags(row, key, bands), **_has(row, things)}, _beside(file, row[key]))
        for row in rows
        if isinstance(row.get(key), str) and row[key]
    ]


def _tags(row: Mapping[str, Any], key: str, bands: Mapping[str, tuple[float, float]]) -> dict[str, str]:
    return {str(name): said for name, value in row.items() if name != key and (said := _said(name, value, bands))}


def _things(rows: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    """For each column with lists of several things all that occur in it, unless they are too many to be kinds."""
    found: dict[str, set[str]] = defaultdict(set)
    several = {name for row in rows for name, value in row.items() if isinstance(value, list) and len(value) > 1}
    for row in rows:
        for name in several & row.keys():
            found[name] |= _listed_in(row[name])
    return {name: things for name, things in found.items() if len(things) <= MOST_THINGS}


def _has(row: Mapping[str, Any], things: Mapping[str, set[str]]) -> dict[str, str]:
    there = {name: _listed_in(row[name]) for name in things if name in row}
    return {f"{name} has {thing}": "yes" if thing in there[name] else "no" for name in there for thing in things[name]}


def _listed_in(value: Any) -> set[str]:
    listed = value if isinstance(value, list) else [value]
    return {text for one in listed if isinstance(one, str | int) and 0 < len(text := str(one)) <= LONGEST_VALUE}


def _beside(file: Path, image: str) -> Path | None:
    """The picture, its path taken from the folder of the file or from the working folder."""
    places = (file.parent / image, Path(image))
    return next((place for place in places if len(image) < LONGEST_PATH and place.is_file()), None)


def joined(samples: Sequence[Sample], attributes: Sequence[Attributes]) -> Joined:
    """Each sample takes the tags of the picture with the longest common end of the path: the whole path if it is the same,
    else as many folders as agree, at least the file name. Datasets name pictures by their content: of those the id of the
    sample, the content itself, or the name of the document decides. Of several such pictures that are
    said to be different none is taken."""
    by_end: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, one in enumerate(attributes):
        for end in _ends(one.image):
            by_end[end].append(index)
    named = _Named(attributes)
    out: list[Sample] = []
    without: list[str] = []
    ambiguous: list[str] = []
    used: set[int] = set()
    for sample in samples:
        found = _longest(_ends(sample.images[0].path), by_end) or named.of(sample)
        if found and all(attributes[index].tags == attributes[found[0]].tags for index in found):
            used.update(found)
            sample = sample.model_copy(update={"tags": {**sample.tags, **attributes[found[0]].tags}})
        else:
            (ambiguous if found else without).append(sample.id)
        out.append(sample)
    unused = [one.image for index, one in enumerate(attributes) if index not in used]
    return Joined(out, without, unused, ambiguous)


class _Named:
    """Pictures by what is left of their names in a dataset. Files are read only when nothing else is known of a sample."""

    def __init__(self, attributes: Sequence[Attributes]) -> None:
        self._attributes = attributes
        self._by_id: dict[str, list[int]] = defaultdict(list)
        self._by_document: dict[str, list[int]] = defaultdict(list)
        self._by_content: dict[str, list[int]] | None = None
        for index, one in enumerate(attributes):
            name = _ends(one.image)[-1][0] if _ends(one.image) else ""
            for key in {one.image, re.sub(r"[^\w.]+", "-", name).strip("-")}:
                self._by_id[key].append(index)
            for key in {name, Path(name).stem}:
                self._by_document[key].append(index)

    def of(self, sample: Sample) -> list[int]:
        found = self._by_id.get(sample.id) or self._same_content(sample.images[0].sha256)
        return found or self._by_document.get(sample.group, [])

    def _same_content(self, wanted: str | None) -> list[int]:
        if wanted is None:
            return []
        if self._by_content is None:
            self._by_content = defaultdict(list)
            for index, one in enumerate(self._attributes):
                if one.file is not None:
                    self._by_content[sha256(one.file.read_bytes())].append(index)
        return self._by_content.get(wanted, [])


def measured(samples: Iterable[Sample]) -> list[Sample]:
    """With tags from the reference text: `length`, its characters in bands, and `script`, its letters' (ISO 15924), where neither
    that nor the language is known. Tags that are there stay; samples without text, or without a letter, get none."""
    return [_measured(sample) for sample in samples]


def _measured(sample: Sample) -> Sample:
    text = target_text(sample.target) if sample.target else None
    if text is None:
        return sample
    found = {"length": next((name for limit, name in BANDS if len(text) <= limit), LONG)}
    if "language" not in sample.tags and (script := script_of(text)) is not None:
        found["script"] = script
    return sample.model_copy(update={"tags": {**found, **sample.tags}})


def _longest(ends: Sequence[tuple[str, ...]], by_end: Mapping[tuple[str, ...], list[int]]) -> list[int]:
    return next((by_end[end] for end in ends if end in by_end), [])


def _ends(path: str) -> list[tuple[str, ...]]:
    """The parts of a path, then without the first, and so on down to the file name."""
    parts = tuple(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))
    return [parts[start:] for start in range(len(parts))]


def _rows(file: Path) -> list[Any]:
    try:
        text = file.read_text("utf-8-sig")
        if file.suffix.lower() in (".csv", ".tsv"):
            return list(csv.DictReader(text.splitlines(), delimiter="\t" if file.suffix.lower() == ".tsv" else ","))
        if file.suffix.lower() == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return _listed(json.loads(text))
    except (OSError, ValueError, csv.Error) as cause:
        raise InputError(
            f"{file}: attributes cannot be read ({cause})", hint="give JSON, JSONL, CSV or TSV with one row per picture"
        ) from cause


def _listed(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        raise ValueError("neither a list nor an object")
    for key in LIST_KEYS:
        if isinstance(content.get(key), list):
            return list(content[key])
    return [
        {"image_path": name, **(value if isinstance(value, dict) else {"attribute": value})} for name, value in content.items()
    ]


def _said(name: str, value: Any, bands: Mapping[str, tuple[float, float]]) -> str | None:
    """A value as a tag; None for what names no kind."""
    if isinstance(value, list):
        if any(isinstance(item, dict | list) for item in value):
            return None
        value = "+".join(sorted({str(item) for item in value})) or "none"
    if name in bands and (number := _number(value)) is not None:
        low, high = bands[name]
        return f"≤ {low:g}" if number <= low else f"> {high:g}" if number > high else f"{low:g} to {high:g}"
    text = "" if value is None or isinstance(value, dict) else str(value).strip()
    return text if 0 < len(text) <= LONGEST_VALUE else None


def _thirds(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """For each column of many numbers the two values that cut it into thirds."""
    found = {}
    for name in {name for row in rows for name in row}:
        values = [row[name] for row in rows if row.get(name) not in (None, "")]
        numbers = sorted(number for value in values if (number := _number(value)) is not None)
        if len(numbers) == len(values) and len(set(numbers)) > DISTINCT:
            found[name] = (numbers[len(numbers) // 3], numbers[2 * len(numbers) // 3])
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None
