"""One model: corpus figures with intervals and slices."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from ocrtune.core import Estimate, Sample, Score, Slice, digest
from ocrtune.core.outcome import Direction
from ocrtune.stats.gate import Counts
from ocrtune.stats.resampling import Floats, Plan, bootstrap, by_group, ratio, ratio_rows

MAX_SLICES = 40  # a tag with more values than this names samples rather than kinds of them
SLICE_RESAMPLES = 2_000


class Rule(NamedTuple):
    """How the scores of a metric become one figure."""

    metric: str
    direction: Direction
    pool: Literal["micro", "macro"]


class Benchmark(NamedTuple):
    """What was read, how it went, and by which protocol; `doubts` say why the figures are not to be believed."""

    samples: Sequence[Sample]
    digest: str
    protocol: Mapping[str, str]
    counts: Counts = Counts()
    doubts: tuple[str, ...] = ()


def estimate(scores: Sequence[Score], rule: Rule, benchmark: Benchmark, plan: Plan = Plan()) -> Estimate:  # noqa: B008
    """The figure of one metric over a benchmark, with its interval and slices. One score per sample, in any order.

    Unscored samples are left out and counted. In a micro figure a sample without reference units adds its errors only.
    """
    by_id = {s.sample_id: s for s in scores if s.metric == rule.metric}
    rated = [
        (sample, by_id[sample.id]) for sample in benchmark.samples if sample.id in by_id and by_id[sample.id].value is not None
    ]
    samples = [sample for sample, _ in rated]
    sums = columns_of([score for _, score in rated], rule)
    figure = _figure(samples, sums, plan)
    protocol = {**benchmark.protocol, "metric": rule.metric, "pool": rule.pool}
    return Estimate(
        metric=rule.metric,
        direction=rule.direction,
        mean=figure.mean,
        low=figure.low,
        high=figure.high,
        n=len(samples),
        groups=figure.groups,
        **{name: count for name, count in benchmark.counts._asdict().items() if name != "blank"},
        status="suspect" if benchmark.doubts else "ok",
        doubts=benchmark.doubts,
        unscored=len(benchmark.samples) - len(samples),
        benchmark_digest=benchmark.digest,
        protocol=protocol,
        protocol_digest=digest(dict(protocol)),
        slices=tuple(_slices(samples, sums, plan)),
    )


def corpus_figure(scores: Sequence[Score], rule: Rule) -> float | None:
    """The figure alone; None when nothing was scored, or nothing has reference units."""
    sums = columns_of([score for score in scores if score.value is not None], rule)
    figure = ratio(sums.sum(axis=0)) if len(sums) else math.nan
    return float(figure) if math.isfinite(figure) else None


class _Figure(NamedTuple):
    mean: float | None
    low: float | None
    high: float | None
    groups: int


def _figure(samples: Sequence[Sample], sums: Floats, plan: Plan) -> _Figure:
    table = by_group([s.group for s in samples], sums)
    mean = ratio(table.sum(axis=0)) if len(table) else math.nan
    if not math.isfinite(mean):  # nothing scored, or no reference units at all
        return _Figure(None, None, None, len(table))
    interval = bootstrap(table, ratio_rows, plan).interval if len(table) > 1 else None
    return _Figure(float(mean), interval and interval.low, interval and interval.high, len(table))


def _slices(samples: Sequence[Sample], sums: Floats, plan: Plan) -> Iterator[Slice]:
    smaller = plan._replace(resamples=min(plan.resamples, SLICE_RESAMPLES))
    for tag, value, where in slice_masks(samples):
        figure = _figure([samples[i] for i in where], sums[where], smaller)
        if figure.mean is not None:
            yield Slice(tag=tag, value=value, n=len(where), mean=figure.mean, low=figure.low, high=figure.high)


def slice_masks(samples: Sequence[Sample]) -> Iterator[tuple[str, str, list[int]]]:
    """(tag, value, positions) for each tag that divides the samples into 2 … MAX_SLICES kinds, sorted by name."""
    for tag in sorted({name for sample in samples for name in sample.tags}):
        places: dict[str, list[int]] = {}
        for position, sample in enumerate(samples):
            if tag in sample.tags:
                places.setdefault(sample.tags[tag], []).append(position)
        if 2 <= len(places) <= MAX_SLICES:
            yield from ((tag, value, places[value]) for value in sorted(places, key=_natural))


def _natural(value: str) -> tuple[float, str]:
    """Bands by the number they begin with, names by their letters."""
    number = re.match(r"([<>≤≥]?) ?(\d+(?:\.\d+)?)", value)
    return (float(number[2]) - (number[1] in ("<", "≤")) * 1e-9 if number else math.inf, value)


def columns_of(scores: Sequence[Score], rule: Rule) -> Floats:
    """(samples, 2): numerator and denominator."""
    rows = [
        (s.errors, s.total) if rule.pool == "micro" and s.errors is not None and s.total is not None else (s.value or 0.0, 1.0)
        for s in scores
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 2)
