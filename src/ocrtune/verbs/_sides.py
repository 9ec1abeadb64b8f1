"""One side of a comparison: a finished evaluate or score run with all that is on disk about it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ocrtune.contracts import Row
from ocrtune.core import Decoded, Estimate, Prediction, Sample, Score
from ocrtune.errors import ComparisonError, RunError
from ocrtune.inference import PREDICTIONS, read_predictions
from ocrtune.plugins import BENCHMARKS, DIALECTS
from ocrtune.report import CurvePoint, ProtocolDifference
from ocrtune.runs import RunDir
from ocrtune.verbs.score import SCORES, TABLE, decode, read_estimates, read_samples

HISTORY = "history.jsonl"  # written by trainers: one line per step (`loss`) and per evaluation (`cer`)
LISTED = 5  # ids named in an error or a log line


class Result(NamedTuple):
    """All that is on disk about one side of a comparison."""

    run: RunDir
    samples: list[Sample]
    scores: list[Score]
    estimates: list[Estimate]
    predictions: dict[str, Prediction]

    @property
    def protocol(self) -> Mapping[str, str]:
        return self.estimates[0].protocol

    @property
    def name(self) -> str:
        named = [self.protocol[key] for key in ("model", "adapter") if self.protocol.get(key)]
        return " + ".join(named) or self.protocol.get("engine") or self.run.id

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why its figures are not to be believed; () when nothing is known against them."""
        return self.estimates[0].doubts

    @property
    def table(self) -> list[Row]:
        """What the authors of its benchmark print, and figures that are no mean over samples; [] without any."""
        file = self.run.path / TABLE
        return [Row(**row) for row in json.loads(file.read_text("utf-8"))] if file.is_file() else []

    def estimate(self, metric: str) -> Estimate | None:
        """Of a metric that has a score for each sample."""
        own = next((e for e in self.estimates if e.metric == metric), None)
        return own if any(s.metric == metric for s in self.scores) else None

    def prediction(self, sample_id: str) -> Prediction:
        """Raises RunError when it is no longer there."""
        if (found := self.predictions.get(sample_id)) is not None:
            return found
        raise RunError(
            f"the reply behind the score of {sample_id} is gone: {self.run.path} points to a run that was moved or deleted",
            hint="evaluate again, or score the predictions where they are now",
        )

    def decoded(self, sample_ids: Sequence[str]) -> dict[str, Decoded]:
        """What the replies say, through the dialect of the run."""
        dialect = DIALECTS.get(self.protocol.get("dialect", "plain"))()
        return {name: decode(self.prediction(name), dialect) for name in sample_ids}


def read_result(name: str, into: RunDir) -> Result:
    """An evaluate or score run with everything it holds. Raises RunError when it is not finished."""
    run = open_run(name, into)
    estimates = read_estimates(run.path)
    if not estimates:
        raise RunError(f"{run.path} holds no estimate", hint="score it again with `ocrtune score`")
    file = run.path / run.manifest.outputs.get("predictions", PREDICTIONS)
    return Result(run, read_samples(run), run.read(SCORES, Score), estimates, read_predictions(file))


def open_run(name: str, into: RunDir) -> RunDir:
    return RunDir.open(name, root=into.root)


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


def refuse_different_scorers(base: Result, tuned: Result) -> None:
    """Raises ComparisonError when the same replies would get other figures on the two sides."""
    benchmark = base.protocol.get("benchmark")
    scorer = BENCHMARKS.get(benchmark)() if benchmark else None
    rules = ("normalisation", "profile", *(scorer.describe(scorer.profiles[0]) if scorer else ()))
    found = [d for d in protocol_differences(base.protocol, tuned.protocol) if d.key in rules]
    if base.protocol.get("benchmark") != tuned.protocol.get("benchmark"):  # text metrics are all that both have
        found = [d for d in found if d.key == "normalisation"]
    if found:
        how = "\n".join(f"  - {d.key}: {d.base} and {d.tuned}" for d in found)
        raise ComparisonError(
            f"the two results were scored by different rules, so that a difference says nothing about the models:\n{how}",
            hint="score one of them again by the rules of the other: `ocrtune score RUN --profile … --normalisation …`",
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
    protocol = side.protocol
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


def _listed(what: str, ids: Sequence[str]) -> str:
    if not ids:
        return ""
    more = f" and {len(ids) - LISTED} more" if len(ids) > LISTED else ""
    return f"{len(ids)} {what}: {', '.join(ids[:LISTED])}{more}"
