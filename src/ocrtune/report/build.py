"""From comparisons to the HTML report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple

from markupsafe import Markup

from ocrtune.core import Box, Estimate
from ocrtune.core.outcome import Direction
from ocrtune.report import charts
from ocrtune.report.charts import Bar, Point, number
from ocrtune.report.marks import difference, plain
from ocrtune.report.pictures import thumbnail
from ocrtune.stats import Comparison
from ocrtune.taxonomy import KINDS, Kind, Mistakes, Total

PAGES_SHOWN = 12  # of the pages that got better, and as many of those that got worse
NAMES = {"cer": "CER", "wer": "WER", "char_f1": "character F1", "exact": "exact match", "cer_macro": "CER, mean of samples",
         "wer_macro": "WER, mean of samples"}  # fmt: skip
ERROR_BANDS = ((0.0, "none"), (0.02, "≤ 2 %"), (0.05, "≤ 5 %"), (0.1, "≤ 10 %"), (0.5, "≤ 50 %"), (float("inf"), "> 50 %"))
COUNTED = {"failed": "failed requests", "truncated": "cut off at the token limit", "looped": "fell into a loop",
           "empty": "said nothing", "unscored": "could not be scored",
           "duplicates": "repeat another sample's picture and question", "echoed": "contain their own prompt"}  # fmt: skip
MISTAKES: dict[Kind, str] = {
    "omission": "left out", "invention": "invented", "substitution": "taken for another character", "order": "in another order",
    "table": "table structure", "loop": "ran in circles", "truncation": "cut off", "empty": "nothing said",
    "refusal": "refused to read", "failure": "failed request",
}  # fmt: skip
PAIRS_SHOWN = 12
OUTLINES_SHOWN = 150  # boxes of one side on one picture


class Reading(NamedTuple):
    """What one model made of a sample. `note` says what went wrong with the request, if anything."""

    text: str
    value: float
    note: str | None = None


class Outline(NamedTuple):
    """A box on the picture: whose it is ("truth", "base", "tuned"), and of what kind."""

    tone: str
    kind: str
    box: Box


class PageView(NamedTuple):
    """`reference` is None where there is no text to hold the readings against."""

    id: str
    group: str
    image: str | None
    reference: str | None
    base: Reading
    tuned: Reading
    outlines: Sequence[Outline] = ()

    @property
    def delta(self) -> float:
        return self.tuned.value - self.base.value


class Side(NamedTuple):
    """One of the two models: its name, the figures of all metrics, why they are not to be believed, the kinds of its mistakes
    over all samples and in `each`, by id."""

    name: str
    estimates: Sequence[Estimate]
    doubts: Sequence[str] = ()
    mistakes: Total | None = None
    each: Mapping[str, Mistakes] = {}


class ProtocolDifference(NamedTuple):
    key: str
    base: str
    tuned: str


class Published(NamedTuple):
    """A line of the table that a benchmark's authors print, for both models; None where it has no value."""

    name: str
    base: float | None
    tuned: float | None
    n: int

    @property
    def change(self) -> str:
        if self.base is None or self.tuned is None:
            return ""
        return f"{self.tuned - self.base:+.4g}".replace("-", "−")


class ComparisonView(NamedTuple):
    """One section of the report. `pages` are all samples that both models were scored on; `others` are the comparisons by the
    other metrics; `table` is what both runs have in `table.json`."""

    title: str
    comparison: Comparison
    base: Side
    tuned: Side
    pages: Sequence[PageView]
    protocol_differences: Sequence[ProtocolDifference] = ()
    others: Sequence[Comparison] = ()
    table: Sequence[Published] = ()


class CurvePoint(NamedTuple):
    """A moment of training: loss, or the CER of generated validation readings, or both."""

    step: int
    loss: float | None = None
    val_cer: float | None = None


def render(title: str, comparisons: Sequence[ComparisonView], curve: Sequence[CurvePoint] = (), *,
           facts: Mapping[str, str] | None = None) -> str:  # fmt: skip
    """The whole page. `curve` is drawn after the first comparison; `facts` (model, data, machine …) close the page."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = number
    environment.filters["printed"] = printed
    environment.filters["signed"] = lambda value: number(value, signed=True)
    here = resources.files("ocrtune.report")
    template = environment.from_string((here / "page.html.j2").read_text("utf-8"))
    style = Markup((here / "style.css").read_text("utf-8"))
    sections = [_section(view, index) for index, view in enumerate(comparisons)]
    return template.render(title=title, style=style, sections=sections, curves=_curves(curve), facts=facts or {})


class Distribution(NamedTuple):
    """Values of all samples on both sides."""

    name: str
    base: Sequence[float]
    tuned: Sequence[float]


def distributions(view: ComparisonView) -> list[Distribution]:
    """Of the metric that decides; and, where that is another one, of the errors per character of each sample with a text."""
    pages = view.pages
    found = [Distribution(metric_name(view.comparison.metric), [p.base.value for p in pages], [p.tuned.value for p in pages])]
    if view.base.each and not view.comparison.metric.startswith("cer"):
        found.append(Distribution(NAMES["cer"], _error_rates(view.base), _error_rates(view.tuned)))
    return found


def _error_rates(side: Side) -> list[float]:
    return [sum(own.edits.values()) / max(own.characters, 1) for own in side.each.values()]


def printed(value: float | None) -> str:
    """A figure of a published table: whole points as such."""
    return "–" if value is None else f"{value:.4g}"


def metric_name(metric: str) -> str:
    return NAMES.get(metric, metric)


def _section(view: ComparisonView, index: int) -> dict[str, Any]:
    found = view.comparison
    sign = 1 if found.direction == "lower" else -1
    ranked = sorted(view.pages, key=lambda page: page.delta * sign)
    better = [p for p in ranked if p.delta * sign < 0]
    worse = [p for p in reversed(ranked) if p.delta * sign > 0]
    return {
        "id": f"comparison-{index + 1}",
        "title": view.title,
        "found": found,
        "metric": metric_name(found.metric),
        "better_when": found.direction,
        "statement": found.statement,
        "tone": {"better": "better", "worse": "worse"}.get(found.verdict, "unsure"),
        "relative": f"{(found.tuned / found.base - 1) * 100:+.0f} %".replace("-", "−") if found.base else None,
        "base_name": view.base.name,
        "tuned_name": view.tuned.name,
        "chart": _headline_chart(view),
        "doubts": [(name, doubt) for name, side in (("base", view.base), ("tuned", view.tuned)) for doubt in side.doubts],
        "metrics": _metric_rows(view),
        "table": view.table,
        "crossed": [(metric_name(c.metric), c.crossed) for c in (found, *view.others) if c.crossed is not None],
        "counts": _count_rows(view),
        "mistakes": _mistake_rows(view),
        "mistaken": _pair_rows(view),
        "slices": [_sliced(c) for c in (found, *view.others) if any(s.groups > 1 for s in c.slices)],
        "scatter": _scatter(view),
        "bands": _bands(view),
        "cumulative": [_cumulative(found) for found in distributions(view)],
        "differences": view.protocol_differences,
        "pages": [
            {"title": "Pages that got worse", "tone": "worse", "cards": _cards(worse), "total": len(worse)},
            {"title": "Pages that got better", "tone": "better", "cards": _cards(better), "total": len(better)},
        ],
    }


def _headline_chart(view: ComparisonView) -> Markup:
    sides = (("base", view.base, view.comparison.base), ("tuned", view.tuned, view.comparison.tuned))
    bars = []
    for tone, side, value in sides:
        own = next((e for e in side.estimates if e.metric == view.comparison.metric), None)
        bars.append(Bar(tone, value, own.low if own else None, own.high if own else None, tone))
    return charts.intervals(bars, title=f"{metric_name(view.comparison.metric)} of both models with 95 % intervals")


def _metric_rows(view: ComparisonView) -> list[dict[str, Any]]:
    """All metrics that both sides have, those that were not compared by themselves (means of pooled ones) without a p-value."""
    tuned = {e.metric: e for e in view.tuned.estimates}
    compared = {c.metric: c for c in (view.comparison, *view.others)}
    tones = {"better": "better", "worse": "worse"}
    return [
        {"name": metric_name(base.metric), "direction": base.direction, "base": base, "tuned": tuned[base.metric],
         "found": found, "tone": tones.get(found.verdict, "same") if found else "same"}
        for base in view.base.estimates
        if base.metric in tuned and (base.mean is not None or tuned[base.metric].mean is not None)
        for found in (compared.get(base.metric),)
    ]  # fmt: skip


def _mistake_rows(view: ComparisonView) -> list[dict[str, Any]]:
    """Kinds that occur on either side, the most frequent first."""
    base, tuned = view.base.mistakes, view.tuned.mistakes
    if base is None or tuned is None:
        return []
    found = sorted((k for k in KINDS if base.edits[k] or tuned.edits[k]), key=lambda k: -max(base.edits[k], tuned.edits[k]))
    return [
        {"name": MISTAKES[kind], "sides": [{"edits": t.edits[kind], "share": t.share(kind), "samples": t.samples[kind]}
                                           for t in (base, tuned)]}
        for kind in found
    ]  # fmt: skip


def _pair_rows(view: ComparisonView) -> list[dict[str, Any]]:
    """Characters taken for another one, the most frequent of both sides."""
    base, tuned = view.base.mistakes, view.tuned.mistakes
    if base is None or tuned is None:
        return []
    counts = [{(wanted, read): count for wanted, read, count in side.pairs} for side in (base, tuned)]
    ranked = sorted(set().union(*counts), key=lambda pair: (-max(c.get(pair, 0) for c in counts), pair))
    return [{"wanted": _visible(a), "read": _visible(b), "counts": [c.get((a, b), 0) for c in counts]}
            for a, b in ranked[:PAIRS_SHOWN]]  # fmt: skip


def _visible(character: str) -> str:
    return {" ": "␣", "\n": "⏎"}.get(character, character)


def _count_rows(view: ComparisonView) -> list[dict[str, Any]]:
    base, tuned = view.base.estimates[0], view.tuned.estimates[0]
    return [{"name": text, "base": getattr(base, key), "tuned": getattr(tuned, key)} for key, text in COUNTED.items()]


def _sliced(found: Comparison) -> dict[str, Any]:
    """The slices by one metric."""
    single = sum(s.groups < 2 for s in found.slices)
    return {"metric": metric_name(found.metric), "better_when": found.direction, "rows": _slice_rows(found), "single": single}


def _slice_rows(found: Comparison) -> list[dict[str, Any]]:
    """Kinds with a single document say nothing beyond the pages themselves and are only counted."""
    slices = [s for s in found.slices if s.groups > 1]
    ends = [abs(end) for s in slices for end in (s.low, s.high, s.difference) if end is not None]
    limit = max([*ends, 1e-6]) * 1.05
    tones = {"better": "better", "worse": "worse", "cannot tell": "same"}
    return [
        {
            "slice": s,
            "tone": tones[s.verdict],
            "plot": charts.forest(s.low, s.difference, s.high, limit=limit, tone=tones[s.verdict]),
        }
        for s in slices
    ]


def _scatter(view: ComparisonView) -> Markup:
    name = metric_name(view.comparison.metric)
    return charts.scatter(
        [Point(p.base.value, p.tuned.value) for p in view.pages],
        title=f"{name} of each sample, base against tuned",
        lower_is_better=view.comparison.direction == "lower",
        axis=(f"{name}, base", f"{name}, tuned"),
    )


def _bands(view: ComparisonView) -> Markup:
    rows = [
        ("base", _banded([p.base.value for p in view.pages], view.comparison.direction)),
        ("tuned", _banded([p.tuned.value for p in view.pages], view.comparison.direction)),
    ]
    return charts.bands(rows, [label for _, label in ERROR_BANDS], title="samples by their share of errors, base and tuned")


def _cumulative(found: Distribution) -> Markup:
    title = f"share of samples by {found.name}, base and tuned"
    axis = (f"{found.name} at most", "% of samples")
    return charts.cumulative([("base", found.base), ("tuned", found.tuned)], title=title, axis=axis)


def _banded(values: Sequence[float], direction: Direction) -> list[int]:
    """How many samples are in each error band; a score that is better when higher errs by what it lacks to 1."""
    counts = [0] * len(ERROR_BANDS)
    for value in values:
        errors = value if direction == "lower" else 1 - value
        counts[next(i for i, (limit, _) in enumerate(ERROR_BANDS) if errors <= limit)] += 1
    return counts


def _cards(pages: Sequence[PageView]) -> list[dict[str, Any]]:
    return [
        {
            "page": page,
            "picture": thumbnail(page.image),
            "boxes": _boxes(page),
            "reference": plain(page.reference or ""),
            **{tone: _marked(page.reference, read.text) for tone, read in (("base", page.base), ("tuned", page.tuned))},
        }
        for page in pages[:PAGES_SHOWN]
    ]


def _marked(reference: str | None, text: str) -> Markup:
    return plain(text) if reference is None else difference(reference, text)


def _boxes(page: PageView) -> list[dict[str, Any]]:
    """Outlines in thousandths of the picture, so many of each side as can still be told apart."""
    drawn: list[dict[str, Any]] = []
    for tone in ("truth", "base", "tuned"):
        own = [o for o in page.outlines if o.tone == tone][:OUTLINES_SHOWN]
        drawn += [
            {"tone": tone, "kind": o.kind, "x": o.box.left * 1000, "y": o.box.top * 1000,
             "width": (o.box.right - o.box.left) * 1000, "height": (o.box.bottom - o.box.top) * 1000}
            for o in own
        ]  # fmt: skip
    return drawn


def _curves(points: Sequence[CurvePoint]) -> list[Markup]:
    cer = [Point(p.step, p.val_cer) for p in points if p.val_cer is not None]
    loss = [Point(p.step, p.loss) for p in points if p.loss is not None]
    drawn = []
    if cer:
        drawn.append(charts.curve(cer, title="CER on the validation split while training", tone="tuned"))
    if loss:
        drawn.append(charts.curve(loss, title="training loss", tone="base"))
    return drawn
