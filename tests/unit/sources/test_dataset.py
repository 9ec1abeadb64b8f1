"""A dataset of ours as a source."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import ImageRef, Sample, TextTarget
from ocrtune.options import SourceOptions
from ocrtune.sources.dataset import Dataset


def made(folder: Path) -> Path:
    Image.new("RGB", (8, 4), "red").save(folder / "a.png")
    target = TextTarget(text="t")
    bare = Sample(id="2", group="g", images=(ImageRef(path="a.png"),))
    train = [bare.model_copy(update={"id": "1", "target": target, "question": "What?", "tags": {"language": "ru"}}), bare]
    test = [Sample(id="3", group="h", images=(ImageRef(path="gone.png"),), target=target)]
    (folder / "train.jsonl").write_text("".join(s.line() + "\n" for s in train))
    (folder / "test.jsonl").write_text("".join(s.line() + "\n" for s in test))
    (folder / "dataset.json").write_text("{}")
    return folder


def test_samples_keep_their_group_question_and_tags(tmp_path: Path) -> None:
    draft, untargeted, gone = Dataset().read(made(tmp_path), SourceOptions())
    assert isinstance(draft, Draft)
    assert (draft.group, draft.question, draft.tags, draft.image) == ("g", "What?", {"language": "ru"}, tmp_path / "a.png")
    assert isinstance(untargeted, Rejected) and "no target" in untargeted.why and untargeted.where.endswith("train.jsonl line 2")
    assert isinstance(gone, Rejected) and "no such image" in gone.why


def test_one_split_can_be_named_by_itself(tmp_path: Path) -> None:
    folder = made(tmp_path)
    assert Dataset().claims(folder) and Dataset().claims(folder / "test.jsonl") and not Dataset().claims(tmp_path / "a.png")
    (gone,) = Dataset().read(folder / "test.jsonl", SourceOptions())
    assert gone.where.endswith("test.jsonl line 1")


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (made(tmp_path) / "train.jsonl").write_text("{}\n")
    rejected = next(iter(Dataset().read(tmp_path, SourceOptions())))
    assert isinstance(rejected, Rejected) and "train.jsonl line 1: not a sample" in rejected.why
