"""Pages of a real PDF, through its text layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pypdfium2
from fpdf import FPDF

from ocrtune.core import Region, Size
from ocrtune.layout import Span, analyse, figures_in, rules_in
from ocrtune.textlayer import build_lines, read_glyphs

PROSE = (
    "The harbour was quiet in the early morning, and nobody had opened a window yet. A letter lay on the table, "
    "unopened since the week before, under a stone that somebody had brought up from the river. "
)
SCALE = 2.0


@contextmanager
def document(path: Path) -> Iterator[FPDF]:
    pdf = FPDF(format="A4", unit="pt")
    pdf.set_auto_page_break(False)
    pdf.add_page()
    pdf.set_font("Helvetica", size=11)
    yield pdf
    pdf.output(str(path))


def prose(pdf: FPDF, x: float, y: float, width: float, times: int) -> None:
    pdf.set_font("Helvetica", size=11)
    pdf.set_xy(x, y)
    pdf.multi_cell(width, 14, PROSE * times, align="J")


def regions_of(path: Path) -> tuple[Region, ...]:
    pdf = pypdfium2.PdfDocument(path)
    try:
        image = pdf[0].render(scale=SCALE).to_pil().convert("RGB")
        size = Size(*image.size)
        lines = build_lines(read_glyphs(pdf[0], size))
    finally:
        pdf.close()
    spans = [Span(line.text, line.box, line.height, vertical=line.vertical) for line in lines]
    return analyse(spans, size, rules=rules_in(image), pictures=figures_in(image, spans))


def written(tmp_path: Path, set_page: Callable[[FPDF], None]) -> tuple[Region, ...]:
    path = tmp_path / "page.pdf"
    with document(path) as pdf:
        set_page(pdf)
    return regions_of(path)


def test_a_page_of_two_columns_with_title_head_and_number(tmp_path: Path) -> None:
    def set_page(pdf: FPDF) -> None:
        pdf.set_font("Helvetica", size=9)
        pdf.text(250, 36, "The Morning Paper")
        pdf.text(290, 815, "12")
        pdf.set_font("Helvetica", "B", 24)
        pdf.text(110, 100, "News from the quiet harbour")
        prose(pdf, 60, 130, 225, 6)
        prose(pdf, 310, 130, 225, 5)

    regions = written(tmp_path, set_page)
    assert [r.kind for r in regions] == ["page-header", "title", "text", "text", "page-footer"]
    assert all(" ".join(r.text.split()).startswith("The harbour was quiet") for r in regions[2:4])
    assert " ".join(regions[2].text.split()).count("unopened") == 6


def test_a_report_with_headings_a_list_and_a_ruled_table(tmp_path: Path) -> None:
    rows = (("Month", "Letters", "Ships"), ("May", "1,204", "12"), ("June", "988", "9"))

    def set_page(pdf: FPDF) -> None:
        pdf.set_font("Helvetica", "B", 14)
        pdf.text(60, 90, "1. Letters")
        prose(pdf, 60, 100, 470, 2)
        for n, item in enumerate(("stones from the river", "letters that came late", "windows")):
            pdf.set_font("Helvetica", size=11)
            pdf.text(70, 200 + 16 * n, f"- {item}")
        pdf.set_font("Helvetica", size=10)
        pdf.text(60, 262, "Table 1: What came in")
        for r, row in enumerate(rows):
            for c, text in enumerate(row):
                pdf.set_xy(60 + 120 * c, 270 + 20 * r)
                pdf.cell(120, 20, text, border=1)
        prose(pdf, 60, 350, 470, 2)

    regions = written(tmp_path, set_page)
    kinds = ["section-header", "text", "list-item", "list-item", "list-item", "caption", "table", "text"]
    assert [r.kind for r in regions] == kinds
    table = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    assert regions[6].text == f"<table>{table}</table>"
