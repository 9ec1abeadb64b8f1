"""The pip-only renderer: fpdf2 with fonts found on the system (DejaVu from matplotlib is always there)."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from ocrtune.fonts import Face
from ocrtune.sources.synth import stamp
from ocrtune.sources.synth.flow import PAD, POINT, STAMP, Galley, Placed, Typesetter
from ocrtune.sources.synth.model import HEAD_SCALE, Manuscript

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)  # a fixed creation date makes equal documents equal bytes


class Sheet:
    """One manuscript being drawn."""

    def __init__(self, manuscript: Manuscript, face: Face) -> None:
        from fpdf import FPDF

        logging.getLogger("fontTools").setLevel(logging.ERROR)  # subsetting reports every table it drops
        self.manuscript, self.style, self.face = manuscript, manuscript.style, face
        self.pdf: Any = FPDF(unit="mm", format=(self.style.width, self.style.height))
        self.pdf.set_creation_date(EPOCH)
        self.pdf.set_auto_page_break(False)
        for cut, path in (("", face.regular), ("B", face.bold)):
            self.pdf.add_font("face", cut, str(path), collection_font_number=face.number)

    def render(self) -> bytes:
        placed = Typesetter(self.manuscript, self.measure).pages()
        count = placed[-1].page + 1
        for page in range(count):
            self.pdf.add_page()
            self._margin_text(self.manuscript.header, self.style.top * 0.55)
            for item in placed:
                if item.page == page:
                    self._draw(item)
            self._margin_text(self.manuscript.footer.format(n=page + 1, m=count), self.style.height - self.style.top * 0.5)
        return bytes(self.pdf.output())

    def measure(self, text: str, size: float, bold: bool) -> float:
        self.pdf.set_font("face", "B" if bold else "", size)
        return float(self.pdf.get_string_width(text))

    def _margin_text(self, text: str, baseline: float) -> None:
        width = self.measure(text, self.style.size * HEAD_SCALE["page-header"], False)
        self.pdf.set_text_color(90, 90, 90)
        self.pdf.text((self.style.width - width) / 2, baseline, text)

    def _draw(self, item: Placed) -> None:
        galley, block = item.galley, item.galley.block
        if block.kind == "stamp":
            picture = stamp.draw(block.text, self.face, self.manuscript.name)
            self.pdf.image(picture, x=item.left + galley.width * 0.45, y=item.top + 1, w=STAMP, h=STAMP)
        elif galley.rows:
            self._table(item)
        else:
            self._lines(item)

    def _lines(self, item: Placed) -> None:
        galley, block = item.galley, item.galley.block
        bold = block.kind in ("title", "section-header")
        self.pdf.set_text_color(*(self.style.accent if bold else (20, 20, 20)))
        pitch = galley.size * POINT * self.style.leading
        for number, line in enumerate(galley.lines):
            spare = galley.width - self.measure(line, galley.size, bold)
            left = item.left + {"left": 0.0, "center": spare / 2, "right": spare}[block.align]
            self.pdf.text(left, item.top + number * pitch + galley.size * POINT, line)

    def _table(self, item: Placed) -> None:
        galley, top = item.galley, item.top + 1
        self.pdf.set_draw_color(110, 110, 110)
        self.pdf.set_line_width(0.2)
        self.pdf.set_text_color(20, 20, 20)
        for number, (height, cells) in enumerate(galley.rows):
            self._row_frame(galley, number, (item.left, top, height))
            for cell in cells:
                for n, line in enumerate(cell.lines):
                    width = self.measure(line, galley.size, cell.bold)
                    shift = cell.width - PAD - width if cell.right_aligned else PAD
                    baseline = top + 0.8 + n * galley.size * POINT * 1.25 + galley.size * POINT * 0.98
                    self.pdf.text(item.left + cell.left + shift, baseline, line)
            top += height

    def _row_frame(self, galley: Galley, number: int, place: tuple[float, float, float]) -> None:
        left, top, height = place
        _, cells = galley.rows[number]
        header = number < galley.block.head
        if header or (self.style.ruled == "zebra" and number % 2):
            self.pdf.set_fill_color(*((225, 228, 233) if header else (243, 243, 243)))
            self.pdf.rect(left, top, galley.width, height, style="F")
        if self.style.ruled == "grid":
            for cell in cells:
                self.pdf.rect(left + cell.left, top, cell.width, height)
        else:
            self.pdf.line(left, top + height, left + galley.width, top + height)
