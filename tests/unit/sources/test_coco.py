"""COCO JSON: detection, scene text and layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import Box, BoxesTarget, Region, RegionsTarget
from ocrtune.options import SourceOptions
from ocrtune.plugins import SOURCES
from ocrtune.sources.coco import Coco

IMAGE = {"id": 7, "file_name": "a.png", "width": 200, "height": 100}
WORD = {"id": 1, "image_id": 7, "category_id": 1, "bbox": [20, 10, 80, 30], "iscrowd": 0}
TEXT = [{"id": 1, "name": "text"}]


def coco(folder: Path, *annotations: dict[str, Any], categories: Any = TEXT, name: str = "labels.json", **image: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (200, 100), "white").save(folder / "a.png")
    file = folder / name
    content = {"info": {"year": 2026}, "images": [IMAGE | image], "annotations": annotations, "categories": categories}
    file.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    return file


def read(file: Path) -> list[Draft | Rejected]:
    assert next(name for name in SOURCES.names() if SOURCES.get(name)().claims(file)) == "coco"
    return list(Coco().read(file, SourceOptions()))


def draft(file: Path) -> Draft:
    (record,) = read(file)
    assert isinstance(record, Draft), record
    return record


def test_boxes_are_left_top_width_height_in_pixels(tmp_path: Path) -> None:
    found = draft(coco(tmp_path, WORD | {"text": "Итого"}))
    region = Region(text="Итого", box=Box(left=0.1, top=0.1, right=0.5, bottom=0.4))
    assert found.target == BoxesTarget(boxes=(region,)) and found.task == "detect" and found.group == "a.png"


@pytest.mark.parametrize(
    "place", [{"text": "слово"}, {"utf8_string": "слово"}, {"transcription": "слово"}, {"attributes": {"text": "слово"}}]
)
def test_texts_are_found_where_data_sets_keep_them(place: dict[str, Any], tmp_path: Path) -> None:
    assert draft(coco(tmp_path, WORD | place)).labels == ("слово",)


def test_crowds_and_illegible_objects_are_ignored(tmp_path: Path) -> None:
    found = draft(coco(tmp_path, WORD, WORD | {"iscrowd": 1}, WORD | {"legibility": "illegible"}, WORD | {"ignore": 1}))
    assert isinstance(found.target, BoxesTarget) and (len(found.target.boxes), len(found.target.ignored)) == (1, 3)


def test_one_polygon_is_kept_several_are_boxed_and_masks_leave_the_bbox(tmp_path: Path) -> None:
    one, two = [20, 10, 100, 10, 100, 40, 20, 40], [120, 10, 140, 10, 140, 40]
    masks = [[one], [one, two], {"counts": "abc", "size": [100, 200]}]
    found = draft(coco(tmp_path, *(WORD | {"segmentation": mask} for mask in masks)))
    assert isinstance(found.target, BoxesTarget)
    outlines = [region.box.polygon for region in found.target.boxes if region.box]
    assert outlines == [((0.1, 0.1), (0.5, 0.1), (0.5, 0.4), (0.1, 0.4)), None, None]


def test_layout_categories_make_layout_samples_under_common_names(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "Section_header"}, {"id": 2, "name": "figure"}, {"id": 3, "name": "List"}]
    found = draft(coco(tmp_path, WORD, WORD | {"category_id": 2}, categories=categories))
    assert isinstance(found.target, RegionsTarget) and found.task == "layout"
    assert [r.kind for r in found.target.regions] == ["section-header", "picture"] == list(found.labels or ())


def test_other_categories_are_classes_of_objects(tmp_path: Path) -> None:
    found = draft(coco(tmp_path, WORD, categories=[{"id": 1, "name": "Stamp"}, {"id": 2, "name": "table"}]))
    assert isinstance(found.target, BoxesTarget) and [(r.kind, r.text) for r in found.target.boxes] == [("stamp", "")]


def test_pictures_of_a_split_are_found_beside_the_folder_of_annotations(tmp_path: Path) -> None:
    file = coco(tmp_path / "annotations", WORD, name="instances_train2017.json")
    (tmp_path / "train2017").mkdir()
    (tmp_path / "annotations" / "a.png").rename(tmp_path / "train2017" / "a.png")
    assert draft(file).image == tmp_path / "train2017" / "a.png"


def test_defects_of_a_missing_picture_and_of_lost_annotations_are_named(tmp_path: Path) -> None:
    file = coco(tmp_path, WORD | {"bbox": [1, 1, 0, 5]}, WORD | {"image_id": 8}, file_name="gone.png")
    missing, lost = read(file)
    assert isinstance(missing, Rejected) and [p.kind for p in missing.problems] == ["zero-area-box", "missing-picture"]
    assert isinstance(lost, Rejected) and "image that the file does not have" in lost.why


def test_a_file_longer_than_the_look_at_its_head_is_still_claimed(tmp_path: Path) -> None:
    many = [WORD | {"id": number, "text": "слово", "image_id": 7} for number in range(2000)]
    file = coco(tmp_path, *many)
    assert file.stat().st_size > 1 << 17 and len(draft(file).labels or ()) == 2000


@pytest.mark.parametrize("content", ['{"images": 5, "annotations": []}', '{"images": [{"file_name": "x"', "[]"])
def test_what_is_no_coco_file_is_not_claimed_or_says_why(content: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(content)
    if Coco().claims(tmp_path / "x.json"):
        (record,) = Coco().read(tmp_path / "x.json", SourceOptions())
        assert isinstance(record, Rejected) and "COCO" in record.why


HOSTILE = [None, 5, "x", [], {}, [None], 1e400, float("nan"), 10**400, [10**400] * 4, True, "\0", "x" * 5000]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("place", ["images", "annotations", "categories", "file_name", "width", "bbox", "segmentation", "id"])
def test_whatever_stands_in_a_file_is_a_sample_or_a_reason(place: str, value: Any, tmp_path: Path) -> None:
    content: dict[str, Any] = {"images": [dict(IMAGE)], "annotations": [dict(WORD)], "categories": TEXT}
    if place in content:
        content[place] = value
    else:
        content["images"][0][place] = content["annotations"][0][place] = value
    (tmp_path / "x.json").write_text(json.dumps(content))
    assert all(isinstance(record, Draft | Rejected) for record in Coco().read(tmp_path / "x.json", SourceOptions()))
