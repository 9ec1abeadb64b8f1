"""The charts of a comparison as files, for papers and slides: SVG (text stays text) and PNG."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ocrtune.report.build import ComparisonView, Distribution, distributions, metric_name
from ocrtune.stats import SliceComparison

BASE, TUNED, BETTER, WORSE, SAME = "#6b7686", "#2757c4", "#0a7d4f", "#c0342b", "#56616f"
FONTS = ["DejaVu Sans", "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Arial Unicode MS"]
DPI = 160
SLICES = 40  # rows of the forest; those with the most documents are kept

Painter = Callable[[Any], None]


def draw(view: ComparisonView) -> dict[str, bytes]:
    """`intervals` (all metrics of both sides), `slices` (where there are any), `distribution` of the metric that decides and,
    where that is another one, `cer-distribution`, each as .svg and .png."""
    slices = _largest([s for s in view.comparison.slices if s.low is not None and s.groups > 1])
    rows = sum(1 for _ in _shared(view))
    painters: dict[str, tuple[Painter, tuple[float, float]]] = {
        "intervals": (lambda figure: _intervals(figure, view), (6.4, 0.9 + 0.85 * rows)),
    }
    for name, values in zip(("distribution", "cer-distribution"), distributions(view), strict=False):
        painters[name] = (partial(_distribution, found=values), (6.4, 4.0))
    if slices:
        painters["slices"] = (lambda figure: _slices(figure, view, slices), (6.4, 1.2 + 0.3 * len(slices)))
    return {name: content for stem, (paint, size) in painters.items() for name, content in _files(stem, paint, size).items()}


def _files(stem: str, paint: Painter, size: tuple[float, float]) -> dict[str, bytes]:
    """Fonts that are missing here cost boxes in the picture, never the picture."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = {"font.family": [f for f in FONTS if f in _installed()] or ["sans-serif"], "font.size": 9, "svg.fonttype": "none",
             "svg.hashsalt": "ocrtune", "axes.spines.top": False, "axes.spines.right": False}  # fmt: skip
    found = {}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        paint(figure)
        for kind in ("svg", "png"):
            stream = io.BytesIO()
            figure.savefig(stream, format=kind, dpi=DPI, metadata={"Date": None} if kind == "svg" else None)
            found[f"{stem}.{kind}"] = stream.getvalue()
    return found


def _installed() -> set[str]:
    from matplotlib import font_manager

    return set(font_manager.get_font_names())


def _shared(view: ComparisonView) -> list[tuple[Any, Any]]:
    tuned = {e.metric: e for e in view.tuned.estimates}
    return [(e, tuned[e.metric]) for e in view.base.estimates if e.metric in tuned and e.mean is not None]


def _intervals(figure: Any, view: ComparisonView) -> None:
    """Two bars for each metric, with their 95 % intervals; each metric has a scale of its own."""
    rows = _shared(view)
    for axes, (base, tuned) in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], rows, strict=True):
        for place, own, colour in ((0, base, BASE), (1, tuned, TUNED)):
            value = own.mean or 0.0
            axes.barh(place, value, 0.85, color=colour)
            if own.low is not None and own.high is not None:
                reach = [[max(value - own.low, 0)], [max(own.high - value, 0)]]
                axes.errorbar(value, place, xerr=reach, color="#16202c", capsize=3, linewidth=1.2)
        axes.set_yticks([0.5], [f"{metric_name(base.metric)} {'↓' if base.direction == 'lower' else '↑'}"])
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        axes.set_xlim(left=0)
    figure.legend(handles=_sides(), frameon=False, loc="outside upper right", ncols=2)
    figure.supxlabel("95 % intervals over documents", fontsize=9)


def _slices(figure: Any, view: ComparisonView, slices: Sequence[SliceComparison]) -> None:
    """A forest plot: the change in each slice with its interval; filled where it is significant."""
    axes = figure.add_subplot()
    colours = {"better": BETTER, "worse": WORSE, "cannot tell": SAME}
    for index, one in enumerate(slices):
        colour = colours[one.verdict]
        low, high = one.low if one.low is not None else one.difference, one.high if one.high is not None else one.difference
        axes.plot([low, high], [index, index], color=colour, linewidth=1.6)
        filled = colour if one.verdict != "cannot tell" else "white"
        axes.plot([one.difference], [index], "s", color=colour, markerfacecolor=filled, markersize=5)
    axes.axvline(0, color=SAME, linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(slices)), [f"{s.tag} = {s.value} ({s.groups})" for s in slices])
    axes.invert_yaxis()
    name = metric_name(view.comparison.metric)
    side = "left" if view.comparison.direction == "lower" else "right"
    figure.supxlabel(f"change of {name} ({side} of 0 is better); filled: significant after correction", fontsize=9)


def _distribution(figure: Any, found: Distribution) -> None:
    """Which share of the samples is at most so far off."""
    axes = figure.add_subplot()
    top = sorted([*found.base, *found.tuned])[int(0.99 * (len(found.base) + len(found.tuned) - 1))] or 1.0
    for side, colour, dashes in ((found.base, BASE, "--"), (found.tuned, TUNED, "-")):
        steps = sorted(side)
        shares = [100.0 * (i + 1) / len(steps) for i in range(len(steps))]
        axes.step([0.0, *steps, max(top, steps[-1])], [0.0, *shares, 100.0], where="post", color=colour, linestyle=dashes)
    axes.set_xlim(0, top)
    axes.set_ylim(0, 100)
    axes.set_xlabel(f"{found.name} at most")
    axes.set_ylabel("% of samples")
    axes.legend(handles=_sides(), frameon=False, loc="best")


def _sides() -> list[Any]:
    from matplotlib.lines import Line2D

    return [Line2D([], [], color=BASE, linewidth=4, label="base"), Line2D([], [], color=TUNED, linewidth=4, label="tuned")]


def _largest(slices: Sequence[SliceComparison]) -> list[SliceComparison]:
    """At most SLICES of them, in their order."""
    kept = sorted(slices, key=lambda s: -s.groups)[:SLICES]
    return [s for s in slices if s in kept]
