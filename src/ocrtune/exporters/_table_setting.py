"""Tables set as ruled tables."""

from __future__ import annotations

from typing import NamedTuple

from ocrtune.exporters._formulas import readable
from ocrtune.exporters._tables import Cell, Grid
from ocrtune.exporters._typesetter import PITCH, SMALLEST, Typesetter

PAD = 0.3  # letter sizes around the text of a cell
LARGEST = 14.0
WIDEST_SHARE = 0.6  # of the table, that one cell may ask for


class Ruled(NamedTuple):
    """A table laid out: letter size, widths of columns, heights of rows, lines by cell."""

    grid: Grid
    size: float
    columns: tuple[float, ...]
    rows: tuple[float, ...]
    lines: tuple[tuple[str, ...], ...]

    @property
    def height(self) -> float:
        return sum(self.rows)


def laid_out(setter: Typesetter, grid: Grid, width: float, *, size: float) -> Ruled:
    """The table over `width` at a letter size; columns share it by what they hold."""
    texts = [readable(cell.text) for cell in grid.cells]
    columns = _columns(setter, grid, texts, width / size)
    lines, heights = [], [1.0 * PITCH + 2 * PAD] * grid.height
    for cell, text in zip(grid.cells, texts, strict=True):
        room = sum(columns[cell.column : cell.column + cell.columns]) - 2 * PAD
        lines.append(setter.wrapped(text, max(room, 1.0), bold=cell.header))
        needed = max(len(lines[-1]), 1) * PITCH + 2 * PAD
        lacking = needed - sum(heights[cell.row : cell.row + cell.rows])
        if lacking > 0:
            heights[cell.row + cell.rows - 1] += lacking
    return Ruled(grid, size, tuple(c * size for c in columns), tuple(h * size for h in heights), tuple(lines))


def fitted(setter: Typesetter, grid: Grid, width: float, height: float) -> Ruled:
    """At the largest letters with which it fits, its rows stretched over the height."""
    low, high = SMALLEST, LARGEST
    best = laid_out(setter, grid, width, size=low)
    for _ in range(8):
        middle = (low + high) / 2
        ruled = laid_out(setter, grid, width, size=middle)
        if ruled.height <= height * 1.01 and _words_fit(setter, ruled):
            low, best = middle, ruled
        else:
            high = middle
    stretch = height / best.height if best.height else 1.0
    return best._replace(rows=tuple(row * stretch for row in best.rows))


def draw(setter: Typesetter, ruled: Ruled, left: float, top: float) -> None:
    places = [_place(cell, ruled, left, top) for cell in ruled.grid.cells]
    setter.rules(places, [cell.header for cell in ruled.grid.cells])
    for cell, place, lines in zip(ruled.grid.cells, places, ruled.lines, strict=True):
        baseline = place[1] + max((place[3] - len(lines) * PITCH * ruled.size) / 2, 0) + 0.95 * ruled.size
        for number, line in enumerate(lines):
            natural = setter.width(line, bold=cell.header) * ruled.size
            room = place[2] - PAD * ruled.size
            shift = place[2] - natural - PAD * ruled.size if _is_number(line) and natural < room else PAD * ruled.size
            length = room if natural > room else None
            setter.line(
                line, place[0] + shift, baseline + number * PITCH * ruled.size, ruled.size, bold=cell.header, length=length
            )


def _columns(setter: Typesetter, grid: Grid, texts: list[str], room: float) -> list[float]:
    """Widths in letter sizes: what each column would like, at least its longest word, scaled to the room."""
    wanted, least = [1.0] * grid.width, [1.0] * grid.width
    for cell, text in sorted(zip(grid.cells, texts, strict=True), key=lambda pair: pair[0].columns):
        longest = max((setter.width(line, bold=cell.header) for line in text.splitlines()), default=0.0) + 2 * PAD + 0.1
        word = max((setter.width(word, bold=cell.header) for word in text.split()), default=0.0) + 2 * PAD + 0.1
        span = slice(cell.column, cell.column + cell.columns)
        for widths, value in ((wanted, min(longest, WIDEST_SHARE * room)), (least, min(word, WIDEST_SHARE * room))):
            lacking = value - sum(widths[span])
            widths[span] = [w + max(lacking, 0.0) / cell.columns for w in widths[span]]
    if sum(wanted) <= room or sum(least) >= room:
        chosen = wanted if sum(wanted) <= room else least
        return [width * room / sum(chosen) for width in chosen]
    give = (room - sum(least)) / max(sum(wanted) - sum(least), 1e-6)
    return [low + (want - low) * give for low, want in zip(least, wanted, strict=True)]


def _words_fit(setter: Typesetter, ruled: Ruled) -> bool:
    for cell, lines in zip(ruled.grid.cells, ruled.lines, strict=True):
        room = sum(ruled.columns[cell.column : cell.column + cell.columns]) / ruled.size - PAD
        if any(setter.width(line, bold=cell.header) > room for line in lines):
            return False
    return True


def _place(cell: Cell, ruled: Ruled, left: float, top: float) -> tuple[float, float, float, float]:
    return (
        left + sum(ruled.columns[: cell.column]),
        top + sum(ruled.rows[: cell.row]),
        sum(ruled.columns[cell.column : cell.column + cell.columns]),
        sum(ruled.rows[cell.row : cell.row + cell.rows]),
    )


def _is_number(text: str) -> bool:
    return bool(text) and text.strip("0123456789.,+-−–%()$€£¥ \u00a0") == "" and any(c.isdigit() for c in text)
