"""Pipe tables as OmniDocBench v1.5 writes them out as HTML before it reads on: what is behind them stands elsewhere then.

Every row becomes a table of its own first, and neighbouring tables are joined. What its line-wise way of joining loses is lost
here, too: the line right above a table, cells with a colon or three dashes, and all text below a `<table>` that is never closed.
"""

from __future__ import annotations

import re
from itertools import pairwise

_ROW = re.compile(r"\|.*?\|\n", re.DOTALL)
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_RULE = re.compile(r":|---|</thead>")
_FRAME = re.compile(r"</?t(?:able|head|body)>")
FEWEST = 2  # rows; fewer are no table
ROW_LINES = 2  # lines of `<tr>` and `</tr>`: no cell is left between them


def has_pipe_table(text: str) -> bool:
    return len(_ROW.findall(text + "\n")) >= FEWEST


def written_out(text: str) -> str:
    """The text with its pipe tables as HTML: `<table border="1" >` of `td` alone."""
    lines = _ROW.sub(lambda row: _row(row.group(0)), text + "\n").split("\n")
    made: list[str] = []
    table: str | None = None
    for before, line in pairwise(["", *lines]):
        if "<table>" in line:
            table = (table or "") + before
        elif table is None:
            made.append(before)
        else:
            table += "" if _RULE.search(before) else "\n" + before
            if "</table>" in before:
                made.append(_joined(table))
                table = None
    return "\n".join(made).replace("<table>", '<table border="1" >').replace("<td>", '<td colspan="1" rowspan="1">')


def _row(markup: str) -> str:
    """One row; where a cell spans lines, the third and those after it are more rows."""
    first, *rest = (_cells(line) for line in markup.strip().split("\n"))
    made = [
        "<table>",
        "  <thead>",
        "    <tr>",
        *(f"      <th>{cell}</th>" for cell in first),
        "    </tr>",
        "  </thead>",
        "  <tbody>",
    ]
    for cells in rest[1:]:
        made += ["    <tr>", *(f"      <td>{cell}</td>" for cell in cells), "    </tr>"]
    return "\n".join([*made, "  </tbody>", "</table>", ""])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().split("|")[1:-1]]


def _joined(markup: str) -> str:
    rows: list[str] = []
    for table in _TABLE.findall(_COMMENT.sub("", markup)):
        lines = [_plain(line) for line in table.split("\n")]
        kept = [line for line in lines if not _FRAME.search(line)]
        rows += kept if len(kept) > ROW_LINES else []
    return "\n\n" + "\n".join(["<table>", *rows, "</table>"]) + "\n\n"


def _plain(line: str) -> str:
    return line.replace("<th>", "<td>").replace("</th>", "</td>") if "<th>" in line else line
