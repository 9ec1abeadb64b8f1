"""What tells a formula from everything else: signs of mathematics in pieces of ink, and what speaks for it besides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ocrtune.layout.parts import Rect, bounds, middle

SURE, DOUBTFUL, LOST = 0.85, 0.65, 0.4  # mean confidences: above it was read, below it may have been, below it was not
TEXTED = 0.55  # of a formula's marks are in words and numbers at most
LEAST = 5  # points


class Look(NamedTuple):
    """What speaks for a formula. `wordy` is the part of its marks in words, `read` how surely they were recognised, with nothing
    for those that were not at all; `related` says whether a sign of relation was among that, `listed` an item's mark."""

    signs: Signs
    wordy: float
    read: float
    related: bool
    numbered: bool
    centred: bool
    indented: bool
    listed: bool

    @property
    def convinces(self) -> bool:
        """Whether it has what only mathematics has, is not running text, and was not simply read."""
        signs = self.signs
        known = signs.equal or self.numbered or (self.centred and (self.related or signs.fractions))
        unread = signs.stacked or self.read < DOUBTFUL or (self.read < SURE and self.points > LEAST)
        return bool(known and unread) and self.wordy <= TEXTED and not self.listed and self.points >= self._least

    @property
    def _least(self) -> int:
        if not self.indented:
            return LEAST + 2
        return LEAST - 1 if self.signs.equal and (self.signs.scripts or self.read < DOUBTFUL) else LEAST

    @property
    def points(self) -> int:
        signs = self.signs
        drawn = (2 if signs.equal else self.related) + 2 * min(signs.fractions, 2) + (signs.tall > 0) + (signs.scripts > 0)
        return drawn + 2 * self.numbered + self.centred + self.indented + (self.read < DOUBTFUL) + (self.read < LOST)


class Signs(NamedTuple):
    """How many signs of mathematics there are: of equality, fractions, brackets and integrals, raised and lowered letters."""

    equal: int
    fractions: int
    tall: int
    scripts: int

    @property
    def stacked(self) -> bool:
        """Whether something stands above or below something else: a line of text cannot say it."""
        return max(self.fractions, self.tall, self.scripts) > 0

    @classmethod
    def of(cls, marks: Sequence[Rect], size: float) -> Signs:
        bars = [m for m in marks if height(m) < 0.2 * size and width(m) > max(0.25 * size, 3 * height(m))]
        others = [m for m in marks if m not in set(bars)]
        equal = [(one, o) for one in bars for o in bars if one[1] < o[1] and _is_equality(one, o, size)]
        tall = sum(height(m) > 1.6 * size and 0.06 < width(m) / height(m) < 0.7 for m in others)
        axes = [bounds(pair) for pair in equal]
        scripts = sum(_is_script(m, axes, size) for m in others)
        return cls(len(equal), sum(_is_fraction(bar, others, size) for bar in bars), tall, scripts)


def _is_equality(one: Rect, other: Rect, size: float) -> bool:
    alike = abs(one[0] - other[0]) < 0.15 * size and abs(one[2] - other[2]) < 0.15 * size and width(one) < 1.4 * size
    return alike and 0.08 * size < middle(other)[1] - middle(one)[1] < 0.5 * size


def _is_fraction(bar: Rect, marks: Sequence[Rect], size: float) -> bool:
    """Whether the bar has something above and below that is hardly wider, and as wide as the bar on one side."""
    wide = (bar[0] - 0.3 * size, bar[2] + 0.3 * size)
    over = [m for m in marks if wide[0] <= middle(m)[0] <= wide[1]]
    above = [m for m in over if -0.2 * size < bar[1] - m[3] < 0.6 * size and height(m) > 0.2 * size]
    below = [m for m in over if -0.2 * size < m[1] - bar[3] < 0.6 * size and height(m) > 0.2 * size]
    if not above or not below or width(bar) < 0.4 * size:
        return False
    widths = [width(bounds(side)) / width(bar) for side in (above, below)]
    return max(widths) > 0.5 and max(widths) < 1.6


def _is_script(mark: Rect, axes: Sequence[Rect], size: float) -> bool:
    """Whether it stands wholly above or below the middle of a sign of equality in its row, and is a letter by its size."""
    if not 0.28 * size < height(mark) < 0.8 * size or width(mark) > size:
        return False
    near = [middle(a)[1] for a in axes if abs(middle(a)[1] - middle(mark)[1]) < size]
    return bool(near) and all(mark[3] < y - 0.05 * size or mark[1] > y for y in near)


def width(box: Rect) -> float:
    return box[2] - box[0]


def height(box: Rect) -> float:
    return box[3] - box[1]
