"""Hugging Face datasets, in the layout that `datasets` 5 writes (checked against the library where it is installed)."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest
from PIL import Image

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import TextTarget
from ocrtune.options import SourceOptions
from ocrtune.sources.hf import HuggingFace


def png(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 4), colour).save(out, format="PNG")
    return out.getvalue()


def table() -> pyarrow.Table:
    pictures = [{"bytes": png("red"), "path": None}, {"bytes": png("blue"), "path": "b.png"}, {"bytes": None, "path": None}]
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    columns = {
        "image": pyarrow.array(pictures, kind),
        "text": pyarrow.array(["красный", "blue", "none"]),
        "doc": pyarrow.array(["1", "1", "2"]),
    }
    return pyarrow.table(columns)


def save_to_disk(folder: Path) -> Path:
    folder.mkdir(parents=True)
    with (
        pyarrow.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as sink,
        pyarrow.ipc.new_stream(sink, table().schema) as stream,
    ):
        stream.write_table(table())
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": None}))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def check(path: Path, tags: dict[str, str]) -> None:
    assert HuggingFace().claims(path)
    seen, rejected = [], []
    for record in HuggingFace().read(path, SourceOptions()):
        if isinstance(record, Rejected):
            rejected.append(record.why)
            continue
        assert isinstance(record, Draft) and isinstance(record.image, Path)
        seen.append((record.image.read_bytes(), record.target, record.group))
        assert record.tags == tags
    assert seen == [(png("red"), TextTarget(text="красный"), "1"), (png("blue"), TextTarget(text="blue"), "1")]
    assert rejected == ["the record names no image"]


def test_a_saved_dataset_is_read_without_the_library(tmp_path: Path) -> None:
    check(save_to_disk(tmp_path / "one"), {})


def test_splits_of_a_saved_dictionary_are_tagged(tmp_path: Path) -> None:
    folder = save_to_disk(tmp_path / "all" / "train")
    (tmp_path / "all" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    check(folder, {"split": "train"})


def test_parquet_with_pictures_inside_is_read(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(table(), tmp_path / "x.parquet")
    check(tmp_path / "x.parquet", {})


def test_questions_and_answers_keep_their_question(tmp_path: Path) -> None:
    rows = [{"image": png("red"), "question": "Colour?", "answer": "red"}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "x.parquet")
    (draft,) = HuggingFace().read(tmp_path / "x.parquet", SourceOptions())
    assert isinstance(draft, Draft) and (draft.question, draft.target) == ("Colour?", TextTarget(text="red"))


def test_a_cut_off_arrow_file_is_named(tmp_path: Path) -> None:
    folder = save_to_disk(tmp_path / "one")
    file = folder / "data-00000-of-00001.arrow"
    file.write_bytes(file.read_bytes()[:100])
    (rejected,) = HuggingFace().read(folder, SourceOptions())
    assert isinstance(rejected, Rejected) and "broken" in rejected.why and rejected.where == str(file)


def test_the_layout_is_the_one_the_library_writes(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    made = datasets.Dataset.from_dict({"image": [Image.new("RGB", (8, 4), "red")], "text": ["t"]}).cast_column(
        "image", datasets.Image()
    )
    made.save_to_disk(str(tmp_path / "saved"))
    made.to_parquet(str(tmp_path / "x.parquet"))
    for path in (tmp_path / "saved", tmp_path / "x.parquet"):
        assert HuggingFace().claims(path)
        drafts = [
            (d.target, d.image.exists())
            for d in HuggingFace().read(path, SourceOptions())
            if isinstance(d, Draft) and isinstance(d.image, Path)
        ]
        assert drafts == [(TextTarget(text="t"), True)]
