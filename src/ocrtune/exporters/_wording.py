"""A region as plain text: what is read, without the signs of its markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ocrtune.core import Region
from ocrtune.exporters import _sanitise, _tables

if TYPE_CHECKING:
    from markdown_it.token import Token

CELL_ENDS = ("td_close", "th_close")


def plain(region: Region) -> str:
    """Lines as they were read; rows of tables with tabs between their cells; formulas as LaTeX."""
    text = region.text.strip("\n")
    if region.markup == "latex":
        return _sanitise.bare_formula(text)
    if region.markup == "markdown":
        return "\n".join(_blocks(_sanitise.markdown_parser().parse(text))) or text
    if region.markup == "html":
        found = _tables.grids(region)
        return "\n".join(map(_tables.plain_table, found)) or _tables.text_of(_sanitise.clean(text))
    return text


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    """One string for each paragraph, item or row."""
    mark, row = "", []
    for token in tokens:
        if token.type == "list_item_open":
            mark = f"{token.info}{token.markup} "
        elif token.type == "tr_open":
            row = [""]
        elif token.type in CELL_ENDS:
            row.append("")
        elif token.type == "tr_close":
            yield "\t".join(row[:-1]).rstrip("\t")
            row = []
        elif text := _said(token):
            if row:
                row[-1] += " ".join(text.split())
            else:
                yield mark + text
                mark = ""


def _said(token: Token) -> str:
    if token.type == "inline":
        return "".join(map(_inline, token.children or ())).strip()
    if token.type == "html_block":
        return plain(Region(text=token.content, markup="html"))
    return token.content.strip("\n") if token.type in ("fence", "code_block", "math_block") else ""


def _inline(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    if token.type in ("math_inline", "math_inline_double"):
        return f"${token.content}$"
    if token.type == "html_inline":
        return (
            "\n" if token.content.lower().startswith("<br") else "" if _sanitise.SAFE_TAG.match(token.content) else token.content
        )
    return token.content
