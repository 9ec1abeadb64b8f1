"""Tables of regions on a grid."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple

from ocrtune.core import Document, Region
from ocrtune.exporters import _sanitise

WIDEST = 1024  # columns; a larger table is a slip of the model
LIKELY = 100  # columns of one cell; a larger span is a slip too, and means all that there are
CELLS = ("td", "th")


class Cell(NamedTuple):
    """`html` is clean; `text` is what is read, its lines separated by newlines."""

    row: int
    column: int
    rows: int
    columns: int
    header: bool
    html: str

    @property
    def text(self) -> str:
        return _Words.of(self.html)

    @property
    def spans(self) -> bool:
        return self.rows > 1 or self.columns > 1


class Grid(NamedTuple):
    height: int
    width: int
    cells: tuple[Cell, ...]

    def rows(self) -> list[list[str]]:
        """The texts, place by place; a cell over several places is at its first one."""
        places = [[""] * self.width for _ in range(self.height)]
        for cell in self.cells:
            places[cell.row][cell.column] = cell.text
        return places


class Named(NamedTuple):
    """Table `number` of its page, counted from 1."""

    page: int
    number: int
    grid: Grid


def tables(document: Document) -> list[Named]:
    """Every table with rows, numbered like the regions of kind table on its page."""
    found = []
    for page in document.pages:
        for number, region in enumerate((r for r in page.regions if r.kind == "table"), start=1):
            found += [Named(page.number, number, grid) for grid in grids(region)[:1]]
    return found


def grids(region: Region) -> list[Grid]:
    """The tables that a region holds as HTML or Markdown."""
    if region.markup not in ("html", "markdown") or ("<t" not in region.text.lower() and "|" not in region.text):
        return []
    fragment = region.text if region.markup == "html" else _sanitise.from_markdown(region.text)
    reader = _Reader()
    reader.feed(_sanitise.clean_table(fragment))
    reader.close()
    return [grid for rows in reader.tables if (grid := _grid(rows)).width]


class _Written(NamedTuple):
    header: bool
    rows: int
    columns: int
    html: str


class _Reader(HTMLParser):
    """Rows of the outermost tables of well-formed HTML; tables within a cell are its text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.tables: list[list[list[_Written]]] = []
        self.depth = 0
        self.open: tuple[str, int, int] | None = None
        self.inner: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.depth += 1
            if self.depth == 1:
                self.tables.append([])
        elif self.depth == 1 and tag == "tr":
            self.tables[-1].append([])
        elif self.depth == 1 and tag in CELLS:
            spans = {name: _span(value) for name, value in attrs}
            self.open, self.inner = (tag, spans.get("rowspan", 1), spans.get("colspan", 1)), []
        elif self.open is not None:
            self.inner.append("<br>" if tag in ("tr", "li", "p") and self.inner else " " if tag in CELLS else f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.depth -= 1
        elif self.depth == 1 and tag in CELLS and self.open is not None:
            name, rows, columns = self.open
            inner = _sanitise.clean("".join(self.inner), inline=True).strip()
            self.tables[-1][-1].append(_Written(name == "th", rows, columns, inner))
            self.open = None
        elif self.open is not None:
            self.inner.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.open is not None:
            self.inner.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")


def _span(value: str | None) -> int:
    return min(max(int(value), 1), WIDEST) if value and value.strip().isdecimal() else 1


def _grid(rows: list[list[_Written]]) -> Grid:
    """Each cell at the first free place of its row; spans end where another cell or the table ends."""
    free = [0] * WIDEST
    cells = []
    reach = max((sum(c.columns if c.columns <= LIKELY else 1 for c in row) for row in rows), default=0)
    for number, row in enumerate(rows):
        column = 0
        for cell in row:
            while column < WIDEST and free[column] > number:
                column += 1
            if column == WIDEST:
                break
            height = min(cell.rows, len(rows) - number)
            start = column
            while column < min(start + min(cell.columns, reach), WIDEST) and free[column] <= number:
                free[column] = number + height
                column += 1
            cells.append(Cell(number, start, height, column - start, cell.header, cell.html))
    return Grid(len(rows), max((cell.column + cell.columns for cell in cells), default=0), tuple(cells))


class _Words(HTMLParser):
    @classmethod
    def of(cls, fragment: str) -> str:
        reader = cls()
        reader.feed(fragment)
        reader.close()
        lines = "".join(reader.parts).split("\n")
        return "\n".join(" ".join(line.split()) for line in lines).strip("\n")

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data.replace("\n", " "))


def write_html(grid: Grid) -> str:
    """The plainest spelling: table, tr, th, td, and spans above 1."""
    rows = [""] * grid.height
    for cell in grid.cells:
        name = "th" if cell.header else "td"
        spans = "".join(f' {a}="{n}"' for a, n in (("rowspan", cell.rows), ("colspan", cell.columns)) if n > 1)
        rows[cell.row] += f"<{name}{spans}>{' '.join(cell.html.split())}</{name}>"
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def plain_table(grid: Grid) -> str:
    """Rows as lines, cells separated by tabs."""
    return "\n".join("\t".join(" ".join(text.split()) for text in row).rstrip("\t") for row in grid.rows())


def text_of(fragment: str) -> str:
    """What is read of clean HTML."""
    return _Words.of(fragment)
