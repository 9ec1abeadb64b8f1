"""Conversations: every published shape gives the same samples."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import TextTarget
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


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}, "without an image"),
        ({"messages": [{"role": "user", "content": "hi"}], "images": ["x.png"]}, "no user turn with a reply"),
        ({"messages": "hello", "images": ["x.png"]}, "must be a list"),
        ({"messages": [{"role": "judge", "content": "hi"}], "images": ["x.png"]}, "no known role"),
        ({"query": "q", "response": "<ref>a</ref><box>[[1,2,3,4]]</box>", "images": "x.png"}, "grounding"),
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
def test_a_real_detection_file_is_refused_line_by_line() -> None:
    path = SHARED / "ocrdet_msra_mtwi" / "ocr_det_test_dataset.jsonl"
    records = read(path)
    assert Chat().claims(path) and len(records) == 533
    assert all(isinstance(r, Rejected) and ("no such image" in r.why or "grounding" in r.why) for r in records)
