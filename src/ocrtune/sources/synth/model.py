"""The neutral document model that every template writes and every renderer draws."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["title", "section-header", "text", "list-item", "table", "caption", "page-header", "page-footer", "stamp"]
Align = Literal["left", "center", "right"]
Rows = tuple[tuple[str, ...], ...]


class Block(NamedTuple):
    """One piece of a document, never split over pages or columns.

    Tables have `rows`, of which the first `head` are header rows (none for a list of keys and values); columns named in
    `figures` hold numbers and stand flush right. A stamp is drawn from `text`: its rim, a newline, its centre.
    `keep` holds a block on one page with the next one, as headings and captions always are.
    """

    kind: Kind
    text: str = ""
    align: Align = "left"
    rows: Rows = ()
    head: int = 0
    figures: tuple[int, ...] = ()
    small: bool = False
    keep: bool = False


def leads(block: Block) -> bool:
    """Must this block stand on the same page as the next one?"""
    return block.keep or block.small or block.kind in ("section-header", "caption")


class Flow(NamedTuple):
    """Blocks set in one or more columns."""

    columns: int
    blocks: tuple[Block, ...]


class Style(NamedTuple):
    """How a document looks: lengths in millimetres, sizes in points. `face` picks one of the fonts that are there."""

    width: float
    height: float
    margin: float
    top: float
    size: float
    leading: float
    face: int
    justify: bool
    ruled: Literal["grid", "lines", "zebra"]
    accent: tuple[int, int, int]


class Manuscript(NamedTuple):
    """A whole document. `footer` is a pattern with `{n}` (page) and `{m}` (pages)."""

    name: str
    language: str
    template: str
    cjk: bool
    style: Style
    header: str
    footer: str
    flows: tuple[Flow, ...]

    def blocks(self) -> Iterator[Block]:
        for flow in self.flows:
            yield from flow.blocks

    @property
    def text_width(self) -> float:
        return self.style.width - 2 * self.style.margin


GAP = 7.0  # millimetres between columns
HEAD_SCALE = {"title": 1.55, "section-header": 1.15, "caption": 0.92, "page-header": 0.78, "page-footer": 0.78}


def table_html(block: Block) -> str:
    """The truth of a table as HTML, without attributes or white space of its own."""
    out = []
    for number, row in enumerate(block.rows):
        tag = "th" if number < block.head else "td"
        out.append("<tr>" + "".join(f"<{tag}>{html.escape(cell, quote=False)}</{tag}>" for cell in row) + "</tr>")
    return f"<table>{''.join(out)}</table>"


def plain(block: Block) -> str:
    """What is printed, cell after cell, for finding it again in a text layer."""
    return "".join("".join(row) for row in block.rows) if block.rows else block.text
