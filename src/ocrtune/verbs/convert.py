"""Write a dataset for other programs: conversations in a model's own coordinates, COCO JSON or VOC XML, pictures included.

Conversations are `messages` and `images` as ms-swift and LLaMA-Factory read them; the reply is what the dialect teaches, so that
another trainer teaches the same. Dialects in pixels need --model, whose processor says how large the model sees a picture: the
other trainer must then be given the same pixel limits. Pictures are stored upright, because few programs heed the EXIF tag
that turns them.

Examples:
  ocrtune convert data/receipts --dialect grounding-qwen3
  ocrtune convert run:prepare-1a2b3c4d --dialect grounding-qwen25 --model Qwen/Qwen2.5-VL-3B-Instruct --into out/swift
  ocrtune convert data/receipts --to coco --splits test
"""

from __future__ import annotations

import json
import logging
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from pydantic import Field, JsonValue, model_validator
from tqdm import tqdm

from ocrtune.config import Section
from ocrtune.contracts import Dialect, Family, LoadOptions
from ocrtune.core import Box, BoxesTarget, Region, RegionsTarget, Sample, Size
from ocrtune.errors import ConfigError, InputError, disk_errors
from ocrtune.imaging import open_image, raster
from ocrtune.labelling import UNREADABLE
from ocrtune.models import family_for, model_ref
from ocrtune.plugins import DIALECTS, FAMILIES
from ocrtune.runs import RunDir
from ocrtune.sampling import load_split

log = logging.getLogger("ocrtune")
Split = Literal["train", "val", "test"]


class Config(Section):
    """What is written, and how."""

    data: str = Field(description="dataset folder, or run:<id> of a prepare")
    to: Literal["messages", "coco", "voc"] = Field("messages", description="conversations, one COCO JSON a split, or VOC XML")
    dialect: str | None = Field(None, description="language of the replies in conversations, e.g. grounding-qwen3")
    prompt: str | None = Field(None, description="prompt text; the dialect's own when absent")
    model: str | None = Field(None, description="checkpoint whose processor says what the model sees; for dialects in pixels")
    family: str | None = Field(None, description="how to load that model; found by itself when absent")
    min_pixels: int | None = Field(None, gt=0, description="lower pixel bound of that model; the checkpoint's own when absent")
    max_pixels: int | None = Field(None, gt=0, description="pixel budget of that model; the checkpoint's own when absent")
    splits: tuple[Split, ...] = Field(("train", "val", "test"), min_length=1, description="which splits are written")
    strict: bool = Field(False, description="stop at the first sample that cannot be said instead of listing it")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.to == "messages") != (self.dialect is not None):
            raise ValueError("conversations need a dialect, such as grounding-qwen3" if self.to == "messages" else
                             f"{self.to} has its own way to write boxes: leave dialect out")  # fmt: skip
        about = [name for name in ("family", "min_pixels", "max_pixels") if getattr(self, name) is not None]
        if about and self.model is None:
            raise ValueError(f"{', '.join(about)} belongs to a model: give model, too")
        return self


class Converted(NamedTuple):
    """`samples` were written, `left_out` could not be said (left_out.jsonl says why)."""

    folder: Path
    samples: int
    left_out: int


class Stored(NamedTuple):
    """A sample with its upright picture in the folder of results."""

    sample: Sample
    picture: str
    size: Size


def run(config: Config, into: RunDir) -> Converted:
    """Write every split anew; pictures that are there stay."""
    data = into.resolve(config.data, "dataset")
    into.link(data=config.data)
    splits = {split: samples for split in config.splits if (samples := load_split(data, split))}
    if not splits:
        raise InputError(f"{data} has no samples in {', '.join(config.splits)}", hint="choose others with --splits")
    speaker = _speaker(config, into) if config.dialect else None
    written, left_out = 0, []
    outputs = {}
    for split, samples in splits.items():
        stored, unusable = _store(samples, into, split)
        if speaker is not None:
            rows, unsaid = _conversations(stored, speaker)
            into.write(f"{split}.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
            outputs[split], count = f"{split}.jsonl", len(rows)
        else:
            boxed, unsaid = _with_boxes(stored)
            outputs[split] = (_write_coco if config.to == "coco" else _write_voc)(boxed, split, into)
            count = len(boxed)
        written += count
        left_out += [*unusable, *unsaid]
    _account(config, left_out, written, into)
    into.finish("done", **outputs)
    return Converted(into.path, written, len(left_out))


def _account(config: Config, left_out: Sequence[tuple[str, str]], written: int, into: RunDir) -> None:
    if left_out:
        rows = (json.dumps({"id": name, "why": why}, ensure_ascii=False) + "\n" for name, why in left_out)
        into.write("left_out.jsonl", "".join(rows))
    if left_out and (config.strict or not written):
        name, why = left_out[0]
        raise InputError(
            f"{len(left_out)} samples cannot be written, first {name}: {why}", hint="left_out.jsonl lists all of them"
        )
    for why, count in Counter(why for _, why in left_out).most_common(5):
        log.warning("left out: %d × %s", count, why)


# --- pictures -------------------------------------------------------------------------------------------------------------


def _store(samples: Sequence[Sample], into: RunDir, split: str) -> tuple[list[Stored], list[tuple[str, str]]]:
    """Pictures upright in images/, under the names that they have in the dataset."""
    stored, unusable = [], []
    for sample in tqdm(samples, desc=split, unit="sample", mininterval=0.5):
        try:
            if len(sample.images) != 1:
                raise InputError(f"{len(sample.images)} images in one sample")
            stored.append(Stored(sample, *_upright(Path(sample.images[0].path), into)))
        except InputError as cause:
            unusable.append((sample.id, str(cause)))
    return stored, unusable


def _upright(file: Path, into: RunDir) -> tuple[str, Size]:
    """A copy as it is; turned and kept as PNG where an EXIF tag would have to be heeded."""
    size, orientation = raster(file)
    name = f"images/{file.name if orientation == 1 else f'{file.stem}.upright.png'}"
    target = into.path / name
    if orientation > 4:
        size = Size(size.height, size.width)
    if target.exists():
        return name, size
    beside = target.with_name(f".{target.name}")
    with disk_errors(str(target)):
        target.parent.mkdir(exist_ok=True)
        if orientation == 1:
            shutil.copyfile(file, beside)
        else:
            open_image(file).save(beside, format="PNG")
        beside.replace(target)
    return name, size


# --- conversations ----------------------------------------------------------------------------------------------------------


class Speaker(NamedTuple):
    """A dialect, and a family with the processor that says what the model sees (both None where nobody asked)."""

    dialect: Dialect
    family: Family | None = None
    processor: Any = None

    def sees(self, size: Size) -> Size | None:
        return None if self.family is None else self.family.sees(self.processor, size)


def _speaker(config: Config, into: RunDir) -> Speaker:
    dialect = DIALECTS.get(config.dialect or "")(config.prompt)
    if config.model is None:
        if dialect.coordinates == "pixels":
            raise ConfigError(
                f"the dialect {dialect.name} writes boxes in pixels of the picture as the model sees it",
                hint="name the checkpoint with --model: its processor says how large that is (no weights are loaded)",
            )
        return Speaker(dialect)
    ref = model_ref(into.resolve(config.model, "model"))
    family = FAMILIES.get(config.family)() if config.family else family_for(ref)
    if dialect.coordinates == "pixels" and not family.model_types:
        raise ConfigError(
            f"nobody knows at what size {config.model} sees a picture: it has no family of its own, and the dialect "
            f"{dialect.name} writes boxes in pixels of that size",
            hint="choose a dialect with coordinates of 0 to 1000, or a --family that fits the model",
        )
    options = LoadOptions(min_pixels=config.min_pixels, max_pixels=config.max_pixels)
    return Speaker(dialect, family, family.load_processor(ref, options))


def _conversations(stored: Iterable[Stored], speaker: Speaker) -> tuple[list[JsonValue], list[tuple[str, str]]]:
    rows: list[JsonValue] = []
    unsaid: list[tuple[str, str]] = []
    for sample, picture, size in stored:
        sees = speaker.sees(size)
        try:
            if sample.target is None:
                raise InputError("the sample has no target")
            asked = speaker.dialect.ask(sample, sees=sees)
            said = speaker.dialect.encode(sample.target, sees=sees)
        except InputError as cause:
            unsaid.append((sample.id, str(cause)))
            continue
        turns: list[JsonValue] = [{"role": "user", "content": f"<image>{asked}"}, {"role": "assistant", "content": said}]
        rows.append({"messages": turns, "images": [picture]})
    return rows, unsaid


# --- boxes ------------------------------------------------------------------------------------------------------------------


class Boxed(NamedTuple):
    """Objects of one picture: region, box, whether ignored."""

    stored: Stored
    objects: list[tuple[Region, Box, bool]]


def _with_boxes(stored: Iterable[Stored]) -> tuple[list[Boxed], list[tuple[str, str]]]:
    """Samples of the same picture under one picture."""
    by_picture: dict[str, Boxed] = {}
    unsaid: list[tuple[str, str]] = []
    for item in stored:
        target = item.sample.target
        if not isinstance(target, BoxesTarget | RegionsTarget):
            unsaid.append((item.sample.id, "the target has no boxes"))
            continue
        regions = target.boxes if isinstance(target, BoxesTarget) else target.regions
        ignored = target.ignored if isinstance(target, BoxesTarget) else ()
        every = [(region, False) for region in regions] + [(region, True) for region in ignored]
        found = [(region, region.box, flag) for region, flag in every if region.box]
        if len(found) < len(every):
            unsaid.append((item.sample.id, "some regions have no box"))
            continue
        by_picture.setdefault(item.picture, Boxed(item, [])).objects.extend(found)
    return list(by_picture.values()), unsaid


def _write_coco(boxed: Sequence[Boxed], split: str, into: RunDir) -> str:
    kinds = sorted({region.kind for item in boxed for region, _, _ in item.objects})
    numbers = {kind: number for number, kind in enumerate(kinds, start=1)}
    images: list[JsonValue] = []
    annotations: list[JsonValue] = []
    for number, (stored, objects) in enumerate(boxed, start=1):
        width, height = stored.size
        images.append({"id": number, "file_name": stored.picture, "width": width, "height": height, "group": stored.sample.group})
        for region, box, ignored in objects:
            left, top, right, bottom = (round(v, 2) for v in box.to_pixels(width, height))
            outline = [round(v, 2) for x, y in box.polygon or () for v in (x * width, y * height)]
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": numbers[region.kind], "text": region.text,
                "bbox": [left, top, round(right - left, 2), round(bottom - top, 2)], "iscrowd": int(ignored),
                "area": round((right - left) * (bottom - top), 2), "segmentation": [[*outline]] if outline else [],
            })  # fmt: skip
    categories: list[JsonValue] = [{"id": number, "name": kind} for kind, number in numbers.items()]
    content: JsonValue = {"images": images, "annotations": annotations, "categories": categories}
    into.write(f"{split}.json", json.dumps(content, ensure_ascii=False) + "\n")
    return f"{split}.json"


def _write_voc(boxed: Sequence[Boxed], split: str, into: RunDir) -> str:
    """One XML a picture in annotations/, and the split as a list of their stems."""
    names = []
    for stored, objects in boxed:
        picture = Path(stored.picture)
        root = Element("annotation")
        _put(root, folder="images", filename=picture.name)
        _put(SubElement(root, "size"), width=stored.size.width, height=stored.size.height, depth=3)
        for region, box, ignored in objects:
            item = SubElement(root, "object")
            text = "" if isinstance(stored.sample.target, RegionsTarget) else region.text  # a layout is known by its kinds
            _put(item, name=text or (UNREADABLE if ignored else region.kind), difficult=int(ignored))
            _put_box(SubElement(item, "bndbox"), box, stored.size)
        indent(root)
        into.write(f"annotations/{picture.stem}.xml", tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
        names.append(picture.stem)
    into.write(f"{split}.txt", "".join(f"{name}\n" for name in names))
    return f"{split}.txt"


def _put_box(place: Element, box: Box, size: Size) -> None:
    """VOC's corners, and the four points of a quadrilateral beside them for who reads those."""
    corners = (f"{round(value, 2):g}" for value in box.to_pixels(*size))
    _put(place, **dict(zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)))
    if box.polygon is not None and len(box.polygon) == 4:
        for number, (x, y) in enumerate(box.polygon):
            _put(place, **{f"x{number}": f"{round(x * size.width, 2):g}", f"y{number}": f"{round(y * size.height, 2):g}"})


def _put(parent: Element, **children: object) -> None:
    for name, value in children.items():
        SubElement(parent, name).text = str(value)
