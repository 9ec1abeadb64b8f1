"""What is seen and kept of a training: history.jsonl, the bar, TensorBoard, the best checkpoint, and when to stop."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ocrtune import processes
from ocrtune.errors import ModelError, extra
from ocrtune.runs import append_line, write_atomic

LOG = logging.getLogger("ocrtune")
HISTORY = "history.jsonl"


class History:
    """One JSON line per step (`loss`) and per evaluation (`cer`), in order and each step once, however often resumed.
    All processes of a training know it, the first one writes it."""

    def __init__(self, file: Path, step: int) -> None:
        """Keeps what belongs to the first `step` steps; what came later was lost with the process and is done again."""
        self.file = file
        self.lines = [r for r in _records(file) if step > 0 and r["step"] <= step]
        processes.wait()
        if processes.first():
            write_atomic(file, "".join(json.dumps(r) + "\n" for r in self.lines))

    def add(self, kind: str, step: int, **values: Any) -> None:
        record = {"kind": kind, "step": step, **values}
        self.lines.append(record)
        if processes.first():
            append_line(self.file, json.dumps(record))

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        return [r for r in self.lines if r["kind"] == "eval" and r["step"] > 0]

    @property
    def best(self) -> dict[str, Any] | None:
        return min(self.evaluations, key=lambda r: (r["cer"], r["step"]), default=None)

    @property
    def stale(self) -> int:
        """Evaluations since the best one."""
        best = self.best
        return 0 if best is None else sum(r["step"] > best["step"] for r in self.evaluations)

    @property
    def seconds(self) -> float:
        return max((r.get("seconds", 0.0) for r in self.lines), default=0.0)


def _records(file: Path) -> list[dict[str, Any]]:
    found = []
    if file.exists():
        for line in file.read_text("utf-8", errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # cut short by a kill
    return [r for r in found if isinstance(r, dict) and "step" in r]


class Watch:
    """The events of transformers' TrainerCallback that matter here, the same in all processes. `keep_best` saves the model of
    this moment."""

    def __init__(
        self, history: History, *, keep_best: Callable[[], None], curves: Path | None, patience: int | None, minutes: float | None
    ) -> None:
        self.history, self.keep_best, self.curves, self.patience, self.minutes = history, keep_best, curves, patience, minutes
        self.began = time.monotonic() - self.history.seconds
        self.bar: Any = None
        self.writer: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.began = time.monotonic() - self.history.seconds
        silent = not processes.first()
        self.bar = tqdm(
            total=state.max_steps, initial=state.global_step, desc="training", unit="step", smoothing=0.05, disable=silent
        )
        if self.curves is not None and not silent:
            with extra("train"):
                from torch.utils.tensorboard import SummaryWriter
            self.writer = SummaryWriter(str(self.curves), purge_step=state.global_step + 1 if state.global_step else None)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.close()

    def close(self) -> None:
        for open_thing in (self.bar, self.writer):
            if open_thing is not None:
                open_thing.close()
        self.bar = self.writer = None

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if not logs or "loss" not in logs:
            return
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss became {loss} at step {state.global_step}",
                hint="lower learning_rate, or use --dtype float32; the last whole checkpoint is kept",
            )
        values = {"loss": loss, "learning_rate": logs["learning_rate"], "grad_norm": float(logs.get("grad_norm", 0.0))}
        self.history.add("step", state.global_step, **values, epoch=round(state.epoch, 4), seconds=self.seconds())
        self.draw(values, state.global_step)
        if self.bar is not None:
            self.bar.update(state.global_step - self.bar.n)
            self.bar.set_postfix(loss=f"{loss:.3f}", refresh=False)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        late = self.minutes is not None and processes.agreed(self.seconds() > self.minutes * 60)
        if late or state.global_step >= state.max_steps:
            if late:
                LOG.info("stopping at step %d: the time is up", state.global_step)
            control.should_training_stop = control.should_evaluate = control.should_save = True
        return control

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> Any:
        step, cer = state.global_step, metrics["eval_cer"]
        loss = next((r["loss"] for r in reversed(self.history.lines) if r["kind"] == "step"), None)
        better = self.history.best is None or cer < self.history.best["cer"]
        self.history.add("eval", step, cer=cer, plus_minus=metrics["eval_plus_minus"], samples=int(metrics["eval_samples"]),
                    seconds=self.seconds())  # fmt: skip
        self.draw({"cer": cer}, step)
        said = "before training" if loss is None else f"step {step} loss {loss:.3f}"
        LOG.info("%s CER %.3f ± %.3f%s", said, cer, metrics["eval_plus_minus"], " (best so far)" if better and step else "")
        if step and better:
            self.keep_best()
        if self.patience is not None and self.history.stale >= self.patience:
            LOG.info("stopping at step %d: no better CER in %d evaluations", step, self.history.stale)
            control.should_training_stop = control.should_save = True
        return control

    def draw(self, values: dict[str, float], step: int) -> None:
        if self.writer is not None:
            for name, value in values.items():
                self.writer.add_scalar(f"train/{name}" if name != "cer" else "eval/cer", value, step)

    def seconds(self) -> float:
        return round(time.monotonic() - self.began, 2)


def callback(watch: Watch) -> Any:
    """`watch` as transformers wants it, with an empty answer to every other event."""
    with extra("train"):
        from transformers import TrainerCallback

    class Callback(TrainerCallback):  # type: ignore[misc]
        pass

    for name in dir(watch):
        if name.startswith("on_"):
            setattr(Callback, name, staticmethod(getattr(watch, name)))
    return Callback()
