"""The loop in one command: steps that failed are taken again, and what was made from them with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ocrtune.config import Section
from ocrtune.runs import RunDir
from ocrtune.verbs import compare, evaluate, tune
from ocrtune.verbs.tune import Config, Steps


class Loop(Section):
    """Options of a loop that only the tests have."""


def folder(root: Path) -> RunDir:
    return RunDir.create("tune", Loop(), root=root)


def reading(data: Path, model: str) -> dict[str, Any]:
    return {"data": str(data), "engine": "echo", "model": model, "resamples": 100, "retries": 0}


@pytest.fixture
def dataset(tmp_path: Path, lines: Any) -> Path:
    place = tmp_path / "data"
    place.mkdir()
    (place / "test.jsonl").write_text("".join(s.line() + "\n" for s in lines("ab", "cd", "ef")))
    return place


def test_a_step_in_which_samples_failed_is_taken_again_and_the_comparison_with_it(dataset: Path, tmp_path: Path) -> None:
    table = f"table:{dataset}/test.jsonl"

    def loop() -> tuple[RunDir, RunDir, RunDir]:
        steps = Steps(folder(tmp_path / "runs"), 3)
        base = steps.take("base", evaluate, reading(dataset, "text:xx"))
        tuned = steps.take("tuned", evaluate, reading(dataset, f"{table};fail=3"))
        sides = {"a": str(base.path), "b": str(tuned.path), "resamples": 100}
        return base, tuned, steps.take("compare", compare, sides, about=[base, tuned])

    base, tuned, verdict = loop()
    assert (base.status, tuned.status) == ("done", "partial")
    assert json.loads((verdict.path / "verdict.json").read_text())["counts"]["tuned"]["failed"] == 1
    again = loop()
    assert again[0].manifest.finished == base.manifest.finished, "what was done is left alone"
    asked = [json.loads(line)["sample"] for line in (tuned.path / "events.jsonl").read_text().splitlines()]
    assert len(asked) == 4 and again[1].status == "done"
    assert json.loads((verdict.path / "verdict.json").read_text())["counts"]["tuned"]["failed"] == 0
    assert loop()[2].manifest.finished == again[2].manifest.finished, "nothing changed, nothing is compared again"


def test_both_models_are_asked_as_the_training_teaches() -> None:
    made = Config.model_validate(
        {"sources": ["x"], "model": "m", "train": {"max_pixels": 5000, "prompt": "Lies:", "device": "cpu", "dialect": "plain"}}
    )
    run = RunDir(Path("data"), None, Path())  # type: ignore[arg-type]
    options = tune._reading(made, run, "m")
    assert options == {**options, "max_pixels": 5000, "prompt": "Lies:", "device": "cpu", "dialect": "plain"}
    assert evaluate.Config.model_validate(options).max_pixels == 5000


def test_other_documents_need_names_that_make_folders_of_their_own() -> None:
    for names in (["A!", "a?"], ["…"]):
        with pytest.raises(ValidationError, match="must differ in their letters"):
            Config.model_validate({"sources": ["x"], "model": "m", "also": {name: ["y"] for name in names}})


def test_the_whole_loop_with_a_full_fine_tuning_ends_with_a_verdict(tiny_nano: Path, lines: Any, tmp_path: Path) -> None:
    pile = tmp_path / "pile"
    pile.mkdir()
    for sample in lines("ab", "cdef", "ghi", "jk", "lm no", "pq"):
        picture = Path(sample.images[0].path)
        (pile / picture.name).write_bytes(picture.read_bytes())
        (pile / picture.with_suffix(".txt").name).write_text(sample.target.text)
    made = Config.model_validate({
        "sources": [str(pile)], "model": str(tiny_nano), "max_tokens": 8, "scoring": {"resamples": 100},
        "prepare": {"val": 1, "test": 2},
        "train": {"method": "full", "max_steps": 1, "batch_size": 2, "gradient_accumulation": 1, "eval_steps": 1,
                  "eval_max_tokens": 4, "device": "cpu", "threads": 1, "report_to": []},
    })  # fmt: skip
    run = RunDir.create("tune", made, root=tmp_path / "runs")
    tuned = tune.run(made, run)
    assert run.status == "done" and tuned.verdict.is_file() and (tuned.model / "model.safetensors").is_file()
    assert not (run.path / "merge").exists()
    assert "How it was learnt" in tuned.report.read_text("utf-8")
