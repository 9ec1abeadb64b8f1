"""A second look at short pieces of a page that were read in doubt, such as numbers beside the ruling lines of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ocrtune.core import Size
from ocrtune.engines._pooled import moved
from ocrtune.layout import Rect, Span

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST, FEWEST = 24, 3  # letters of a piece; with a digit one is enough, while single letters are mostly stains
DOUBT = 0.85  # confidence from which on a piece is believed; numbers of which a digit is wrong are below it
NOTHING, SURE = 0.15, 0.75  # where the first look was no surer than that, the second one must be
MOST = 60  # pieces of a page; where more are in doubt it is the page that is bad
AROUND = 0.2  # letter heights that are seen around a piece: less than there is between letters and ruling lines
MARGIN = 10  # pixels of paper around that, without which letters at the edge are lost
PAIRS = (("(", ")"), ("[", "]"), ("{", "}"))  # half of such a pair, at the edge of a cell, is a ruling line

Read = Callable[["Image"], list[Span]]


def looked_again(spans: Sequence[Span], image: Image, read: Read) -> list[Span]:
    """The pieces, with the words of a second reading where that is the surer one.

    `image` is grey; `read` takes the picture of a single line.
    """
    doubtful = {at for at, span in enumerate(spans) if _is_doubtful(span)}
    if len(doubtful) > MOST:
        return list(spans)
    return [_surer(span, image, read) if at in doubtful else span for at, span in enumerate(spans)]


def _is_doubtful(span: Span) -> bool:
    letters = sum(c.isalnum() for c in span.text)
    known = letters >= FEWEST or any(c.isdigit() for c in span.text)
    halved = "|" in span.text or any(span.text.count(a) != span.text.count(b) for a, b in PAIRS)
    lying = span.vertical or span.box[3] - span.box[1] > span.box[2] - span.box[0]
    return len(span.text) <= LONGEST and known and not lying and ((span.confidence or 0.0) < DOUBT or halved)


def _surer(span: Span, image: Image, read: Read) -> Span:
    found = [s for s in _read_alone(span.box, image, read) if any(c.isalnum() for c in s.text)]
    sure, before = min((s.confidence or 0.0 for s in found), default=0.0), span.confidence or 0.0
    if sure <= before or (before < NOTHING and sure < SURE):
        return span
    words = tuple(word for s in found for word in s.words)
    return span._replace(text=" ".join(word.text for word in words), words=words, confidence=sure)


def _read_alone(box: Rect, image: Image, read: Read) -> list[Span]:
    """What is read in a box of the picture, at its places in the picture."""
    import numpy as np
    from PIL import ImageOps

    around = AROUND * (box[3] - box[1])
    left, top = max(int(box[0] - around), 0), max(int(box[1] - around), 0)
    part = image.crop((left, top, min(round(box[2] + around), image.width), min(round(box[3] + around), image.height)))
    paper = int(np.median(np.asarray(part)))
    found = moved(read(ImageOps.expand(part, MARGIN, paper)), (1.0, 1.0), Size(*part.size), margin=MARGIN)
    return [_shifted(span, left, top) for span in found]


def _shifted(span: Span, across: int, down: int) -> Span:
    def place(box: Rect) -> Rect:
        return box[0] + across, box[1] + down, box[2] + across, box[3] + down

    return span._replace(box=place(span.box), words=tuple(word._replace(box=place(word.box)) for word in span.words))
