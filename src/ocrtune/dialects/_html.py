"""Tables in HTML: where they begin and end in a reply, and their cells on a grid."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

TAG = re.compile(r"<(/?)(table|tr|td|th)\b([^<>]*)>", re.IGNORECASE)
TABLE = re.compile(r"<(/?)table\b[^<>]*>", re.IGNORECASE)
SPAN = re.compile(r"""\b(rowspan|colspan)\s*=\s*["']?\s*(\d{1,4})""", re.IGNORECASE)
MARKED = re.compile(r"</?[A-Za-z]|&(?:[A-Za-z]{2,8}|#\d{1,7}|#x[0-9A-Fa-f]{1,6});")
WIDEST = 1000  # columns; a larger span is a slip of the model


class Cell(NamedTuple):
    """`inner` is HTML: the text with <, > and & escaped, or whatever markup stands in the cell."""

    inner: str
    header: bool = False
    rows: int = 1
    columns: int = 1


class Piece(NamedTuple):
    """A part of a reply: a table with its tags, or what stands between tables. `closed` is False for a table cut off."""

    text: str
    is_table: bool
    closed: bool = True


def pieces(text: str) -> Iterator[Piece]:
    """The outermost tables and what stands between them; together they are the text."""
    depth = start = 0
    for tag in TABLE.finditer(text):
        if not tag[1]:
            if depth == 0 and tag.start() > start:
                yield Piece(text[start : tag.start()], False)
            start = tag.start() if depth == 0 else start
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                yield Piece(text[start : tag.end()], True)
                start = tag.end()
    if start < len(text):
        yield Piece(text[start:], depth > 0, depth == 0)


def closed(table: str) -> str:
    """A table that was cut off, with its last cell, row and itself closed; a tag cut in the middle is left out."""
    whole = re.sub(r"<[^<>]*\Z", "", table)
    open_tags: list[str] = []
    count: Counter[str] = Counter()
    for tag in TAG.finditer(whole):
        name = tag[2].lower()
        if not tag[1]:
            open_tags.append(name)
            count[name] += 1
        elif count[name]:
            last = ""
            while last != name:
                last = open_tags.pop()
                count[last] -= 1
    return whole + "".join(f"</{name}>" for name in reversed(open_tags))


def escaped(text: str) -> str:
    """A cell's HTML for its text; what is markup already, or has entities, stays."""
    return text if MARKED.search(text) else text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(inner: str) -> str:
    """A cell's text for its HTML where it is plain text that `escaped` makes the same HTML of, else the HTML."""
    text = inner.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return text if escaped(text) == inner else inner


def read_table(table: str) -> list[list[Cell]]:
    """The rows of one HTML table with their own cells, each where it is written. Nested tables stay in their cell."""
    rows: list[list[Cell]] = []
    opened: tuple[re.Match[str], int] | None = None
    depth = 0
    for tag in TAG.finditer(table):
        name, ends = tag[2].lower(), bool(tag[1])
        if name == "table":
            depth += -1 if ends else 1
        if depth > 1 or (name == "table" and depth == 1 and ends):
            continue
        if opened is not None:
            rows[-1].append(_cell(opened[0], table[opened[1] : tag.start()]))
            opened = None
        if name == "tr" and not ends:
            rows.append([])
        elif name in ("td", "th") and not ends:
            if not rows:
                rows.append([])
            opened = (tag, tag.end())
    if opened is not None:
        rows[-1].append(_cell(opened[0], table[opened[1] :]))
    return rows


def _cell(tag: re.Match[str], inner: str) -> Cell:
    spans = {name.lower(): min(max(int(size), 1), WIDEST) for name, size in SPAN.findall(tag[3])}
    return Cell(escaped(inner.strip()), tag[2].lower() == "th", spans.get("rowspan", 1), spans.get("colspan", 1))


def write_table(rows: list[list[Cell]]) -> str:
    """One line of HTML: table, tr, th, td, spans above 1, and nothing else."""
    return "<table>" + "".join(f"<tr>{''.join(map(_written, row))}</tr>" for row in rows) + "</table>"


def _written(cell: Cell) -> str:
    name = "th" if cell.header else "td"
    rows = f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
    columns = f' colspan="{cell.columns}"' if cell.columns > 1 else ""
    return f"<{name}{rows}{columns}>{cell.inner}</{name}>"
