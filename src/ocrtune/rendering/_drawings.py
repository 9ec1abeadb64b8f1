"""What a PDF page draws besides text: straight rules, pictures, and shapes that look like letters."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ocrtune.core import Size
from ocrtune.rendering._sheets import Drawn, Matrix, objects
from ocrtune.textlayer import Affine, Rect

THICKEST = 3.0  # points of a rule; a bar that is thicker is a shape
SHORTEST = 6.0  # points of a rule
STRAIGHT = 0.35  # points by which a rule may be off
LETTER = (2.0, 40.0)  # points of the height of a letter drawn as an outline
DOT, OVAL = (1.0, 16.0), 0.25  # points of a bullet drawn as a shape, and how much wider or lower it may be
CURVED = 5  # points that its outline has at least
MOST_POINTS = 20_000  # of paths that are looked at on one page: a map has millions
PALE = 245  # of 255: a fill or stroke that cannot be seen on paper

Point = tuple[float, float]


class Drawings(NamedTuple):
    """In pixels. `letters` counts shapes of the size of letters; `dots` are as wide as they are high, as bullets of lists are."""

    rules: tuple[Rect, ...]
    pictures: tuple[Rect, ...]
    letters: int
    dots: tuple[Rect, ...] = ()


def drawings(page: Any, to_pixels: Affine, size: Size) -> Drawings:
    import pypdfium2.raw as pdfium

    rules: list[Rect] = []
    pictures: list[Rect] = []
    dots: list[Rect] = []
    letters, left = 0, MOST_POINTS
    for drawn in objects(page):
        if drawn.kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            pictures.append(_within(_placed([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)], drawn.matrix, to_pixels), size))
        elif drawn.kind == pdfium.FPDF_PAGEOBJ_PATH and left > 0:
            strokes = _Strokes.of(drawn)
            if strokes is None:
                continue
            outlines = list(_outlines(drawn, left))
            left -= sum(len(outline.points) for outline in outlines)
            for outline in outlines:
                rules.extend(_within(_placed(ends, (1, 0, 0, 1, 0, 0), to_pixels), size) for ends in _rules(outline, strokes))
            dots += [_placed(o.points, (1, 0, 0, 1, 0, 0), to_pixels) for o in outlines if _like_a_dot(o)]
            letters += sum(_like_a_letter(outline) for outline in outlines) if strokes.filled else 0
    seen = [box for box in pictures if box[2] - box[0] > 1 and box[3] - box[1] > 1]
    least = SHORTEST * (abs(to_pixels.along_x[0]) + abs(to_pixels.along_x[1]))
    return Drawings(
        tuple(dict.fromkeys(r for r in rules if _is_long(r, least))), tuple(dict.fromkeys(seen)), letters, tuple(dots)
    )


class _Strokes(NamedTuple):
    """How a path is painted: `width` of its line in points, 0 where it has none."""

    filled: bool
    width: float

    @classmethod
    def of(cls, drawn: Drawn) -> _Strokes | None:
        """None for what cannot be seen."""
        import pypdfium2.raw as pdfium

        fill, stroke = ctypes.c_int(), ctypes.c_int()
        pdfium.FPDFPath_GetDrawMode(drawn.item, fill, stroke)
        filled = bool(fill.value) and _is_seen(drawn.item, pdfium.FPDFPageObj_GetFillColor)
        width = ctypes.c_float()
        if stroke.value and _is_seen(drawn.item, pdfium.FPDFPageObj_GetStrokeColor):
            pdfium.FPDFPageObj_GetStrokeWidth(drawn.item, width)
            a, b, c, d, *_ = drawn.matrix
            scaled = max(width.value * abs(a * d - b * c) ** 0.5, 0.2)
            return cls(filled, scaled)
        return cls(filled, 0.0) if filled else None


def _is_seen(item: Any, colour: Any) -> bool:
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if not colour(item, red, green, blue, alpha):
        return True  # a pattern
    return alpha.value > 12 and min(red.value, green.value, blue.value) < PALE


class _Outline(NamedTuple):
    """One closed or open line, in points of the page."""

    points: list[Point]
    straight: bool
    closed: bool


def _outlines(drawn: Drawn, most: int) -> Iterator[_Outline]:
    import pypdfium2.raw as pdfium

    a, b, c, d, e, f = drawn.matrix
    x, y = ctypes.c_float(), ctypes.c_float()
    points: list[Point] = []
    straight = closed = False
    for index in range(min(pdfium.FPDFPath_CountSegments(drawn.item), most)):
        segment = pdfium.FPDFPath_GetPathSegment(drawn.item, index)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            if len(points) > 1:
                yield _Outline(points, straight, closed)
            points, straight, closed = [], True, False
        straight = straight and kind != pdfium.FPDF_SEGMENT_BEZIERTO
        closed = closed or bool(pdfium.FPDFPathSegment_GetClose(segment))
        points.append((a * x.value + c * y.value + e, b * x.value + d * y.value + f))
    if len(points) > 1:
        yield _Outline(points, straight, closed)


def _rules(outline: _Outline, strokes: _Strokes) -> Iterator[Sequence[Point]]:
    """The corners of every rule that an outline is painted as."""
    if not outline.straight:
        return
    xs, ys = [x for x, _ in outline.points], [y for _, y in outline.points]
    left, right, bottom, top = min(xs), max(xs), min(ys), max(ys)
    if strokes.filled and len(outline.points) <= 6 and min(right - left, top - bottom) <= THICKEST:
        yield (left, bottom), (right, top)
    elif strokes.width and strokes.width <= THICKEST:
        ends = [*outline.points, outline.points[0]] if outline.closed else outline.points
        half = strokes.width / 2
        for (x, y), (u, v) in pairwise(ends):
            if abs(y - v) <= STRAIGHT < abs(x - u):
                yield (min(x, u), min(y, v) - half), (max(x, u), max(y, v) + half)
            elif abs(x - u) <= STRAIGHT < abs(y - v):
                yield (min(x, u) - half, min(y, v)), (max(x, u) + half, max(y, v))


def _extent(outline: _Outline) -> tuple[float, float]:
    """Width and height."""
    ys, xs = [y for _, y in outline.points], [x for x, _ in outline.points]
    return max(xs) - min(xs), max(ys) - min(ys)


def _like_a_dot(outline: _Outline) -> bool:
    width, height = _extent(outline)
    return len(outline.points) > 3 and DOT[0] <= height <= DOT[1] and abs(width - height) < OVAL * height


def _like_a_letter(outline: _Outline) -> bool:
    width, height = _extent(outline)
    return len(outline.points) >= CURVED and LETTER[0] <= height <= LETTER[1] and 0.1 * height < width < 3 * height


def _placed(points: Sequence[Point], matrix: Matrix, to_pixels: Affine) -> Rect:
    a, b, c, d, e, f = matrix
    placed = [to_pixels.at(a * x + c * y + e, b * x + d * y + f) for x, y in points]
    xs, ys = [x for x, _ in placed], [y for _, y in placed]
    return min(xs), min(ys), max(xs), max(ys)


def _within(box: Rect, size: Size) -> Rect:
    left, top = min(max(box[0], 0.0), size.width), min(max(box[1], 0.0), size.height)
    return left, top, max(min(box[2], size.width), left), max(min(box[3], size.height), top)


def _is_long(box: Rect, least: float) -> bool:
    return max(box[2] - box[0], box[3] - box[1]) >= least and min(box[2] - box[0], box[3] - box[1]) > 0
