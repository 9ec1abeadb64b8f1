"""When a formula stands on a page: the same LaTeX, or drawn symbols that stand to each other as they should.

Knows drawings only; who makes them is `_olm_drawing`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from rapidfuzz import fuzz

NEAR = 5  # pixels by which centres of symbols in one line, or one column, may differ
AT_ONCE = 16  # formulas that are drawn before they are compared: most tests are decided by the likest few
MOST_STEPS = 500_000  # of a search, after which two drawings count as different
DELIMITERS = (("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$"), ("$", "$"))  # in the order in which they are looked for

log = logging.getLogger("ocrtune")


class Symbol(NamedTuple):
    """One character and the centre of its place."""

    text: str
    x: float
    y: float


class Drawing(NamedTuple):
    """A formula as KaTeX draws it: its MathML without white space, and its symbols."""

    mathml: str
    symbols: tuple[Symbol, ...]


Draw = Callable[[Sequence[str]], list[Drawing | None]]


def formulas_in(page: str, *, dollars: bool = True) -> list[str]:
    """The LaTeX between delimiters. What one kind of them has found is taken out before the next is looked for."""
    found: list[str] = []
    for opening, closing in DELIMITERS if dollars else DELIMITERS[:2]:
        rest: list[str] = []
        at = 0
        for start, end in _enclosed(page, opening, closing):
            found.append(page[start + len(opening) : end].strip())
            rest.append(page[at:start])
            at = end + len(closing)
        page = "".join([*rest, page[at:]])
    return found


def _enclosed(page: str, opening: str, closing: str) -> Iterator[tuple[int, int]]:
    """Where they open and close, with at least one character between them; in linear time, whatever the page is."""
    start = page.find(opening)
    while start >= 0:
        end = page.find(closing, start + len(opening) + 1)
        if end < 0:
            return
        yield start, end
        start = page.find(opening, end + len(closing))


def stands_on(wanted: str, page: str, draw: Draw, *, dollars: bool = True) -> bool:
    """Whether a formula of the page is the wanted one, or has it within."""
    found = formulas_in(page, dollars=dollars)
    if not found or wanted in found:
        return bool(found)
    reference = draw([wanted])[0]
    if reference is None:  # as in the authors' code, which finds such a formula in any other
        log.warning("KaTeX cannot read the formula of a test: %s", wanted)
        return True
    likest = sorted(dict.fromkeys(found), key=lambda latex: -fuzz.ratio(latex, wanted))
    return any(
        drawing is not None and within(reference, drawing)
        for first in range(0, len(likest), AT_ONCE)
        for drawing in draw(likest[first : first + AT_ONCE])
    )


def within(part: Drawing, whole: Drawing) -> bool:
    """Its MathML is part of the other's, or each of its symbols has one of the other's for its own, with the same nearest
    symbols above, below, left and right as far as it has such."""
    if part.mathml in whole.mathml:
        return True
    places: Mapping[str, list[int]] = defaultdict(list)
    for at, symbol in enumerate(whole.symbols):
        places[symbol.text].append(at)
    texts = [symbol.text for symbol in part.symbols]
    if any(len(places.get(text, ())) < texts.count(text) for text in set(texts)):
        return False
    own = _neighbours(part.symbols, range(len(texts)))
    others = _neighbours(whole.symbols, sorted({at for text in set(texts) for at in places[text]}))
    choices = [[at for at in places[text] if _alike(part, whole, own[index], others[at])] for index, text in enumerate(texts)]
    return all(choices) and _assignable(choices, own, others)


Neighbours = Mapping[int, tuple[int | None, ...]]  # by symbol: the nearest above, below, left and right


def _alike(part: Drawing, whole: Drawing, own: Sequence[int | None], others: Sequence[int | None]) -> bool:
    return all(
        mine is None or (other is not None and part.symbols[mine].text == whole.symbols[other].text)
        for mine, other in zip(own, others, strict=True)
    )


def _assignable(choices: Sequence[Sequence[int]], own: Neighbours, others: Neighbours) -> bool:
    """Whether symbols can be assigned, no two the same one, so that a neighbour that was assigned before is the neighbour."""
    beside: dict[tuple[int, int | None], list[int]] = defaultdict(list)  # by side and symbol: those that have it there
    for at, around in others.items():
        for side, neighbour in enumerate(around):
            beside[side, neighbour].append(at)
    allowed = [set(choice) for choice in choices]
    taken: list[int] = []
    steps = 0

    def fitting(index: int) -> Iterator[int]:
        nonlocal steps
        before = [(side, taken[at]) for side, at in enumerate(own[index]) if at is not None and at < index]
        for at in beside[before[0]] if before else choices[index]:
            steps += 1
            if at in allowed[index] and at not in taken and all(others[at][side] == neighbour for side, neighbour in before):
                yield at

    untried = [fitting(0)] if choices else []
    while untried and len(taken) < len(choices) and steps < MOST_STEPS:
        following = next(untried[-1], None)
        if following is None:
            untried.pop()
            del taken[len(untried) - 1 :]
            continue
        taken.append(following)
        if len(taken) < len(choices):
            untried.append(fitting(len(taken)))
    return len(taken) == len(choices)


def _neighbours(symbols: Sequence[Symbol], asked: Sequence[int]) -> Neighbours:
    x, y = (np.array([symbol[axis] for symbol in symbols]) for axis in (1, 2))
    found: dict[int, tuple[int | None, ...]] = {}
    for at in asked:
        across, down = x - x[at], y - y[at]
        column, line = np.abs(across) <= NEAR, np.abs(down) <= NEAR
        found[at] = (_nearest(-down, column), _nearest(down, column), _nearest(-across, line), _nearest(across, line))
    return found


def _nearest(distance: Any, allowed: Any) -> int | None:
    """The first of those that are nearest and not at the very place."""
    counted = np.where(allowed & (distance > 0), distance, np.inf)
    best = int(np.argmin(counted))
    return best if np.isfinite(counted[best]) else None
