"""What a page is made of before it is understood: lines of text and ruling lines, in pixels of the page picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

Rect = tuple[float, float, float, float]


class SpanWord(NamedTuple):
    """A word of a line: `box` is left, top, right, bottom in pixels."""

    text: str
    box: Rect
    confidence: float | None = None


class Span(NamedTuple):
    """One line of text, whatever found it. `box` is left, top, right, bottom in pixels of the page picture.

    `size` is the height of its letters in pixels: the font size, or a height measured the same way all over the page; only its
    ratio to the others' matters. It is taken as exact on a page without confidences, else as measured. `words`, where given,
    are in the order of the text.
    """

    text: str
    box: Rect
    size: float
    bold: bool | None = None
    vertical: bool = False
    confidence: float | None = None
    words: tuple[SpanWord, ...] = ()

    def mirrored(self, width: float) -> Span:
        words = tuple(word._replace(box=mirrored(word.box, width)) for word in self.words)
        return self._replace(box=mirrored(self.box, width), words=words)


class Rule(NamedTuple):
    """A ruling line, drawn in a PDF or found in a picture; its longer side is its direction."""

    box: Rect

    @property
    def horizontal(self) -> bool:
        return self.box[2] - self.box[0] >= self.box[3] - self.box[1]


def bounds(boxes: Iterable[Rect]) -> Rect:
    """The smallest rectangle around all of them; at least one is needed."""
    every = list(boxes)
    return min(b[0] for b in every), min(b[1] for b in every), max(b[2] for b in every), max(b[3] for b in every)


def mirrored(box: Rect, width: float) -> Rect:
    """Where it is on a page so wide with left and right exchanged."""
    return width - box[2], box[1], width - box[0], box[3]


def middle(box: Rect) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def shared(one: Rect, other: Rect, axis: int) -> float:
    """Length that both cover along `axis` (0 across, 1 down); negative: the gap between them."""
    return min(one[axis + 2], other[axis + 2]) - max(one[axis], other[axis])


def overlap(one: Rect, other: Rect, axis: int) -> float:
    """`shared` as a part of the shorter one's length."""
    least = min(one[axis + 2] - one[axis], other[axis + 2] - other[axis])
    return shared(one, other, axis) / max(least, 1e-6)


def within(inner: Rect, outer: Rect) -> bool:
    """Whether the middle of `inner` lies in `outer`."""
    x, y = middle(inner)
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def covers(outer: Rect, inner: Rect) -> bool:
    """Whether most of `inner` lies in `outer`."""
    return max(shared(outer, inner, 0), 0) * max(shared(outer, inner, 1), 0) > 0.5 * area(inner)


def area(box: Rect) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def usual(values: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted median: half of the weight lies below it."""
    total, seen = sum(weights), 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        seen += weight
        if seen >= total / 2:
            return value
    return 0.0
