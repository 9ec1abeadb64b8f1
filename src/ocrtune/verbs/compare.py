"""Compare evaluations of the same benchmark: better, worse, or cannot tell.

Examples:
  ocrtune compare run:evaluate-base1234 run:evaluate-tuned567
  ocrtune compare run:evaluate-base1234 run:evaluate-lora run:evaluate-full run:evaluate-other
  ocrtune compare runs/evaluate-base1234 runs/evaluate-tuned567 --metric wer --fail-if-worse cer,wer
  ocrtune compare run:score-aa run:score-bb --resamples 20000 --seed 7 --attributes layout.json
  ocrtune compare base_samples.jsonl tuned_samples.jsonl --benchmark ocrbench --profile official
  ocrtune compare bench_data/marker bench_data/olmocr --benchmark olmocr-bench --data bench_data
  ocrtune compare run:ru-base run:ru-tuned --also '{"English": {"a": "run:en-base", "b": "run:en-tuned"}}'
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from ocrtune.config import Names, Section
from ocrtune.errors import ComparisonError, GateError, OcrtuneError
from ocrtune.report import ComparisonView, ProtocolDifference, render
from ocrtune.report.figures import draw
from ocrtune.runs import RunDir
from ocrtune.stats import Comparison, Plan
from ocrtune.verbs import score
from ocrtune.verbs._contrasts import How, contrasts, view
from ocrtune.verbs._folder import is_folder
from ocrtune.verbs._sides import Result, read_result, training_curve
from ocrtune.verbs._verdict import doubted, markdown, mistake_lines, summary, verdict

VERDICT, REPORT, MARKDOWN, MISTAKES, CHARTS = "verdict.json", "report.html", "verdict.md", "mistakes.jsonl", "charts"

log = logging.getLogger("ocrtune")


class Runs(Section):
    """Two results on the same benchmark."""

    a: str = Field(
        description="the base: an evaluate or score run (run:<id> or its folder), or published answers (a file, or a folder "
        "of Markdown), which are scored"
    )
    b: str = Field(description="the candidate, read from the same samples")


class Config(Runs):
    """What is compared, and how sure one wants to be."""

    others: Names = Field((), description="more candidates, each against the base", json_schema_extra={"positional": True})
    benchmark: str | None = Field(None, description="for published answers: the benchmark by whose rules they are scored")
    profile: str | None = Field(None, description="for published answers: version of the benchmark's scorer")
    data: str | None = Field(
        None, description="for published answers: the benchmark's data, or `hub`, where they do not say enough"
    )
    metric: str | None = Field(None, description="metric the verdict goes by; the first one of the runs when absent")
    fail_if_worse: Names = Field(
        (), description="metrics for a gate: the exit code is 11 when one of them is significantly worse in any comparison"
    )
    attributes: Path | None = Field(
        None, description="file that gives pictures attributes to slice by: JSON, JSONL, CSV or TSV with a column of pictures"
    )
    resamples: int = Field(10_000, ge=100, description="bootstrap resamples and permutations")
    seed: int = Field(0, ge=0, description="seed of the resampling; the same seed gives the same digits")
    title: str = Field("Base and tuned model", description="heading of the report")
    heading: str = Field("The verdict", description="heading of the first comparison in the report")
    charts: bool = Field(True, description="also write the charts as SVG and PNG files")
    also: dict[str, Runs] = Field(
        {}, description="further comparisons for the same report, by heading, e.g. what it did to English"
    )


class Compared(NamedTuple):
    """The verdict of the first comparison, what else was compared, and where the figures came from. `metrics` has the
    comparisons of all metrics by heading; `worse` says what the gate objects to."""

    comparison: Comparison
    also: dict[str, Comparison]
    protocol_differences: list[ProtocolDifference]
    metrics: dict[str, list[Comparison]]
    worse: list[str]
    summary: str

    def __str__(self) -> str:
        return self.summary

    @property
    def objection(self) -> OcrtuneError | None:
        """What a gate ends with, when a metric of --fail-if-worse got significantly worse."""
        return GateError("; ".join(self.worse), hint=f"{REPORT} shows the pages that got worse") if self.worse else None


def run(config: Config, into: RunDir) -> Compared:
    base, candidates = _main(config, into)
    how = How(config.metric, Plan(config.resamples, config.seed), config.attributes)
    found = contrasts(base, candidates, how)
    for heading, runs in config.also.items():
        found += contrasts(_result(runs.a, config, into), {heading: _result(runs.b, config, into)}, how)
    views = {one.heading: view(one) for one in found}
    worse = _worse(config.fail_if_worse, list(views.values()))
    first = next(iter(views.values()))
    into.link(base=base.run.id, **_linked(list(candidates.values())))
    into.write(VERDICT, json.dumps(verdict(views, list(candidates)), ensure_ascii=False, indent=2) + "\n")
    curve = training_curve(next(iter(candidates.values())))
    facts = _facts(next(iter(candidates.values())).run, first.comparison)
    into.write(REPORT, render(config.title, list(views.values()), curve, facts=facts))
    into.write(MISTAKES, mistake_lines(list(views.values())))
    pictures = _draw(list(views.values()), into) if config.charts else []
    into.write(MARKDOWN, markdown(config.title, list(views.values()), pictures))
    charts = {"charts": CHARTS} if pictures else {}
    into.finish("done", verdict=VERDICT, report=REPORT, markdown=MARKDOWN, mistakes=MISTAKES, **charts)
    return Compared(
        doubted(first),
        {heading: doubted(one) for heading, one in views.items() if one is not first},
        list(first.protocol_differences),
        {heading: [one.comparison, *one.others] for heading, one in views.items()},
        worse,
        summary(list(views.values())),
    )


def _main(config: Config, into: RunDir) -> tuple[Result, dict[str, Result]]:
    """The base, and the candidates by heading: a single one has the heading of the options, several are named by their runs, or
    their files of published answers."""
    base, first = _result(config.a, config, into), _result(config.b, config, into)
    if not config.others:
        return base, {config.heading: first}
    names = [config.b, *config.others]
    results = [first, *(_result(name, config, into) for name in config.others)]
    ids = [result.run.id for result in results]
    if twice := next((name for name in ids if ids.count(name) > 1), None):
        raise ComparisonError(f"{twice} is given twice", hint="name each candidate once")
    shown = [Path(name).stem if Path(name).is_file() else result.run.id for name, result in zip(names, results, strict=True)]
    headings = shown if len(set(shown)) == len(shown) else ids
    return base, {f"{config.heading}: {name}": result for name, result in zip(headings, results, strict=True)}


def _result(name: str, config: Config, into: RunDir) -> Result:
    """A finished run, or published answers in a score run of their own."""
    if not (Path(name).is_file() or is_folder(Path(name))):
        return read_result(name, into)
    asked = {field: getattr(config, field) for field in ("benchmark", "profile", "data", "attributes", "seed")}
    options = score.Config(run=name, **asked)
    scored = RunDir.create("score", options, root=into.root)
    if scored.status != "done":
        with scored.guard():
            score.run(options, scored)
    return read_result(str(scored.path), into)


def _draw(views: Sequence[ComparisonView], into: RunDir) -> list[str]:
    """Charts of all comparisons as files, those after the first with their number; the PNG files of the first."""
    shown = []
    for number, one in enumerate(views, start=1):
        for name, content in draw(one).items():
            file = f"{CHARTS}/{name}" if number == 1 else f"{CHARTS}/{number}-{name}"
            into.write(file, content)
            shown += [file] if number == 1 and name.endswith(".png") else []
    return shown


def _linked(candidates: Sequence[Result]) -> dict[str, str]:
    return {"tuned" if index == 0 else f"tuned{index + 1}": one.run.id for index, one in enumerate(candidates)}


def _worse(gate: Sequence[str], views: Sequence[ComparisonView]) -> list[str]:
    """What got significantly worse among the metrics of the gate. Raises ComparisonError for one that was not compared."""
    names = [name.strip() for part in gate for name in part.split(",") if name.strip()]
    found = []
    for one in views:
        compared = {c.metric: c for c in (one.comparison, *one.others)}
        if missing := [name for name in names if name not in compared]:
            raise ComparisonError(
                f"the gate asks about {', '.join(missing)}, which was not compared", hint=f"compared: {', '.join(compared)}"
            )
        found += [
            f"{one.title}: {c.metric} is significantly worse, {c.base:.4f} → {c.tuned:.4f} (p = {c.p_holm:.2g})"
            for c in (compared[name] for name in dict.fromkeys(names))
            if c.verdict == "worse"
        ]
    return found


def _facts(candidate: RunDir, found: Comparison) -> dict[str, str]:
    environment, versions = candidate.manifest.environment, candidate.manifest.versions
    return {
        "candidate": candidate.id,
        "machine": f"{environment.get('system', '')}, {environment.get('cpus', '?')} CPUs",
        "software": ", ".join(
            f"{name} {number}" for name, number in versions.items() if name in ("ocrtune", "torch", "transformers")
        ),
        "resampled": f"{found.groups} documents",
    }
