"""How many pixels a page needs: the same pages read at several budgets, and the smallest that is as good as the best.

The rule. The reference is the budget with the best figure. From there down, each smaller budget is compared with it on the
same pages by `stats.compare` (paired, whole documents resampled and flipped). It passes when it is not significantly worse:
not both a 95 % interval and a sign-flip test at 5 % on the wrong side of zero. With a margin it passes when even the bad end
of the interval is no worse than the margin, which is a claim that few pages cannot support (non-inferiority, ICH E9 3.3.2).
The walk stops at the first budget that fails, which keeps the error rate of the whole walk at that of one test (fixed
sequence, Maurer et al. 1995), and the last one that passed is recommended. The best of several figures is flattered by
chance, so the comparison with it errs on the side of more pixels.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ocrtune.core import Estimate, Noun, Sample, Score
from ocrtune.runs import RunDir
from ocrtune.stats import MIN_GROUPS, Comparison, Plan, Rule, compare, pair
from ocrtune.verbs import evaluate
from ocrtune.verbs.score import SCORES, read_estimates, read_samples
from ocrtune.verbs.tune import Steps

LOG = logging.getLogger("ocrtune")
MEGA = 1e6


class Budget(Noun):
    """One pixel budget: how well pages are read at it, what they cost, and how it compares with the best.

    `difference` is this budget − the best one, with its 95 % interval; `passes` is None for the best itself and for budgets
    that the walk did not reach or that are larger than the best.
    """

    max_pixels: int
    visual_tokens: float
    value: float
    low: float | None
    high: float | None
    samples: int
    failed: int
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p_value: float | None = None
    passes: bool | None = None


class Sweep(Noun):
    """Budgets from small to large, and what follows from them."""

    metric: str
    split: str
    groups: int
    margin: float | None
    best: int
    recommended: int
    budgets: tuple[Budget, ...]
    rule: str
    caution: str | None = None


class Outcome(Noun):
    """A finished evaluation at one budget."""

    max_pixels: int
    visual_tokens: float
    samples: tuple[Sample, ...]
    scores: tuple[Score, ...]
    estimate: Estimate


def pixel_budgets(asked: Sequence[float], largest: int) -> list[int]:
    """Up to 1 a share of the `largest` page's pixels as the model sees it now, above that pixels; small to large."""
    return sorted({round(value * largest) if value <= 1 else round(value) for value in asked})


def sweep(budgets: Sequence[int], options: Mapping[str, Any], into: RunDir, *, tokens: Callable[[int], float],
          plan: Plan, margin: float | None) -> Sweep:  # fmt: skip
    """Evaluate at every budget, each a run of its own inside `into` that is resumed or skipped, and judge. `tokens` says how
    many visual tokens a page takes on average at a budget."""
    steps = Steps(into, len(budgets))
    outcomes = []
    for pixels in budgets:
        run = steps.take(f"sweep-{pixels}", evaluate, {**options, "max_pixels": pixels})
        estimate = read_estimates(run.path)[0]
        found = Outcome(max_pixels=pixels, visual_tokens=tokens(pixels), samples=tuple(read_samples(run)),
                        scores=tuple(run.read(SCORES, Score)), estimate=estimate)  # fmt: skip
        outcomes.append(found)
    return judge(outcomes, split=str(options["split"]), plan=plan, margin=margin)


def judge(outcomes: Sequence[Outcome], *, split: str, plan: Plan, margin: float | None) -> Sweep:
    """The rule above, on outcomes from small to large."""
    first = outcomes[0].estimate
    sign = 1 if first.direction == "lower" else -1
    best = min(outcomes, key=lambda o: (sign * _value(o), o.max_pixels))
    at = outcomes.index(best)
    budgets = [_budget(outcome) for outcome in outcomes]
    recommended, walking = best.max_pixels, True
    for index in range(at - 1, -1, -1):
        found = _contrast(best, outcomes[index], plan)
        passes = walking and _passes(found, sign, margin)
        budgets[index] = _compared(budgets[index], found, passes=passes if walking else None)
        walking = passes
        recommended = outcomes[index].max_pixels if passes else recommended
    for index in range(at + 1, len(outcomes)):
        budgets[index] = _compared(budgets[index], _contrast(best, outcomes[index], plan), passes=None)
    allowed = "not significantly worse" if margin is None else f"at most {margin:g} worse at the bad end of the 95 % interval"
    return Sweep(
        metric=first.metric, split=split, groups=first.groups, margin=margin, best=best.max_pixels, recommended=recommended,
        budgets=tuple(budgets), caution=_caution(outcomes, recommended),
        rule=f"smallest budget, walking down from the best, whose {first.metric} is {allowed} (paired, by document, level 5 %)",
    )  # fmt: skip


def _passes(found: Comparison, sign: int, margin: float | None) -> bool:
    if margin is None:
        return found.verdict != "worse"
    bad = found.high if sign > 0 else found.low
    return bad is not None and sign * bad <= margin


def _contrast(best: Outcome, other: Outcome, plan: Plan) -> Comparison:
    own = best.estimate
    pairs = pair(best.samples, best.scores, other.scores, own.metric)
    rule = Rule(own.metric, own.direction, "micro" if own.protocol.get("pool") == "micro" else "macro")
    return compare(pairs, rule, plan)


def _value(outcome: Outcome) -> float:
    """The worst there is where nothing could be scored."""
    own = outcome.estimate
    if own.mean is None:
        return float("inf") if own.direction == "lower" else float("-inf")
    return own.mean


def _budget(outcome: Outcome) -> Budget:
    own = outcome.estimate
    tokens, value = round(outcome.visual_tokens, 1), _value(outcome)
    return Budget(max_pixels=outcome.max_pixels, visual_tokens=tokens, value=value, low=own.low, high=own.high,
                  samples=own.n, failed=own.failed)  # fmt: skip


def _compared(budget: Budget, found: Comparison, *, passes: bool | None) -> Budget:
    return budget.model_copy(update={"difference": found.difference, "difference_low": found.low, "difference_high": found.high,
                                     "p_value": found.p_value, "passes": passes})  # fmt: skip


def _caution(outcomes: Sequence[Outcome], recommended: int) -> str | None:
    """What a reader must know before believing the recommendation."""
    groups = outcomes[0].estimate.groups
    if groups < MIN_GROUPS:
        return f"with {groups} documents no difference can be significant: take at least {MIN_GROUPS}, better dozens"
    if recommended == outcomes[0].max_pixels and len(outcomes) > 1:
        return "the smallest budget passed: an even smaller one might do"
    if recommended == outcomes[-1].max_pixels and len(outcomes) > 1:
        return "the largest budget is needed: a larger one might be better still"
    return None


def table(found: Sweep) -> list[str]:
    """Markdown rows."""
    head = ("max_pixels", "visual tokens", found.metric, "95 % interval", "against the best", "p", "")
    rows = [f"| {' | '.join(head)} |", "|---:|---:|---:|---|---|---:|---|"]
    for b in found.budgets:
        interval = "none" if b.low is None or b.high is None else f"{b.low:.4f} to {b.high:.4f}"
        change = "" if b.difference is None else f"{b.difference:+.4f}"
        if b.difference_low is not None and b.difference_high is not None:
            change += f" ({b.difference_low:+.4f} to {b.difference_high:+.4f})"
        p_value = "" if b.p_value is None else f"{b.p_value:.2g}"
        cells = (f"{b.max_pixels:,}", f"{b.visual_tokens:,.0f}", f"{b.value:.4f}", interval, change, p_value, _marks(b, found))
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _marks(budget: Budget, found: Sweep) -> str:
    named = {"best": found.best, "recommended": found.recommended}
    marks = [word for word, pixels in named.items() if pixels == budget.max_pixels]
    marks += ["fails"] if budget.passes is False else []
    return ", ".join([*marks, f"{budget.failed} failed"] if budget.failed else marks)


def chart(found: Sweep) -> bytes:
    """The figure against the pixel budget, with its intervals, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    x = [b.max_pixels / MEGA for b in found.budgets]
    y = [b.value for b in found.budgets]
    whiskers = [[max(0.0, b.value - (b.value if b.low is None else b.low)) for b in found.budgets],
                [max(0.0, (b.value if b.high is None else b.high) - b.value) for b in found.budgets]]  # fmt: skip
    axis.errorbar(x, y, yerr=whiskers, marker="o", color="#3b6ea5", capsize=4, label="95 % interval, by document")
    axis.axvline(found.recommended / MEGA, color="#b5452c", linestyle="--", label=f"recommended: {found.recommended:,} pixels")
    axis.set(xlabel="max_pixels, millions", ylabel=found.metric, title=f"{found.metric} against pixels per page ({found.split})")
    axis.set_ylim(bottom=0)
    axis.legend()
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=90)
    return out.getvalue()
