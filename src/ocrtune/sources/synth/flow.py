"""Setting a manuscript on pages without a browser: line breaking, tables, columns, page breaks. Lengths in millimetres."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ocrtune.sources.synth.model import GAP, HEAD_SCALE, Block, Flow, Manuscript, leads

POINT = 25.4 / 72
PAD = 1.3  # inside table cells
STAMP = 36.0  # side of a stamp
Measure = Callable[[str, float, bool], float]  # text, size in points, bold → width

CJK_CHAR = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f"
TOKEN = re.compile(rf"[（「“《]*(?:[{CJK_CHAR}]|[^\s{CJK_CHAR}]+)[，。、：；！？）」”》%]*|\s+")


class Cell(NamedTuple):
    """Lines of a table cell, its left edge and width inside the table."""

    lines: tuple[str, ...]
    left: float
    width: float
    right_aligned: bool
    bold: bool


class Galley(NamedTuple):
    """A block broken into lines (or rows of cells with their heights) for a given width, and the height it takes."""

    block: Block
    width: float
    height: float
    size: float
    lines: tuple[str, ...] = ()
    rows: tuple[tuple[float, tuple[Cell, ...]], ...] = ()


class Placed(NamedTuple):
    page: int
    left: float
    top: float
    galley: Galley


def break_lines(text: str, width: float, wide: Callable[[str], float]) -> list[str]:
    """Greedy lines no wider than `width`; Chinese breaks anywhere but before closing and after opening punctuation."""
    lines, line = [], ""
    for token in TOKEN.findall(text):
        if token.isspace():
            line += " " if line else ""
        elif wide(line + token) <= width or not line:
            line += token
        else:
            lines.append(line.rstrip())
            line = token
        while wide(line.rstrip()) > width and len(line) > 1:
            cut = next((n for n in range(len(line) - 1, 1, -1) if wide(line[:n]) <= width), 1)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line.rstrip()] if line.strip() else lines


class Typesetter:
    """Galleys and pages of one manuscript; `measure` knows the font."""

    def __init__(self, manuscript: Manuscript, measure: Measure) -> None:
        self.style = manuscript.style
        self.flows = manuscript.flows
        self.text_width = manuscript.text_width
        self.measure = measure

    def pages(self) -> list[Placed]:
        """Every block with its place, page by page (0-based)."""
        placed: list[Placed] = []
        page, top = 0, self.style.top
        for flow in self.flows:
            for item in self._flow(flow, page, top):
                placed.append(item)
            if placed:
                page = placed[-1].page
                top = max(p.top + p.galley.height for p in placed if p.page == page)
        return placed

    def _flow(self, flow: Flow, page: int, top: float) -> Iterator[Placed]:
        width = (self.text_width - GAP * (flow.columns - 1)) / flow.columns
        bottom = self.style.height - self.style.top
        chunks = list(_chunks([self.galley(block, width) for block in flow.blocks]))
        while chunks:
            height = _balanced(chunks, flow.columns, bottom - top)
            for column in range(flow.columns):
                y = top
                while chunks and (y + chunks[0].height <= top + height + 0.01 or (y == top == self.style.top)):
                    for galley in chunks.pop(0).galleys:
                        yield Placed(page, self.style.margin + column * (width + GAP), y, galley)
                        y += galley.height
            page, top = page + 1, self.style.top

    def galley(self, block: Block, width: float) -> Galley:
        size = self.style.size * (HEAD_SCALE.get(block.kind, 1.0) * (0.85 if block.small else 1.0))
        pitch = size * POINT * self.style.leading
        if block.kind == "stamp":
            return Galley(block, width, STAMP + 2, size)
        if block.rows:
            return self._table(block, width, size * 0.92)
        bold = block.kind in ("title", "section-header")
        lines = tuple(break_lines(block.text, width, lambda t: self.measure(t, size, bold)))
        after = {"title": 1.0, "section-header": 0.35, "caption": 0.2}.get(block.kind, 0.45)
        return Galley(block, width, len(lines) * pitch + after * pitch, size, lines)

    def _table(self, block: Block, width: float, size: float) -> Galley:
        widths = self._column_widths(block, width, size)
        pitch = size * POINT * 1.25
        rows, height = [], 0.0
        for number, row in enumerate(block.rows):
            bold = number < block.head
            cells, left = [], 0.0
            for column, (text, wide) in enumerate(zip(row, widths, strict=True)):
                lines = break_lines(text, wide - 2 * PAD, lambda t: self.measure(t, size, bold))  # noqa: B023 - used at once
                cells.append(Cell(tuple(lines), left, wide, column in block.figures and not bold, bold))
                left += wide
            tall = max(1, *(len(cell.lines) for cell in cells)) * pitch + 1.6
            rows.append((tall, tuple(cells)))
            height += tall
        return Galley(block, width, height + 4, size, rows=tuple(rows))

    def _column_widths(self, block: Block, width: float, size: float) -> list[float]:
        """As wide as the content wants where that fits; otherwise the widest columns give way and wrap."""
        wants = []
        for column in zip(*block.rows, strict=True):
            widest = max(self.measure(text, size, n < block.head) for n, text in enumerate(column))
            wants.append(widest + 2 * PAD + 0.2)
        spare = width - sum(wants)
        if spare >= 0:
            words = [n for n in range(len(wants)) if n not in block.figures] if block.head else [len(wants) - 1]
            wants[max(words, key=lambda n: wants[n])] += spare
            return wants
        limit = max(wants)
        while sum(min(want, limit) for want in wants) > width:
            limit -= 0.5
        return [min(want, limit) for want in wants]


class _Chunk(NamedTuple):
    """Galleys that must stay together: headings, captions, signatures with what follows."""

    galleys: tuple[Galley, ...]
    height: float


def _chunks(galleys: Sequence[Galley]) -> Iterator[_Chunk]:
    kept: list[Galley] = []
    for galley in galleys:
        kept.append(galley)
        if not leads(galley.block):
            yield _Chunk(tuple(kept), sum(g.height for g in kept))
            kept = []
    if kept:
        yield _Chunk(tuple(kept), sum(g.height for g in kept))


def _balanced(chunks: Sequence[_Chunk], columns: int, room: float) -> float:
    """The least column height that takes all chunks, or `room` when they need another page."""
    if columns == 1:
        return room
    height = sum(chunk.height for chunk in chunks) / columns
    while height < room and not _fits(chunks, columns, height):
        height += 2
    return min(height, room)


def _fits(chunks: Sequence[_Chunk], columns: int, height: float) -> bool:
    used, column = 0.0, 1
    for chunk in chunks:
        if used + chunk.height > height:
            used, column = 0.0, column + 1
        used += chunk.height
        if column > columns or chunk.height > height:
            return False
    return True
