"""Conversations: every published shape gives the same samples."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import Box, BoxesTarget, TextTarget
from ocrtune.labelling import Tally
from ocrtune.options import SourceOptions
from ocrtune.sources.chat import Chat

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


def read(path: Path) -> list[Draft | Rejected]:
    return list(Chat().read(path, SourceOptions()))


def one(record: dict[str, Any], folder: Path) -> Draft | Rejected:
    path = folder / "chat.jsonl"
    path.write_text(json.dumps(record, ensure_ascii=False), "utf-8")
    assert Chat().claims(path)
    (draft,) = read(path)
    return draft


ASK, REPLY = {"type": "text", "text": "Read it."}, {"role": "assistant", "content": "текст"}
SHAPES: dict[str, dict[str, Any]] = {
    "ms-swift": {
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "<image>Read it."}, REPLY],
        "images": ["x.png"],
    },
    "sharegpt": {
        "conversations": [{"from": "human", "value": "<image>\nRead it."}, {"from": "gpt", "value": "текст"}],
        "image": "x.png",
    },
    "swift-conversation": {"conversation": [{"human": "Read it.", "assistant": "текст"}], "images": ["x.png"]},
    "query-response": {"system": "S", "query": "<image>Read it.", "response": "текст", "images": "x.png"},
    "alpaca": {"instruction": "Read it.", "input": "", "output": "текст", "images": ["x.png"]},
    "openai": {"messages": [{"role": "user", "content": [ASK, {"type": "image_url", "image_url": {"url": "x.png"}}]}, REPLY]},
    "blocks": {"messages": [{"role": "user", "content": [{"type": "image", "image": "x.png"}, ASK]}, REPLY]},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_sample(shape: str, picture: Path, tmp_path: Path) -> None:
    draft = one(SHAPES[shape], tmp_path)
    assert isinstance(draft, Draft), draft
    assert (draft.image, draft.target, draft.question) == (picture, TextTarget(text="текст"), "Read it.")


def test_pictures_inside_the_messages_are_read(picture: Path, tmp_path: Path) -> None:
    body = base64.b64encode(picture.read_bytes()).decode()
    blocks = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{body}"}},
              {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": body}}]  # fmt: skip
    for block in blocks:
        path = tmp_path / "chat.jsonl"
        turns = [{"role": "user", "content": [block]}, {"role": "assistant", "content": "t"}]
        path.write_text(json.dumps({"messages": turns}))
        for draft in Chat().read(path, SourceOptions()):
            assert isinstance(draft, Draft) and isinstance(draft.image, Path)
            assert draft.image.read_bytes() == picture.read_bytes()


def test_every_exchange_is_a_sample(picture: Path, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    turns = [("user", "<image>Date?"), ("assistant", "1 May"), ("user", "Sum?"), ("assistant", "12.50")]
    path.write_text(json.dumps({"messages": [{"role": r, "content": c} for r, c in turns], "images": ["x.png"]}))
    drafts = [d for d in read(path) if isinstance(d, Draft)]
    assert [(d.question, d.target) for d in drafts] == [("Date?", TextTarget(text="1 May")), ("Sum?", TextTarget(text="12.50"))]
    assert len({d.where for d in drafts}) == 2 and len({d.group for d in drafts}) == 1


def boxed(folder: Path, *records: dict[str, Any]) -> list[Draft]:
    path = folder / "chat.jsonl"
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), "utf-8")
    found = read(path)
    assert all(isinstance(draft, Draft) for draft in found), found
    return [draft for draft in found if isinstance(draft, Draft)]


def corners(draft: Draft) -> list[tuple[str, tuple[float, ...]]]:
    """Texts and boxes, in pixels of the 40 × 20 picture."""
    assert isinstance(draft.target, BoxesTarget) and draft.task == "detect"
    return [(r.text, tuple(round(v, 3) for v in r.box.to_pixels(40, 20))) for r in draft.target.boxes if r.box]


SWIFT = {"messages": [{"role": "user", "content": "<image>Find all."},
                      {"role": "assistant", "content": "<ref-object><bbox> and <ref-object><bbox><bbox>"}],
         "images": ["x.png"]}  # fmt: skip


@pytest.mark.usefixtures("picture")
def test_objects_of_ms_swift_are_pixels_of_the_picture_consumed_in_order(tmp_path: Path) -> None:
    objects = {"ref": ["Итого", "12"], "bbox": [[4, 2, 20, 10], [0, 0, 8, 5.5], [8, 5, 40, 20]]}
    (draft,) = boxed(tmp_path, SWIFT | {"objects": objects})
    assert corners(draft) == [("Итого", (4, 2, 20, 10)), ("12", (0, 0, 8, 5.5)), ("12", (8, 5, 40, 20))]
    assert draft.question == "Find all." and draft.labels == ("Итого", "12", "12") and not draft.problems


@pytest.mark.usefixtures("picture")
@pytest.mark.parametrize(("kind", "problems"), [("norm1", []), ("real", ["fractions"])])
def test_fractions_are_read_as_such_whether_declared_or_not(kind: str, problems: list[str], tmp_path: Path) -> None:
    objects = {"ref": ["a", "b"], "bbox": [[0.1, 0.1, 0.5, 0.5]] * 3, "bbox_type": kind}
    (draft,) = boxed(tmp_path, SWIFT | {"objects": objects})
    assert corners(draft)[0] == ("a", (4, 2, 20, 10)) and [p.kind for p in draft.problems] == problems


REPLIES = {
    "internvl": "<ref>Итого</ref><box>[[100, 100, 500, 500]]</box>",
    "internvl-many": "<ref>Итого</ref><box>[[100, 100, 500, 500], [100, 100, 500, 500]]</box>",
    "qwen-vl": "<ref>Итого</ref><box>(100,100),(500,500)</box>",
    "qwen2-vl": "<|object_ref_start|>Итого<|object_ref_end|><|box_start|>(100,100),(500,500)<|box_end|>",
    "quad": "<|object_ref_start|>Итого<|object_ref_end|><|quad_start|>(100,100),(500,100),(500,500),(100,500)<|quad_end|>",
}


@pytest.mark.usefixtures("picture")
@pytest.mark.parametrize("style", REPLIES)
def test_boxes_written_into_the_reply_are_thousandths(style: str, tmp_path: Path) -> None:
    (draft,) = boxed(tmp_path, {"query": "Find it.", "response": REPLIES[style], "images": "x.png"})
    assert corners(draft) == [("Итого", (4, 2, 20, 10))] * (2 if "many" in style else 1)


@pytest.mark.usefixtures("picture")
def test_a_file_with_boxes_beyond_1000_is_read_as_pixels_throughout(tmp_path: Path) -> None:
    Image.new("RGB", (2000, 1000)).save(tmp_path / "large.png")
    small = {"query": "q", "response": "<ref>a</ref><box>[[4, 2, 20, 10]]</box>", "images": "x.png"}
    large = {"query": "q", "response": "<ref>b</ref><box>[[0, 0, 1500, 500]]</box>", "images": "large.png"}
    first, second = boxed(tmp_path, small, large)
    assert corners(first) == [("a", (4, 2, 20, 10))] and not first.problems
    assert [p.kind for p in second.problems] == ["raw-pixels"]
    assert isinstance(second.target, BoxesTarget) and second.target.boxes[0].box == Box(left=0, top=0, right=0.75, bottom=0.5)


@pytest.mark.usefixtures("picture")
def test_a_box_in_the_question_is_the_part_that_is_asked_about(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "<image>Read <bbox>"}, {"role": "assistant", "content": "слово"}]
    (draft,) = boxed(tmp_path, {"messages": turns, "images": ["x.png"], "objects": {"ref": [], "bbox": [[10, 5, 30, 15]]}})
    assert draft.target == TextTarget(text="слово") and draft.task == "read" and draft.question == "Read"
    assert draft.box == Box(left=0.25, top=0.25, right=0.75, bottom=0.75)


@pytest.mark.usefixtures("picture")
@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ({"ref": ["a"], "bbox": [[1, 2, 3, 4]] * 3}, "2 placeholders <ref-object> for 1"),
        ({"ref": ["a", "b"], "bbox": [[1, 2, 3, 4]]}, "3 placeholders <bbox> for 1"),
        ({"ref": ["a", "b"], "bbox": [[1, 2, 3, 4]] * 3, "image_id": [0, 0, 1]}, "several images"),
        ({"ref": ["a", "b"], "bbox": [[1, 2, 3, 4]] * 3, "bbox_type": "norm7"}, "norm7"),
        ({"ref": ["a", "b"], "bbox": [[1, 2], [1, 2, 1, 4], [50, 50, 60, 60]]}, "none of its 3 boxes"),
        ({"ref": 5, "bbox": [[1, 2, 3, 4]] * 3}, "must hold lists"),
        ({"ref": ["a", "b"], "bbox": "12"}, "must hold lists"),
        ("[1", "not JSON"),
        (None, "has no objects"),
    ],
)
def test_objects_that_cannot_be_used_say_why(objects: Any, reason: str, tmp_path: Path) -> None:
    rejected = one(SWIFT | {"objects": objects}, tmp_path)
    assert isinstance(rejected, Rejected) and reason in rejected.why


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}, "without an image"),
        ({"messages": [{"role": "user", "content": "hi"}], "images": ["x.png"]}, "no user turn with a reply"),
        ({"messages": "hello", "images": ["x.png"]}, "must be a list"),
        ({"messages": [{"role": "judge", "content": "hi"}], "images": ["x.png"]}, "no known role"),
        ({"query": "q", "response": "<ref>a</ref><box>[[1,2,1,4]]</box>", "images": "x.png"}, "none of its 1 boxes"),
        ({"query": "q", "response": "r", "images": ["x.png", "x.png"]}, "2 images"),
        ({"query": "q", "response": "r", "images": ["https://example.org/x.png"]}, "on the network"),
        ({"query": "q", "response": "r", "images": ["gone.png"]}, "no such image"),
    ],
)
def test_what_cannot_be_a_sample_says_why(record: dict[str, Any], reason: str, picture: Path, tmp_path: Path) -> None:
    rejected = one(record, tmp_path)
    assert isinstance(rejected, Rejected) and reason in rejected.why and rejected.where.endswith("chat.jsonl line 1")


@pytest.mark.skipif(not (SHARED / "glm_ocr_examples").is_dir(), reason="shared/data is not beside the repository")
def test_a_real_fine_tuning_file_is_read_whole() -> None:
    path = SHARED / "glm_ocr_examples" / "finetune" / "cosyn_chemical.json"
    drafts = [d for d in read(path) if isinstance(d, Draft)]
    assert len(drafts) == 10 and {d.question for d in drafts} == {"Code Generation:"}


@pytest.mark.skipif(not (SHARED / "ocrdet_msra_mtwi").is_dir(), reason="shared/data is not beside the repository")
def test_the_defects_of_a_published_detection_file_are_all_named() -> None:
    """533 rows with one box each, most without height, in raw pixels, and 50 of the pictures."""
    path = SHARED / "ocrdet_msra_mtwi" / "ocr_det_test_dataset.jsonl"
    assert Chat().claims(path)
    tally = Tally()
    for record in read(path):
        tally.add(record.where, problems=record.problems, labels=record.labels)
    report = tally.report()
    counts = {finding.kind: finding.count for finding in report.findings}
    assert (report.records, report.objects, report.frequent["###"]) == (533, 533, 22)
    assert counts["zero-area-box"] + counts["out-of-order"] == 478  # points 0 and 1 of the quadrilateral instead of 0 and 2
    assert counts["raw-pixels"] == 96 and counts["one-box-per-picture"] == 533 and counts["ignored-label"] == 22
    assert counts["missing-picture"] == 533 - 50
