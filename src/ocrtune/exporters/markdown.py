"""A parsed document as Markdown (CommonMark with GitHub's tables; formulas between dollars)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from ocrtune.contracts import Artefact
from ocrtune.core import Document, Page, Region
from ocrtune.exporters import _sanitise, _tables
from ocrtune.exporters._flow import one_line, reflow
from ocrtune.exporters._page import BULLET, NUMBERED, Shown, alternative, shown
from ocrtune.options import ExportOptions

SIGNS = re.compile(r"([\\`*_\[\]|$~])")
TICKS = re.compile(r"`{3,}")
HEADING = re.compile(r"\A\s*#{1,6}(?=\s)")


class Markdown:
    """Markdown: kinds of regions become headings, lists, tables, formulas and pictures; problems of a page stay visible as a
    note, and pages are separated by a comment with their number, which viewers hide and programs can find.

    Text that is not Markdown is escaped, so that it is shown as it was read; its lines become running text. Markdown from a
    model stays Markdown, but nothing in it runs or loads anything in a viewer that lets HTML through.
    Files: `<stem>.md`, and page by page `pages/0001.md`.
    """

    name = "md"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        yield Artefact(f"{stem}.md", "\n".join(self._page(page, "") for page in document.pages).encode())
        if self.options.per_page:
            for page in document.pages:
                yield Artefact(f"pages/{page.number:04d}.md", self._page(page, "../").encode())

    def _page(self, page: Page, up: str) -> str:
        """`up` leads from the file to the document's folder."""
        out = "\n\n".join(
            [f"<!-- page {page.number} -->", *(f"> **Page {page.number}:** {_escape(one_line(p))}" for p in page.problems)]
        )
        last = ""
        for part in shown(page, headers=self.options.headers):
            if block := _block(part, up):
                out += ("\n" if last == part.region.kind == "list-item" else "\n\n") + block
                last = part.region.kind
        return out + "\n"


def _block(part: Shown, up: str) -> str:
    region, text = part.region, part.region.text.strip("\n")
    if part.figure is not None:
        return f"![{_escape(alternative(part))}]({up}{part.figure})"
    if region.kind == "code":
        ticks = "`" * max([2, *(len(found) for found in TICKS.findall(text))]) + "`"
        return f"{ticks}\n{text}\n{ticks}"
    if region.markup == "html":
        return _table(region)
    if region.markup == "latex":
        return _formula(text)
    if region.kind in ("title", "section-header"):
        own = HEADING.match(text) if region.markup == "markdown" else None
        body = one_line(text[own.end() :] if own else text)
        sign = own[0].strip() if own else "#" if region.kind == "title" else "##"
        return f"{sign} {_sanitise.markdown(body) if region.markup == 'markdown' else _in_line(body)}"
    if region.kind == "list-item":
        return _item(region)
    if region.markup == "markdown":
        return _sanitise.markdown(text)
    if region.kind == "caption":
        return f"*{_in_line(one_line(text))}*"
    return _paragraphs(text)


def _item(region: Region) -> str:
    text = region.text.strip()
    number = NUMBERED.match(text)
    mark = number or BULLET.match(text)
    sign = number[0].strip() if number else "-"
    rest = text[mark.end() :] if mark else text
    body = _sanitise.markdown(rest) if region.markup == "markdown" else _paragraphs(rest)
    return f"{sign} {body}".replace("\n", "\n" + " " * (len(sign) + 1))


def _paragraphs(text: str) -> str:
    """Two spaces before a newline keep a line end; blank lines stay paragraph breaks."""
    return re.sub(r"(?<!\n)\n(?!\n)", "  \n", _escape(reflow(text)))


def _formula(text: str) -> str:
    """Words with formulas among them stay as they are."""
    bare = _sanitise.bare_formula(text)
    if _sanitise.TEX.search(bare):
        return _sanitise.markdown(text)
    return "$$\n" + re.sub(r"\n\s*\n", "\n", _sanitise.spaced(bare)).replace("$$", "$ $") + "\n$$"


def _table(region: Region) -> str:
    """A pipe table where nothing is lost by it, else HTML without blank lines, which would end it."""
    clean = _sanitise.clean_table(region.text).strip()
    found = _tables.grids(region)
    simple = clean.startswith("<table>") and clean.endswith("</table>") and clean.count("<table>") == 1
    if simple and len(found) == 1 and "<caption" not in clean and not any(cell.spans for cell in found[0].cells):
        return _pipes(found[0])
    return re.sub(r"\s*\n\s*", " ", clean)


def _pipes(grid: _tables.Grid) -> str:
    rows = [[""] * grid.width for _ in range(grid.height)]
    for cell in grid.cells:
        rows[cell.row][cell.column] = _cell(cell.html)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * grid.width, *lines[1:]])


def _cell(clean: str) -> str:
    """Clean HTML in one line of Markdown: tags and entities stay, formulas keep their meaning, everything else is escaped."""
    out, at = [], 0
    clean = " ".join(clean.split())
    for formula in _sanitise.FORMULA.finditer(clean):
        if "<" not in formula[0]:
            out += [_signs(clean[at : formula.start()]), _sanitise.tight(formula[0]).replace("|", r"\vert ")]
            at = formula.end()
    return "".join([*out, _signs(clean[at:])])


def _signs(text: str) -> str:
    return SIGNS.sub(r"\\\1", text)


def _in_line(text: str) -> str:
    """Text behind a sign that begins a block; hashes at the end would close a heading."""
    return re.sub(r"#(?=#*\Z)", r"\\#", _signs(html.escape(text, quote=False)))


def _escape(text: str) -> str:
    """Text where blocks may begin."""
    text = _signs(html.escape(text, quote=False))
    text = re.sub(r"(?m)^(\s*)(#{1,6}(?=\s|$)|[-+](?=\s|$)|[-=]+\s*$)", r"\1\\\2", text)
    return re.sub(r"(?m)^(\s*\d+)([.)])(?=\s|$)", r"\1\\\2", text)
