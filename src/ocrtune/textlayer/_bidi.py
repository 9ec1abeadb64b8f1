"""Lines that run from right to left, Arabic and Hebrew: their letters in the order in which they are read.

pdfium gives such letters as they are painted or as they are read, which depends on how a PDF was made, and changes its mind
within a line. Where they stand does not: a row of glyphs is read from right to left, but for the Latin words and the numbers in
it. What the Unicode Bidirectional Algorithm does to a text is undone here for lines without nested quotations.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import median

from ocrtune.textlayer._glyph import Glyph

LEAST, MOST = 0.09, 0.2  # cell heights: closer letters are of one word, farther ones of two
NARROW = 0.55  # of a line's usual gap between words
FIRST_RIGHT_TO_LEFT = "\u0590"
MIRRORED = dict(zip("()[]{}<>«»‹›", ")(][}{><»«›‹", strict=True))
CLASSES = {"R": "R", "AL": "A", "L": "L", "EN": "N", "AN": "X", "CS": "C", "ES": "E", "ET": "T", "NSM": "M"}
LATIN = re.compile(r"[NX]*L(?:(?:[^RAB]|B[^RAB]*B)*(?:[LNXT]|B[^RAB]*B))?")
NUMBER = {"A": re.compile(r"[NX]+(?:C[NX]+)*"), "R": re.compile(r"T*[NX]+(?:[CE][NX]+)*T*")}
TURNED = re.compile(r"[RA](?:[^L]*[RA])?")  # what runs the other way within a line of Latin letters
STOPS = tuple(".!?,;:،؛؟")  # at the right end they close a line that runs from the left
LAM = "\u0644"  # read first of the letters that it is joined with to one glyph
SPACE = Glyph(" ")


def right_to_left(glyph: Glyph) -> bool:
    return glyph.text >= FIRST_RIGHT_TO_LEFT and _class(glyph.text[0]) in "RA"


def logical(row: Sequence[Glyph], *, from_right: bool) -> list[Glyph]:
    """The glyphs of one line as they are read, words apart. `from_right`: so runs the text that the line is part of."""
    units = _units(row)
    classes = "".join(_class(unit[0].text[0]) for unit in units)
    context = "A" if "A" in classes else "R"
    counted = sum(c in "RA" for c in classes)
    if from_right or (counted >= classes.count("L") and units[-1][0].text not in STOPS):
        turned = _turned(units, classes, context)
    else:
        turned, at = [], 0
        for run in TURNED.finditer(classes):
            turned += units[at : run.start()] + _turned(units[run.start() : run.end()], run[0], context)
            at = run.end()
        turned += units[at:]
        turned = [_mirrored(turned, at) for at in range(len(turned))]
    return [glyph for unit in turned for glyph in unit]


def _units(row: Sequence[Glyph]) -> list[list[Glyph]]:
    """Letters with the marks on them and the spaces between them, from left to right."""
    placed = sorted((g for g in row if g.inked), key=lambda g: (g.cell[0] + g.cell[2], g.cell[0], g.text == LAM))
    placed = [glyph for at, glyph in enumerate(placed) if not (at and _is_twice(placed[at - 1], glyph))]
    marks = [g for g in placed if _class(g.text[0]) == "M"]
    letters = [[g] for g in placed if _class(g.text[0]) != "M"] or [[g] for g in placed]
    for mark in marks if letters[0][0] not in marks else ():
        min(letters, key=lambda unit: _apart(mark, unit[0])).append(mark)
    gaps = [(other[0].cell[0] - one[0].cell[2]) / max(one[0].height, other[0].height) for one, other in pairwise(letters)]
    wide = [gap for gap in gaps if gap > LEAST]
    least = max(LEAST, min(NARROW * median(wide), MOST)) if wide else LEAST
    out = letters[:1]
    for gap, unit in zip(gaps, letters[1:], strict=True):
        out += [[SPACE], unit] if gap > least else [unit]
    return out


def _is_twice(one: Glyph, other: Glyph) -> bool:
    """Whether a letter was painted over itself, for a bold look or a shadow."""
    shift = (other.cell[0] + other.cell[2] - one.cell[0] - one.cell[2]) / 2
    level = abs(other.box[1] - one.box[1]) < 0.1 * one.height
    return one.text == other.text and level and shift < 0.5 * (one.cell[2] - one.cell[0])


def _apart(mark: Glyph, letter: Glyph) -> tuple[float, float]:
    """How far a mark stands from a letter; of letters that it stands over or between, the one nearer in the middle."""
    at, (left, _, right, _) = (mark.box[0] + mark.box[2]) / 2, letter.box
    return max(left - at, at - right, 0.0), abs((left + right) / 2 - at)


def _turned(units: Sequence[list[Glyph]], classes: str, context: str) -> list[list[Glyph]]:
    """From right to left, but for Latin words and numbers; brackets as the ones that they are read as."""
    ends = dict(run.span() for run in LATIN.finditer(classes))
    taken = {at for start, end in ends.items() for at in range(start, end)}
    ends |= dict(run.span() for run in NUMBER[context].finditer(classes) if taken.isdisjoint(range(*run.span())))
    runs: list[list[tuple[list[Glyph], bool]]] = []
    at = 0
    while at < len(units):
        end = ends.get(at, at + 1)
        runs.append([(unit, at in ends) for unit in units[at:end]])
        at = end
    found = [pair for run in reversed(runs) for pair in run]
    line = [unit for unit, _ in found]
    return [unit if kept else _mirrored(line, at) for at, (unit, kept) in enumerate(found)]


def _mirrored(line: Sequence[list[Glyph]], at: int) -> list[Glyph]:
    """A bracket that opens what follows it, or closes what is before it, whatever its shape was mapped to."""
    unit = line[at]
    text = unit[0].text
    if text not in MIRRORED:
        return unit
    free = at == 0 or line[at - 1] == [SPACE], at + 1 == len(line) or line[at + 1][0].text in (" ", *STOPS)
    opens = unicodedata.category(text) in ("Ps", "Pi") or text == "<"
    return [unit[0]._replace(text=MIRRORED[text]), *unit[1:]] if free[0] != free[1] and free[0] != opens else unit


@lru_cache(4096)
def _class(letter: str) -> str:
    """One sign for what the Bidirectional Algorithm sees in a letter; "B" for brackets, "o" for all others."""
    return "B" if letter in MIRRORED else CLASSES.get(unicodedata.bidirectional(letter), "o")
