"""Lines set to both margins have wide gaps between words, which look like the white between columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ocrtune.layout import Span
from ocrtune.layout.lines import is_bullet
from ocrtune.layout.parts import bounds

WIDEST = 6.0  # letter heights between words of one line
NEAR = 2.5  # letter heights to the line above or below that tells what a gap is


def joined(spans: Sequence[Span]) -> list[Span]:
    """Pieces of one row put together again where the line above or below writes across the gap between them, and neither
    has white there itself; the dot of a list belongs to what follows it. Lines that are whole again tell of those beside them."""
    every = list(spans)
    while len(out := _joined(every)) < len(every):
        every = out
    return out


def _joined(spans: Sequence[Span]) -> list[Span]:
    out: list[Span] = []
    for row in _rows(spans):
        current = row[0]
        for before, after in pairwise(row):
            gap = (before.box[2], after.box[0])
            if 0 < gap[1] - gap[0] < WIDEST * before.size and _is_between_words(gap, before, spans):
                current = _one(current, after)
            else:
                out.append(current)
                current = after
        out.append(current)
    return out


def _rows(spans: Sequence[Span]) -> list[list[Span]]:
    """Pieces that follow each other on one height."""
    rows: list[list[Span]] = []
    for span in spans:
        last = rows[-1][-1] if rows else None
        height = min(span.box[3] - span.box[1], last.box[3] - last.box[1]) if last else 0.0
        level = last is not None and min(span.box[3], last.box[3]) - max(span.box[1], last.box[1]) > 0.5 * height
        if level and last is not None and span.box[0] >= last.box[2]:
            rows[-1].append(span)
        else:
            rows.append([span])
    return rows


def _is_between_words(gap: tuple[float, float], piece: Span, spans: Sequence[Span]) -> bool:
    if is_bullet(piece.text):
        return True
    said = [_across(gap, [s for s in spans if low <= _distance(piece, s) <= high])
            for low, high in ((-NEAR * piece.size, -0.5 * piece.size), (0.5 * piece.size, NEAR * piece.size))]  # fmt: skip
    return True in said and False not in said


def _distance(piece: Span, other: Span) -> float:
    return (other.box[1] + other.box[3] - piece.box[1] - piece.box[3]) / 2


def _across(gap: tuple[float, float], near: Sequence[Span]) -> bool | None:
    """Whether a line runs on over the gap, and well beyond it; None where there is not text on both sides to tell."""
    if any(span.box[0] < gap[0] - span.size and span.box[2] > gap[1] + span.size for span in near):
        return True
    left, right = any(s.box[0] < gap[0] for s in near), any(s.box[2] > gap[1] for s in near)
    return False if left and right else None


def _one(one: Span, other: Span) -> Span:
    words = (*one.words, *other.words)
    letters = [(len(s.text), s.confidence) for s in (one, other) if s.confidence is not None]
    sure = sum(n * c for n, c in letters) / max(sum(n for n, _ in letters), 1) if letters else None
    return one._replace(text=f"{one.text} {other.text}", box=bounds([one.box, other.box]), words=words, confidence=sure)
