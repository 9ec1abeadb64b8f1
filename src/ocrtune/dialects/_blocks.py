"""Blocks of Markdown, each a region: headings, list items, tables, formulas, pictures, code and paragraphs.

Lines end with a newline and nothing else. In a paragraph of plain text a line that begins like a block has a backslash before
it; one backslash more where it has some already, so that every line comes back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ocrtune.core import Region
from ocrtune.dialects._html import TABLE, closed
from ocrtune.dialects._loops import without_endless
from ocrtune.dialects._problems import Problems

SIGN = r"(?:#{1,6}(?=\s|\Z)|[-*+](?=\s|\Z)|\$\$|\\\[|(?i:<table\b)|```|\||!\[)"
NUMBER = r"\d{1,9}"
INTERRUPTS = re.compile(rf"{SIGN}|1[.)](?=\s|\Z)")  # a line within a paragraph may begin with a year, a list only with 1


class Escapes(NamedTuple):
    """Where a backslash goes into a line, and where one came from: behind a number, else at the beginning."""

    to: re.Pattern[str]
    back: re.Pattern[str]


def _escapes(number: str) -> Escapes:
    to, back = (re.compile(rf"{number}(?={n}[.)](?:\s|\Z))|(?={n}{SIGN})") for n in (r"\\*", r"\\+"))
    return Escapes(to, back)


FIRST, LATER = _escapes(NUMBER), _escapes("1")
HEADING = re.compile(r"\A(#{1,6})(?:\s|\Z)")
BULLET = re.compile(r"[-*+](?:\s|\Z)")
NUMBERED = re.compile(r"\d{1,9}[.)](?:\s|\Z)")
TICKS = re.compile(r"`{3,}")
WHOLE_FENCE = re.compile(r"\s*```(?:markdown|md|html)[ \t]*(?:\n|\Z)", re.IGNORECASE)
FORMULAS = {"$$": "$$", "\\[": "\\]"}


def write_blocks(regions: Iterable[Region]) -> str:
    """Blocks between blank lines, items of one list on lines of their own. Regions without text are left out, but pictures."""
    out, last = "", None
    for region in regions:
        block = _block(region)
        if block:
            tight = last == region.kind == "list-item"
            out += ("" if last is None else "\n" if tight else "\n\n") + block
            last = region.kind
    return out


def _block(region: Region) -> str:
    text, kind = region.text, region.kind
    if kind == "picture":
        return f"![{' '.join(text.split())}]()" if "\n" in text else f"![{text}]()"
    if not text.strip():
        return ""
    if kind in ("title", "section-header"):
        return f"{'#' if kind == 'title' else '##'} {HEADING.sub('', text, count=1)}".replace("\n", " ")
    if kind == "list-item":
        text = text[bullet.end() :] if (bullet := BULLET.match(text)) else text
        return ("" if NUMBERED.match(text) else "- ") + text.replace("\n", "\n  ")
    if kind == "formula":
        return f"$$\n{_bare_formula(text)}\n$$"
    if kind == "code":
        ticks = "`" * max([2, *(len(found) for found in TICKS.findall(text))]) + "`"
        return f"{ticks}\n{text}\n{ticks}"
    if region.markup != "plain" or (kind == "table" and text.startswith(("<table", "|"))):
        return text
    return "\n".join(_escaped(line, LATER if number else FIRST) for number, line in enumerate(text.split("\n")))


def _escaped(line: str, escapes: Escapes) -> str:
    found = escapes.to.match(line)
    return line if found is None else f"{line[: found.end()]}\\{line[found.end() :]}"


def _unescaped(line: str, escapes: Escapes) -> str:
    found = escapes.back.match(line)
    return line if found is None else line[: found.end()] + line[found.end() + 1 :]


def _bare_formula(text: str) -> str:
    for opening, closing in FORMULAS.items():
        inner = text.strip()
        if len(inner) > 3 and inner.startswith(opening) and inner.endswith(closing):
            return inner[2:-2].strip("\n")
    return text


def read_blocks(text: str, problems: Problems) -> Iterator[Region]:
    """The regions of a reply in order. A block that the end of the reply cut off goes to its end, and is a problem."""
    return _Blocks(text, problems).read()


class _Blocks:
    def __init__(self, text: str, problems: Problems) -> None:
        fence = WHOLE_FENCE.match(text)
        if fence:
            problems.add("fence", "the reply is fenced as code")
            text = text[fence.end() :].rstrip().removesuffix("```")
        self.text = text
        self.problems = problems
        self.at = 0
        self.endless: set[str] = set()

    def read(self) -> Iterator[Region]:
        while self.at < len(self.text):
            line = self._line()
            if not line.strip():
                self._step(line)
            else:
                yield self._next(line)

    def _line(self) -> str:
        end = self.text.find("\n", self.at)
        return self.text[self.at :] if end < 0 else self.text[self.at : end]

    def _step(self, line: str) -> None:
        self.at += len(line) + 1

    def _next(self, line: str) -> Region:
        tag = TABLE.match(self.text, self.at)
        if tag is not None and not tag[1]:
            return self._table()
        if line.startswith("```"):
            return self._code(line)
        if line[:2] in FORMULAS and (formula := self._formula(line[:2])) is not None:
            return formula
        if (heading := HEADING.match(line)) is not None:
            self._step(line)
            return Region(
                kind="title" if len(heading[1]) == 1 else "section-header", text=line[heading.end() :], markup="markdown"
            )
        if line.startswith("![") and line.rstrip().endswith(")") and (end := line.rfind("](")) > 0:
            self._step(line)
            return Region(kind="picture", text=line[2:end])
        if line.startswith("|"):
            return Region(kind="table", text="\n".join(self._lines_with("|")), markup="markdown")
        if BULLET.match(line) or NUMBERED.match(line):
            return self._item(line)
        return self._paragraph(line)

    def _lines_with(self, prefix: str) -> Iterator[str]:
        """This line and the following ones that begin so and are not blank."""
        while self.at < len(self.text) and (line := self._line()).startswith(prefix) and line.strip():
            self._step(line)
            yield line

    def _item(self, line: str) -> Region:
        bullet = BULLET.match(line)
        self._step(line)
        first = line[bullet.end() :] if bullet else line
        return Region(
            kind="list-item", text="\n".join([first, *(more[2:] for more in self._lines_with("  "))]), markup="markdown"
        )

    def _paragraph(self, line: str) -> Region:
        lines: list[str] = []
        while not lines or (self.at < len(self.text) and (line := self._line()).strip() and not INTERRUPTS.match(line)):
            self._step(line)
            lines.append(line)
        plain = [_unescaped(line, LATER if number else FIRST) for number, line in enumerate(lines)]
        return Region(text="\n".join(plain), markup="markdown" if plain == lines else "plain")

    def _table(self) -> Region:
        depth, end = 0, len(self.text)
        for tag in TABLE.finditer(self.text, self.at):
            depth += -1 if tag[1] else 1
            if depth == 0:
                end = tag.end()
                break
        table = self.text[self.at : end]
        self.at = end + self.text.startswith("\n", end)
        if depth:
            self.problems.add("truncated", "the reply ends within a table")
            table = closed(without_endless(table, self.problems))
        return Region(kind="table", text=table, markup="html")

    def _code(self, line: str) -> Region:
        ticks = line[: len(line) - len(line.lstrip("`"))]
        start = self.at + len(line)
        end = self.text.find("\n" + ticks, start)
        self.at = len(self.text) if end < 0 else end + 1
        if end < 0:
            self.problems.add("truncated", "the reply ends within code")
            return Region(kind="code", text=self.text[start + 1 :])
        self._step(self._line())
        return Region(kind="code", text=self.text[start + 1 : end])

    def _formula(self, opening: str) -> Region | None:
        """The display formula that begins here; None when words follow it on its last line."""
        closing, start = FORMULAS[opening], self.at + 2
        end = -1 if opening in self.endless else self.text.find(closing, start)
        if end < 0:
            self.endless.add(opening)
            self.problems.add("truncated", f"a formula begins with {opening} and does not end")
            end = self.text.find("\n\n", start)
            after = end = len(self.text) if end < 0 else end
        else:
            after = end + 2
            rest = self.text.find("\n", after)
            if self.text[after : len(self.text) if rest < 0 else rest].strip():
                return None
        inner = self.text[start:end].removeprefix("\n").removesuffix("\n")
        self.at = after
        self._step(self._line())
        return Region(kind="formula", text=inner, markup="latex")
