"""Two models on the same samples: a verdict, what it rests on, and what could not have been seen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from ocrtune.core import Noun, Sample, Score
from ocrtune.core.outcome import Direction
from ocrtune.errors import ComparisonError
from ocrtune.stats.corpus import SLICE_RESAMPLES, Rule, columns_of, slice_masks
from ocrtune.stats.discordance import Crossed, crossed
from ocrtune.stats.resampling import ALPHA, NORMAL, Plan, bootstrap, by_group, difference_rows, holm, ratio, sign_flip

Outcome = Literal["better", "worse", "cannot tell"]
Test = Literal["exact McNemar", "sign-flip permutation"]

POWER = 0.8
MIN_GROUPS = 6  # 2 / 2^5 > 0.05: with fewer documents no two-sided sign-flip test can reach 5 %


class SliceComparison(Noun):
    """A comparison restricted to one tag value. `p_holm` is corrected for the number of slices; `note` says why weak; `needed` as
    in `Comparison`."""

    tag: str
    value: str
    n: int
    groups: int
    base: float
    tuned: float
    difference: float
    low: float | None = None
    high: float | None = None
    p_value: float
    p_holm: float
    verdict: Outcome
    needed: int | None = None
    note: str | None = None


class Comparison(Noun):
    """Two models on the same samples, by one metric. `difference` is tuned − base, `low`/`high` its 95 % interval.

    `verdict` is better or worse only when the interval excludes 0 and `p_holm` < 0.05: `p_value` by `test`, corrected for the
    `tests` comparisons that were made together. The test is McNemar's where the metric is 0 or 1 and every sample a document of
    its own, else the sign-flip permutation of documents. `mde` is the smallest true difference that such a benchmark finds in
    four cases of five, and `needed` how many documents like these would show one as large as this, where nothing can be told;
    both at the level that the correction leaves to this comparison. `crossed` is the 2 × 2 table of a metric that is 0 or 1,
    `mcnemar` its exact p-value.
    """

    metric: str
    direction: Direction
    base: float
    tuned: float
    difference: float
    low: float | None
    high: float | None
    test: Test = "sign-flip permutation"
    p_value: float
    p_holm: float
    tests: int = 1
    mde: float | None
    needed: int | None = None
    mcnemar: float | None = None
    crossed: Crossed | None = None
    verdict: Outcome
    statement: str
    n: int
    groups: int
    unscored: int
    better: int
    worse: int
    same: int
    slices: tuple[SliceComparison, ...] = ()


class Pair(NamedTuple):
    """One sample read by both models."""

    sample: Sample
    base: Score
    tuned: Score

    @property
    def delta(self) -> float:
        """Tuned − base of the sample's own values; both are scored."""
        return (self.tuned.value or 0.0) - (self.base.value or 0.0)


def pair(samples: Sequence[Sample], base: Sequence[Score], tuned: Sequence[Score], metric: str) -> list[Pair]:
    """The samples that both models have a scored value for, in sample order."""
    first = {s.sample_id: s for s in base if s.metric == metric and s.value is not None}
    second = {s.sample_id: s for s in tuned if s.metric == metric and s.value is not None}
    return [Pair(s, first[s.id], second[s.id]) for s in samples if s.id in first and s.id in second]


def poolable(pairs: Sequence[Pair]) -> bool:
    """Whether there is anything to divide by on both sides."""
    return any(p.base.total != 0 for p in pairs) and any(p.tuned.total != 0 for p in pairs)


def compare(pairs: Sequence[Pair], rule: Rule, plan: Plan = Plan(), *, unscored: int = 0) -> Comparison:  # noqa: B008
    """The verdict of one metric. Raises ComparisonError when no sample was scored for both."""
    if not pairs:
        raise ComparisonError(
            f"no sample has a value of {rule.metric!r} in both results", hint="score both again with the same metrics"
        )
    found, table = _tested(pairs, rule, plan)
    exact = table is not None and not table.clustered
    sign = -1 if rule.direction == "lower" else 1
    gains = np.array([p.delta for p in pairs]) * sign
    comparison = Comparison(
        metric=rule.metric,
        direction=rule.direction,
        **found._asdict(),
        test="exact McNemar" if exact else "sign-flip permutation",
        p_holm=found.p_value,
        mcnemar=table.p_value if table else None,
        crossed=table,
        statement="",
        n=len(pairs),
        unscored=unscored,
        better=int((gains > 0).sum()),
        worse=int((gains < 0).sum()),
        same=int((gains == 0).sum()),
        slices=tuple(_contrast_slices(pairs, rule, plan)),
    )
    return _said(comparison, comparison.verdict, comparison.mde)


class _Contrast(NamedTuple):
    base: float
    tuned: float
    difference: float
    low: float | None
    high: float | None
    p_value: float
    mde: float | None
    verdict: Outcome
    groups: int


def _contrast(pairs: Sequence[Pair], rule: Rule, plan: Plan) -> _Contrast:
    columns = np.hstack([columns_of([p.base for p in pairs], rule), columns_of([p.tuned for p in pairs], rule)])
    table = by_group([p.sample.group for p in pairs], columns)
    whole = table.sum(axis=0)
    base, tuned = ratio(whole[:2]), ratio(whole[2:])
    if not (math.isfinite(base) and math.isfinite(tuned)):
        raise ComparisonError(
            f"{rule.metric!r} cannot be pooled: all references are empty", hint="compare by another metric, such as exact"
        )
    p_value = sign_flip(table[:, :2], table[:, 2:], plan)
    drawn = bootstrap(table, difference_rows, plan) if len(table) > 1 else None
    low, high = drawn.interval if drawn else (None, None)
    mde = (NORMAL.inv_cdf(1 - ALPHA / 2) + NORMAL.inv_cdf(POWER)) * drawn.deviation if drawn else None
    verdict = _verdict(rule.direction, low, high, p_value)
    return _Contrast(base, tuned, tuned - base, low, high, p_value, mde, verdict, len(table))


def _tested(pairs: Sequence[Pair], rule: Rule, plan: Plan) -> tuple[_Contrast, Crossed | None]:
    """Judged by McNemar's exact test where each sample is right or wrong and a document of its own."""
    found = _contrast(pairs, rule, plan)
    table = _crossed(pairs, clustered=found.groups < len(pairs))
    if table is None or table.clustered:
        return found, table
    verdict = _verdict(rule.direction, found.low, found.high, table.p_value)
    return found._replace(p_value=table.p_value, verdict=verdict), table


def _verdict(direction: Direction, low: float | None, high: float | None, p_value: float) -> Outcome:
    if low is None or high is None or low <= 0 <= high or p_value >= ALPHA:
        return "cannot tell"
    return "better" if (high < 0) == (direction == "lower") else "worse"


def _contrast_slices(pairs: Sequence[Pair], rule: Rule, plan: Plan) -> Iterator[SliceComparison]:
    smaller = plan._replace(resamples=min(plan.resamples, SLICE_RESAMPLES))
    found = []
    for tag, value, where in slice_masks([p.sample for p in pairs]):
        chosen = [pairs[i] for i in where]
        if poolable(chosen):
            found.append((tag, value, len(where), _tested(chosen, rule, smaller)[0]))
    # Rows that cannot be significant whatever they show need no correction and must not cost the others power (Tarone 1990).
    testable = [contrast.p_value for *_, contrast in found if contrast.groups >= MIN_GROUPS]
    corrected = iter(holm(testable))
    for tag, value, n, contrast in found:
        p_holm = next(corrected) if contrast.groups >= MIN_GROUPS else 1.0
        kept = {k: v for k, v in contrast._asdict().items() if k not in ("mde", "verdict")}
        few = f"{counted(contrast.groups, 'document')}: cannot be significant" if contrast.groups < MIN_GROUPS else None
        verdict = _verdict(rule.direction, contrast.low, contrast.high, p_holm)
        mde = _corrected_mde(contrast.mde, _sharing(contrast.p_value, testable))
        needed = documents_needed(contrast.groups, mde, contrast.difference) if verdict == "cannot tell" else None
        yield SliceComparison(tag=tag, value=value, n=n, **kept, p_holm=p_holm, verdict=verdict, needed=needed, note=few)


def corrected(found: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons, judged by p-values that are corrected for their number (Holm), in the order given.

    Those over too few documents, or with too few samples that differ at all, cannot be significant whatever they show, and
    count for nothing (Tarone 1990).
    """
    testable = [c.p_value for c in found if _testable(c)]
    p_values = iter(holm(testable))
    return [_judged(c, next(p_values), testable) if _testable(c) else c for c in found]


def _testable(found: Comparison) -> bool:
    return min(found.groups, found.better + found.worse) >= MIN_GROUPS


def _judged(found: Comparison, p_holm: float, tested: Sequence[float]) -> Comparison:
    verdict = _verdict(found.direction, found.low, found.high, p_holm)
    judged = found.model_copy(update={"p_holm": p_holm, "tests": len(tested)})
    return _said(judged, verdict, _corrected_mde(found.mde, _sharing(found.p_value, tested)))


def _said(found: Comparison, verdict: Outcome, mde: float | None) -> Comparison:
    """With its verdict, what could have been seen, and all of that in words."""
    needed = documents_needed(found.groups, mde, found.difference) if verdict == "cannot tell" else None
    judged = found.model_copy(update={"verdict": verdict, "mde": mde, "needed": needed})
    return judged.model_copy(update={"statement": statement(judged)})


def _sharing(p_value: float, tested: Sequence[float]) -> int:
    """Among how many comparisons Holm divides the 5 % when it comes to this one: those that are no more significant."""
    return max(sum(other >= p_value for other in tested), 1)


def _corrected_mde(mde: float | None, sharing: int) -> float | None:
    """Of one comparison alone, at the level that is left where `sharing` of them share the 5 %."""
    if mde is None:
        return None
    power = NORMAL.inv_cdf(POWER)
    return mde * (NORMAL.inv_cdf(1 - ALPHA / 2 / sharing) + power) / (NORMAL.inv_cdf(1 - ALPHA / 2) + power)


def mcnemar(pairs: Sequence[Pair]) -> float | None:
    """Exact two-sided p-value of the discordant pairs; None when the metric is not 0 or 1 throughout."""
    table = _crossed(pairs, clustered=False)
    return table.p_value if table else None


def _crossed(pairs: Sequence[Pair], *, clustered: bool) -> Crossed | None:
    if any(value not in (0.0, 1.0) or s.total is not None for p in pairs for s in (p.base, p.tuned) for value in (s.value,)):
        return None
    return crossed(((p.base.value == 1.0, p.tuned.value == 1.0) for p in pairs), clustered=clustered)


def documents_needed(groups: int, mde: float | None, difference: float) -> int | None:
    """How many documents, when `groups` of them show no less than `mde`, would show `difference` (80 % power)."""
    if not mde or not difference:
        return None
    return max(MIN_GROUPS, groups + 1, math.ceil(groups * (mde / difference) ** 2))


def statement(found: Comparison) -> str:
    """The verdict in words that can be acted on."""
    figures = f"{found.metric} {found.base:.4f} → {found.tuned:.4f}"
    where = f"on {counted(found.n, 'sample')} of {counted(found.groups, 'document')}"
    if found.low is None or found.high is None:
        return f"Cannot tell: {figures} {where}. Nothing can be said from a single document; at least {MIN_GROUPS} are needed."
    change = f"a change of {found.difference:+.4f} (95 % interval {found.low:+.4f} to {found.high:+.4f}, {_chance(found)})"
    if found.verdict != "cannot tell":
        return f"The tuned model is {found.verdict}: {figures}, {change}, {where}."
    text = f"Cannot tell: {figures}, {change}, {where}."
    if found.groups < MIN_GROUPS:
        return f"{text} With fewer than {MIN_GROUPS} documents no difference can be significant; add documents."
    if found.mde:
        text += f" A true difference below {found.mde:.4f} would usually go unnoticed here."
    if found.needed:
        text += f" About {found.needed} documents would show one as large as this."
    return text


def _chance(found: Comparison) -> str:
    if found.tests == 1:
        return f"p = {found.p_value:.2g}"
    return f"p = {found.p_holm:.2g} corrected for {found.tests} comparisons, {found.p_value:.2g} alone"


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
