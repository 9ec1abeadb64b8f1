"""Formula edit: distance of two LaTeX formulas after OmniDocBench's clean-up.

The clean-up is that of OmniDocBench v1.5, capitals and spaces included in what it takes away, so that `\\Pi` equals `\\pi`.
It compares source, not looks: two ways of writing one formula differ.
"""

from __future__ import annotations

import re

from ocrtune.scoring.text import Edits, distance

_DISPLAY = re.compile(r"\\\[(.+?)(?<!\\)\\\]")
_DROPPED = tuple(
    re.compile(pattern)
    for pattern in (r"\\tag\{.*?\}", r"\\hspace\{.*?\}", r"\\begin\{.*?\}", r"\\end\{.*?\}", r"\\arraycolsep.*?\}")
)
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
    inside = _DISPLAY.search(text)
    if inside:
        text = inside.group(1).strip()
    for pattern in _DROPPED:
        text = pattern.sub("", text)
    text = text.strip(".")
    for command in _COMMANDS:
        text = text.replace(command, "")
    return text.lower()


def formula_edits(reference: str, reading: str) -> Edits:
    """Edits of the cleaned formulas, out of the length of the longer one; a formula that is cleaned away counts as it was."""
    wanted, found = normalise(reference) or reference, normalise(reading) or reading
    return Edits(distance(wanted, found), max(len(wanted), len(found)))


def formula_edit(reference: str, reading: str) -> float:
    """`formula_edits` as a rate, 0 (equal) to 1."""
    return formula_edits(reference, reading).rate
