"""Bullets that are drawn as shapes, as browsers and slides do, become the first letter of their line."""

from __future__ import annotations

from collections.abc import Sequence

from ocrtune.textlayer import Glyph, Line, Rect, around

BULLET = "•"
HIGH = (0.08, 0.6)  # heights of its line that a bullet is
NEAR = 2.5  # heights of its line between a bullet and the text
LEVEL = 0.3  # heights of a line by which bullets of one list may stand out of line
ALIKE = 1.3  # ratio of the sizes of bullets of lists within lists
MOST = 400  # dots on a page: more are a drawing


def bulleted(lines: Sequence[Line], dots: Sequence[Rect]) -> list[Line]:
    """The lines, with a bullet before those that follow one. Two of them stand below each other, are as large as two that do, or
    one is the only dot of its page: others are points of a drawing."""
    marks = dict(_marked(lines, dots)) if len(dots) <= MOST else {}
    listed = [at for at in marks if any(_aligned(marks[at], marks[o], lines[at].height) for o in marks if o != at)]
    sure = list(marks) if len(dots) == 1 else listed
    sizes = [marks[at][3] - marks[at][1] for at in sure]
    out = list(lines)
    for at, dot in marks.items():
        high = dot[3] - dot[1]
        if any(max(size, high) < ALIKE * min(size, high) for size in sizes):
            out[at] = _with_bullet(lines[at], dot)
    return out


def _marked(lines: Sequence[Line], dots: Sequence[Rect]) -> list[tuple[int, Rect]]:
    """Places of lines, and the dot that each one follows with nothing between or before."""
    out = []
    for dot in dots:
        row = [at for at, line in enumerate(lines) if line.upright and line.box[1] < (dot[1] + dot[3]) / 2 < line.box[3]]
        near = sorted((_gap(lines[at].box, dot), at) for at in row)
        if not near or not _is_alone(dot, dots):
            continue
        gap, at = near[0]
        height, high = lines[at].height, dot[3] - dot[1]
        free = len(near) == 1 or near[1][0] > height
        if free and 0 < gap < NEAR * height and HIGH[0] * height < high < HIGH[1] * height:
            out.append((at, dot))
    return out


def _is_alone(dot: Rect, dots: Sequence[Rect]) -> bool:
    """Whether no other dot stands close in its row, as in a dotted line."""
    near = NEAR * (dot[3] - dot[1])
    return sum(_gap(other, dot) < near and other[1] < dot[3] and dot[1] < other[3] for other in dots) == 1


def _gap(one: Rect, other: Rect) -> float:
    return max(one[0] - other[2], other[0] - one[2])


def _aligned(one: Rect, other: Rect, height: float) -> bool:
    return abs(one[0] - other[0]) < LEVEL * height


def _with_bullet(line: Line, dot: Rect) -> Line:
    left, top, right, bottom = around([line.box, dot])
    cell = dot[0], line.cells[1], dot[2], line.cells[3]
    return line._replace(
        text=f"{BULLET} {line.text}",
        box=(left, top, right, bottom),
        cells=(left, line.cells[1], right, line.cells[3]),
        glyphs=(Glyph(BULLET, dot, cell, True), Glyph(" "), *line.glyphs),
    )
