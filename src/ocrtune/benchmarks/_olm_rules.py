"""The tests of olmOCR-bench, each of which a page passes or fails: what must be there, must not, in what order, in what cell."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from rapidfuzz import fuzz

from ocrtune.benchmarks._olm_tables import HEADINGS, STEPS, Table, tables_in

Rule = Mapping[str, Any]

MOST_REPEATS = 30
_BREAK = re.compile(r"<br/?>")
_FOLDED = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "＿": "_", "–": "-", "—": "-", "‑": "-", "‒": "-", "−": "-",
     "\u00b5": "\u03bc"}
)  # fmt: skip
_FOREIGN = re.compile(
    "[\u4e00-\u9fff\u3040-\u309f\u30a0-\u30ff\U0001f600-\U0001f64f\U0001f300-\U0001f5ff\U0001f680-\U0001f6ff\U0001f1e0-\U0001f1ff]"
)
_FORMATS: dict[str, tuple[re.Pattern[str], ...]] = {
    "heading": (re.compile(r"^#{1,6}\s+(.+?)$", re.MULTILINE), re.compile(r"(?is)<h[1-6][^>]*>(.*?)</h[1-6]>")),
    "bold": (
        *(re.compile(p, re.DOTALL) for p in (r"\*\*(.*?)\*\*", r"__(.*?)__")),
        *(re.compile(p) for p in (r"(?is)<b[^>]*>(.*?)</b>", r"(?is)<strong[^>]*>(.*?)</strong>")),
    ),
    "italic": (
        *(re.compile(p, re.DOTALL) for p in (r"(?<!\*)\*(?!\*)(.*?)(?<!\*)\*(?!\*)", r"(?<!_)_(?!_)(.*?)(?<!_)_(?!_)")),
        *(re.compile(p) for p in (r"(?is)<i[^>]*>(.*?)</i>", r"(?is)<em[^>]*>(.*?)</em>")),
    ),
}


def normalise(text: str) -> str:
    """One line, without bold and italic marks, quotes and dashes of one kind, NFC."""
    text = _BREAK.sub(" ", text)
    for mark in (r"(\*\*)(.*?)\*\*", r"(__)(.*?)__", r"()</?[bi]>()", r"(\*\*|__)(.*?)\1", r"(\*|_)(.*?)\1"):
        text = re.sub(mark, r"\2", text)
    return unicodedata.normalize("NFC", re.sub(r"\s+", " ", text)).translate(_FOLDED)


def passes(rule: Rule, page: str) -> bool | None:
    """None for a kind of test that is not run here: math and footnotes."""
    run = RULES.get(str(rule.get("type")))
    return None if run is None else run(rule, page)


def _threshold(rule: Rule, text: str) -> float:
    return 1.0 - float(rule.get("max_diffs") or 0) / max(len(text), 1)


def _likeness(rule: Rule, page: str) -> tuple[float, float]:
    wanted, page = normalise(str(rule["text"])), normalise(page)
    if not rule.get("case_sensitive", True):
        wanted, page = wanted.lower(), page.lower()
    first, last = rule.get("first_n"), rule.get("last_n")
    if first or last:
        page = (page[:first] if first else "") + (page[-last:] if last else "")
    return fuzz.partial_ratio(wanted, page) / 100.0, _threshold(rule, wanted)


def _present(rule: Rule, page: str) -> bool:
    likeness, threshold = _likeness(rule, page)
    return likeness >= threshold


def _absent(rule: Rule, page: str) -> bool:
    return not _present(rule, page)


def _order(rule: Rule, page: str) -> bool:
    page = normalise(page)
    before, after = (starts(normalise(str(rule[name])), page, int(rule.get("max_diffs") or 0)) for name in ("before", "after"))
    return bool(before and after) and min(before) < max(after)


def starts(part: str, text: str, most: int) -> list[int]:
    """Where pieces of `text` begin that differ from `part` in at most `most` insertions, deletions and substitutions."""
    if most <= 0:
        return [match.start() for match in re.finditer(f"(?={re.escape(part)})", text)]
    # Backwards, a piece that ends somewhere begins there: least edits of all of `part` against what ends at each place.
    letters, wanted = np.array([ord(c) for c in reversed(text)]), [ord(c) for c in reversed(part)]
    places = np.arange(len(letters) + 1)
    costs = np.zeros(len(letters) + 1, dtype=np.int64)
    for letter in wanted:
        row = costs + 1
        row[1:] = np.minimum(row[1:], costs[:-1] + (letters != letter))
        costs = np.minimum.accumulate(row - places) + places
    return [len(letters) - int(end) for end in np.flatnonzero(costs <= most)]


def _table(rule: Rule, page: str) -> bool:
    wanted = {name: normalise(str(rule.get(name) or "")) for name in ("cell", *STEPS, *HEADINGS)}
    tables = tables_in(page, markdown=not rule.get("ignore_markdown_tables"))
    return any(_cell_fits(rule, wanted, table, at) for table in tables for at in range(len(table.cells)))


def _cell_fits(rule: Rule, wanted: Mapping[str, str], table: Table, at: int) -> bool:
    if not _alike(rule, wanted["cell"], table.cells[at].text):
        return False
    return all(
        any(_alike(rule, text, table.cells[other].text) for other in table.related(at, relation))
        for relation, text in wanted.items()
        if relation != "cell" and text
    )


def _alike(rule: Rule, wanted: str, found: str) -> bool:
    likeness: float = fuzz.ratio(wanted, normalise(found)) / 100.0
    return likeness >= max(0.5, _threshold(rule, wanted))


def _baseline(rule: Rule, page: str) -> bool:
    counted = page
    most = rule.get("max_length")
    if most is not None:  # a page that is blank
        if rule.get("max_length_skips_image_alt_tags"):
            counted = re.sub(r"!\[.*?\]\(.*?\)", "", page)
        return sum(map(str.isalnum, counted)) <= int(most)
    if not any(map(str.isalnum, page)):
        return False
    if any(_repeats(page, size) > rule.get("max_repeats", MOST_REPEATS) for size in range(1, 6)):
        return False
    return not (rule.get("check_disallowed_characters", True) and _FOREIGN.search(page))


def _repeats(page: str, size: int) -> int:
    """How often the last `size` characters stand at the end, one after the other."""
    unit = page[-size:]
    count, end = 0, len(page)
    while end >= size and page[end - size : end] == unit:
        count, end = count + 1, end - size
    return count


def _format(rule: Rule, page: str) -> bool:
    wanted = normalise(str(rule["text"]))
    found = [normalise(text) for pattern in _FORMATS[str(rule["format"])] for text in pattern.findall(page)]
    if not rule.get("case_sensitive", True):
        wanted, found = wanted.lower(), [text.lower() for text in found]
    return any(bool(fuzz.partial_ratio(wanted, text) / 100.0 >= _threshold(rule, wanted)) for text in found)


RULES: dict[str, Callable[[Rule, str], bool]] = {
    "present": _present,
    "absent": _absent,
    "order": _order,
    "table": _table,
    "baseline": _baseline,
    "format": _format,
}
