"""Tables and charts of OCRBench v2 as the HTML that TEDS compares."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ocrtune.scoring.literals import fenced, read_literal
from ocrtune.scoring.ocrbench_v2.items import Item, Outcome, Profile
from ocrtune.scoring.tables import from_rows, teds, wrapped

_ASSIGNMENT = re.compile(r"^\s*\w+\s*=\s*")
_COMMENT = re.compile(r"#.*")


def table_score(item: Item, answer: str) -> Outcome:
    """TEDS of an HTML table, or of a Markdown one where the English question asks for that."""
    question = item.question.lower()
    if item.type == "table parsing en" and not question:
        return Outcome(0, ignored=True)  # as published
    reference = item.indexed
    if item.type == "table parsing cn" or "html" in question:
        found = _cut_table(answer.replace("\n", ""))
        return Outcome(_teds(wrapped(reference), wrapped(found)) if found else 0)
    if "markdown" in question:
        return Outcome(_teds(from_markdown(reference), from_markdown(answer)))
    return Outcome(0)  # the official script stops with a KeyError here; lmms-eval counts 0


def _teds(reference: str, reading: str) -> float:
    try:
        return teds(reference, reading)
    except ValueError:
        return 0


def _cut_table(answer: str) -> str:
    """From the first "<body" on, else from the first "<table", else nothing; capitals are not recognised."""
    for start in ("<body", "<table"):
        if start in answer:
            return answer[answer.index(start) :]
    return ""


def from_markdown(table: str) -> str:
    """A pipe table as HTML. The second line is taken for the separator unseen.

    Slip of the published code: the fence is taken off as a *set of characters*, so that a table without one loses the
    letters of "markdown" (and back quotes) from both its ends.
    """
    lines = table.strip("`markdown").strip("`").strip().split("\n")
    rows = [line.strip().split("|")[1:-1] for line in (lines[0], *lines[2:])]
    return from_rows([" " if set(cell) == {" "} else cell.strip() for cell in row] for row in rows)


def chart_score(item: Item, answer: str, profile: Profile) -> float:
    """TEDS of two dictionaries, one row per top-level key."""
    found = read_chart(answer)
    if not found:
        return 0
    reference = item.reference
    if isinstance(reference, Mapping):
        return _teds(chart_html(reference), chart_html(found))
    if profile == "lmms_legacy":
        # Bug of this profile: a reference that is text, as all are in the copy on the Hub, is replaced by the *parsed
        # prediction*, so that whatever can be parsed scores 1.
        return _teds(chart_html(found), chart_html(found))
    return _teds(chart_html(read_chart(str(reference))), chart_html(found))


def read_chart(answer: str) -> dict[object, object]:
    """The dictionary in an answer: the longest fence or all of it, without an assignment, comments and what follows "}"."""
    content = max(fenced(answer), key=len, default=answer.strip())
    content = _COMMENT.sub("", _ASSIGNMENT.sub("", content.strip(), count=1))
    content = content[: content.rfind("}") + 1] or content
    try:
        chart = read_literal(content)
    except ValueError:
        return {}
    return chart if isinstance(chart, dict) else {}


def chart_html(chart: Mapping[object, object]) -> str:
    """Values have a space between any two characters, as published."""
    rows = "".join(f"<tr><td>{key}</td><td>{' '.join(str(value))}</td></tr>" for key, value in chart.items())
    return f"<html><body><table>{rows}</table></body></html>"
