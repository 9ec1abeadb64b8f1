"""The training step's short cuts change nothing but its cost: cached features, token budgets, packing, workers."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ocrtune.core import Sample
from ocrtune.errors import ConfigError
from ocrtune.families.auto import Auto
from ocrtune.models import model_ref
from ocrtune.options import TrainOptions
from ocrtune.runs import RunDir
from ocrtune.trainers import _loop, hf
from ocrtune.trainers.hf import HuggingFaceTrainer

Lines = Callable[..., list[Sample]]
TEXTS = ("abc", "de fg", "hijk", "lm", "no", "pqrs", "tuv", "wxyz", "12 34", "567")
QUICK: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 4,
    "gradient_accumulation": 1,
    "eval_steps": 4,
    "eval_samples": 4,
    "eval_max_tokens": 4,
    "device": "cpu",
    "learning_rate": 2e-3,
    "threads": 1,
    "dtype": "float32",
    "lora": {"rank": 4},
    "report_to": (),
}


@pytest.fixture
def train(tiny_nano: Path, lines: Lines, tmp_path: Path) -> Callable[..., list[float]]:
    """Losses of a training with these changes of options; its run has the given name."""
    samples = lines(*TEXTS)

    def fit(name: str, **changes: Any) -> list[float]:
        made = TrainOptions.model_validate({**QUICK, "cache_folder": str(tmp_path / "cache"), **changes})
        run = RunDir.create("train", made, root=tmp_path, into=tmp_path / name)
        HuggingFaceTrainer().fit(made, model_ref(tiny_nano), train=samples, val=samples[:4], run=run)
        records = [json.loads(line) for line in (tmp_path / name / "history.jsonl").read_text().splitlines()]
        return [r["loss"] for r in records if r["kind"] == "step"]

    return fit


@contextmanager
def counted() -> Iterator[list[int]]:
    """Pictures that went through a tower, one entry per call."""
    from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VisionTransformerPretrainedModel as Tower

    real, calls = Tower.forward, []

    def forward(self: Any, hidden_states: Any, grid_thw: Any, **kwargs: Any) -> Any:
        calls.append(len(grid_thw))
        return real(self, hidden_states, grid_thw, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tower, "forward", forward)
        yield calls


def test_each_picture_goes_through_a_frozen_tower_once_and_never_again(
    train: Callable[..., list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted() as calls:
        first = train("first")
    checks = 5  # before training: the model whole, the tower alone, and the two ways to its answers; one to spare
    assert 10 <= sum(calls) <= 10 + checks
    with counted() as calls:
        assert train("second") == first
    assert sum(calls) <= checks
    with monkeypatch.context() as patch:
        patch.setattr(_loop, "takes_features", lambda *_: False)
        assert train("without") == pytest.approx(first, abs=1e-5)


def test_without_a_disk_cache_features_are_kept_in_memory(train: Callable[..., list[float]], tmp_path: Path) -> None:
    with counted() as calls:
        losses = train("memory", cache_gb=0, eval_steps=100)
    evaluations = 2 * 4
    assert sum(calls) <= 10 + evaluations + 5
    assert not (tmp_path / "cache").exists()
    assert losses == train("disk", eval_steps=100)


def test_features_that_fit_nowhere_are_made_again_with_the_same_losses(train: Callable[..., list[float]]) -> None:
    with counted() as calls:
        assert train("nowhere", cache_gb=0, cache_mb=0) == train("kept")
    assert sum(calls) > 30


def test_a_damaged_cache_changes_no_loss(train: Callable[..., list[float]], tmp_path: Path) -> None:
    first = train("first")
    for n, file in enumerate(sorted((tmp_path / "cache").glob("*/*.safetensors"))):
        file.write_bytes(file.read_bytes()[: -8 - n])
    assert train("second") == first


@pytest.mark.parametrize("group", ["vision", "merger"])
def test_a_trained_tower_switches_the_cache_off_and_says_so(
    train: Callable[..., list[float]], tmp_path: Path, caplog: pytest.LogCaptureFixture, group: str
) -> None:
    caplog.set_level(logging.INFO, "ocrtune")
    train("run", lora={"rank": 4, group: True}, max_steps=2)
    assert f"trained: {group}; pictures go through the tower at every step" in caplog.text
    assert not list(tmp_path.glob("cache/*/*"))


def test_packed_batches_have_the_losses_of_padded_ones(train: Callable[..., list[float]]) -> None:
    assert train("packed", packing=True) == pytest.approx(train("padded"), abs=1e-5)
    assert train("both", packing=True, lora={"vision": True}) == pytest.approx(train("vision", lora={"vision": True}), abs=1e-4)


def test_packing_is_refused_where_the_family_cannot(train: Callable[..., list[float]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf, "family_for", lambda _: Auto())
    with pytest.raises(ConfigError, match="packed"):
        train("run", packing=True)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("vision", [False, True])
def test_workers_change_no_loss(train: Callable[..., list[float]], vision: bool) -> None:
    lora = {"rank": 4, "vision": vision}
    assert train("workers", workers=2, lora=lora) == train("alone", workers=0, lora=lora)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("more", [{}, {"packing": True, "workers": 2}])
def test_a_training_with_a_token_budget_goes_on_where_it_stopped(
    train: Callable[..., list[float]], monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    made = {"batch_tokens": 120, "max_steps": 9, "save_steps": 1, "eval_steps": 9, "lora": {"rank": 4, "dropout": 0.2}, **more}
    whole = train("whole", **made)
    real = _loop.publish

    def stop_at_five(folder: Path, place: Path) -> None:
        real(folder, place)
        if place.name == "checkpoint-5":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(_loop, "publish", stop_at_five)
        train("stopped", **made)
    assert train("stopped", **made) == whole and len(whole) == 9
