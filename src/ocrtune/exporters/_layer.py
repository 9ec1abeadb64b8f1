"""The invisible text of a page as PDF operators."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from ocrtune.core.document import Point
from ocrtune.exporters._glyphless import Glyphless, advance, painted
from ocrtune.exporters._placing import Piece, Placed, gaps

INVISIBLE = 3
WIDE_GAP = 4.0  # letter sizes: no space is written into a gap like that, for it separates columns
MOST_STRETCH = 300.0

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
        gap = _gap(end, following, on_page) if following is not None else 0.0
        right, rise = (end[0] - start[0]) / length, (end[1] - start[1]) / length
        matrix = f"{right:.5f} {rise:.5f} {(upper[0] - start[0]) / size:.5f} {(upper[1] - start[1]) / size:.5f}"
        if following is not None and not piece.spaced and gap > 0:
            length += min(gap, size)  # or readers see a space between the two
        stretch = min(length / size / advance(piece.text), MOST_STRETCH)
        codes = font.encode(painted(piece.text))
        if piece.spaced and -size < gap < WIDE_GAP * size:  # from right to left, the gap alone says it
            back = round(1000 * advance(" ") - 1000 * gap / size / stretch)
            codes += f"> {back} <{font.encode(' ')}" if back > 0 else font.encode(" ")
        place = f"{matrix} {start[0]:.2f} {start[1]:.2f} Tm"
        yield f"/{name} {size:.2f} Tf {place} {100 * stretch:.2f} Tz [<{codes}>] TJ"
        if following is None and piece.direction != "right":
            yield f"<{font.encode(' ')}> Tj"  # or pdfium takes columns for words of one line, and sorts them from left to right


def _gap(end: Point, following: Piece, on_page: OnPage) -> float:
    """How far the next word is from the end of this one, in points; negative where they overlap."""
    start, ahead = on_page(following.start), on_page(following.end)
    length = math.dist(start, ahead) or 1.0
    return ((start[0] - end[0]) * (ahead[0] - start[0]) + (start[1] - end[1]) * (ahead[1] - start[1])) / length
