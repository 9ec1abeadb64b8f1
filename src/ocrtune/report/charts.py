"""Charts as inline SVG. Colours are CSS variables of the page, so that they follow its light or dark scheme; whatever a
colour says is also said by shape or text. Every function returns markup that is safe to embed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

WIDTH = 640
NARROW = 460
MARKS = 3_000


class Bar(NamedTuple):
    """A figure with its interval, on one line of an interval chart."""

    label: str
    value: float
    low: float | None
    high: float | None
    tone: str


class Point(NamedTuple):
    x: float
    y: float


def number(value: float | None, *, signed: bool = False) -> str:
    """Three decimals, four below 0.1; an en dash where there is no figure."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    digits = 3 if abs(value) >= 0.0995 else 4
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return text.replace("-", "−")


def intervals(bars: Sequence[Bar], *, title: str) -> Markup:
    """Horizontal intervals above one axis that begins at 0."""
    top = max([b.high or b.value for b in bars] + [1e-6]) * 1.06
    scale = _Scale(0.0, top, 110, WIDTH - 70)
    row, rows = 34, []
    for i, bar in enumerate(bars):
        y = 22 + i * row
        if bar.low is not None and bar.high is not None:
            rows.append(_line(scale(bar.low), y, scale(bar.high), y, f"whisker {bar.tone}"))
            rows += [_line(scale(end), y - 6, scale(end), y + 6, f"whisker {bar.tone}") for end in (bar.low, bar.high)]
        rows.append(f'<circle cx="{scale(bar.value):.1f}" cy="{y}" r="6" class="dot {bar.tone}"/>')
        rows.append(_text(100, y + 5, bar.label, anchor="end", kind="strong"))
        rows.append(_text(scale(bar.high or bar.value) + 12, y + 5, number(bar.value), kind="strong"))
    floor = 22 + len(bars) * row - 8
    return _svg(WIDTH, floor + 26, title, [*_axis(scale, floor), *rows])


def forest(low: float | None, value: float, high: float | None, *, limit: float, tone: str) -> Markup:
    """One row of a forest plot: a difference with its interval around a zero line; `limit` is the end of the scale."""
    scale = _Scale(-limit, limit, 6, 214)
    parts = [_line(scale(0), 0, scale(0), 24, "zero")]
    if low is not None and high is not None:
        parts.append(_line(scale(low), 12, scale(high), 12, f"whisker {tone}"))
    parts.append(f'<rect x="{scale(value) - 4:.1f}" y="8" width="8" height="8" class="dot {tone}"/>')
    return _svg(220, 24, f"difference {number(value, signed=True)}", parts, kind="strip")


def scatter(points: Sequence[Point], *, title: str, lower_is_better: bool, axis: tuple[str, str]) -> Markup:
    """Base value (x) against tuned value (y) of each sample, with the line of no change; values beyond the frame sit on it.
    Of more than MARKS samples, every second, third … is drawn."""
    top = _nice(_quantile([v for p in points for v in p], 0.99) or 1.0)
    x, y = _Scale(0.0, top, 58, 398), _Scale(0.0, top, 348, 8)
    good = [Point(0, 0), Point(top, 0), Point(top, top)] if lower_is_better else [Point(0, 0), Point(0, top), Point(top, top)]
    parts = [f'<polygon points="{" ".join(f"{x(p.x):.1f},{y(p.y):.1f}" for p in good)}" class="good-side"/>']
    parts += [*_frame(x, y), _line(x(0), y(0), x(top), y(top), "zero")]
    for p in points[:: math.ceil(len(points) / MARKS) or 1]:
        change = (p.x - p.y) * (1 if lower_is_better else -1)
        parts.append(_mark(x(min(p.x, top)), y(min(p.y, top)), "better" if change > 0 else "worse" if change < 0 else "same"))
    parts += [_text(228, 388, axis[0], anchor="middle"), _text(-178, 14, axis[1], anchor="middle", turn=True)]
    return _svg(410, 396, title, parts)


def bands(rows: Sequence[tuple[str, Sequence[int]]], labels: Sequence[str], *, title: str) -> Markup:
    """Stacked shares: for each row the number of samples in each band, best band first."""
    parts: list[str] = []
    for i, (name, counts) in enumerate(rows):
        y, at, total = 8 + i * 46, 70.0, max(sum(counts), 1)
        parts.append(_text(60, y + 21, name, anchor="end", kind="strong"))
        for band, count in enumerate(counts):
            wide = (NARROW - 80) * count / total
            hint = escape(f"{name}: {count} of {total} samples at {labels[band]}")
            drawn = f'<rect x="{at:.1f}" y="{y}" width="{max(wide - 1, 0):.1f}" height="32" class="band{band}">'
            parts.append(f"{drawn}<title>{hint}</title></rect>")
            if wide > 9 * len(str(count)) + 6:
                parts.append(_text(at + wide / 2, y + 21, str(count), anchor="middle", kind=f"on-band{band}"))
            at += wide
    y = 8 + len(rows) * 46 + 6
    step = (NARROW - 4) / len(labels)
    for band, label in enumerate(labels):
        parts.append(f'<rect x="{4 + band * step:.1f}" y="{y}" width="12" height="12" rx="2" class="band{band}"/>')
        parts.append(_text(21 + band * step, y + 11, label))
    return _svg(NARROW, y + 22, title, parts)


def cumulative(rows: Sequence[tuple[str, Sequence[float]]], *, title: str, axis: tuple[str, str]) -> Markup:
    """For each row (tone, values) the share of values at or below x, as steps; values beyond the axis never arrive."""
    top = _nice(_quantile([v for _, values in rows for v in values], 0.99) or 1.0)
    x, y = _Scale(0.0, top, 58, 398), _Scale(0.0, 100.0, 188, 12)
    parts = _frame(x, y)
    for index, (tone, values) in enumerate(rows):
        steps, at = [f"{x(0):.1f},{y(0):.1f}"], 0.0
        for count, value in enumerate(sorted(v for v in values if v <= top), start=1):
            steps.append(f"{x(value):.1f},{y(at):.1f}")
            at = 100.0 * count / len(values)
            steps.append(f"{x(value):.1f},{y(at):.1f}")
        steps.append(f"{x(top):.1f},{y(at):.1f}")
        parts.append(f'<polyline points="{" ".join(steps)}" class="curve {tone}{" dashed" if index == 0 else ""}"/>')
        parts.append(_line(130 + index * 110, 248, 160 + index * 110, 248, f"curve {tone}{' dashed' if index == 0 else ''}"))
        parts.append(_text(168 + index * 110, 252, tone, kind="strong"))
    parts += [_text(228, 226, axis[0], anchor="middle"), _text(-100, 14, axis[1], anchor="middle", turn=True)]
    return _svg(410, 258, title, parts)


def curve(points: Sequence[Point], *, title: str, tone: str) -> Markup:
    """A figure over training steps; the lowest point is named."""
    steps, values = [p.x for p in points], [p.y for p in points]
    x = _Scale(min(steps), max(max(steps), min(steps) + 1), 58, 466)
    y = _Scale(0.0, _nice(max(values)), 188, 12)
    path = " ".join(f"{x(p.x):.1f},{y(p.y):.1f}" for p in points)
    best = min(points, key=lambda p: p.y)
    parts = [*_frame(x, y), f'<polyline points="{path}" class="curve {tone}"/>']
    if len(points) <= 60:
        parts += [f'<circle cx="{x(p.x):.1f}" cy="{y(p.y):.1f}" r="3" class="dot {tone}"/>' for p in points]
    parts.append(f'<circle cx="{x(best.x):.1f}" cy="{y(best.y):.1f}" r="6" class="ring {tone}"/>')
    side = "end" if best.x > (x.first + x.last) / 2 else "start"
    parts.append(_text(x(best.x), y(best.y) - 12, f"{number(best.y)} at step {best.x:.0f}", anchor=side, kind="strong"))
    parts.append(_text(262, 226, "training step", anchor="middle"))
    return _svg(480, 234, title, parts)


class _Scale(NamedTuple):
    """Values first … last laid on pixels start … end."""

    first: float
    last: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.first) / ((self.last - self.first) or 1.0) * (self.end - self.start)


def _svg(width: float, height: float, title: str, parts: Sequence[str], *, kind: str = "chart") -> Markup:
    box = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    return Markup(f'<svg {box} class="{kind}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>')


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "", turn: bool = False) -> str:
    turned = ' transform="rotate(-90)"' if turn else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}"{turned}>{escape(text)}</text>'


def _mark(x: float, y: float, tone: str) -> str:
    """Better: a circle; worse: a triangle; no change: a small dash."""
    if tone == "worse":
        return f'<path d="M{x:.1f} {y - 5:.1f}l4.5 8h-9z" class="mark worse"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4 if tone == "better" else 2.5}" class="mark {tone}"/>'


def _axis(scale: _Scale, y: float) -> list[str]:
    parts = [_line(scale.start, y, scale.end, y, "axis")]
    for tick in _ticks(scale.first, scale.last):
        parts += [_line(scale(tick), y, scale(tick), y + 4, "axis"), _text(scale(tick), y + 18, f"{tick:g}", anchor="middle")]
    return parts


def _frame(x: _Scale, y: _Scale) -> list[str]:
    parts = []
    for tick in _ticks(y.first, y.last):
        parts += [_line(x.start, y(tick), x.end, y(tick), "grid"), _text(x.start - 8, y(tick) + 4, f"{tick:g}", anchor="end")]
    for tick in _ticks(x.first, x.last):
        parts += [
            _line(x(tick), y.start, x(tick), y.start + 4, "axis"),
            _text(x(tick), y.start + 18, f"{tick:g}", anchor="middle"),
        ]
    return [*parts, _line(x.start, y.start, x.end, y.start, "axis")]


def _ticks(first: float, last: float) -> list[float]:
    """Four to eight round numbers within the range."""
    span = last - first
    if span <= 0:
        return [first]
    step = 10.0 ** math.floor(math.log10(span))
    step = next(s for s in (step / 5, step / 2, step, step * 2) if span / s <= 7)
    start = math.ceil(first / step - 1e-9)
    return [round(i * step, 10) for i in range(start, math.floor(last / step + 1e-9) + 1)]


def _nice(value: float) -> float:
    """The next round number at or above `value`."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(m * unit for m in (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8, 10) if m * unit >= value * 0.9999)


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, math.floor(share * len(values)))] if values else 0.0
