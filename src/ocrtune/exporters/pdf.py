"""The searchable PDF: the pages as they were, with their text invisibly on them."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from ocrtune.contracts import Artefact
from ocrtune.core import Document, ImageRef, Page
from ocrtune.core.document import Point
from ocrtune.errors import InputError
from ocrtune.exporters import _hidden, _raster
from ocrtune.exporters._glyphless import Glyphless
from ocrtune.exporters._layer import OnPage
from ocrtune.exporters._layer import text_layer as operators
from ocrtune.exporters._placing import Piece, Placed, lines
from ocrtune.exporters._source import is_pdf, opened
from ocrtune.options import ExportOptions
from ocrtune.rendering import TextLayer, picture, text_layer

log = logging.getLogger("ocrtune")

OWN_LAYER = "textlayer"  # the engine that reads the text which the page has already
FALLBACK_DPI = 150
A4 = (595.0, 842.0)  # points
COVERED = 0.8  # of the words stand in the text that the page has: it needs no other


class SearchablePdf:
    """Pages of a PDF keep their objects; pictures are embedded with the pixels of their files.

    A page that was read anew loses the invisible text of an earlier OCR. A page that was read from its own text, and words that
    the page shows as text already, stay as they are. Pages that could not be read are there without text. Pages of an encrypted
    PDF are written without encryption.
    """

    name = "pdf"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        with _base(document) as base:
            fonts = _Fonts(base.pdf)
            for index, page in enumerate(document.pages):
                shown = _shown(base, index, page)
                if shown.adds:
                    _add_text(base.pdf, shown, page, fonts)
            fonts.finish()
            yield Artefact(f"{stem}.pdf", _saved(base.pdf, stem, kept=base.kept))


# --- the pages as they were -----------------------------------------------------------------------------------------------


class _Base(NamedTuple):
    """`pdf` is what is written. `kept` says that it is the source itself, whose page for the document's page i is at i."""

    pdf: Any
    kept: bool


class _Shown(NamedTuple):
    """A page of the new PDF. `turned` is how far clockwise it is shown turned; `source` is the PDF page that it was."""

    page: Any
    turned: int
    source: ImageRef | None
    adds: bool


@contextlib.contextmanager
def _base(document: Document) -> Iterator[_Base]:
    import pikepdf

    path = next((Path(page.image.path) for page in document.pages if page.image is not None and is_pdf(page.image)), None)
    source = opened(path) if path is not None else None
    if source is None:
        with pikepdf.new() as made:
            yield _Base(made, kept=False)
        return
    with source:
        numbers = [_number(page) for page in document.pages]
        if numbers == list(range(1, len(source.pages) + 1)):
            yield _Base(source, kept=True)
            return
        with pikepdf.new() as part:
            for page, number in zip(document.pages, numbers, strict=True):
                if number <= len(source.pages):
                    part.pages.append(source.pages[number - 1])
                else:
                    _add_picture(part, page)
            part.Root.PageLabels = pikepdf.Dictionary(Nums=_labels(numbers))
            yield _Base(part, kept=True)


def _number(page: Page) -> int:
    return page.image.page or page.number if page.image is not None else page.number


def _labels(numbers: list[int]) -> Any:
    """Viewers call each page by its number in the source."""
    import pikepdf

    entries: list[Any] = []
    for index, number in enumerate(numbers):
        if index == 0 or number != numbers[index - 1] + 1:
            entries += [index, pikepdf.Dictionary(S=pikepdf.Name.D, St=number)]
    return pikepdf.Array(entries)


def _shown(base: _Base, index: int, page: Page) -> _Shown:
    if not base.kept:
        return _Shown(_add_picture(base.pdf, page), 0, None, adds=True)
    shown = base.pdf.pages[index]
    turned = _rotation(shown)
    if page.image is not None and page.image.turn:
        turned = (turned + page.image.turn) % 360
        shown.obj.Rotate = turned
    own = page.ledger is not None and page.ledger.engine == OWN_LAYER
    return _Shown(shown, turned, page.image, adds=bool(page.regions) and not own)


def _rotation(page: Any) -> int:
    from pikepdf import Name

    turned = _hidden.inherited(page, Name.Rotate)
    return int(turned) % 360 if isinstance(turned, int) and turned % 90 == 0 else 0


def _add_picture(pdf: Any, page: Page) -> Any:
    """A new page with the pixels of the file, or as they are seen where they cannot be embedded."""
    ref = page.image
    if ref is None:
        return pdf.add_blank_page(page_size=A4)
    try:
        return _raster.add_page(pdf, _raster.raster(Path(ref.path), (ref.page or 1) - 1), ref.turn)
    except InputError as problem:
        log.debug("page %d is embedded as it is seen: %s", page.number, problem)
    try:
        seen = picture(ref if is_pdf(ref) else ref.model_copy(update={"width": None, "height": None}))
    except InputError as problem:
        log.info("page %d is left empty: %s", page.number, problem)
        return pdf.add_blank_page(page_size=A4)
    return _raster.add_page(pdf, _raster.jpeg(seen, max(seen.size) / _raster.A4_LONG), 0)


# --- the text -----------------------------------------------------------------------------------------------------------------


class _Fonts:
    """The invisible font, and another one whenever it has no code left for the characters of a page."""

    def __init__(self, pdf: Any) -> None:
        import pikepdf

        self._pdf = pdf
        self._new = pikepdf.Dictionary
        self._made: list[tuple[Glyphless, Any]] = []

    def holding(self, placed: list[Placed]) -> tuple[Glyphless, Any]:
        characters = {c for line in placed for piece in line for c in piece.text}
        if not self._made or not self._made[-1][0].holds(characters):
            self._made.append((Glyphless(), self._pdf.make_indirect(self._new())))
        return self._made[-1]

    def finish(self) -> None:
        for font, entry in self._made:
            font.fill(entry, self._pdf)


def _add_text(pdf: Any, shown: _Shown, page: Page, fonts: _Fonts) -> None:
    resources = _hidden.own_resources(shown.page)
    placed = list(lines(page))
    if shown.source is not None:
        _hidden.remove_hidden_text(shown.page, pdf)
        if _hidden.has_fonts(resources):
            placed = _missing(placed, shown.source)
    if not placed:
        return
    font, entry = fonts.holding(placed)
    name = next(
        name for number in range(len(resources.Font.keys()) + 1) if f"/{(name := f'Ocrtune{number}')}" not in resources.Font
    )
    resources.Font[f"/{name}"] = entry
    content = operators(placed, _to_points(shown), font, name)
    shown.page.contents_add(pdf.make_stream(content), prepend=True)  # before anything that could move the origin


def _missing(placed: list[Placed], ref: ImageRef) -> list[Placed]:
    """The words that the page does not show as text already."""
    try:
        own = text_layer(ref)
    except InputError:
        own = None
    if own is None or not own.lines or ref.size is None:
        return placed
    left = [kept for line in placed if (kept := [piece for piece in line if not _stands(piece, own, ref)])]
    words = sum(map(len, placed))
    return left if sum(map(len, left)) > (1 - COVERED) * words else []


def _stands(piece: Piece, own: TextLayer, ref: ImageRef) -> bool:
    x = (piece.end[0] + piece.upper[0]) / 2 * (ref.width or 1)
    y = (piece.end[1] + piece.upper[1]) / 2 * (ref.height or 1)
    for line in own.lines:
        left, top, right, bottom = line.cells
        if left <= x <= right and top <= y <= bottom and line.text.count("\ufffd") * 2 < len(line.text):
            return True
    return False


def _to_points(shown: _Shown) -> OnPage:
    """Fractions of the picture, as it is shown, → points of the page."""
    left, bottom, right, top = _seen_box(shown.page)
    width, height = right - left, top - bottom
    x, along_x, down_x, y, along_y, down_y = {
        0: (left, width, 0.0, top, 0.0, -height),
        90: (left, 0.0, width, bottom, height, 0.0),
        180: (right, -width, 0.0, bottom, 0.0, height),
        270: (right, 0.0, -width, top, -height, 0.0),
    }[shown.turned]

    def on_page(point: Point) -> Point:
        u, v = point
        return x + u * along_x + v * down_x, y + u * along_y + v * down_y

    return on_page


def _seen_box(page: Any) -> tuple[float, float, float, float]:
    """What viewers show of the page: its crop box, as far as it lies in the media box."""
    from pikepdf import Name

    media = _rectangle(_hidden.inherited(page, Name.MediaBox)) or (0.0, 0.0, 612.0, 792.0)
    crop = _rectangle(_hidden.inherited(page, Name.CropBox)) or media
    seen = max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3])
    return seen if seen[0] < seen[2] and seen[1] < seen[3] else media


def _rectangle(array: Any) -> tuple[float, float, float, float] | None:
    try:
        x0, y0, x1, y1 = (float(value) for value in array)
    except (TypeError, ValueError):
        return None
    rectangle = min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
    return rectangle if rectangle[0] < rectangle[2] and rectangle[1] < rectangle[3] else None


def _saved(pdf: Any, stem: str, *, kept: bool) -> bytes:
    producer = f"ocrtune {version('ocrtune')}"
    if pdf.Root.get("/Metadata") is not None:
        with contextlib.suppress(ValueError, TypeError, RuntimeError), pdf.open_metadata(set_pikepdf_as_editor=False) as xmp:
            xmp["pdf:Producer"] = producer
    pdf.docinfo["/Producer"] = producer
    if not kept:
        pdf.docinfo["/Title"] = stem
    buffer = io.BytesIO()
    pdf.save(buffer, deterministic_id=True)
    return buffer.getvalue()
