"""The whole loop in one command: documents in, a better model and a verdict out.

It prepares a dataset, reads its test split with the base model, fine-tunes, merges, reads again, compares and writes the
report. Every step is a run of its own inside this run's folder; the same command goes on where it was interrupted.

Examples:
  ocrtune tune invoices/ --model Qwen/Qwen2-VL-2B-Instruct --prepare.unit page
  ocrtune tune russian/ --model models/nano --also '{"English": ["english/"]}' --replay-share 0.3
  ocrtune tune --config recipes/demo.yaml --into demo/loop
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, field_validator

from ocrtune.config import Names, Section, load
from ocrtune.options import TrainOptions
from ocrtune.runs import RunDir
from ocrtune.verbs import VERBS, compare, evaluate, merge, prepare, train
from ocrtune.verbs.prepare import Options as PrepareOptions
from ocrtune.verbs.score import Scoring

LOG = logging.getLogger("ocrtune")
NEVER = datetime.min.replace(tzinfo=UTC)


class Config(Section):
    """What is read, which model learns it, and how. Sections hold the options of the verbs of the same name."""

    sources: Names = Field(min_length=1, description="documents to learn from: files, folders, globs or run:<id>")
    model: str = Field(description="model to start from: checkpoint folder, hub id, or run:<id>")
    also: dict[str, Names] = Field(
        {}, description="other documents on which both models are compared, by name, e.g. to see what was forgotten"
    )
    replay_share: float = Field(
        0.0, ge=0, lt=1, description="part of the training samples that comes from the documents in `also`"
    )
    prepare: PrepareOptions = Field(PrepareOptions(), description="how datasets are made")
    train: TrainOptions = Field(TrainOptions(), description="how the model is fine-tuned")
    scoring: Scoring = Field(Scoring(), description="how readings are scored")
    title: str = Field("Base and tuned model", description="heading of the report")
    heading: str = Field("The verdict", description="heading of the comparison on the documents to learn from")
    limit: int | None = Field(None, gt=0, description="test samples that are read, drawn by the scoring seed; all when absent")
    batch_size: int = Field(16, ge=1, description="images per generation batch when models are evaluated")
    max_tokens: int = Field(1024, ge=1, description="longest reply when models are evaluated, in tokens")

    @field_validator("also")
    @classmethod
    def _apart(cls, also: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """Each name becomes a folder's."""
        if len({slug(name) for name in also} - {""}) < len(also):
            raise ValueError("the names must differ in their letters and digits")
        return also


class Tuned(NamedTuple):
    """What the loop leaves: files by absolute path, and the verdict in one sentence."""

    statement: str
    verdict: Path
    report: Path
    model: Path


class Steps:
    """The steps of one loop: runs of other verbs, each in a folder of its own, skipped where they are done."""

    def __init__(self, into: RunDir, total: int) -> None:
        self.into = into
        self.total = total
        self.begun = 0

    def take(self, name: str, verb: Any, options: Mapping[str, Any], *, about: Sequence[RunDir] = ()) -> RunDir:
        """Run `verb` with `options` in the folder `name`; once more from the start when one of the runs that it is `about`
        ended later. A step in which samples failed is resumed, so that they are tried again. Raises what the verb raises."""
        self.begun += 1
        label = f"[{self.begun}/{self.total}] {name}"
        config, asked = load(verb.Config, None, options)
        kind = verb.__name__.rpartition(".")[2]
        place = self.into.path / name
        fresh = self._ended(place) < max((self._ended(run.path) for run in about), default=NEVER)
        run = RunDir.create(kind, config, root=self.into.root, into=place, asked=asked, fresh=fresh)
        if run.status == "done":
            LOG.info("%s: done before", label)
            return run
        LOG.info("%s: %s", label, VERBS[kind])
        began = time.monotonic()
        with run.guard():
            verb.run(config, run)
        self.into.event("step", name=name, seconds=round(time.monotonic() - began, 1))
        return run

    def _ended(self, place: Path) -> datetime:
        """When the run in `place` ended; never, where there is none or it has not."""
        there = RunDir.open(place, root=self.into.root) if (place / "run.json").exists() else None
        return there.manifest.finished or NEVER if there else NEVER


def run(config: Config, into: RunDir) -> Tuned:
    """Status is partial while a sample of one of the evaluations failed, done otherwise."""
    piles = {"": config.sources, **{f"-{slug(name)}": sources for name, sources in config.also.items()}}
    steps = Steps(into, 3 * len(piles) + (2 if config.train.method == "full" else 3))
    base = str(into.resolve(config.model, "model"))
    chosen = config.prepare.model_dump(exclude_unset=True)
    data = {pile: steps.take(f"data{pile}", prepare, {**chosen, "sources": sources}) for pile, sources in piles.items()}
    before = {pile: steps.take(f"base{pile}", evaluate, _reading(config, made, base)) for pile, made in data.items()}
    model = _tuned(steps, config, data, base)
    after = {pile: steps.take(f"tuned{pile}", evaluate, _reading(config, made, str(model))) for pile, made in data.items()}
    readings = [*before.values(), *after.values()]
    verdict = steps.take("compare", compare, _question(config, before, after), about=readings)
    into.link(**{name: str(path) for name, path in (("sources", ", ".join(config.sources)), ("model", config.model))})
    failed = [f"{reading.path.name}: {reading.manifest.message}" for reading in readings if reading.status == "partial"]
    into.finish("partial" if failed else "done", message="; ".join(failed) or None, model=str(model.relative_to(into.path)),
                **{role: f"compare/{file}" for role, file in verdict.manifest.outputs.items()})  # fmt: skip
    files = verdict.manifest.outputs
    found = json.loads((verdict.path / files["verdict"]).read_text("utf-8"))
    return Tuned(found["statement"], verdict.path / files["verdict"], verdict.path / files["report"], model)


def _tuned(steps: Steps, config: Config, data: Mapping[str, RunDir], base: str) -> Path:
    """The folder of the fine-tuned model: what a full fine-tuning leaves, or its adapter merged into the base."""
    trained = steps.take("train", train, _training(config, data, base))
    if "model" in trained.manifest.outputs:
        return trained.path / trained.manifest.outputs["model"]
    how = {"device": config.train.device, "trust_remote_code": config.train.trust_remote_code}
    merged = steps.take("merge", merge, {"adapter": str(trained.path / trained.manifest.outputs["adapter"]), **how})
    return merged.path / merged.manifest.outputs["model"]


def slug(name: str) -> str:
    """A folder name made of a heading."""
    return re.sub(r"\W+", "-", name.lower()).strip("-")


def _reading(config: Config, data: RunDir, model: str) -> dict[str, Any]:
    """Both models are asked in the same way: the one that the training teaches."""
    scoring = config.scoring.model_dump(exclude_unset=True)
    taught = ("dialect", "prompt", "min_pixels", "max_pixels", "framing", "device", "trust_remote_code")
    how = {"batch_size": config.batch_size, "max_tokens": config.max_tokens, "limit": config.limit,
           **{name: getattr(config.train, name) for name in taught}}  # fmt: skip
    return {**scoring, **how, "data": str(data.path), "model": model}


def _training(config: Config, data: Mapping[str, RunDir], model: str) -> dict[str, Any]:
    replay = [str(made.path) for pile, made in data.items() if pile] if config.replay_share else []
    chosen = config.train.model_dump(exclude_unset=True)
    return {**chosen, "data": str(data[""].path), "model": model, "replay": replay, "replay_share": config.replay_share}


def _question(config: Config, before: Mapping[str, RunDir], after: Mapping[str, RunDir]) -> dict[str, Any]:
    pairs = {pile: {"a": str(before[pile].path), "b": str(after[pile].path)} for pile in before}
    also = {name: pairs[f"-{slug(name)}"] for name in config.also}
    return {**pairs[""], "also": also, "title": config.title, "heading": config.heading}
