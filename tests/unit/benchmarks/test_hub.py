"""Benchmarks from a hub: over real HTTP, from a server on this machine."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from ocrtune.benchmarks.ocrbench import OcrBench
from ocrtune.core import Estimate, Prediction
from ocrtune.errors import InputError
from ocrtune.options import Hub
from ocrtune.plugins import BENCHMARKS
from ocrtune.runs import RunDir
from ocrtune.verbs import evaluate, score

from . import hub as served
from .conftest import drawn

REPOSITORY = "echo840/OCRBench"
SHARDS = ("data/test-00000-of-00002.parquet", "data/test-00001-of-00002.parquet")


def shard(*words: str) -> bytes:
    rows = [
        {"dataset": "IIIT5K", "question": "what is written?", "question_type": "Regular Text Recognition", "answer": [word],
         "image": {"bytes": drawn(word), "path": None}}
        for word in words
    ]  # fmt: skip
    kept = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), kept)
    return kept.getvalue()


def split(*words: str) -> dict[str, bytes]:
    """Two shards of these words, and files that are not needed."""
    return {SHARDS[0]: shard(*words[:1]), SHARDS[1]: shard(*words[1:]), "README.md": b"# read", "data/train-0.parquet": b"no"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[served.Hub]:
    """Where this process, too, looks for datasets."""
    from huggingface_hub import constants

    with served.serving(REPOSITORY) as server:
        paths = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
        monkeypatch.setattr(constants, "ENDPOINT", server.address)  # as $HF_ENDPOINT does, which is read when it is imported
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.address + paths)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
        yield server


def test_the_command_reads_a_pinned_revision_and_survives_a_line_that_drops(hub: served.Hub, tmp_path: Path) -> None:
    pinned = hub.commit(split("alpha", "beta", "gamma"), "v1")
    hub.commit(split("other", "words"), "main")
    hub.cut[SHARDS[0]] = 100
    line = [sys.executable, "-m", "ocrtune.cli.main", "evaluate", "hub@v1", "--benchmark", "ocrbench", "--resamples", "100"]
    line += ["--engine", "echo", "--model", "text:alpha", "--into", str(tmp_path / "run")]
    own = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(line, env={**os.environ, **own}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(hub.sent) == [SHARDS[0], SHARDS[0], SHARDS[1]], "the one that was cut is asked for again, and nothing else"
    estimate = Estimate.model_validate(json.loads((tmp_path / "run" / "estimate.json").read_text())[0])
    assert estimate.mean == pytest.approx(1 / 3) and estimate.protocol["revision"] == pinned
    assert json.loads((tmp_path / "run" / "run.json").read_text())["inputs"]["data"] == f"{REPOSITORY}@{pinned}"


def test_a_run_goes_on_with_the_commit_that_it_began_with(hub: served.Hub, tmp_path: Path) -> None:
    begun = hub.commit(split("alpha", "beta"), "main")
    answers = tmp_path / "answers.jsonl"
    options = evaluate.Config(data="hub", benchmark="ocrbench", engine="echo", model=f"table:{answers};fail=2", retries=0)

    def read() -> RunDir:
        into = RunDir.create("evaluate", options, root=tmp_path / "runs")
        with into.guard():
            evaluate.run(options, into)
        return into

    answers.write_text("".join(f"{sample.line()}\n" for sample in OcrBench().load(Hub())))
    assert read().status == "partial"
    hub.commit(split("one", "two", "three"), "main")
    into = read()
    assert into.status == "done" and into.manifest.inputs["data"] == f"{REPOSITORY}@{begun}"
    first = json.loads((into.path / "estimate.json").read_text())[0]
    assert (first["n"], first["mean"], first["protocol"]["revision"]) == (2, 1.0, begun)


def test_stored_replies_are_scored_against_the_data_of_the_hub(hub: served.Hub, tmp_path: Path) -> None:
    pinned = hub.commit(split("alpha", "beta", "gamma"), "v1")
    hub.commit(split("other", "words"), "main")
    stored = tmp_path / "stored.jsonl"
    said = [Prediction(sample_id=str(number), text="beta") for number in range(3)]
    stored.write_text("".join(f"{prediction.line()}\n" for prediction in said))
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps({"doc_id": one.sample_id, "filtered_resps": [one.text]}) + "\n" for one in said))
    for file in (stored, log):
        options = score.Config(run=str(file), data="hub@v1", benchmark="ocrbench", resamples=100)
        into = RunDir.create("score", options, root=tmp_path / "runs")
        with into.guard():
            (first, *_) = score.run(options, into).estimates
        assert (first.n, first.mean, first.protocol["revision"]) == (3, pytest.approx(1 / 3), pinned)
        assert into.manifest.inputs["data"] == f"{REPOSITORY}@{pinned}"


def test_what_is_there_already_is_not_fetched_again_and_needs_no_network(
    hub: served.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    hub.commit(split("alpha", "beta"), "main")
    hub.refused.add(SHARDS[1])
    with pytest.raises(InputError):
        OcrBench().load(Hub())
    hub.refused.clear()
    hub.asked.clear()
    assert len(OcrBench().load(Hub())) == 2
    assert hub.sent == [SHARDS[1]]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert len(OcrBench().load(Hub())) == 2


def _gated(hub: served.Hub, _: pytest.MonkeyPatch) -> None:
    hub.gated = True


def _missing(hub: served.Hub, _: pytest.MonkeyPatch) -> None:
    hub.repository = "somebody/else"


def _offline(_: served.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def _down(_: served.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("make", "revision", "message", "hint"),
    [
        (_gated, None, r"/datasets/echo840/OCRBench has terms of use that you have not accepted", "hf auth login"),
        (_missing, None, r"/datasets/echo840/OCRBench is not there, or not for everybody", "HF_ENDPOINT"),
        (lambda *_: None, "v9", r"has no revision 'v9'", "hub@main"),
        (_offline, None, r"echo840/OCRBench cannot be fetched", "copy its files"),
        (_down, None, r"cannot be fetched from http://127.0.0.1:9: .*[Cc]onnect", "the same command goes on"),
    ],
)
def test_a_dataset_that_cannot_be_had_is_an_error_that_says_what_to_do(
    make: Callable[[served.Hub, pytest.MonkeyPatch], None],
    revision: str | None,
    message: str,
    hint: str,
    hub: served.Hub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub.commit(split("alpha", "beta"), "main")
    make(hub, monkeypatch)
    with pytest.raises(InputError, match=message) as caught:
        OcrBench().load(Hub(revision))
    assert hint in str(caught.value.hint) and "\n" not in str(caught.value)


def _omnidocbench() -> dict[str, bytes]:
    page = {"layout_dets": [], "extra": {}, "page_info": {"image_path": "a.png", "page_attribute": {"language": "english"}}}
    return {"OmniDocBench.json": json.dumps([page]).encode(), "images/a.png": drawn("a"), "pdfs/a.pdf": b"not needed"}


def _olmocr() -> dict[str, bytes]:
    test: dict[str, Any] = {"pdf": "old/a.pdf", "page": 1, "id": "1", "type": "present", "text": "a", "max_diffs": 0}
    return {"bench_data/old.jsonl": json.dumps(test).encode(), "bench_data/pdfs/old/a.pdf": _pdf(), "README.md": b"not needed"}


def _pdf() -> bytes:
    import fpdf

    document = fpdf.FPDF(format=(100, 100))
    document.add_page()
    return bytes(document.output())


@pytest.mark.parametrize(("name", "files", "needed"), [("omnidocbench", _omnidocbench, 2), ("olmocr-bench", _olmocr, 2)])
def test_folders_of_pictures_and_documents_are_fetched_as_far_as_they_are_needed(
    name: str, files: Callable[[], dict[str, bytes]], needed: int, hub: served.Hub
) -> None:
    benchmark = BENCHMARKS.get(name)()
    hub.repository = benchmark.hub
    commit = hub.commit(files(), "main")
    (sample,) = benchmark.load(Hub())
    assert sample.tags["revision"] == commit
    assert Path(sample.images[0].path).is_file() and sample.images[0].size is not None
    assert len(hub.sent) == needed
