"""One command: every model is asked the same, and the verdict stands at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from ocrtune.core import ImageRef, Sample, TextTarget
from ocrtune.runs import RunDir
from ocrtune.verbs import benchmark

ANSWERS = [f"word {at}" for at in range(12)]


def _table(file: Path, said: list[str]) -> str:
    rows = [
        Sample(id=str(at), group="g", images=(ImageRef(path="x.png"),), target=TextTarget(text=text)).line()
        for at, text in enumerate(said)
    ]
    file.write_text("\n".join(rows))
    return f"table:{file}"


@pytest.fixture
def config(tmp_path: Path) -> benchmark.Config:
    rows = []
    for at, answer in enumerate(ANSWERS):
        Image.new("RGB", (40 + at, 20), "white").save(tmp_path / f"{at}.png")
        rows.append({"image_path": f"{at}.png", "question": "OCR:", "answers": answer, "type": "Regular Text Recognition"})
    (tmp_path / "OCRBench.json").write_text(json.dumps(rows))
    return benchmark.Config(
        data=str(tmp_path / "OCRBench.json"),
        benchmark="ocrbench",
        engine="echo",
        model=_table(tmp_path / "base.jsonl", ["wrong"] * 12),
        candidates=(_table(tmp_path / "good.jsonl", ANSWERS), _table(tmp_path / "same.jsonl", ["wrong"] * 12)),
        resamples=200,
    )


def test_models_are_evaluated_alike_and_compared(config: benchmark.Config, tmp_path: Path) -> None:
    into = RunDir.create("benchmark", config, root=tmp_path / "runs")
    with into.guard():
        done = benchmark.run(config, into)
    assert into.status == "done"
    assert "better" in done.statement
    assert done.report.is_file()
    figures = {
        name: json.loads((into.path / name / "estimate.json").read_text())[0] for name in ("base", "candidate-1", "candidate-2")
    }
    assert [figure["mean"] for figure in figures.values()] == [0, 1, 0]
    assert len({figure["benchmark_digest"] for figure in figures.values()}) == 1


def test_the_same_command_does_not_ask_again(config: benchmark.Config, tmp_path: Path) -> None:
    for _ in range(2):
        into = RunDir.create("benchmark", config, root=tmp_path / "runs")
        with into.guard():
            benchmark.run(config, into)
    assert len((into.path / "base" / "predictions.jsonl").read_text().splitlines()) == 12
