"""Endless repetition at the end of what a model says."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from ocrtune.dialects._problems import Problems

WINDOW = 4096  # as far back as a period is looked for; what repeats in larger units is not a loop of one row or one cell
SAME_PIECES = 8  # a text that was cut off loops when it ends with as many equal pieces ...
BORDERS = ("\n", "</tr>", ">")  # where a text is best cut, the best first
LOOPED = 120  # ... that make up as many characters


class Loop(NamedTuple):
    """The sequence repeats its `period` items from `start` to its end; the last repeat may be unfinished."""

    start: int
    period: int


def tail_loop(sequence: Sequence[Hashable], *, repeats: int, length: int = 0) -> Loop | None:
    """The repetition that a sequence ends with, None when there are fewer than `repeats` or it is shorter than `length`.

    Periods are borders: with f the prefix function (Knuth, Morris, Pratt) of the reversed tail, its first n items have the
    period n - f(n). Linear in the length of the sequence.
    """
    tail = sequence[-WINDOW:][::-1]
    borders = [0] * len(tail)
    period = best = 0
    for n in range(1, len(tail)):
        known = borders[n - 1]
        while known and tail[n] != tail[known]:
            known = borders[known - 1]
        borders[n] = known + (tail[n] == tail[known])
        step = n + 1 - borders[n]
        if (n + 1) // step >= repeats:
            period, best = step, n + 1
    if not best:
        return None
    start = len(sequence) - best
    while start and sequence[start - 1] == sequence[start - 1 + period]:
        start -= 1
    return Loop(start, period) if len(sequence) - start >= length else None


def without_endless(text: str, problems: Problems) -> str:
    """A text that the end of the reply cut off, up to the first repeat of what it repeats to its end.

    It then ends where a line, a row or a tag does, when there is such a place in the period.
    """
    loop = tail_loop(text, repeats=SAME_PIECES, length=LOOPED)
    if loop is None:
        return text
    problems.add("repetition", f"the last text repeats {text[loop.start :][: loop.period][:40]!r} without end")
    end = loop.start + loop.period
    found = (text.find(border, end - len(border), end + loop.period) for border in BORDERS)
    return text[: next((at + len(border) for at, border in zip(found, BORDERS, strict=True) if at >= 0), end)]
