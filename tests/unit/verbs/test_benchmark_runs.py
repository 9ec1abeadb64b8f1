"""A benchmark through `evaluate` and `score`: its questions, its figure first, its table, its protocol."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ocrtune.core import ImageRef, Sample, TextTarget
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
