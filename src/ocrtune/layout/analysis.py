"""From lines of text to the regions of a page."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from ocrtune.core import Box, Region, Size, Word
from ocrtune.layout.parts import Rect, Rule, Span, bounds, shared
from ocrtune.layout.reading import order


def analyse(
    spans: Sequence[Span], size: Size, *, rules: Sequence[Rule] = (), pictures: Sequence[Rect] = ()
) -> tuple[Region, ...]:
    """Regions of a page in reading order. `spans` may come in any order; `pictures` are boxes that become `picture` regions."""
    blocks: list[list[Span]] = []
    for span in sorted(spans, key=lambda s: (s.box[1], s.box[0])):
        home = next((b for b in reversed(blocks) if _continues(b[-1], span)), None)
        if home is None:
            blocks.append([span])
        else:
            home.append(span)
    found = [(bounds(s.box for s in b), _region(b, size)) for b in blocks]
    found += [(p, Region(kind="picture", box=Box.from_pixels(p, *size))) for p in pictures]
    return tuple(found[i][1] for i in order([box for box, _ in found], size))


def _continues(last: Span, span: Span) -> bool:
    return shared(last.box, span.box, 0) > 0 and 0 < span.box[3] - last.box[3] < 2 * span.size


def _region(spans: Sequence[Span], size: Size) -> Region:
    words = tuple(Word(text=w.text, box=Box.from_pixels(w.box, *size)) for s in spans for w in s.words)
    sure = [w.confidence for s in spans for w in s.words if w.confidence is not None]
    sure = sure or [s.confidence for s in spans if s.confidence is not None]
    return Region(
        text="\n".join(s.text for s in spans),
        box=Box.from_pixels(bounds(s.box for s in spans), *size),
        confidence=fmean(sure) if sure else None,
        words=words or None,
    )
