"""The invisible text of a page as PDF operators."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from ocrtune.core.document import Point
from ocrtune.exporters._glyphless import Glyphless, advance
from ocrtune.exporters._placing import Piece, Placed, gaps, separated

INVISIBLE = 3
WIDE_GAP = 4.0  # letter sizes: no space is written into a gap like that, for it separates columns
LEAST_SPACE = 0.05  # letter sizes: readers leave out spaces without any width
MOST_STRETCH = 30_000.0  # per cent

OnPage = Callable[[Point], Point]  # fractions of the upright picture → points of the page


def text_layer(lines: Iterable[Placed], on_page: OnPage, font: Glyphless, name: str) -> bytes:
    """One text object that covers each word of the lines with its letters; empty where there are no words."""
    shown = [operators for line in lines for operators in _line(line, on_page, font, name)]
    if not shown:
        return b""
    return "\n".join(["q BT", f"{INVISIBLE} Tr", *shown, "ET Q", ""]).encode("ascii")


def _line(line: Placed, on_page: OnPage, font: Glyphless, name: str) -> Iterable[str]:
    for piece, following in gaps(line):
        start, end, upper = on_page(piece.start), on_page(piece.end), on_page(piece.upper)
        length, size = math.dist(start, end), math.dist(start, upper)
        if length <= 0 or size <= 0:
            continue
        gap = _gap(end, following, on_page) / size if following is not None else 0.0
        if following is not None and not separated(piece.text, following.text):
            length += max(min(gap, 1.0), 0.0) * size  # or readers see a space between the two
        run, rise = ((end[0] - start[0]), (end[1] - start[1])), ((upper[0] - start[0]), (upper[1] - start[1]))
        across = math.hypot(*run)
        matrix = (run[0] / across, run[1] / across, rise[0] / size, rise[1] / size)
        yield f"/{name} {size:.3f} Tf {_numbers(matrix, 5)} {_numbers(start, 3)} Tm {_shown(piece.text, length / size, font)}"
        if following is not None and separated(piece.text, following.text) and gap < WIDE_GAP:
            yield _shown(" ", max(gap, LEAST_SPACE), font)


def _gap(end: Point, following: Piece, on_page: OnPage) -> float:
    """How far the next word is from the end of this one, in points; negative where they overlap."""
    start, ahead = on_page(following.start), on_page(following.end)
    length = math.dist(start, ahead) or 1.0
    return ((start[0] - end[0]) * (ahead[0] - start[0]) + (start[1] - end[1]) * (ahead[1] - start[1])) / length


def _shown(text: str, length: float, font: Glyphless) -> str:
    """The text stretched to `length` letter sizes."""
    stretch = min(100 * length / advance(text), MOST_STRETCH)
    return f"{stretch:.2f} Tz <{font.encode(text)}> Tj"


def _numbers(values: Iterable[float], digits: int) -> str:
    return " ".join(f"{value:.{digits}f}".rstrip("0").rstrip(".") if value else "0" for value in values)
