"""A table as cells of text, and its HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from ocrtune.layout.lines import build_lines, is_bullet, is_wide, list_mark, of_words
from ocrtune.layout.parts import Rect, Span, SpanWord, middle, overlap

DIVIDED = re.compile(r"[^\W\d_]-$")  # a line that ends within a word


class Cell(NamedTuple):
    """`row` and `column` count from 0; `spans` hold its text, in any order."""

    row: int
    column: int
    spans: tuple[Span, ...]
    rows: int = 1
    columns: int = 1

    @property
    def text(self) -> str:
        """Its lines as one, words divided at a line's end joined; an item with a bullet begins a line of its own."""
        out = ""
        for line in (line.text for line in build_lines(self.spans)):
            mark = list_mark(line)
            if mark is not None and is_bullet(mark):
                out += "\n" * bool(out)
            elif DIVIDED.search(out) and line[0].islower():
                out = out[:-1]
            elif out and not (is_wide(out[-1]) and is_wide(line[0])):
                out += " "
            out += line
        return out


class Table(NamedTuple):
    """`sources` are the lines of text it was made of, before any was divided between cells."""

    box: Rect
    cells: tuple[Cell, ...]
    sources: tuple[Span, ...]

    @property
    def spans(self) -> tuple[Span, ...]:
        """Its text in the order of its cells."""
        return tuple(s for cell in self.cells for line in build_lines(cell.spans) for s in line.spans)

    def html(self) -> str:
        """`<table>` with `rowspan` and `colspan`; text is escaped."""
        out = []
        for row in range(1 + max(cell.row + cell.rows - 1 for cell in self.cells)):
            cells = sorted((cell for cell in self.cells if cell.row == row), key=lambda cell: cell.column)
            out.append("<tr>" + "".join(_tag(cell) for cell in cells) + "</tr>")
        return "<table>" + "".join(out) + "</table>"


def _tag(cell: Cell) -> str:
    spans = (f' rowspan="{cell.rows}"' if cell.rows > 1 else "") + (f' colspan="{cell.columns}"' if cell.columns > 1 else "")
    text = escape(cell.text, quote=False).replace("\n", "<br>")
    return f"<td{spans}>{text}</td>"


def divided(span: Span, edges: Sequence[float], *, slack: float = 1.0) -> list[Span]:
    """A line of text that runs over several columns, cut at `edges` between its words; whole where it has no words, or reaches
    over an edge by less than `slack` letter heights."""
    reach = slack * span.size
    if not span.words or not any(span.box[0] + reach < x < span.box[2] - reach for x in edges):
        return [span]
    groups: dict[int, list[SpanWord]] = {}
    for word in span.words:
        groups.setdefault(sum(middle(word.box)[0] > x for x in edges), []).append(word)
    return [of_words(span, words) for words in groups.values()] if len(groups) > 1 else [span]


def mostly_in(span: Span, box: Rect) -> bool:
    """Whether the larger part of a line lies in `box`, across and down."""
    x, y = middle(span.box)
    return box[1] <= y <= box[3] and box[0] <= x <= box[2] and overlap(span.box, box, 0) > 0.6
