"""The verb train: what it links, what it hands over, and how replay is mixed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.core import ImageRef, Sample
from ocrtune.errors import InputError
from ocrtune.runs import RunDir
from ocrtune.verbs import train

Lines = Callable[..., list[Sample]]


def dataset(folder: Path, samples: list[Sample]) -> Path:
    folder.mkdir()
    for split in ("train", "val", "test"):
        (folder / f"{split}.jsonl").write_text("".join(s.line() + "\n" for s in samples), "utf-8")
    return folder


def config(data: Path, model: Path, **changes: object) -> train.Config:
    quick = {"max_steps": 2, "batch_size": 2, "gradient_accumulation": 1, "eval_steps": 2, "eval_samples": 2, "device": "cpu",
             "report_to": (), "threads": 1}  # fmt: skip
    return train.Config.model_validate({"data": str(data), "model": str(model), **quick, **changes})


def test_a_training_ends_with_an_adapter_and_its_lineage(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    data, old = dataset(tmp_path / "new", lines("ab", "cd", "ef")), dataset(tmp_path / "old", lines("gh", "ij", width=64))
    made = config(data, tiny_nano, replay=(str(old),), replay_share=0.25)
    run = RunDir.create("train", made, root=tmp_path / "runs")
    train.run(made, run)
    assert run.status == "done" and run.manifest.outputs == {"adapter": "artifacts/best"}
    assert run.manifest.inputs == {"data": str(data), "model": str(tiny_nano), "replay_0": str(old)}
    assert (run.resolve(f"run:{run.id}", "adapter") / "adapter_model.safetensors").is_file()
    assert json.loads((run.path / "history.jsonl").read_text().splitlines()[0])["step"] == 0


def test_a_full_fine_tuning_ends_with_a_model(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    made = config(dataset(tmp_path / "data", lines("ab", "cd")), tiny_nano, method="full")
    run = RunDir.create("train", made, root=tmp_path / "runs")
    trained = train.run(made, run)
    assert run.manifest.outputs == {"model": "artifacts/best"}
    assert {p.name for p in tiny_nano.iterdir()} <= {p.name for p in trained.folder.iterdir()}


def test_a_dataset_without_validation_is_refused(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", lines("ab"))
    (data / "val.jsonl").unlink()
    made = config(data, tiny_nano)
    with pytest.raises(InputError, match="val"):
        train.run(made, RunDir.create("train", made, root=tmp_path / "runs"))


def some(count: int, name: str) -> list[Sample]:
    return [Sample(id=f"{name}{n}", group="g", images=(ImageRef(path="x.png"),)) for n in range(count)]


@given(new=st.integers(1, 200), old=st.integers(0, 300), share=st.floats(0, 0.9), seed=st.integers(0, 5))
def test_replay_makes_up_its_share_or_is_used_up(new: int, old: int, share: float, seed: int) -> None:
    mix = train.mixed(some(new, "n"), some(old, "o"), share, seed=seed)
    taken = [s.id for s in mix[new:]]
    assert [s.id for s in mix[:new]] == [s.id for s in some(new, "n")]
    assert len(set(taken)) == len(taken)
    assert len(taken) == old or abs(len(taken) / len(mix) - share) <= 1 / len(mix)
    assert mix == train.mixed(some(new, "n"), some(old, "o"), share, seed=seed)
