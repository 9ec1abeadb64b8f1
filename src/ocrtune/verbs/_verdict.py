"""The verdict for programs (`verdict.json`), for papers and pull requests (`verdict.md`) and for the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from ocrtune.core import Estimate
from ocrtune.report import ComparisonView, PageView, Side, printed
from ocrtune.stats import Comparison
from ocrtune.taxonomy import KINDS, Total

COUNTS = ("failed", "truncated", "empty", "looped", "unscored", "duplicates", "echoed")
SHOWN = 10  # pages and pairs in the Markdown file
SIGNS = {"better": "✓ better", "worse": "✗ worse", "cannot tell": "? cannot tell"}


def verdict(views: Mapping[str, ComparisonView], candidates: Sequence[str]) -> dict[str, JsonValue]:
    """The first comparison at the top level; further `candidates` and what else was compared by heading."""
    first, *others = views.values()
    more = {view.title: _record(view) for view in others}
    return {
        **_record(first),
        "candidates": {heading: more[heading] for heading in candidates if heading in more},
        "also": {heading: content for heading, content in more.items() if heading not in candidates},
    }


def doubted(view: ComparisonView) -> Comparison:
    """The comparison that decides, its statement beginning with why it is not to be believed, where that is so."""
    sides = [f"{name}: {'; '.join(side.doubts)}" for name, side in _sides(view) if side.doubts]
    first = f"Suspect ({'. '.join(sides)}). " if sides else ""
    return view.comparison.model_copy(update={"statement": first + view.comparison.statement})


def worse_pages(view: ComparisonView) -> list[PageView]:
    """The regressions, the largest first."""
    sign = 1 if view.comparison.direction == "lower" else -1
    return sorted((p for p in view.pages if p.delta * sign > 0), key=lambda p: -p.delta * sign)


def _record(view: ComparisonView) -> dict[str, JsonValue]:
    """`low` and `high` bound `difference` = tuned − base; `metrics` has the same of all metrics, this one included."""
    content: dict[str, JsonValue] = doubted(view).model_dump(mode="json")
    content["status"] = "suspect" if view.base.doubts or view.tuned.doubts else "ok"
    content["doubts"] = {"base": list(view.base.doubts), "tuned": list(view.tuned.doubts)}
    content["metrics"] = {one.metric: one.model_dump(mode="json") for one in (view.comparison, *view.others)}
    content["table"] = [dict(row._asdict()) for row in view.table]
    content["mistakes"] = {"base": _mistakes(view.base.mistakes), "tuned": _mistakes(view.tuned.mistakes)}
    content["worse"] = [
        {"id": p.id, "base": p.base.value, "tuned": p.tuned.value, "delta": p.delta, "image": p.image} for p in worse_pages(view)
    ]
    content["protocol_differences"] = [dict(d._asdict()) for d in view.protocol_differences]
    content["protocol"] = {"base": dict(view.base.estimates[0].protocol), "tuned": dict(view.tuned.estimates[0].protocol)}
    content["benchmark_digest"] = view.base.estimates[0].benchmark_digest
    content["base_model"], content["tuned_model"] = view.base.name, view.tuned.name
    content["counts"] = {"base": _counts(view.base.estimates[0]), "tuned": _counts(view.tuned.estimates[0])}
    return content


def _counts(own: Estimate) -> dict[str, JsonValue]:
    return {name: getattr(own, name) for name in COUNTS}


def _mistakes(found: Total | None) -> JsonValue:
    if found is None:
        return None
    kinds: dict[str, JsonValue] = {
        kind: {"edits": found.edits[kind], "share": found.share(kind), "samples": found.samples[kind]} for kind in KINDS
    }
    pairs: list[JsonValue] = [{"reference": a, "reading": b, "edits": count} for a, b, count in found.pairs]
    return {"edits": found.all_edits, "reference_characters": found.characters, "kinds": kinds, "pairs": pairs}


def mistake_lines(views: Sequence[ComparisonView]) -> str:
    """JSON lines: for each sample of each comparison the edits of both sides by kind."""
    lines = []
    for view in views:
        for name, base in view.base.each.items():
            tuned = view.tuned.each[name]
            row = {
                "comparison": view.title,
                "id": name,
                "reference_characters": base.characters,
                "base": base.edits,
                "tuned": tuned.edits,
            }
            lines.append(json.dumps(row, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)


def summary(views: Sequence[ComparisonView]) -> str:
    """What the terminal shows: doubts first, the statement, all metrics, the 2 × 2 table, differences of protocol."""
    return "\n\n".join(_told(view, alone=len(views) == 1) for view in views)


def _told(view: ComparisonView, *, alone: bool) -> str:
    lines = [] if alone else [f"— {view.title} —"]
    lines += [f"SUSPECT {name}: {doubt}" for name, side in _sides(view) for doubt in side.doubts]
    width = max(14, *(len(one.metric) + 1 for one in (view.comparison, *view.others)))
    lines += [
        view.comparison.statement,
        "",
        f"{'metric':<{width}}{'base':>9}{'tuned':>9}{'change':>10}   {'95 % interval':<20}{'p (Holm)':>9}",
    ]
    for one in (view.comparison, *view.others):
        interval = "none" if one.low is None or one.high is None else f"{one.low:+.4f} to {one.high:+.4f}"
        figures = f"{one.metric:<{width}}{one.base:>9.4f}{one.tuned:>9.4f}{one.difference:>+10.4f}   {interval:<20}"
        lines.append(f"{figures}{one.p_holm:>9.2g}  {one.verdict}{_could(one.needed)}")
    for one in (view.comparison, *view.others):
        if one.crossed is not None:
            lines += ["", f"{one.metric}, sample by sample:", *one.crossed.lines()]
    lines += [f"protocol differs in {d.key}: {d.base} → {d.tuned}" for d in view.protocol_differences]
    return "\n".join(lines)


def _sides(view: ComparisonView) -> tuple[tuple[str, Side], tuple[str, Side]]:
    return ("base", view.base), ("tuned", view.tuned)


def markdown(title: str, views: Sequence[ComparisonView], charts: Sequence[str]) -> str:
    """`charts` are pictures beside the file, shown under the first comparison."""
    parts = [f"# {_cell(title)}"]
    for index, view in enumerate(views):
        parts += [f"## {_cell(view.title)}", *_section(view)]
        if index == 0:
            parts += [f"![{name.rpartition('/')[2].rpartition('.')[0]}]({name})" for name in charts]
    return "\n\n".join(parts) + "\n"


def _section(view: ComparisonView) -> list[str]:
    found = view.comparison
    parts = [f"> **Suspect**, {name}: {_cell(doubt)}" for name, side in _sides(view) for doubt in side.doubts]
    parts += [f"**{SIGNS[found.verdict]}** — {_cell(view.comparison.statement)}", _metrics(view)]
    if view.table:
        rows = [(row.name, row.n, printed(row.base), printed(row.tuned), row.change) for row in view.table]
        parts.append(_grid(("published aggregates", "samples", "base", "tuned", "change"), rows))
    parts += [_crossed(one) for one in (found, *view.others) if one.crossed is not None]
    parts.append(
        _grid(("replies", "base", "tuned"), [(n, *(getattr(s.estimates[0], n) for _, s in _sides(view))) for n in COUNTS])
    )
    if view.base.mistakes and view.tuned.mistakes:
        parts.append(_kinds(view.base.mistakes, view.tuned.mistakes))
    if found.slices:
        head = ("slice", "samples", "documents", "base", "tuned", "change", "p (Holm)", "verdict")
        sliced = [(f"{s.tag} = {s.value}", s.n, s.groups, _n(s.base), _n(s.tuned), f"{s.difference:+.4f}", f"{s.p_holm:.2g}",
                 s.note or s.verdict + _could(s.needed)) for s in found.slices]  # fmt: skip
        parts.append(_grid(head, sliced))
    if lost := worse_pages(view):
        pages = [(p.id, _n(p.base.value), _n(p.tuned.value)) for p in lost[:SHOWN]]
        parts += [f"{len(lost)} pages got worse; the largest changes:", _grid(("page", "base", "tuned"), pages)]
    if view.protocol_differences:
        parts.append(_grid(("protocol", "base", "tuned"), [tuple(d) for d in view.protocol_differences]))
    parts.append(f"base: {_cell(view.base.name)} · tuned: {_cell(view.tuned.name)} · benchmark {found.n} samples of "
                 f"{found.groups} documents, digest `{view.base.estimates[0].benchmark_digest}`")  # fmt: skip
    return parts


def _metrics(view: ComparisonView) -> str:
    head = ("metric", "base", "tuned", "change", "95 % interval", "p", "p (Holm)", "smallest visible", "test", "verdict")
    rows = []
    for one in (view.comparison, *view.others):
        interval = "–" if one.low is None or one.high is None else f"{one.low:+.4f} … {one.high:+.4f}"
        rows.append((one.metric, _n(one.base), _n(one.tuned), f"{one.difference:+.4f}", interval, f"{one.p_value:.2g}",
                     f"{one.p_holm:.2g}", _n(one.mde), one.test, SIGNS[one.verdict] + _could(one.needed)))  # fmt: skip
    return _grid(head, rows)


def _could(needed: int | None) -> str:
    return f" (about {needed} documents could)" if needed else ""


def _crossed(found: Comparison) -> str:
    table = found.crossed
    assert table is not None
    head = (f"{found.metric}", "tuned right", "tuned wrong")
    grid = _grid(head, [("base right", table.both, table.only_base), ("base wrong", table.only_tuned, table.neither)])
    return f"{grid}\n\n{_cell(' '.join(table.lines()[4:]))}"


def _kinds(base: Total, tuned: Total) -> str:
    rows = [
        (kind, base.edits[kind], f"{base.share(kind):.1%}", tuned.edits[kind], f"{tuned.share(kind):.1%}")
        for kind in KINDS
        if base.edits[kind] or tuned.edits[kind]
    ]
    return _grid(("mistakes", "base", "share", "tuned", "share"), rows)


def _grid(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(str(cell)) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Names of pages and models are text: neither markup nor borders of cells."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())


def _n(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
