"""A benchmark through `evaluate` and `score`: its questions, its figure first, its table, its protocol."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ocrtune.core import Box, BoxesTarget, ImageRef, Region, Sample, TextTarget
from ocrtune.errors import ResourceError
from ocrtune.plugins import DIALECTS
from ocrtune.runs import RunDir
from ocrtune.verbs import evaluate, score
from ocrtune.verbs.score import Figures

KIND, FORMULA = "Regular Text Recognition", "Handwritten Mathematical Expression Recognition"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = []
    for at, (answer, kind) in enumerate([("alpha", KIND), ("beta", KIND), (r"\frac{A}{b}", FORMULA), ("gamma", KIND)]):
        Image.new("RGB", (40 + at, 20), "white").save(tmp_path / f"{at}.png")
        rows.append({"dataset_name": "x", "image_path": f"{at}.png", "question": f"what is written in picture {at}?",
                     "answers": answer, "type": kind})  # fmt: skip
    (tmp_path / "OCRBench.json").write_text(json.dumps(rows))
    return tmp_path / "OCRBench.json"


@pytest.fixture
def replies(tmp_path: Path) -> Path:
    said = ["It says Alpha.", "gamma", r"\frac{A} {b}", "gamma"]
    file = tmp_path / "replies.jsonl"
    file.write_text("".join(f"{_told(at, text).line()}\n" for at, text in enumerate(said)))
    return file


def _told(at: int, text: str) -> Sample:
    return Sample(id=str(at), group="g", images=(ImageRef(path="x.png"),), target=TextTarget(text=text))


@pytest.fixture
def evaluated(data: Path, replies: Path, tmp_path: Path) -> Callable[..., tuple[RunDir, Figures]]:
    def go(**options: Any) -> tuple[RunDir, Figures]:
        chosen = {"data": str(data), "engine": "echo", "model": f"table:{replies}", "benchmark": "ocrbench", "resamples": 100}
        config = evaluate.Config(**(chosen | options))
        run = RunDir.create("evaluate", config, root=tmp_path / "runs")
        with run.guard():
            return run, evaluate.run(config, run)

    return go


def test_the_benchmarks_own_figure_stands_first_with_its_profile(evaluated: Callable[..., tuple[RunDir, Figures]]) -> None:
    run, figures = evaluated()
    first = figures.estimates[0]
    assert (first.metric, first.mean, first.n) == ("ocrbench", 0.75, 4)
    assert (first.protocol["benchmark"], first.protocol["profile"]) == ("ocrbench", "official")
    assert (first.protocol["dialect"], first.protocol["max_tokens"]) == ("answers", "128")
    assert "cer" in {e.metric for e in figures.estimates}
    table = json.loads((run.path / "table.json").read_text())
    assert table[-1] == {"name": "Final Score", "value": 3, "n": 4}


def test_stored_replies_are_scored_again_by_another_profile(
    evaluated: Callable[..., tuple[RunDir, Figures]], tmp_path: Path
) -> None:
    run, _ = evaluated()
    config = score.Config(run=str(run.path), profile="lmms_legacy", resamples=100)
    again = RunDir.create("score", config, root=tmp_path / "runs")
    with again.guard():
        first = score.run(config, again).estimates[0]
    assert (first.metric, first.mean, first.protocol["profile"]) == ("ocrbench", 0.5, "lmms_legacy")


def test_the_first_samples_are_the_first_of_the_published_order(evaluated: Callable[..., tuple[RunDir, Figures]]) -> None:
    _, figures = evaluated(first=2)
    assert (figures.estimates[0].mean, figures.estimates[0].n) == (0.5, 2)


def test_the_question_alone_is_asked_whatever_the_model_was_trained_with(
    evaluated: Callable[..., tuple[RunDir, Figures]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    predict = evaluate.predict

    def listen(samples: Any, dialect: Any, *more: Any, **options: Any) -> Any:
        asked.extend(dialect.ask(sample) for sample in samples)
        return predict(samples, dialect, *more, **options)

    monkeypatch.setattr(evaluate, "predict", listen)
    monkeypatch.setattr(evaluate, "notes", lambda folder: {"prompt": "OCR:", "dialect": "plain"})
    evaluated()
    assert asked == [f"what is written in picture {at}?" for at in range(4)]


def test_found_lines_are_scored_by_place_and_by_text(tmp_path: Path) -> None:
    """A dataset whose targets are boxes, read in a dialect that writes them."""
    (tmp_path / "data").mkdir()
    Image.new("RGB", (200, 100), "white").save(tmp_path / "data" / "page.png")
    lines = [
        Region(text=text, box=Box(left=0.1, top=top, right=0.6, bottom=top + 0.2)) for text, top in (("one", 0.1), ("two", 0.5))
    ]
    image = ImageRef(path="page.png", width=200, height=100)
    asked = Sample(id="p", group="g", images=(image,), task="detect", target=BoxesTarget(boxes=tuple(lines)))
    (tmp_path / "data" / "test.jsonl").write_text(asked.line())
    said = DIALECTS.get("grounding-qwen2")().encode(BoxesTarget(boxes=(lines[0], lines[1].model_copy(update={"text": "too"}))))
    (tmp_path / "said.jsonl").write_text(asked.model_copy(update={"target": TextTarget(text=said)}).line())
    config = evaluate.Config(data=str(tmp_path / "data"), engine="echo", model=f"table:{tmp_path / 'said.jsonl'}",
                             dialect="grounding-qwen2", metrics=("det_hmean", "e2e_hmean", "cer"), resamples=100)  # fmt: skip
    run = RunDir.create("evaluate", config, root=tmp_path / "runs")
    with run.guard():
        figures = {e.metric: e for e in evaluate.run(config, run).estimates}
    assert figures["det_hmean"].mean == 1
    assert figures["e2e_hmean"].mean == 0.5
    assert figures["cer"].unscored == 1


def test_steps_of_normalisation_are_strung_together_and_recorded(evaluated: Callable[..., tuple[RunDir, Figures]]) -> None:
    _, figures = evaluated(normalisation="nfc+yo+casefold", metrics=("contains",))
    found = {e.metric: e for e in figures.estimates}["contains"]
    assert found.mean == 0.5
    assert found.protocol["normalisation"] == "nfc+yo+casefold"
    with pytest.raises(ValueError, match="there is no normalisation called 'caselfold'"):
        evaluate.Config(data="d", normalisation="nfc+caselfold")


def test_what_cannot_be_scored_is_said_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    Image.new("RGB", (40, 20), "white").save(tmp_path / "a.png")
    page = {"layout_dets": [], "page_info": {"image_path": "a.png", "page_attribute": {}}}
    (tmp_path / "OmniDocBench.json").write_text(json.dumps([page]))
    config = evaluate.Config(data=str(tmp_path), benchmark="omnidocbench", profile="v1.5", engine="echo")
    run = RunDir.create("evaluate", config, root=tmp_path / "runs")
    with pytest.raises(ResourceError, match="CDM"), run.guard():
        evaluate.run(config, run)
    assert not (run.path / "predictions.jsonl").exists()
