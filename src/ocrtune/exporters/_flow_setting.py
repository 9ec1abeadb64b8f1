"""Running text without a browser: paragraphs, headings, lists, tables, formulas and figures, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocrtune.core import Document, Page, Region
from ocrtune.exporters import _table_setting
from ocrtune.exporters._crops import crops, figures
from ocrtune.exporters._flow import one_line, reflow
from ocrtune.exporters._formulas import POINTS, drawing, readable, spoken
from ocrtune.exporters._page import BULLET, NUMBERED, shown
from ocrtune.exporters._rows import split
from ocrtune.exporters._tables import Grid, grids
from ocrtune.exporters._typesetter import PITCH, Fitted, Typesetter
from ocrtune.exporters._wording import plain
from ocrtune.options import ExportOptions

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH, HEIGHT = 595.0, 842.0
SIDE, TOP, FOOT = 62.0, 57.0, 785.0  # points from the edges; where text ends
COLUMN = WIDTH - 2 * SIDE
BODY, TABLE = 10.5, 9.0
SIZES = {"title": 18.0, "section-header": 13.5, "caption": 9.0, "footnote": 8.5, "page-header": 8.5, "page-footer": 8.5}
BOLD = ("title", "section-header")
GREY = ("page-header", "page-footer")
PIXEL = 72 / 150  # points; figures are taken to be of 150 dpi
HIGHEST_FIGURE = 500.0


class Flow:
    """One document being set."""

    def __init__(self, document: Document, stem: str, options: ExportOptions) -> None:
        self.document, self.options = document, options
        regions = [region.text for page in document.pages for region in page.regions]
        self.setter = Typesetter("\n".join([*regions, *(p for page in document.pages for p in page.problems), "•"]), stem)
        self.at = FOOT + 1
        self._formulas: dict[int, Image] = {}

    def pdf(self) -> bytes:
        self._new_page()
        for page in self.document.pages:
            self._page(page)
        return self.setter.content()

    def _page(self, page: Page) -> None:
        self._room(3 * BODY)
        self.setter.colour(150, 150, 150)
        self.setter.line(f"p. {page.number}", WIDTH - SIDE + 8, self.at + 8, 7)
        self.setter.colour(176, 0, 32)
        for problem in page.problems:
            self._text(problem, 9.0)
        self.setter.colour(0, 0, 0)
        shapes = dict(figures(page))
        self._formulas = {id(crop.region): crop.image for crop in crops(page, kind="formula", where=_undrawn)}
        for part in shown(page, headers=self.options.headers):
            if part.figure is not None:
                if (image := shapes.get(part.figure)) is not None:
                    self._figure(image, part.ems)
            else:
                self._region(part.region)

    def _region(self, region: Region) -> None:
        if region.kind == "table" and (found := grids(region)):
            for grid in found:
                self._table(grid)
        elif region.markup == "latex":
            self._formula(region)
        elif text := readable(plain(region)).strip():
            if region.kind in BOLD:
                self.at += 0.5 * SIZES[region.kind]
                self._text(one_line(text), SIZES[region.kind], bold=True)
            elif region.kind == "list-item":
                self._item(reflow(text))
            else:
                self.setter.colour(*((110, 110, 110) if region.kind in GREY else (0, 0, 0)))
                self._text(reflow(text), SIZES.get(region.kind, BODY))
                self.setter.colour(0, 0, 0)

    def _text(self, text: str, size: float, *, bold: bool = False, indent: float = 0.0) -> None:
        """Lines over as many pages as they need; a heading keeps room for a line below it."""
        lines = self.setter.wrapped(text, (COLUMN - indent) / size, bold=bold)
        if bold:
            self._room((len(lines) + 3) * size * PITCH)
        for line in lines:
            self._room(size * PITCH)
            self.setter.lines(Fitted(size, (line,)), SIDE + indent, self.at, bold=bold)
            self.at += size * PITCH
        self.at += 0.5 * size

    def _item(self, text: str) -> None:
        bullet = BULLET.match(text)
        text = text[bullet.end() :] if bullet else text
        self._room(BODY * PITCH)
        if not NUMBERED.match(text):
            self.setter.lines(Fitted(BODY, ("•",)), SIDE + 4, self.at)
        self._text(text, BODY, indent=16)

    def _table(self, grid: Grid) -> None:
        """Row by row over pages, cells that span rows kept whole."""
        for part in split(self.setter, grid, COLUMN, size=TABLE):
            self._room(part.height)
            _table_setting.draw(self.setter, part, SIDE, self.at)
            self.at += part.height
        self.at += 0.8 * BODY

    def _formula(self, region: Region) -> None:
        """Drawn; else as it looks in the original; else as plain text."""
        made = drawing(region.text)
        if made is None and (image := self._formulas.get(id(region))) is not None:
            self._figure(image)
            return
        if made is None:
            self._text(spoken(region.text), BODY, indent=24)
            return
        scale = min(BODY / POINTS * 1.1, COLUMN / made.width)
        self._room(made.height * scale + BODY)
        width, height = made.width * scale, made.height * scale
        self.setter.drawing(made.svg, (SIDE + (COLUMN - width) / 2, self.at + 2, width, height))
        self.at += height + 0.8 * BODY

    def _figure(self, image: Image, ems: float | None = None) -> None:
        """At its own size, or so many letter sizes wide, where there is room."""
        usual = ems * BODY / image.width if ems else PIXEL
        scale = min(usual, COLUMN / image.width, HIGHEST_FIGURE / image.height)
        width, height = image.width * scale, image.height * scale
        self._room(height + BODY)
        self.setter.picture(image, (SIDE + (COLUMN - width) / 2, self.at, width, height))
        self.at += height + 0.8 * BODY

    def _room(self, height: float) -> None:
        if self.at + height > FOOT and self.at > TOP:
            self._new_page()

    def _new_page(self) -> None:
        self.setter.page(WIDTH, HEIGHT)
        self.at = TOP


def _undrawn(region: Region) -> bool:
    return region.markup == "latex" and drawing(region.text) is None
