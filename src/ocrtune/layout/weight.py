"""Whether a line in a picture is set in bold: its strokes against those of most letters on the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ocrtune.layout.lines import is_wide, levelled
from ocrtune.layout.parts import Span, usual

if TYPE_CHECKING:
    from PIL.Image import Image

HEAVIER, HEAVIER_WIDE = 1.3, 1.22  # times the usual stroke, both measured in letter heights; of full-width letters
FAINT = 20.0  # grey levels by which ink differs from the paper at least
FEWEST, SHORTEST = 150, 3  # letters on a page that say what is usual, and in a line that can be judged


def weighed(image: Image, spans: Sequence[Span]) -> list[Span]:
    """The spans with `bold` told from the picture they were found in; unknown on pages of a few words."""
    letters = [float(sum(c.isalnum() for c in span.text)) for span in spans]
    if sum(letters) < FEWEST:
        return list(spans)
    strokes = _strokes(image, levelled(spans))  # measured heights vary from line to line by more than strokes do
    judged = [n >= SHORTEST and stroke is not None for n, stroke in zip(letters, strokes, strict=True)]
    known = [(stroke or 0.0, n) for stroke, n, ok in zip(strokes, letters, judged, strict=True) if ok]
    middle = usual([stroke for stroke, _ in known], [n for _, n in known])
    return [
        span._replace(bold=stroke > (HEAVIER_WIDE if any(map(is_wide, span.text)) else HEAVIER) * middle)
        if ok and stroke is not None
        else span
        for span, stroke, ok in zip(spans, strokes, judged, strict=True)
    ]


def _strokes(image: Image, spans: Sequence[Span]) -> list[float | None]:
    """Width of the strokes of each line in letter heights: twice its ink by the length of its edges.

    Ink is darkness, and edges are the sum of its slopes, so that blur and a low resolution, which lower both alike, do not
    matter (the two sides of a stroke of width w and length l have the edge 2 l, its ink is w l).
    """
    import numpy as np

    grey = image.convert("L")
    paper = float(np.argmax(grey.histogram()))
    return [_stroke(np.asarray(grey), paper, span) for span in spans]


def _stroke(grey: Any, paper: float, span: Span) -> float | None:
    import numpy as np

    left, top, right, bottom = (max(round(v), 0) for v in span.box)
    part = grey[top : bottom + 1, left : right + 1]
    if min(part.shape) < 3:
        return None
    dark = np.abs(part.astype(np.float32) - paper)
    dark[dark < FAINT] = 0.0
    across, down = np.diff(dark, axis=1)[1:], np.diff(dark, axis=0)[:, 1:]
    slopes = float(np.sqrt(across * across + down * down).sum())
    return None if slopes <= 0 else 2 * float(dark.sum()) / slopes / max(span.size, 1e-6)
