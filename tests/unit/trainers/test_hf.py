"""Training on the real loop with a tiny random reader: what is learnt, kept, refused, and survives a kill."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocrtune.contracts import Ask, LoadOptions
from ocrtune.core import Sample
from ocrtune.errors import ConfigError, InputError, ModelError, ResourceError
from ocrtune.families.qwen2_vl import Qwen2VL
from ocrtune.imaging import open_image
from ocrtune.models import model_ref, notes
from ocrtune.options import TrainOptions
from ocrtune.runs import RunDir
from ocrtune.trainers import _loop, _loss
from ocrtune.trainers.hf import HuggingFaceTrainer

Lines = Callable[..., list[Sample]]
TEXTS = ("abc", "de fg", "hijk", "lm", "no", "pqrs", "tuv", "wxyz", "12 34", "567")
QUICK: dict[str, Any] = {
    "max_steps": 3,
    "batch_size": 4,
    "gradient_accumulation": 1,
    "eval_steps": 2,
    "eval_samples": 4,
    "device": "cpu",
    "learning_rate": 2e-3,
    "threads": 1,
    "dtype": "float32",
    "report_to": (),
    "eval_max_tokens": 8,
}


def options(**changes: Any) -> TrainOptions:
    return TrainOptions.model_validate({**QUICK, **changes})


def fit(made: TrainOptions, model: Path, samples: list[Sample], into: Path) -> Any:
    run = RunDir.create("train", made, root=into.parent, into=into)
    return HuggingFaceTrainer().fit(made, model_ref(model), train=samples, val=samples[:4], run=run)


def history(run: Path, kind: str) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    return [r for r in records if r["kind"] == kind]


def test_a_killed_training_goes_on_with_the_losses_of_an_uninterrupted_one(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    samples = lines(*TEXTS)
    made = options(
        max_steps=24,
        save_steps=3,
        eval_steps=6,
        gradient_accumulation=2,
        batch_size=2,
        lora={"rank": 4, "dropout": 0.2, "vision": True, "merger": True},
        train_tokens="all-new",
        report_to=("tensorboard",),
    )
    fit(made, tiny_nano, samples, tmp_path / "whole")

    killed = tmp_path / "killed"
    request = tmp_path / "request.json"
    request.write_text(
        json.dumps(
            {
                "options": made.model_dump(mode="json"),
                "samples": [s.model_dump(mode="json") for s in samples],
                "model": str(tiny_nano),
                "into": str(killed),
            }
        )
    )
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("worker.py")), str(request)], stderr=subprocess.PIPE
    ) as process:
        log = killed / "history.jsonl"
        deadline = time.monotonic() + 120
        while not (log.exists() and any('"step": 8,' in line for line in log.read_text().splitlines())):
            assert process.poll() is None and time.monotonic() < deadline, process.stderr and process.stderr.read().decode()
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = _loop.checkpoints(killed / "artifacts" / "checkpoints")
    assert left and int(left[-1].name.removeprefix("checkpoint-")) < 24
    half = killed / "artifacts" / "checkpoints" / "checkpoint-23"
    half.mkdir()
    (half / "optimizer.pt").write_bytes(b"cut short")
    time.sleep(1.1)  # TensorBoard reads event files in the order of the seconds in their names; no real restart is faster
    fit(made, tiny_nano, samples, killed)

    for kind, value in (("step", "loss"), ("step", "grad_norm"), ("step", "learning_rate"), ("eval", "cer")):
        whole, resumed = ([(r["step"], r[value]) for r in history(tmp_path / name, kind)] for name in ("whole", "killed"))
        assert resumed == whole, value
    from safetensors.torch import load_file

    one, two = (load_file(tmp_path / name / "artifacts" / "best" / "adapter_model.safetensors") for name in ("whole", "killed"))
    assert all(one[k].equal(two[k]) for k in one)
    assert _curve(killed / "tensorboard") == [(r["step"], pytest.approx(r["loss"])) for r in history(killed, "step")]


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_training_stopped_in_the_middle_of_an_epoch_goes_on_with_the_same_losses(
    tiny_nano: Path, lines: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    made = options(method=method, max_steps=7, save_steps=1, eval_steps=7, batch_size=2, lora={"rank": 4, "dropout": 0.2})
    samples = lines(*TEXTS)
    fit(made, tiny_nano, samples, tmp_path / "whole")
    real = _loop.publish

    def stop_at_three(made: Path, place: Path) -> None:
        real(made, place)
        if place.name == "checkpoint-3":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(_loop, "publish", stop_at_three)
        fit(made, tiny_nano, samples, tmp_path / "stopped")
    fit(made, tiny_nano, samples, tmp_path / "stopped")
    whole, resumed = ([(r["step"], r["loss"]) for r in history(tmp_path / name, "step")] for name in ("whole", "stopped"))
    assert resumed == whole and len(whole) == 7


def _curve(folder: Path) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return [(e.step, e.value) for e in events.Scalars("train/loss")]


def test_training_lowers_the_loss_and_keeps_the_best_adapter_with_notes(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    made = options(max_steps=30, eval_steps=15, learning_rate=1e-2, lora={"rank": 8, "merger": True}, train_tokens="all-new")
    samples = lines("aaaa", "bbbb", "aaaa", "bbbb")
    trained = fit(made, tiny_nano, samples, tmp_path / "run")
    losses = [r["loss"] for r in history(tmp_path / "run", "step")]
    assert losses[-1] < losses[0] / 2
    evaluations = history(tmp_path / "run", "eval")
    assert [r["step"] for r in evaluations] == [0, 15, 30]
    assert trained.best["cer"] == min(r["cer"] for r in evaluations if r["step"])
    assert notes(trained.folder)["dialect"] == "plain"

    family = Qwen2VL()
    loaded = family.load(model_ref(trained.folder), LoadOptions(device="cpu"))
    readings = family.read(loaded, [Ask((open_image(s.images[0].path),), "OCR:", 8) for s in samples[:4]])
    from rapidfuzz.distance import Levenshtein

    wrong = sum(Levenshtein.distance(r.text, s.target.text) for r, s in zip(readings, samples, strict=True))  # type: ignore[union-attr]
    assert wrong / 16 == pytest.approx(trained.best["cer"])


def test_a_finished_training_is_not_done_again(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    first = fit(options(), tiny_nano, lines(*TEXTS), tmp_path / "run")
    began = time.monotonic()
    assert fit(options(), tiny_nano, lines(*TEXTS), tmp_path / "run") == first
    assert time.monotonic() - began < 1


def test_only_the_chosen_groups_are_trainable_and_the_table_says_so(
    tiny_nano: Path, lines: Lines, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ocrtune")
    trained = fit(options(lora={"rank": 2, "language": False, "vision": True}), tiny_nano, lines(*TEXTS), tmp_path / "run")
    from safetensors.torch import load_file

    names = load_file(trained.folder / "adapter_model.safetensors")
    assert names and all(".visual.blocks." in n for n in names)
    assert "vision" in caplog.text and "language  " not in caplog.text


@pytest.mark.parametrize("method", ["dora", "rslora", "full"])
def test_every_method_trains_and_its_result_loads(tiny_nano: Path, lines: Lines, tmp_path: Path, method: str) -> None:
    trained = fit(options(method=method, max_steps=2), tiny_nano, lines(*TEXTS), tmp_path / method)
    loaded = Qwen2VL().load(model_ref(trained.folder), LoadOptions(device="cpu"))
    assert hasattr(loaded.model, "peft_config") == (method != "full")


@pytest.mark.parametrize("bits", ["4bit", "8bit"])
def test_quantised_weights_train(tiny_nano: Path, lines: Lines, tmp_path: Path, bits: str) -> None:
    pytest.importorskip("bitsandbytes")
    fit(options(quantization=bits, max_steps=2), tiny_nano, lines(*TEXTS), tmp_path / bits)
    assert len(history(tmp_path / bits, "step")) == 2


def test_what_is_not_quantised_keeps_its_precision(tiny_nano: Path) -> None:
    """Wider norms, tables and tower would double what they take; their sums are made in float32 either way."""
    pytest.importorskip("bitsandbytes")
    import torch

    from ocrtune.trainers import _tuning

    loaded = Qwen2VL().load(model_ref(tiny_nano), LoadOptions(device="cpu", dtype="bfloat16", quantization="4bit"))
    before = {id(p): p.dtype for p in loaded.model.parameters()}
    tuned = _tuning.make_trainable(loaded, Qwen2VL(), model_ref(tiny_nano), options(quantization="4bit", lora={"rank": 4}), set())
    frozen = [p for p in tuned.parameters() if not p.requires_grad]
    assert all(p.dtype == before[id(p)] for p in frozen)
    assert {p.dtype for p in frozen} == {torch.bfloat16, torch.uint8}
    assert {p.dtype for p in tuned.parameters() if p.requires_grad} == {torch.float32}


def test_with_checkpointing_a_frozen_tower_keeps_nothing_for_the_backward_pass(
    tiny_nano: Path, lines: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    real, kept = _loop.Loop.compute_loss, []

    class Parcel:
        def __init__(self, tensor: Any) -> None:
            self.tensor = tensor

    def compute_loss(self: Any, model: Any, inputs: Any, **more: Any) -> Any:
        known, parcels = {p.data_ptr() for p in model.parameters()}, weakref.WeakSet[Parcel]()

        def keep(tensor: Any) -> Parcel:
            parcel = Parcel(tensor)
            parcels.add(parcel)
            return parcel

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda parcel: parcel.tensor):
            loss = real(self, model, inputs, **more)
        tensors = {p.tensor.data_ptr(): p.tensor.numel() * p.tensor.element_size() for p in parcels}
        kept.append(sum(size for place, size in tensors.items() if place not in known))
        return loss

    monkeypatch.setattr(_loop.Loop, "compute_loss", compute_loss)
    samples = lines(*TEXTS[:4])
    for name in ("features", "pixels"):
        monkeypatch.setattr(_loop, "takes_features", lambda *_, name=name: name == "features")
        made = options(gradient_checkpointing=True, max_steps=2, lora={"rank": 4}, cache_gb=0)
        fit(made, tiny_nano, samples, tmp_path / name)
    assert kept[1] == pytest.approx(kept[3], rel=0.02), "with known features the tower does not even run"


def test_gradient_checkpointing_gives_the_same_losses(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    for name, value in (("off", False), ("on", True)):
        fit(options(gradient_checkpointing=value), tiny_nano, lines(*TEXTS), tmp_path / name)
    off, on = ([r["loss"] for r in history(tmp_path / name, "step")] for name in ("off", "on"))
    assert on == pytest.approx(off, abs=1e-5)


def test_accumulated_batches_weigh_tokens_like_one_large_batch(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    samples = lines("a", "bcdefghijk", "lm", "nopqrstuvwxyz")
    for name, size, times in (("large", 4, 1), ("small", 1, 4)):
        fit(options(batch_size=size, gradient_accumulation=times), tiny_nano, samples, tmp_path / name)
    large, small = ([(r["loss"], r["grad_norm"]) for r in history(tmp_path / name, "step")] for name in ("large", "small"))
    for one, other in zip(large, small, strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_a_sample_that_does_not_fit_is_named_before_training(
    tiny_nano: Path, lines: Lines, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    samples = [*lines(*TEXTS), *lines("wide", width=2000, height=64)]
    fit(options(max_length=60), tiny_nano, samples, tmp_path / "kept")
    assert "2000-0" in caplog.text and "max_length 60: lower max_pixels" in caplog.text
    with pytest.raises(InputError, match="2000-0"):
        fit(options(max_length=60, strict=True), tiny_nano, samples, tmp_path / "strict")


def test_a_sample_whose_picture_is_gone_is_left_out_by_name(
    tiny_nano: Path, lines: Lines, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    samples = lines(*TEXTS)
    Path(samples[-1].images[0].path).unlink()
    fit(options(), tiny_nano, samples, tmp_path / "run")
    assert f"{samples[-1].id}: its picture" in caplog.text


def test_patience_ends_a_training_that_does_not_improve(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    made = options(max_steps=50, eval_steps=1, patience=2, learning_rate=1e-9)
    assert fit(made, tiny_nano, lines(*TEXTS), tmp_path / "run").steps == 3


def test_a_loss_that_is_no_number_stops_with_a_clear_error(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"loss became (nan|inf)") as caught:
        fit(
            options(learning_rate=1e30, max_steps=8, max_grad_norm=1e30, warmup_ratio=0, train_tokens="all-new"),
            tiny_nano,
            lines(*TEXTS),
            tmp_path / "run",
        )
    assert "learning_rate" in str(caught.value.hint)


def test_memory_that_runs_out_names_the_knobs(
    tiny_nano: Path, lines: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        import torch

        return torch.empty(2**60)

    monkeypatch.setattr(_loss, "answer_loss", full)
    with pytest.raises(ResourceError) as caught:
        fit(options(), tiny_nano, lines(*TEXTS), tmp_path / "run")
    for knob in ("batch_size", "gradient_accumulation", "max_pixels", "gradient_checkpointing", "quantization"):
        assert knob in str(caught.value.hint)


def test_nothing_to_train_is_refused(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing is chosen"):
        fit(options(lora={"language": False}), tiny_nano, lines(*TEXTS), tmp_path / "run")


def test_a_device_that_transformers_would_not_use_is_refused(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not cuda:1") as caught:
        fit(options(device="cuda:1"), tiny_nano, lines(*TEXTS), tmp_path / "run")
    assert "CUDA_VISIBLE_DEVICES=1" in str(caught.value.hint)


def test_an_adapter_is_no_start_for_a_training(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    first = fit(options(max_steps=1), tiny_nano, lines(*TEXTS), tmp_path / "one")
    with pytest.raises(ConfigError, match="adapter") as caught:
        fit(options(max_steps=1, seed=1), first.folder, lines(*TEXTS), tmp_path / "two")
    assert "merge" in str(caught.value.hint)
