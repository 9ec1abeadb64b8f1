"""The same three questions out of Parquet, JSON with pictures beside it, and a TSV with pictures inside."""

from __future__ import annotations

import base64
import csv
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from ocrtune.benchmarks.ocrbench import OcrBench
from ocrtune.benchmarks.ocrbench_v2 import OcrBenchV2
from ocrtune.core import AnswersTarget, FieldsTarget
from ocrtune.errors import InputError
from ocrtune.options import Hub
from ocrtune.sampling import benchmark_digest

from .conftest import drawn

WORDS = ("alpha", "beta", "gamma")
KIND = "Regular Text Recognition"


def _parquet(folder: Path) -> Path:
    rows = [
        {"dataset": "IIIT5K", "question": "what is written in the image?", "question_type": KIND, "answer": [word],
         "image": {"bytes": drawn(word), "path": None}}
        for word in WORDS
    ]  # fmt: skip
    (folder / "data").mkdir()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "data" / "test-00000-of-00001.parquet")
    return folder


def _json(folder: Path) -> Path:
    (folder / "IIIT5K").mkdir()
    rows = []
    for word in WORDS:
        (folder / "IIIT5K" / f"{word}.png").write_bytes(drawn(word))
        rows.append({"dataset_name": "IIIT5K", "id": 1, "image_path": f"IIIT5K/{word}.png",
                     "question": "what is written in the image?", "answers": word, "type": KIND})  # fmt: skip
    (folder / "OCRBench.json").write_text(json.dumps(rows))
    return folder


def _tsv(folder: Path) -> Path:
    file = folder / "OCRBench.tsv"
    with file.open("w", newline="") as out:
        table = csv.writer(out, delimiter="\t")
        table.writerow(["index", "image", "question", "answer", "category"])
        for at, word in enumerate(WORDS):
            table.writerow([at, base64.b64encode(drawn(word)).decode(), "what is written in the image?", f"['{word}']", KIND])
    return file


@pytest.mark.parametrize("build", [_parquet, _json, _tsv])
def test_each_published_form_gives_the_same_questions(build: Callable[[Path], Path], tmp_path: Path) -> None:
    samples = OcrBench().load(build(tmp_path))
    assert [s.target for s in samples] == [AnswersTarget(answers=(word,)) for word in WORDS]
    assert [s.id for s in samples] == ["0", "1", "2"]
    assert {s.question for s in samples} == {"what is written in the image?"}
    assert {s.tags["type"] for s in samples} == {KIND}
    assert all(Path(s.images[0].path).is_file() and s.images[0].size == (120, 32) for s in samples)
    assert len({s.group for s in samples}) == 3


def test_the_form_makes_no_difference_to_the_digest(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    digests = {
        benchmark_digest(OcrBench().load(build(tmp_path / name)))
        for build, name in ((_parquet, "one"), (_json, "two"), (_tsv, "three"))
    }
    assert len(digests) == 1


def test_a_row_may_name_another_row_for_its_picture(tmp_path: Path) -> None:
    file = tmp_path / "OCRBench.tsv"
    rows = [["7", base64.b64encode(drawn("x")).decode(), "q", "['x']", KIND], ["8", "7", "r", "['y']", KIND]]
    file.write_text("\n".join("\t".join(row) for row in (["index", "image", "question", "answer", "category"], *rows)))
    first, second = OcrBench().load(file)
    assert first.images == second.images
    assert first.group == second.group


def test_without_any_picture_replies_can_still_be_scored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = _json(tmp_path)
    for picture in (folder / "IIIT5K").iterdir():
        picture.unlink()
    with caplog.at_level(logging.WARNING, "ocrtune"):
        assert len(OcrBench().load(folder)) == 3
    assert "none of its pictures is there" in caplog.text


def test_some_missing_pictures_are_an_error_that_names_one(tmp_path: Path) -> None:
    folder = _json(tmp_path)
    (folder / "IIIT5K" / "beta.png").unlink()
    with pytest.raises(InputError, match=r"1 of 3 pictures are missing.*beta\.png"):
        OcrBench().load(folder)


def test_a_folder_with_several_data_files_is_not_guessed_about(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("[]")
    with pytest.raises(InputError, match=r"a\.json, b\.json"):
        OcrBench().load(tmp_path)


def test_a_broken_row_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "q"}\n{"question":')
    with pytest.raises(InputError, match="row 1: no picture"):
        OcrBench().load(tmp_path)


def test_offline_the_hub_is_an_input_error_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="echo840/OCRBench cannot be fetched") as caught:
        OcrBench().load(Hub())
    assert "copy its files" in str(caught.value.hint)


def test_what_is_no_text_stays_as_published(beside: Callable[[list[dict[str, Any]], str], Path]) -> None:
    rows = [
        {"type": "text grounding en", "question": "q", "answers": [1, 2, 3, 4]},
        {"type": "text spotting en", "question": "q", "answers": [], "bbox": [[0, 0, 9, 0, 9, 9, 0, 9]], "content": ["a"]},
        {"type": "full-page OCR cn", "question": "q", "answers": ["a"], "eval": "None"},
    ]
    grounding, spotting, page = OcrBenchV2().load(beside(rows, "OCRBench_v2.json"))
    assert grounding.target == FieldsTarget(fields={"answers": [1, 2, 3, 4]})
    assert isinstance(spotting.target, FieldsTarget)
    assert spotting.target.fields == {"answers": [], "bbox": [[0, 0, 9, 0, 9, 9, 0, 9]], "content": ["a"]}
    assert page.target == AnswersTarget(answers=("a",))
    assert "eval" not in page.tags


def test_the_hubs_commit_stays_with_the_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    (tmp_path / "0123abcd").mkdir()
    snapshot = _parquet(tmp_path / "0123abcd")
    wanted: list[object] = []

    def download(name: str, **options: object) -> str:
        wanted.append((name, options["repo_type"], options["allow_patterns"]))
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    samples = OcrBench().load(Hub())
    assert {s.tags["revision"] for s in samples} == {"0123abcd"}
    assert wanted == [("echo840/OCRBench", "dataset", ["*test*.parquet"])]


def test_pictures_are_found_in_the_folder_that_the_authors_zip_has(tmp_path: Path) -> None:
    folder = _json(tmp_path)
    (folder / "OCRBench_Images").mkdir()
    (folder / "IIIT5K").rename(folder / "OCRBench_Images" / "IIIT5K")
    assert all(sample.images[0].size for sample in OcrBench().load(folder / "OCRBench.json"))
