"""TEDS: tree-edit-distance similarity of HTML tables (PubTabNet), with text or structure only.

The variant that OmniDocBench, MDPBench, OCRBench v2 and MWS share. Only `td` is a cell: the text of a `th` does not count
unless the table is normalised first (`th_to_td`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from ocrtune.errors import extra
from ocrtune.scoring.treedist import Row, Shape, distance

_HEADING = re.compile(r"(</?)th(?=[\s>/])", re.IGNORECASE)
# Tokens are characters, and whole inner tags; a tag stands for itself as one character of the last plane, and so does what is
# written in that plane.
_PRIVATE = 0x100000


class _Cell(NamedTuple):
    tag: object
    colspan: int | None
    rowspan: int | None


class _Tree(NamedTuple):
    """Nodes in preorder; `texts` are the tokens of a `td`, None for any other node."""

    shape: Shape
    cells: list[_Cell]
    texts: list[tuple[str, ...] | None]


def teds(reference: str, reading: str, *, structure_only: bool = False) -> float:
    """1 − tree edit distance / nodes inside the larger table, of the first table in the body of each.

    At most 1; small tables that have nothing in common can fall below 0, because the outermost node is not counted.

    0 when either text is empty or has no table there. Raises ValueError for what cannot be scored: a colspan or rowspan that
    is no number, markup that the parser gives up on, two tables without any node inside; published scorers count that as 0.
    """
    if not reference or not reading:
        return 0.0
    wanted, found = _table(reference), _table(reading)
    if wanted is None or found is None:
        return 0.0
    nodes = max(_descendants(wanted), _descendants(found))
    if not nodes:
        raise ValueError("both tables are empty: there is nothing to compare")
    left, right = _tree(found, structure_only), _tree(wanted, structure_only)
    if left.cells == right.cells and left.texts == right.texts and left.shape.children == right.shape.children:
        return 1.0
    return 1.0 - distance(left.shape, right.shape, _renames(left, right)) / nodes


def _table(markup: str) -> Any | None:
    with extra("scores"):
        from lxml import etree, html
    try:
        root = html.fromstring(markup, parser=html.HTMLParser(remove_comments=True, encoding="utf-8"))
    except (etree.LxmlError, AssertionError) as cause:
        raise ValueError(f"this is no HTML: {markup[:80]!r}") from cause
    return next(iter(root.xpath("body/table")), None)


def _descendants(table: Any) -> int:
    return len(table.xpath(".//*"))


def _tree(table: Any, structure_only: bool) -> _Tree:
    children: list[list[int]] = []
    cells: list[_Cell] = []
    texts: list[tuple[str, ...] | None] = []
    stack: list[tuple[Any, int]] = [(table, -1)]
    while stack:
        element, parent = stack.pop()
        number = len(cells)
        children.append([])
        if parent >= 0:
            children[parent].append(number)
        if element.tag == "td":
            cells.append(_Cell("td", int(element.get("colspan", "1")), int(element.get("rowspan", "1"))))
            texts.append(() if structure_only else tuple(_tokens(element)[1:-1]))
        else:
            cells.append(_Cell(element.tag, None, None))
            texts.append(None)
            stack.extend((child, number) for child in reversed(element))
    return _Tree(Shape(children), cells, texts)


def _tokens(element: Any) -> list[str]:
    tokens = [f"<{element.tag}>", *(element.text or "")]
    for child in element:
        tokens += _tokens(child)
    if element.tag != "unk":
        tokens.append(f"</{element.tag}>")
    return tokens if element.tag == "td" else [*tokens, *(element.tail or "")]


def _renames(left: _Tree, right: _Tree) -> Row:
    """Costs of renaming, flat: 1 if tag or spans differ; between cells the distance of their tokens / the longer; else 0."""
    kinds: dict[_Cell, int] = {}
    a, b = (np.array([kinds.setdefault(cell, len(kinds)) for cell in tree.cells]) for tree in (left, right))
    costs = (a[:, None] != b[None, :]).astype(np.float64)
    rows, columns = (np.array([at for at, text in enumerate(t.texts) if text is not None], dtype=int) for t in (left, right))
    if len(rows) and len(columns):
        same = costs[np.ix_(rows, columns)] == 0
        apart = _text_costs([left.texts[at] or () for at in rows], [right.texts[at] or () for at in columns])
        costs[np.ix_(rows, columns)] = np.where(same, apart, 1.0)
    flat: Row = costs.ravel().tolist()
    return flat


def _text_costs(left: Sequence[tuple[str, ...]], right: Sequence[tuple[str, ...]]) -> Any:
    """Normalised distances of all pairs; equal texts are compared once."""
    tags: dict[str, str] = {}
    rows, row_of = _distinct(_encoded(left, tags))
    columns, column_of = _distinct(_encoded(right, tags))
    edits = cdist(rows, columns, scorer=Levenshtein.distance, dtype=np.int64)
    longest = np.maximum(np.array([len(x) for x in rows])[:, None], np.array([len(x) for x in columns])[None, :])
    return (edits / np.maximum(longest, 1))[np.ix_(row_of, column_of)]


def _encoded(texts: Iterable[tuple[str, ...]], tags: dict[str, str]) -> list[str]:
    return [
        "".join(
            token if len(token) == 1 and ord(token) < _PRIVATE else tags.setdefault(token, chr(_PRIVATE + len(tags)))
            for token in text
        )
        for text in texts
    ]


def _distinct(texts: list[str]) -> tuple[list[str], list[int]]:
    places: dict[str, int] = {}
    indices = [places.setdefault(text, len(places)) for text in texts]
    return list(places), indices


def th_to_td(markup: str) -> str:
    """Heading cells as plain cells, so that TEDS sees their text."""
    return _HEADING.sub(r"\1td", markup)


def wrapped(markup: str) -> str:
    """A table with the missing ones of `<table>`, `<body>` and `<html>` put around it, line breaks removed."""
    markup = markup.replace("\n", "")
    opened, closed = "<table" in markup, "</table>" in markup
    if not opened:
        markup = "<table>" + markup
    if not closed:
        markup += "</table>"
    if "<body>" not in markup:
        markup = f"<body>{markup}</body>"
    return markup if "<html>" in markup else f"<html>{markup}</html>"


def from_rows(rows: Iterable[Iterable[str]]) -> str:
    """Cells, as they are, as an HTML document with one table."""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<html><body><table>{body}</table></body></html>".replace("\n", "")
