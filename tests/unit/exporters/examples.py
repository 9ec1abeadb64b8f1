"""A document with everything in it, for the tests of exporters."""

from __future__ import annotations

from collections.abc import Iterator

from ocrtune.contracts import Artefact, Exporter
from ocrtune.core import Box, Document, ImageRef, Page, Region, Word
from ocrtune.options import ExportOptions
from ocrtune.plugins import EXPORTERS

TABLE = (
    "<table><thead><tr><th rowspan='2'>Год</th><th colspan=2>Income</th></tr><tr><th>net</th><th>gross</th></tr></thead>"
    "<tr><td>2025</td><td>1.50</td><td>=2+2</td></tr></table>"
)
SIMPLE = "<table><tr><th>a|b</th><th>$x_1$</th></tr><tr><td>1_2</td><td>x<sup>2</sup><br>y &lt; z</td></tr></table>"


def box(left: float, top: float, right: float, bottom: float) -> Box:
    return Box(left=left, top=top, right=right, bottom=bottom)


def words(text: str, left: float, top: float, confidence: float | None = None) -> tuple[Word, ...]:
    """One line, each word a tenth of the page wide."""
    placed = enumerate(text.split())
    return tuple(
        Word(text=w, box=box(left + 0.125 * n, top, left + 0.125 * n + 0.1, top + 0.03), confidence=confidence) for n, w in placed
    )


def full_page(number: int = 1) -> Page:
    running = words("We read every line", 0.1, 0.2, 0.875) + words("of the page.", 0.1, 0.25)
    regions = (
        Region(kind="page-header", text="Running head", box=box(0.1, 0.0, 0.9, 0.03)),
        Region(kind="title", text="Annual re-\nport", box=box(0.1, 0.05, 0.9, 0.1)),
        Region(kind="section-header", text="1. Доходы", box=box(0.1, 0.12, 0.9, 0.15), confidence=0.5),
        Region(text="We read every line\nof the page.", box=box(0.1, 0.2, 0.75, 0.28), words=running),
        Region(kind="list-item", text="• first", box=box(0.1, 0.3, 0.9, 0.32)),
        Region(kind="list-item", text="2. second\nline", box=box(0.1, 0.33, 0.9, 0.36)),
        Region(kind="picture", text="A cat", box=box(0.1, 0.4, 0.5, 0.5)),
        Region(kind="caption", text="Figure 1. A cat", box=box(0.1, 0.5, 0.5, 0.52)),
        Region(kind="table", text=TABLE, markup="html", box=box(0.1, 0.55, 0.9, 0.7)),
        Region(kind="formula", text="$$x^2<y$$", markup="latex", box=box(0.1, 0.72, 0.9, 0.76)),
        Region(text="**Bold** and $a_1$", markup="markdown", box=box(0.1, 0.78, 0.9, 0.8)),
        Region(text="這是第一行\n這是第二行", box=box(0.1, 0.82, 0.9, 0.86)),
        Region(kind="footnote", text="1 See there.", box=box(0.1, 0.9, 0.9, 0.92)),
    )
    image = ImageRef(path="/nowhere/a.pdf", page=number, width=1000, height=2000)
    return Page(number=number, width=1000, height=2000, image=image, regions=regions)


def document(*pages: Page) -> Document:
    return Document(source="a.pdf", pages=pages)


def exported(name: str, given: Document, options: ExportOptions | None = None) -> dict[str, bytes]:
    exporter: Exporter = EXPORTERS.get(name)(options or ExportOptions())
    artefacts: Iterator[Artefact] = exporter.export(given, "a")
    return {artefact.name: artefact.content for artefact in artefacts}
