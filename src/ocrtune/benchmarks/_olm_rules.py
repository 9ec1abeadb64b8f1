"""The tests of olmOCR-bench, each of which a page passes or fails: what must be there, must not, in what order, in what cell."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rapidfuzz import fuzz

from ocrtune.benchmarks._olm_formulas import Draw, stands_on
from ocrtune.benchmarks._olm_tables import HEADINGS, STEPS, Table, tables_in
from ocrtune.errors import extra

Rule = Mapping[str, Any]

MOST_REPEATS = 30
BESIDE = 200  # characters before and after the mark of a footnote
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
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
    for mark in (r"(\*\*)(.*?)\*\*", r"(__)(.*?)__", r"()</?b>()", r"()</?i>()", r"(\*\*|__)(.*?)\1", r"(\*|_)(.*?)\1"):
        text = re.sub(mark, r"\2", text)
    return unicodedata.normalize("NFC", re.sub(r"\s+", " ", text)).translate(_FOLDED)


def passes(rule: Rule, page: str, draw: Draw | None) -> bool | None:
    """None for a test of a formula where nothing draws formulas."""
    if rule["type"] != MATH:
        return RULES[rule["type"]](rule, page)
    if draw is None:
        return None
    return stands_on(str(rule["math"]), page, draw, dollars=not rule.get("ignore_dollar_delimited"))


def complaint(rule: Rule) -> str | None:
    """What makes it no test that can be run."""
    kind = rule.get("type")
    if kind not in NEEDED:
        return f"no such type of test: {kind!r}"
    if blank := [name for name in NEEDED[str(kind)] if _blank(name, rule.get(name))]:
        return f"a test of type {kind} needs {', '.join(blank)}"
    if kind == "format" and rule["format"] not in _FORMATS:
        return f"no such format: {rule['format']!r}; there are {', '.join(_FORMATS)}"
    most = rule.get("max_diffs") or 0
    if not isinstance(most, int) or most < 0:
        return f"max_diffs is a whole number from 0 on, not {most!r}"
    if kind == "order" and most > min(len(normalise(str(rule[name]))) for name in NEEDED["order"]) // 2:
        return "max_diffs is more than half of a text: it would be found anywhere"
    return None


def _blank(name: str, value: object) -> bool:
    if value is None or name == "cell":
        return value is None
    return not (str(value) if name in ("marker", MATH) else normalise(str(value))).strip()


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
    """Where pieces of `text` begin that differ from `part` in at most `most` insertions, deletions and substitutions. With edits,
    of those that overlap the best one alone: fewest edits, then longest, then first. Among equals the authors' code takes
    whichever comes first out of a set, so that its answer may change from run to run."""
    with extra("scores"):
        from fuzzysearch.levenshtein import find_near_matches_levenshtein
    found = sorted((int(one.start), int(one.end), int(one.dist)) for one in find_near_matches_levenshtein(part, text, most))
    if most == 0:
        return [start for start, _, _ in found]
    groups: list[list[tuple[int, int, int]]] = []
    reached = -1
    for start, end, edits in found:
        if start >= reached:
            groups.append([])
            reached = end
        groups[-1].append((edits, start - end, start))
        reached = max(reached, end)
    return [min(group)[2] for group in groups]


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
    """How often the last `size` characters stand at the end, one after the other; all white space is one space."""
    page = re.sub(r"\s+", " ", page)
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


def _footnote(rule: Rule, page: str) -> bool:
    """A mark as a reference in Markdown, raised in HTML or in Unicode; with the right words before one and after one of them."""
    mark = str(rule["marker"])
    marks = [*re.finditer(rf"\[\^{re.escape(mark)}\](?!:)", page), *re.finditer(rf"(?i)<sup[^>]*>{re.escape(mark)}</sup>", page)]
    if not set(mark) - set("0123456789"):
        marks += re.finditer(mark.translate(_RAISED), page)
    before = [_letters(page[max(0, one.start() - BESIDE) : one.start()]) for one in marks]
    after = [_letters(page[one.end() : one.end() + BESIDE]) for one in marks]
    return (
        bool(marks)
        and _stands_beside(rule, "appears_before_marker", before)
        and _stands_beside(rule, "appears_after_marker", after)
    )


def _stands_beside(rule: Rule, name: str, texts: Sequence[str]) -> bool:
    """Whether the words of the rule are in the nearer part of one of the texts, which is at most twice as long."""
    if not rule.get(name):
        return True
    words = normalise(str(rule[name]))
    wanted = _letters(words)
    most = 2 * len(wanted)
    nearer = [text if not most else text[-most:] if name == "appears_before_marker" else text[:most] for text in texts if text]
    return any(bool(fuzz.partial_ratio(wanted, text) / 100.0 >= _threshold(rule, words)) for text in nearer)


def _letters(text: str) -> str:
    return "".join(letter for letter in normalise(text) if letter.isalnum()).lower()


MATH = "math"
RULES: dict[str, Callable[[Rule, str], bool]] = {
    "present": _present,
    "absent": _absent,
    "order": _order,
    "table": _table,
    "baseline": _baseline,
    "format": _format,
    "footnote": _footnote,
}
NEEDED: dict[str, tuple[str, ...]] = {  # by type of test: what it cannot be without
    "present": ("text",),
    "absent": ("text",),
    "order": ("before", "after"),
    "table": ("cell",),
    "baseline": (),
    "format": ("text", "format"),
    "footnote": ("marker",),
    MATH: ("math",),
}
