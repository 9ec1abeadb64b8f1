"""Ask several models the same, and say which reads better: every model is evaluated in the same way, then compared.

Each step is a run of its own inside this run's folder; the same command goes on where it was interrupted.

Examples:
  ocrtune benchmark OCRBench/OCRBench.json run:merge-5e6f7a8b --benchmark ocrbench --model Qwen/Qwen2-VL-2B-Instruct
  ocrtune benchmark data/invoices run:train-5e6f7a8b run:train-9c0d1e2f --model models/nano --split test
  ocrtune benchmark --config recipes/benchmark.yaml --into demo/benchmark
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from ocrtune.config import Names
from ocrtune.runs import RunDir
from ocrtune.verbs import compare, evaluate
from ocrtune.verbs.tune import Steps


class Config(evaluate.Config):
    """Which models are asked, and what: the options of `evaluate`, `model` being the base."""

    candidates: Names = Field(
        min_length=1, description="models that are compared with the base --model", json_schema_extra={"positional": True}
    )
    title: str = Field("The same questions to all models", description="heading of the report")


class Benchmarked(NamedTuple):
    """The verdict in one sentence, and the files that hold it."""

    statement: str
    verdict: Path
    report: Path


def run(config: Config, into: RunDir) -> Benchmarked:
    """Status is partial while a sample of one of the evaluations failed, done otherwise."""
    steps = Steps(into, 2 + len(config.candidates))
    asked = config.model_dump(exclude_unset=True, exclude={"candidates", "title"})
    base = steps.take("base", evaluate, asked)
    others = [
        steps.take(f"candidate-{number}", evaluate, {**asked, "model": model})
        for number, model in enumerate(config.candidates, start=1)
    ]
    question: dict[str, Any] = {"a": str(base.path), "b": str(others[0].path), "others": [str(one.path) for one in others[1:]]}
    verdict = steps.take("compare", compare, {**question, "title": config.title}, about=[base, *others])
    failed = [f"{one.path.name}: {one.manifest.message}" for one in (base, *others) if one.status == "partial"]
    files = verdict.manifest.outputs
    into.finish("partial" if failed else "done", message="; ".join(failed) or None,
                **{role: f"compare/{file}" for role, file in files.items()})  # fmt: skip
    found = json.loads((verdict.path / files["verdict"]).read_text("utf-8"))
    return Benchmarked(found["statement"], verdict.path / files["verdict"], verdict.path / files["report"])
