"""Training in two processes (gloo on CPUs, through torchrun and the command line) is the training in one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

for library in ("torch", "transformers", "peft"):
    pytest.importorskip(library, reason="the extra train is not installed")

from ocrtune.cli.main import main  # noqa: E402
from ocrtune.core import Sample  # noqa: E402
from ocrtune.trainers import _loop  # noqa: E402

Lines = Callable[..., list[Sample]]
TEXTS = ("abc", "de fg", "hijk", "lm", "no", "pqrs", "tuv", "wxyz", "12 34")  # five batches: one process runs out of them first
STEPS = 7  # of three an epoch
LAUNCHER = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
OURS = ("-m", "ocrtune.cli.main")
WHOLE = ("--method", "full", "--lora.vision", "--lora.merger")


@pytest.fixture
def train(tiny_nano: Path, lines: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """`train(into, processes, *more)`: a command line; its optimizer steps see the same four samples on any number."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    samples = lines(*TEXTS)
    data = tmp_path / "data"
    data.mkdir()
    for split, chosen in (("train", samples), ("val", samples[:4])):
        (data / f"{split}.jsonl").write_text("".join(s.line() + "\n" for s in chosen), "utf-8")

    def command(into: Path, processes: int, *more: str) -> list[str]:
        options = {
            "into": into, "batch-size": 2, "gradient-accumulation": 2 // processes, "max-steps": STEPS, "eval-steps": 3,
            "eval-samples": 4, "eval-batch-size": 2, "eval-max-tokens": 8, "save-steps": 1, "learning-rate": "2e-3",
            "device": "cpu", "dtype": "float32", "threads": 1, "train-tokens": "all-new", "lora.rank": 4,
        }  # fmt: skip
        return [
            "train",
            str(data),
            str(tiny_nano),
            *(w for k, v in options.items() for w in (f"--{k}", str(v))),
            *more,
            "--quiet",
        ]

    return command


def history(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text("utf-8").splitlines()]


def same(one: Path, other: Path) -> None:
    """Losses, gradients, rates and error rates, each step once and in order."""
    whole, parts = history(one), history(other)
    assert [(r["kind"], r["step"]) for r in parts] == [(r["kind"], r["step"]) for r in whole]
    for name in ("loss", "grad_norm", "learning_rate", "cer", "plus_minus"):
        for a, b in zip(whole, parts, strict=True):
            assert b.get(name, 0.0) == pytest.approx(a.get(name, 0.0), rel=1e-5), (name, a["step"])


def launched(arguments: list[str], program: tuple[str, ...] = OURS) -> subprocess.Popen[str]:
    return subprocess.Popen([*LAUNCHER, *program, *arguments], stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> None:
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 0, said[-3000:]


def test_two_processes_train_like_one_and_a_stopped_training_goes_on_in_more(
    train: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(train(tmp_path / "whole", 1)) == 0
    stopped = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(_loop, "publish", _stopping_after("checkpoint-4", _loop.publish))
        assert main(train(stopped, 1)) != 0
    assert [p.name for p in _loop.checkpoints(stopped / "artifacts" / "checkpoints")][-1] == "checkpoint-4"

    with launched(train(tmp_path / "two", 2)) as process:
        finished(process)
    same(tmp_path / "whole", tmp_path / "two")
    with launched(train(stopped, 2)) as process:
        finished(process)
    same(tmp_path / "whole", stopped)
    assert (stopped / "artifacts" / "best" / "adapter_model.safetensors").is_file()
    assert not (stopped / "artifacts" / "checkpoints").exists()


def test_a_training_in_two_processes_that_was_killed_goes_on_in_one(train: Callable[..., list[str]], tmp_path: Path) -> None:
    assert main(train(tmp_path / "whole", 1, *WHOLE)) == 0
    killed = tmp_path / "killed"
    with launched(train(killed, 2, *WHOLE)) as process:
        log, end = killed / "history.jsonl", time.monotonic() + 300
        while not (log.exists() and any('"step": 4,' in line for line in log.read_text().splitlines())):
            assert process.poll() is None and time.monotonic() < end, process.stderr and process.stderr.read()
            time.sleep(0.002)
        os.kill(json.loads((killed / "run.json").read_text("utf-8"))["pid"], signal.SIGKILL)  # the first; torchrun ends the other
        process.communicate(timeout=60)
    left = _loop.checkpoints(killed / "artifacts" / "checkpoints")
    assert left and int(left[-1].name.removeprefix(_loop.PREFIX)) < STEPS
    assert (left[-1] / "rng_state_1.pth").is_file()
    assert main(train(killed, 1, *WHOLE)) == 0
    same(tmp_path / "whole", killed)


def test_a_model_whose_weights_are_divided_has_the_losses_gradients_and_readings_of_a_whole_one(tiny_nano: Path) -> None:
    """FSDP2's part in torch: accelerate, which would call it, divides among GPUs only."""
    with launched([str(tiny_nano)], (str(Path(__file__).with_name("sharded_worker.py")),)) as process:
        finished(process)


def _stopping_after(name: str, publish: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
    def stopping(made: Path, place: Path) -> None:
        publish(made, place)
        if place.name == name:
            raise KeyboardInterrupt

    return stopping
