"""Resampling whole documents: sums by group, BCa bootstrap intervals, sign-flip permutation, Holm's correction.

Sources: BCa intervals, Efron & Tibshirani (1993) ch. 14; Monte-Carlo p-values that count the observed arrangement,
Davison & Hinkley (1997) 4.3; step-down correction, Holm (1979).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]  # rows of column sums in, one number per row out

ALPHA = 0.05
CHUNK_CELLS = 4_000_000  # random numbers held at a time (32 MB)
NORMAL = NormalDist()


class Plan(NamedTuple):
    """How much resampling; the same seed gives the same digits."""

    resamples: int = 10_000
    seed: int = 0


class Interval(NamedTuple):
    low: float
    high: float


class Bootstrap(NamedTuple):
    interval: Interval
    deviation: float


def by_group(labels: Sequence[str], columns: Floats) -> Floats:
    """Column sums per group: (groups, columns)."""
    if not labels:
        return np.zeros((0, columns.shape[1]))
    _, inverse = np.unique(np.asarray(labels), return_inverse=True)
    return np.stack([np.bincount(inverse, weights=column) for column in columns.T], axis=1)


def bootstrap(table: Floats, statistic: Statistic, plan: Plan) -> Bootstrap:
    """95 % BCa interval and standard deviation of `statistic` when the rows of `table` are drawn with replacement."""
    rng = np.random.default_rng(plan.seed)
    groups = len(table)
    drawn: list[Floats] = []
    for rows in _chunks(plan.resamples, groups):
        picks = rng.integers(0, groups, size=(rows, groups), dtype=np.int32)
        drawn.append(statistic(np.stack([column[picks].sum(axis=1) for column in table.T], axis=1)))
    replicates = np.concatenate(drawn)
    replicates = np.sort(replicates[np.isfinite(replicates)])
    whole = table.sum(axis=0)
    point = float(statistic(whole[None])[0])
    if not len(replicates):
        return Bootstrap(Interval(point, point), 0.0)
    left_out = statistic(whole - table)
    return Bootstrap(_bca(point, replicates, left_out[np.isfinite(left_out)]), float(replicates.std()))


def _bca(point: float, replicates: Floats, left_out: Floats) -> Interval:
    """Bias-corrected and accelerated percentiles of sorted `replicates`; `left_out` are the jackknife values."""
    count = len(replicates)
    below = np.searchsorted(replicates, point, "left") + np.searchsorted(replicates, point, "right")
    bias = NORMAL.inv_cdf(min(max(below / (2 * count), 1 / (count + 1)), count / (count + 1)))
    spread = left_out.mean() - left_out if len(left_out) else np.zeros(1)
    scale = float((spread**2).sum() ** 1.5)
    acceleration = float((spread**3).sum()) / (6 * scale) if scale > 0 else 0.0
    ends = []
    for tail in (ALPHA / 2, 1 - ALPHA / 2):
        shifted = bias + NORMAL.inv_cdf(tail)
        ends.append(float(np.quantile(replicates, NORMAL.cdf(bias + shifted / (1 - acceleration * shifted)))))
    return Interval(min(ends), max(ends))


def sign_flip(base: Floats, tuned: Floats, plan: Plan) -> float:
    """Two-sided p-value of the difference of two ratios when the models change places in random groups.

    `base` and `tuned` are (groups, 2) sums. All 2^groups arrangements when they are fewer than the resamples.
    """
    groups = len(base)
    observed = abs(ratio(tuned.sum(axis=0)) - ratio(base.sum(axis=0)))
    change = tuned - base
    limit = observed * (1 - 1e-9) - 1e-12  # equal arrangements must count as equal in spite of rounding
    exact = groups < 31 and 2**groups <= plan.resamples
    extreme, total = (0, 0) if exact else (1, 1)
    for swap in _arrangements(groups, plan, exact=exact):
        first, second = base.sum(axis=0) + swap @ change, tuned.sum(axis=0) - swap @ change
        extreme += int((np.abs(ratio_rows(second) - ratio_rows(first)) >= limit).sum())
        total += len(swap)
    return extreme / total


def _arrangements(groups: int, plan: Plan, *, exact: bool) -> Iterator[Floats]:
    """Blocks of rows of 0 and 1: which groups change places."""
    if exact:
        yield ((np.arange(2**groups)[:, None] >> np.arange(groups)) & 1).astype(np.float64)
        return
    rng = np.random.default_rng(plan.seed + 1)
    for rows in _chunks(plan.resamples, groups):
        yield rng.integers(0, 2, size=(rows, groups), dtype=np.int8).astype(np.float64)


def _chunks(resamples: int, groups: int) -> Iterator[int]:
    size = max(1, CHUNK_CELLS // max(groups, 1))
    for start in range(0, resamples, size):
        yield min(size, resamples - start)


def ratio(sums: Floats) -> float:
    return float(ratio_rows(sums[None])[0])


def ratio_rows(sums: Floats) -> Floats:
    """First column over second; NaN where there is nothing to divide by (dropped by the callers)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: Floats = np.where(sums[:, 1] > 0, sums[:, 0] / sums[:, 1], np.nan)
    return quotient


def difference_rows(sums: Floats) -> Floats:
    """Tuned minus base, of rows (base errors, base total, tuned errors, tuned total)."""
    return ratio_rows(sums[:, 2:]) - ratio_rows(sums[:, :2])


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction, in the order given."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, p_values[i] * (len(p_values) - rank)))
        corrected[i] = highest
    return corrected
