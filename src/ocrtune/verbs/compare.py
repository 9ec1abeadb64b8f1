"""Compare two evaluations of the same benchmark: better, worse, or cannot tell.

Examples:
  ocrtune compare run:evaluate-base1234 run:evaluate-tuned567
  ocrtune compare runs/evaluate-base1234 runs/evaluate-tuned567 --metric wer
  ocrtune compare run:score-aa run:score-bb --resamples 20000 --seed 7
  ocrtune compare run:ru-base run:ru-tuned --also '{"English": {"a": "run:en-base", "b": "run:en-tuned"}}'
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, JsonValue

from ocrtune.config import Section
from ocrtune.core import Estimate, Prediction, Sample, Score, target_text
from ocrtune.errors import ComparisonError, RunError
from ocrtune.inference import read_predictions
from ocrtune.plugins import DIALECTS
from ocrtune.report import ComparisonView, CurvePoint, PageView, ProtocolDifference, Reading, Side, render
from ocrtune.runs import RunDir
from ocrtune.stats import Comparison, Pair, Plan, Rule, compare, pair
from ocrtune.verbs.score import SCORES, decode, read_estimates, read_samples

VERDICT, REPORT = "verdict.json", "report.html"
HISTORY = "history.jsonl"  # written by trainers: one line per step (`loss`) and per evaluation (`cer`)
LISTED = 5  # ids named in an error or a log line

log = logging.getLogger("ocrtune")


class Runs(Section):
    """Two results on the same benchmark."""

    a: str = Field(description="the base: an evaluate or score run (run:<id> or its folder)")
    b: str = Field(description="the candidate, read from the same samples")


class Config(Runs):
    """What is compared, and how sure one wants to be."""

    metric: str | None = Field(None, description="metric the verdict goes by; the first one of the runs when absent")
    resamples: int = Field(10_000, ge=100, description="bootstrap resamples and permutations")
    seed: int = Field(0, ge=0, description="seed of the resampling; the same seed gives the same digits")
    title: str = Field("Base and tuned model", description="heading of the report")
    heading: str = Field("The verdict", description="heading of the first comparison in the report")
    also: dict[str, Runs] = Field(
        {}, description="further comparisons for the same report, by heading, e.g. what it did to English"
    )


class Result(NamedTuple):
    """All that is on disk about one side of a comparison."""

    run: RunDir
    samples: list[Sample]
    scores: list[Score]
    estimates: list[Estimate]
    predictions: dict[str, Prediction]

    @property
    def name(self) -> str:
        protocol = self.estimates[0].protocol
        named = [protocol[key] for key in ("model", "adapter") if protocol.get(key)]
        return " + ".join(named) or protocol.get("engine") or self.run.id


class Compared(NamedTuple):
    """The verdict of the first comparison, what else was compared, and where the figures came from."""

    comparison: Comparison
    also: dict[str, Comparison]
    protocol_differences: list[ProtocolDifference]


def run(config: Config, into: RunDir) -> Compared:
    headings = {config.heading: Runs(a=config.a, b=config.b), **config.also}
    views = {heading: _view(heading, runs, config, into) for heading, runs in headings.items()}
    first = views[config.heading]
    candidate = read_result(config.b, into)
    into.link(base=_open(config.a, into).id, tuned=candidate.run.id)
    into.write(VERDICT, json.dumps(_verdict(views), ensure_ascii=False, indent=2) + "\n")
    page = render(config.title, list(views.values()), training_curve(candidate), facts=_facts(candidate.run, first.comparison))
    into.write(REPORT, page)
    for view in views.values():
        log.info("%s: %s", view.title, view.comparison.statement)
        for found in view.protocol_differences:
            log.info("  protocol differs in %s: %s → %s", found.key, found.base, found.tuned)
    into.finish("done", verdict=VERDICT, report=REPORT)
    return Compared(
        first.comparison, {h: v.comparison for h, v in views.items() if v is not first}, list(first.protocol_differences)
    )


def read_result(name: str, into: RunDir) -> Result:
    """An evaluate or score run with everything it holds. Raises RunError when it is not finished."""
    run = _open(name, into)
    estimates = read_estimates(run.path)
    if not estimates:
        raise RunError(f"{run.path} holds no estimate", hint="score it again with `ocrtune score`")
    file = run.path / run.manifest.outputs.get("predictions", "predictions.jsonl")
    return Result(run, read_samples(run), run.read(SCORES, Score), estimates, read_predictions(file))


def refuse_different_benchmarks(base: Result, tuned: Result) -> None:
    """Raises ComparisonError saying how the two benchmarks differ."""
    first, second = base.estimates[0].benchmark_digest, tuned.estimates[0].benchmark_digest
    if first == second:
        return
    mine, theirs = {s.id: s for s in base.samples}, {s.id: s for s in tuned.samples}
    both = mine.keys() & theirs.keys()
    targets = sorted(i for i in both if mine[i].target != theirs[i].target)
    pictures = sorted(i for i in both if [p.sha256 for p in mine[i].images] != [p.sha256 for p in theirs[i].images])
    found = [
        _listed("samples only in the first", sorted(mine.keys() - both)),
        _listed("samples only in the second", sorted(theirs.keys() - both)),
        _listed("samples with another target", targets),
        _listed("samples with another picture", pictures),
    ]
    how = "\n".join(f"  - {line}" for line in found if line) or "  - questions or tasks differ"
    raise ComparisonError(
        f"the two results are not about the same benchmark ({first} and {second}):\n{how}",
        hint="evaluate both models on the same split of the same dataset",
    )


def protocol_differences(base: Mapping[str, str], tuned: Mapping[str, str]) -> list[ProtocolDifference]:
    return [
        ProtocolDifference(key, base.get(key, "–"), tuned.get(key, "–"))
        for key in sorted(base.keys() | tuned.keys())
        if base.get(key) != tuned.get(key)
    ]


def training_curve(side: Result) -> list[CurvePoint]:
    """Loss and validation CER by step, from the history of the training run that the model of `side` came from; [] when
    there is none on this disk."""
    protocol = side.estimates[0].protocol
    made_from = [*side.run.manifest.inputs.values(), *(protocol[key] for key in ("adapter", "model") if protocol.get(key))]
    trained = _trained(side.run, made_from, depth=6)
    points: dict[int, CurvePoint] = {}
    for event in _events(trained.path / HISTORY) if trained else ():
        step = int(event["step"])
        old = points.get(step, CurvePoint(step))
        points[step] = CurvePoint(step, event.get("loss", old.loss), event.get("cer", old.val_cer))
    return [points[step] for step in sorted(points)]


def _events(file: Path) -> Iterator[dict[str, Any]]:
    """The lines of a training history; one that a kill cut short is left out."""
    for line in file.read_text("utf-8", errors="replace").splitlines() if file.is_file() else ():
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict) and "step" in event:
                yield event


def _trained(run: RunDir, made_from: Sequence[str], *, depth: int) -> RunDir | None:
    """The nearest train run among those in whose folders `made_from` (run ids or paths) lie, or that those were made from."""
    for name in made_from if depth else ():
        parent = _run_of(name, run)
        if parent is None or parent.path == run.path:
            continue
        if parent.manifest.verb == "train":
            return parent
        if found := _trained(parent, list(parent.manifest.inputs.values()), depth=depth - 1):
            return found
    return None


def _run_of(name: str, beside: RunDir) -> RunDir | None:
    """The run of this id in the usual place or beside `beside`, or the one in whose folder the path `name` lies."""
    plain, place = name.removeprefix("run:"), Path(name).resolve()
    for folder in (beside.root / plain, beside.path.parent / plain, place, *place.parents):
        if (folder / "run.json").is_file():
            return RunDir.open(folder, root=beside.root)
    return None


def _open(name: str, into: RunDir) -> RunDir:
    return RunDir.open(name, root=into.root)


def _view(heading: str, runs: Runs, config: Config, into: RunDir) -> ComparisonView:
    base, tuned = read_result(runs.a, into), read_result(runs.b, into)
    refuse_different_benchmarks(base, tuned)
    rule = _rule(config.metric, base, tuned)
    pairs = pair(tuned.samples, base.scores, tuned.scores, rule.metric)
    found = compare(pairs, rule, Plan(config.resamples, config.seed), unscored=len(tuned.samples) - len(pairs))
    differences = protocol_differences(base.estimates[0].protocol, tuned.estimates[0].protocol)
    pages = [_page(p, base, tuned) for p in pairs]
    return ComparisonView(heading, found, Side(base.name, base.estimates), Side(tuned.name, tuned.estimates), pages, differences)


def _rule(metric: str | None, base: Result, tuned: Result) -> Rule:
    """How the chosen metric is pooled, as its estimates say. Raises ComparisonError when one side lacks it."""
    name = metric or base.estimates[0].metric
    for side in (base, tuned):
        own = next((e for e in side.estimates if e.metric == name), None)
        if own is None or not any(s.metric == name for s in side.scores):
            there = ", ".join(sorted({s.metric for s in side.scores}))
            raise ComparisonError(
                f"{side.run.path} has no {name!r}; it has {there}", hint="score both with the same metrics: `ocrtune score`"
            )
    first = next(e for e in base.estimates if e.metric == name)
    return Rule(name, first.direction, "micro" if first.protocol.get("pool") == "micro" else "macro")


def _page(found: Pair, base: Result, tuned: Result) -> PageView:
    sample = found.sample
    reference = target_text(sample.target) if sample.target else None
    image = sample.images[0].path
    return PageView(sample.id, sample.group, image, reference or "", _reading(found.base, base), _reading(found.tuned, tuned))


def _reading(score: Score, side: Result) -> Reading:
    prediction = side.predictions.get(score.sample_id)
    if prediction is None:
        raise RunError(
            f"the reply behind the score of {score.sample_id} is gone: {side.run.path} points to a run that was moved or deleted",
            hint="evaluate again, or score the predictions where they are now",
        )
    dialect = DIALECTS.get(side.estimates[0].protocol.get("dialect", "plain"))()
    text = decode(prediction, dialect).text
    note = {"length": "cut off at the token limit", "loop": "fell into a loop"}.get(prediction.finish)
    if prediction.error:
        note = f"failed: {prediction.error.kind}"
    return Reading(text, score.value or 0.0, note or (None if text.strip() else "said nothing"))


def _verdict(views: Mapping[str, ComparisonView]) -> dict[str, JsonValue]:
    first, *others = views.values()
    return {**_record(first), "also": {view.title: _record(view) for view in others}}


def _record(view: ComparisonView) -> dict[str, JsonValue]:
    """`low` and `high` bound `difference` = tuned − base; `worse` lists the regressions, the largest first."""
    content: dict[str, JsonValue] = view.comparison.model_dump(mode="json")
    sign = 1 if view.comparison.direction == "lower" else -1
    lost = sorted((p for p in view.pages if p.delta * sign > 0), key=lambda p: -p.delta * sign)
    content["worse"] = [
        {"id": p.id, "base": p.base.value, "tuned": p.tuned.value, "delta": p.delta, "image": p.image} for p in lost
    ]
    content["protocol_differences"] = [dict(d._asdict()) for d in view.protocol_differences]
    content["base_model"], content["tuned_model"] = view.base.name, view.tuned.name
    content["counts"] = {"base": _counts(view.base.estimates[0]), "tuned": _counts(view.tuned.estimates[0])}
    return content


def _counts(own: Estimate) -> dict[str, JsonValue]:
    return {"failed": own.failed, "truncated": own.truncated, "empty": own.empty, "looped": own.looped, "unscored": own.unscored}


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


def _listed(what: str, ids: Sequence[str]) -> str:
    if not ids:
        return ""
    more = f" and {len(ids) - LISTED} more" if len(ids) > LISTED else ""
    return f"{len(ids)} {what}: {', '.join(ids[:LISTED])}{more}"
