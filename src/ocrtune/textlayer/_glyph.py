"""One character of a page, and how points of the page become pixels."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from ocrtune.core import Size

GRID = 1_000_000  # pdfium maps points to whole device units; a device this fine keeps 10⁻⁶ of the page

Rect = tuple[float, float, float, float]
Turn = Literal[0, 90, 180, 270]


def around(boxes: Sequence[Rect]) -> Rect:
    """The box around all of them."""
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


class Glyph(NamedTuple):
    """One character. `box` is its ink, `cell` its advance × line height. "\\n" and spaces have no meaningful box.

    `upright` is None where it is not known (characters that pdfium made up). `garbage`: no Unicode, or none with a meaning.
    `turn`: a page turned by so many degrees clockwise shows it upright; None where none of the four does, or is known to.
    `size` is the font's, in pixels, 0 where it is not known.
    """

    text: str
    box: Rect = (0.0, 0.0, 0.0, 0.0)
    cell: Rect = (0.0, 0.0, 0.0, 0.0)
    upright: bool | None = None
    hidden: bool = False
    garbage: bool = False
    bold: bool = False
    turn: Turn | None = None
    size: float = 0.0

    @property
    def height(self) -> float:
        return max(self.cell[3] - self.cell[1], 1e-6)

    @property
    def inked(self) -> bool:
        return not self.text.isspace()


class Affine(NamedTuple):
    """Points of the page → pixels; takes /Rotate and /CropBox from pdfium itself."""

    origin: tuple[float, float]
    along_x: tuple[float, float]
    along_y: tuple[float, float]

    @classmethod
    def of(cls, page: Any, size: Size, *, turn: int = 0) -> Affine:
        import pypdfium2.raw as pdfium

        def at(x: float, y: float) -> tuple[float, float]:
            across, down = ctypes.c_int(), ctypes.c_int()
            pdfium.FPDF_PageToDevice(page, 0, 0, GRID, GRID, turn // 90, x, y, across, down)
            return across.value / GRID * size.width, down.value / GRID * size.height

        step = max(page.get_size())
        (ox, oy), (xx, xy), (yx, yy) = at(0, 0), at(step, 0), at(0, step)
        return cls((ox, oy), ((xx - ox) / step, (xy - oy) / step), ((yx - ox) / step, (yy - oy) / step))

    def turn(self, x: float, y: float) -> tuple[float, float]:
        return x * self.along_x[0] + y * self.along_y[0], x * self.along_x[1] + y * self.along_y[1]

    def at(self, x: float, y: float) -> tuple[float, float]:
        across, down = self.turn(x, y)
        return across + self.origin[0], down + self.origin[1]

    def rect(self, left: float, bottom: float, right: float, top: float) -> Rect:
        (ox, oy), (xx, xy), (yx, yy) = self
        ax, bx = ox + left * xx + bottom * yx, ox + right * xx + top * yx
        ay, by = oy + left * xy + bottom * yy, oy + right * xy + top * yy
        return (ax, ay, bx, by) if ax <= bx and ay <= by else (min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))
