"""From the scores of samples to the figures of a metric: its own, and the one that is pooled the other way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol, runtime_checkable

from ocrtune.contracts import Metric
from ocrtune.core import Estimate, Score
from ocrtune.stats import Benchmark, Plan, Rule, estimate


@runtime_checkable
class Counting(Protocol):
    """A metric that counts edits, and of what."""

    unit: str


@runtime_checkable
class Depending(Protocol):
    """A metric whose figures depend on what is installed."""

    def depends(self) -> dict[str, str]: ...


def dependencies(metrics: Sequence[Metric]) -> dict[str, str]:
    """What the figures depend on beside the options, for their protocol."""
    return {name: value for metric in metrics if isinstance(metric, Depending) for name, value in metric.depends().items()}


def figures(metrics: Sequence[Metric], scores: Sequence[Score], found: Benchmark, plan: Plan) -> list[Estimate]:
    """The figures of all metrics in their order; then, of those that count units, the mean of samples (`<name>_macro`) where
    the metric's own figure is pooled, and the pooled one (`<name>_micro`) where it is a mean."""
    own = [estimate(scores, Rule(m.name, m.direction, m.pool), _in_units(m, found), plan) for m in metrics]
    return [*own, *_pooled_otherwise(metrics, scores, found, plan)]


def _pooled_otherwise(metrics: Sequence[Metric], scores: Sequence[Score], found: Benchmark, plan: Plan) -> Iterator[Estimate]:
    counted = {score.metric for score in scores if score.total is not None}
    for metric in metrics:
        if metric.pool == "micro" or metric.name in counted:
            pool: Literal["micro", "macro"] = "macro" if metric.pool == "micro" else "micro"
            figure = estimate(scores, Rule(metric.name, metric.direction, pool), _in_units(metric, found), plan)
            yield figure.model_copy(update={"metric": f"{metric.name}_{pool}"})


def _in_units(metric: Metric, found: Benchmark) -> Benchmark:
    """The protocol with what one edit replaces, where the metric counts edits."""
    return found._replace(protocol={**found.protocol, "unit": metric.unit}) if isinstance(metric, Counting) else found


def speechless(scores: Sequence[Score]) -> list[str]:
    """For metrics that could score no sample at all the reason, in a sentence for all that share it."""
    scored = {score.metric for score in scores if score.value is not None}
    reasons = {score.metric: score.why or "no reason is known" for score in reversed(scores) if score.metric not in scored}
    return [
        f"no sample could be scored by {', '.join(sorted(name for name, why in reasons.items() if why == said))}: {said}"
        for said in dict.fromkeys(reasons.values())
    ]
