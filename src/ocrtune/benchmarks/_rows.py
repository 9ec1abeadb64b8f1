"""Rows of a published benchmark as samples: pictures become files, answers become targets."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import JsonValue
from tqdm import tqdm

from ocrtune.benchmarks._files import Fields, Origin, data_files, fetched, read_rows
from ocrtune.contracts import Row as Aggregate
from ocrtune.core import AnswersTarget, ImageRef, Sample, Score, Target
from ocrtune.core.sample import FieldsTarget
from ocrtune.errors import InputError
from ocrtune.imaging import frame_sizes, sha256, store_image
from ocrtune.options import Hub
from ocrtune.scoring.literals import read_literal

PICTURES = ("image", "image_path", "images", "img", "picture", "file_name")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{64,}={0,2}\s*")  # a picture; the number of another row is shorter, a path has a full stop
NAMED = 5

log = logging.getLogger("ocrtune")


class Row(NamedTuple):
    """One question. `number` is its place in the published order, from 0; without a size, its picture is not there. `revision`
    is that of the hub, where it comes from there."""

    number: int
    fields: Fields
    image: ImageRef
    revision: str = ""

    def first(self, *names: str) -> Any:
        """The value of the first of these columns that has one; None without any."""
        return next((self.fields[name] for name in names if self.fields.get(name) not in (None, "")), None)

    def text(self, *names: str) -> str:
        value = self.first(*names)
        return "" if value is None else str(value)


def rows_of(place: Path | Hub, origin: Origin) -> list[Row]:
    """All rows of the benchmark at a local place, or from the hub. Raises InputError.

    A data file without any of its pictures can be loaded: stored replies can be scored with it, though nothing can be read.
    Some missing are an error.
    """
    folder = fetched(origin, place.revision) if isinstance(place, Hub) else place
    revision = folder.name if isinstance(place, Hub) else ""  # a snapshot in the hub's cache is called by its commit
    rows: list[Row] = []
    for file in data_files(folder, origin):
        pictures = _Pictures(file)
        bar = tqdm(read_rows(file), desc=f"loading {file.name}", unit="row", leave=False, delay=1)
        begin = len(rows)
        rows += [
            Row(begin + at, _slim(fields), pictures.of(fields, f"{file} row {at + 1}"), revision) for at, fields in enumerate(bar)
        ]
    if not rows:
        raise InputError(f"{folder} holds no rows of {origin.hub}")
    complain_of_pictures([row.image for row in rows], folder)
    return rows


def complain_of_pictures(images: Sequence[ImageRef], place: Path) -> None:
    """Warn where no picture is there; raise InputError where some are missing."""
    missing = [image.path for image in images if image.size is None]
    if len(missing) == len(images):
        log.warning("%s: none of its pictures is there; replies can be scored, but nothing can be read", place)
    elif missing:
        names = ", ".join(dict.fromkeys(missing[:NAMED]))
        raise InputError(
            f"{place}: {len(missing)} of {len(images)} pictures are missing, such as {names}",
            hint="unpack the benchmark's pictures beside its data file",
        )


def _slim(fields: Fields) -> dict[str, Any]:
    """Without the pictures' bytes, which are in files now."""
    return {name: value for name, value in fields.items() if name not in PICTURES}


class _Pictures:
    """Pictures of the rows of one file, which may be bytes, base64, paths, or (VLMEvalKit) the index of another row."""

    def __init__(self, data: Path) -> None:
        self._folder, self._name = data.parent, data.stem
        self._by_index: dict[str, ImageRef] = {}
        self._known: dict[Path, ImageRef] = {}

    def of(self, fields: Fields, where: str) -> ImageRef:
        inner = fields.get("page_info")  # OmniDocBench
        named = {**inner, **fields} if isinstance(inner, Mapping) else fields
        values = [named[name] for name in PICTURES if named.get(name)]
        if not values:
            raise InputError(f"{where}: no picture; the columns are {', '.join(fields)}")
        image = self._image(values, where)
        if (index := fields.get("index")) is not None:
            self._by_index[str(index)] = image
        return image

    def _image(self, values: Sequence[Any], where: str) -> ImageRef:
        """Bytes before paths: those need nothing beside them."""
        single = [value[0] if isinstance(value, list) and value else value for value in values]
        for value in single:
            if (content := _bytes_of(value, where)) is not None:
                return self.stored(content, where)
        for value in single:
            if isinstance(value, str) and value in self._by_index:
                return self._by_index[value]
        named = next((path for value in single if (path := _path_of(value)) is not None), None)
        if named is None:
            raise InputError(f"{where}: its picture is neither bytes nor the name of a file")
        return self.file(named)

    def file(self, name: str) -> ImageRef:
        """A file beside the data, in its folder of pictures, or below."""
        places = [
            self._folder / name,
            *(self._folder / sub / name for sub in ("images", "image", f"{self._folder.name}_Images", self._name)),
        ]
        places += [self._folder.parent / name, self._folder / "images" / Path(name).name]
        places += [path / name for path in sorted(self._folder.glob("*[Ii]m*g*")) if path.is_dir()]
        found = next((path for path in places if path.is_file()), None)
        if found is None:
            return ImageRef(path=str(places[0]))
        return self._seen(found.resolve())

    def stored(self, content: bytes, where: str) -> ImageRef:
        folder = picture_folder()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return self._seen(folder / store_image(folder, content))
        except OSError as cause:  # what Pillow cannot identify, too
            raise InputError(f"{where}: its picture cannot be kept ({cause})") from cause

    def _seen(self, file: Path) -> ImageRef:
        if file not in self._known:
            size = frame_sizes(file)[0]
            self._known[file] = ImageRef(path=str(file), sha256=sha256(file.read_bytes()), width=size.width, height=size.height)
        return self._known[file]


def picture_folder() -> Path:
    """Pictures that come inside data files are kept in the user's cache folder, under names made of their content."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ocrtune" / "benchmarks"


def _bytes_of(value: Any, where: str) -> bytes | None:
    if isinstance(value, Mapping):
        value = value.get("bytes")
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        return None
    if value.startswith("data:"):
        value = value.partition(",")[2]
    elif not _BASE64.fullmatch(value):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as cause:
        raise InputError(f"{where}: its picture is no base64 ({cause})") from cause


def _path_of(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("path")
    return value.replace("\\", "/") if isinstance(value, str) and value else None


# --- samples and scores ---------------------------------------------------------------------------------------------------


def group_of(image: ImageRef) -> str:
    """Questions about one picture are about one document."""
    return image.sha256[:16] if image.sha256 else Path(image.path).name


def sample_of(row: Row, question: str, target: Target, **tags: str) -> Sample:
    """Its id is the row's number: the `doc_id` of published logs. Tags without a value are left out."""
    kept = {name: value for name, value in {**tags, "revision": row.revision}.items() if value}
    return Sample(id=str(row.number), group=group_of(row.image), images=(row.image,), task="answer", question=question,
                  target=target, tags=kept)  # fmt: skip


def literal(value: Any) -> Any:
    """A cell of a table as the Python value that was written into it; any other value, and plain text, as it is."""
    if not isinstance(value, str) or not value.strip().startswith(("[", "(", "{")):
        return value
    try:
        return read_literal(value)
    except ValueError:
        return value


def target_of(answers: Any, **more: Any) -> Target:
    """A list of texts as acceptable answers; anything else, and what more belongs to it, as fields under the published names."""
    kept = {name: value for name, value in more.items() if value not in (None, "", [], ())}
    if not kept and isinstance(answers, list | tuple) and answers and all(isinstance(text, str) for text in answers):
        return AnswersTarget(answers=tuple(answers))
    return FieldsTarget(fields={"answers": _json(answers), **{name: _json(value) for name, value in kept.items()}})


def published(sample: Sample) -> dict[str, Any]:
    """What `target_of` was given."""
    if isinstance(sample.target, AnswersTarget):
        return {"answers": list(sample.target.answers)}
    if isinstance(sample.target, FieldsTarget):
        return dict(sample.target.fields)
    raise InputError(f"the sample {sample.id!r} is not of this benchmark: it has no answers", hint="score it with its own data")


def _json(value: Any) -> JsonValue:
    made: JsonValue = json.loads(json.dumps(value, default=str))
    return made


def texts_of(answers: Any) -> list[str]:
    """Acceptable answers as a list, whether they are a list, a list written into a cell, or one text."""
    answers = literal(answers)
    listed = answers if isinstance(answers, list | tuple) else [answers]
    return [str(one) for one in listed if one is not None] or [""]


def valued(sample: Sample, name: str, value: float) -> Score:
    return Score(sample_id=sample.id, metric=name, value=float(value))


def values_of(samples: Sequence[Sample], scores: Sequence[Score]) -> list[tuple[Sample, float]]:
    """The samples that have a value, in order."""
    by_id = {score.sample_id: score.value for score in scores}
    return [(sample, value) for sample in samples if (value := by_id.get(sample.id)) is not None]


def mean_row(name: str, values: Sequence[float]) -> Aggregate:
    return Aggregate(name, sum(values) / len(values) if values else None, len(values))
