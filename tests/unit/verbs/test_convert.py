"""convert, through its front door: a dataset out, and read back in by the sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import Box, BoxesTarget, Region, RegionsTarget, Sample, Size, Target, TextTarget
from ocrtune.errors import ConfigError, InputError
from ocrtune.imaging import image_ref, open_image
from ocrtune.models import family_for, model_ref
from ocrtune.options import SourceOptions
from ocrtune.plugins import SOURCES
from ocrtune.runs import RunDir
from ocrtune.sourcing import find_jobs
from ocrtune.verbs import convert

QUAD = ((0.1, 0.2), (0.5, 0.25), (0.5, 0.5), (0.1, 0.45))
BOXES = BoxesTarget(
    boxes=(
        Region(text="Итого & <сумма>", box=Box(left=0.1, top=0.2, right=0.5, bottom=0.5, polygon=QUAD)),
        Region(text="日期", box=Box(left=0.6, top=0.2, right=0.9, bottom=0.4)),
    ),
    ignored=(Region(text="###", box=Box(left=0, top=0.8, right=0.25, bottom=0.9)),),
)
LAYOUT = RegionsTarget(
    regions=(
        Region(kind="title", text="Договор", box=Box(left=0.25, top=0, right=0.75, bottom=0.1)),
        Region(kind="table", box=Box(left=0, top=0.2, right=1, bottom=0.9)),
    )
)


def dataset(folder: Path, *targets: Target, orientation: int | None = None, size: tuple[int, int] = (200, 100)) -> Path:
    """Samples of pictures that are all different, in the split train."""
    (folder / "images").mkdir(parents=True)
    lines = []
    for number, target in enumerate(targets):
        file = folder / "images" / f"{number}.jpg"
        image = Image.new("RGB", size[::-1] if orientation in (6, 8) else size, (number, 99, 99))
        exif = Image.Exif()
        if orientation:
            exif[0x0112] = orientation
        image.save(file, exif=exif)
        ref = image_ref(file).model_copy(update={"path": f"images/{number}.jpg"})
        task = "layout" if isinstance(target, RegionsTarget) else "detect"
        lines.append(Sample(id=f"s{number}", group=f"g{number}", images=(ref,), task=task, target=target).model_dump_json())
    (folder / "train.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return folder


def converted(data: Path, **options: Any) -> tuple[convert.Converted, RunDir]:
    config = convert.Config(data=str(data), splits=("train",), **options)
    into = RunDir.create("convert", config, root=data.parent / "runs", into=data.parent / f"out-{len(options)}")
    with into.guard():
        return convert.run(config, into), into


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def read_back(folder: Path) -> list[Draft | Rejected]:
    return [r for job in find_jobs([str(folder)]).jobs for r in SOURCES.get(job.source)().read(job.path, SourceOptions())]


def numbers(box: Box) -> list[float]:
    return [box.left, box.top, box.right, box.bottom, *(v for point in box.polygon or () for v in point)]


def same(found: Target, meant: Target) -> None:
    """Equal but for a hundredth of a pixel in 100."""

    def flat(target: Target) -> list[tuple[str, str, bool, list[float]]]:
        assert isinstance(target, BoxesTarget | RegionsTarget)
        pairs = [(r, False) for r in (target.boxes if isinstance(target, BoxesTarget) else target.regions)]
        pairs += [(r, True) for r in (target.ignored if isinstance(target, BoxesTarget) else ())]
        return [
            (
                r.kind,
                r.text,
                flag,
                [r.box.left, r.box.top, r.box.right, r.box.bottom, *(v for p in r.box.polygon or () for v in p)],
            )
            for r, flag in pairs
            if r.box
        ]

    for (*one, place), (*other, meant_place) in zip(flat(found), flat(meant), strict=True):
        assert one == other and place == pytest.approx(meant_place, abs=1e-4)


@pytest.mark.parametrize("to", ["coco", "voc"])
def test_boxes_come_back_through_coco_and_voc(to: str, tmp_path: Path) -> None:
    result, into = converted(dataset(tmp_path / "data", BOXES, BOXES), to=to)
    assert (result.samples, result.left_out, into.status) == (2, 0, "done")
    drafts = [record for record in read_back(into.path) if isinstance(record, Draft) and record.task == "detect"]
    assert len(drafts) == 2
    for draft in drafts:
        same(draft.target, BOXES)


def test_a_layout_comes_back_through_coco_with_its_kinds_and_texts(tmp_path: Path) -> None:
    _, into = converted(dataset(tmp_path / "data", LAYOUT), to="coco")
    (draft,) = read_back(into.path)
    assert isinstance(draft, Draft) and draft.task == "layout"
    same(draft.target, LAYOUT)


def test_conversations_hold_what_the_dialect_teaches_in_thousandths(tmp_path: Path) -> None:
    _, into = converted(dataset(tmp_path / "data", BOXES), dialect="grounding-internvl", prompt="Find.")
    (row,) = rows(into.path / "train.jsonl")
    assert row["messages"][0] == {"role": "user", "content": "<image>Find."} and row["images"] == ["images/0.jpg"]
    assert "[[600, 200, 900, 400]]" in row["messages"][1]["content"] and "###" not in row["messages"][1]["content"]
    assert (into.path / row["images"][0]).is_file()


@pytest.mark.parametrize("dialect", ["grounding-internvl", "grounding-qwen2"])
def test_conversations_with_references_are_read_back_by_the_chat_source(dialect: str, tmp_path: Path) -> None:
    plain = BoxesTarget(boxes=(Region(text="日期", box=Box(left=0.6, top=0.2, right=0.9, bottom=0.4)),))
    _, into = converted(dataset(tmp_path / "data", plain), dialect=dialect)
    (draft,) = read_back(into.path / "train.jsonl")
    assert isinstance(draft, Draft)
    same(draft.target, plain)


def test_a_dialect_in_pixels_asks_for_the_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pixels of the picture as the model sees it"):
        converted(dataset(tmp_path / "data", BOXES), dialect="grounding-qwen25")


def test_pictures_that_need_their_exif_tag_are_stored_upright(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", BOXES, orientation=6)
    _, into = converted(data, to="coco")
    (image,) = json.loads((into.path / "train.json").read_text())["images"]
    with Image.open(into.path / image["file_name"]) as stored:
        assert stored.size == (200, 100) == (image["width"], image["height"])
        assert 0x0112 not in stored.getexif()
        assert stored.tobytes() == open_image(data / "images" / "0.jpg").tobytes()


def test_samples_without_boxes_are_left_out_by_name_or_stop_a_strict_run(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", BOXES, TextTarget(text="text only"))
    result, into = converted(data, to="voc")
    assert (result.samples, result.left_out) == (1, 1)
    assert rows(into.path / "left_out.jsonl") == [{"id": "s1", "why": "the target has no boxes"}]
    with pytest.raises(InputError, match="s1: the target has no boxes"):
        converted(data, to="coco", strict=True)


@pytest.mark.parametrize(
    "wrong", [{"to": "messages"}, {"to": "coco", "dialect": "plain"}, {"dialect": "plain", "family": "auto"}]
)
def test_options_that_contradict_each_other_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        convert.Config(data="x", **wrong)


def test_pixels_are_those_of_the_picture_as_the_model_sees_it(tiny_nano: Path, tmp_path: Path) -> None:
    _, into = converted(dataset(tmp_path / "data", LAYOUT, size=(203, 109)), dialect="layout", model=str(tiny_nano))
    (row,) = rows(into.path / "train.jsonl")
    ref = model_ref(tiny_nano)
    family = family_for(ref)
    sees = family.sees(family.load_processor(ref), Size(203, 109))
    cells = json.loads(row["messages"][1]["content"])
    assert sees != (203, 109) and [cell["bbox"] for cell in cells] == [
        [round(0.25 * sees.width), 0, round(0.75 * sees.width), round(0.1 * sees.height)],
        [0, round(0.2 * sees.height), sees.width, round(0.9 * sees.height)],
    ]


def test_a_model_whose_size_nobody_knows_gets_no_pixels(tiny_nano: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no family of its own"):
        converted(dataset(tmp_path / "data", LAYOUT), dialect="layout", model=str(tiny_nano), family="auto")
