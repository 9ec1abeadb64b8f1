"""Formula edit: distance of two LaTeX formulas after OmniDocBench's clean-up.

The clean-up is that of OmniDocBench v1.5, capitals and spaces included in what it takes away, so that `\\Pi` equals `\\pi`.
It compares source, not looks: two ways of writing one formula differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ocrtune.scoring.text import Edits, distance

_DISPLAY = re.compile(r"\\\[(.+?)(?<!\\)\\\]")
_DROPPED = ("\\tag{", "\\hspace{", "\\begin{", "\\end{", "\\arraycolsep")  # with what follows, up to a brace on the same line
# Deleted one after another, as plain text, wherever they stand: the order is part of the rule ("\text" takes the head off
# "\textcolor").
_COMMANDS = (
    *("\\mathbf", "\\mathrm", "\\mathnormal", "\\mathit", "\\mathbb", "\\mathcal", "\\mathscr", "\\mathfrak", "\\mathsf"),
    *("\\mathtt", "\\textbf", "\\text", "\\boldmath", "\\boldsymbol", "\\operatorname", "\\bm", "\\symbfit", "\\mathbfcal"),
    *("\\symbf", "\\scriptscriptstyle", "\\notag", "\\setlength", "\\coloneqq", "\\space", "\\thickspace", "\\thinspace"),
    *("\\medspace", "\\nobreakspace", "\\negmedspace", "\\quad", "\\qquad", "\\enspace", "\\substackw", " ", "$$"),
    *("\\left", "\\right", "\\displaystyle", "\\text"),
)


def normalise(formula: str) -> str:
    """Without delimiters, tags, environments, fonts, spacing, sizes of brackets and capitals."""
    text = formula.strip().strip("$").strip("\n")
    text = next(_displayed(text), text)
    for command in _DROPPED:
        text = "".join(_without(command, text))
    text = text.strip(".")
    for command in _COMMANDS:
        text = text.replace(command, "")
    return text.lower()


def _displayed(text: str) -> Iterator[str]:
    """What stands in `\\[…\\]` on one line. The first that is opened on a line reaches furthest: the others need no look."""
    for line in text.split("\n"):
        start = line.find("\\[")
        if start >= 0 and (inside := _DISPLAY.match(line, start)):
            yield inside.group(1).strip()


def _without(command: str, text: str) -> Iterator[str]:
    """The text in pieces. A pattern would read a line again for each command whose brace is never closed."""
    begin = at = 0
    brace = line_end = -1
    while (start := text.find(command, at)) >= 0:
        at = start + len(command)
        brace = brace if brace >= at else text.find("}", at)
        if brace < 0:
            break
        if line_end < at:
            line_end = found if (found := text.find("\n", at)) >= 0 else len(text)
        if brace < line_end:
            yield text[begin:start]
            begin = at = brace + 1
    yield text[begin:]


def formula_edits(reference: str, reading: str) -> Edits:
    """Edits of the cleaned formulas, out of the length of the longer one; a formula that is cleaned away counts as it was."""
    wanted, found = normalise(reference) or reference, normalise(reading) or reading
    return Edits(distance(wanted, found), max(len(wanted), len(found)))


def formula_edit(reference: str, reading: str) -> float:
    """`formula_edits` as a rate, 0 (equal) to 1."""
    return formula_edits(reference, reading).rate
