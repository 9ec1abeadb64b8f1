"""Boxes as people write them in answers, and their intersection over union."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ocrtune.scoring.literals import read_literal

Corners = tuple[float, float, float, float]
"""left, top, right, bottom in whatever unit both sides share."""


class Word(NamedTuple):
    """A box with the text read in it."""

    left: int
    top: int
    right: int
    bottom: int
    text: str


def _four(number: str) -> re.Pattern[str]:
    return re.compile(rf"[(\[]\s*({number})\s*,\s*({number})\s*,\s*({number})\s*,\s*({number})\s*[)\]]")


_WHOLE = _four(r"\d++")
_DECIMAL = _four(r"\d++(?:\.\d*+)?+")
_BRACKETED = re.compile(r"[\[(]([^\[\]()]*+)[\])]")


def last_box(text: str, *, limit: float, decimals: bool = False) -> Corners | None:
    """The last bracketed group of four non-negative numbers, none above `limit`; None if there is none.

    A group with a number above the limit is passed over, and so is one with a sign; with a decimal point, unless `decimals`.
    """
    pattern = _DECIMAL if decimals else _WHOLE
    found: Corners | None = None
    for groups in pattern.findall(text):
        left, top, right, bottom = map(float, groups)
        if max(left, top, right, bottom) <= limit:
            found = (left, top, right, bottom)
    return found


def _number(coordinate: Any) -> float:
    return float(coordinate)


def iou(first: Iterable[object], second: Iterable[object], *, number: Callable[[object], float] = _number) -> float:
    """Intersection over union of two boxes as the published scorers compute it; 0 when anything is no number.

    `number` turns a coordinate into a number (OCRBench v2 cuts to int). Areas keep their sign: a box with swapped corners
    has a negative or positive one and no intersection.
    """
    try:
        one, two = [number(x) for x in first], [number(x) for x in second]
        width = max(0, min(one[2], two[2]) - max(one[0], two[0]))
        height = max(0, min(one[3], two[3]) - max(one[1], two[1]))
    except (TypeError, ValueError, OverflowError, IndexError):
        return 0
    shared = width * height
    union = _area(one) + _area(two) - shared
    return shared / union if union else 0


def _area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def read_words(answer: str) -> list[Word]:
    """The words with boxes of a spotting answer on a 0..1000 grid, without repetitions.

    A Python literal list of (left, top, right, bottom, text, …); if the answer is no literal at all, any bracketed group of
    four integers and a text.
    """
    try:
        literal = read_literal(answer)
    except ValueError:
        literal = None
    rows: list[list[str]] = []
    if literal is None:
        rows = [group.strip().split(",", 4) for group in _BRACKETED.findall(answer)]
    elif isinstance(literal, list | tuple):
        rows = [[str(x) for x in row] for row in literal if isinstance(row, list | tuple)]
    return list(dict.fromkeys(word for row in rows if len(row) >= 5 and (word := _word(row))))


def _word(row: Sequence[str]) -> Word | None:
    try:
        left, top, right, bottom = (int(x.strip()) for x in row[:4])
    except ValueError:
        return None
    if not all(0 <= x <= 1000 for x in (left, top, right, bottom)):
        return None
    return Word(left, top, right, bottom, row[4].replace("\n", "").strip().strip('"').strip("'"))
