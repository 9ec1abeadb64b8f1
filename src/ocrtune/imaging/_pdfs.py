"""PDFs in this process: opening, sizes, rendering."""

from __future__ import annotations

import contextlib
import io
import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocrtune.core import Size
from ocrtune.errors import InputError
from ocrtune.imaging._opening import file_size

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PAGE_PIXELS = 40_000_000  # an A4 page at 600 dpi is 35 million; larger sheets are rendered at fewer dpi
POINTS_PER_INCH = 72.0


@contextlib.contextmanager
def open_pdf(path: Path | str) -> Iterator[Any]:
    """A `pypdfium2.PdfDocument`, closed at the end. Raises InputError like `load_pdf`."""
    document = load_pdf(Path(path))
    try:
        yield document
    finally:
        document.close()


def load_pdf(file: Path, password: str | None = None) -> Any:
    """A `pypdfium2.PdfDocument`, mended where pdfium cannot and qpdf can. The caller closes it.

    Raises InputError for empty, encrypted, broken and page-less files.
    """
    import pypdfium2

    if file_size(file) == 0:
        raise InputError(f"{file}: the file is empty (0 bytes)", hint="copy the PDF again from where it came from")
    try:
        document = _unlocked(file, password)
    except pypdfium2.PdfiumError as cause:
        if _is_locked(cause) and _holds(file, b"/Encrypt"):  # pdfium may repeat what it said of the file before
            said = "the password that was given does not open it" if password else "the PDF is encrypted"
            raise InputError(
                f"{file}: {said}", hint="give its password with `parse --password-file`, or remove it with `qpdf --decrypt`"
            ) from cause
        document = _mended(file, password)
        if document is None:
            raise InputError(
                f"{file}: not a PDF, or a broken one ({cause})", hint="copy it again from where it came from"
            ) from cause
    if len(document) == 0:
        document.close()
        raise InputError(f"{file}: the PDF has no pages", hint="make it again: there is nothing in it to read")
    return document


def _unlocked(file: Path, password: str | None) -> Any:
    """Without a password first: many an encrypted PDF may be read by everybody."""
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as cause:
        if password is None or not _is_locked(cause):
            raise
    return pypdfium2.PdfDocument(file, password=password)


def _is_locked(error: Exception) -> bool:
    return any(word in str(error).lower() for word in ("password", "security"))


def _holds(file: Path, words: bytes) -> bool:
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(words) >= 0


def _mended(file: Path, password: str | None) -> Any:
    """The document as qpdf writes it anew, in memory; None where that cannot be read either."""
    import pikepdf
    import pypdfium2

    content = io.BytesIO()
    try:
        with pikepdf.open(file, password=password or "", suppress_warnings=True) as damaged:
            if len(damaged.pages) == 0:
                raise InputError(f"{file}: the PDF has no pages", hint="make it again: there is nothing in it to read")
            damaged.save(content)
        return pypdfium2.PdfDocument(content.getvalue())
    except (pikepdf.PdfError, pypdfium2.PdfiumError, ValueError, RuntimeError):
        return None


def page_size(page: Any, dpi: float) -> Size:
    """Pixels of a PDF page at `dpi`, at fewer dpi where the sheet would be larger than MAX_PAGE_PIXELS."""
    width, height = page.get_size()
    scale = _page_scale(page, dpi)
    return Size(math.ceil(width * scale), math.ceil(height * scale))


def render_page(page: Any, dpi: float) -> Image:
    """A pypdfium2 page on white, upright as a reader shows it, `page_size(page, dpi)` pixels.

    Annotations and form fields are not drawn: the text layer does not hold their words.
    """
    image: Image = page.render(scale=_page_scale(page, dpi), draw_annots=False, may_draw_forms=False).to_pil().convert("RGB")
    return image


def render_pdf(path: Path | str, dpi: float) -> Iterator[Image]:
    """The pages in order, one at a time: memory holds one page. Raises InputError like `open_pdf`."""
    with open_pdf(path) as document:
        for index in range(len(document)):
            page = document[index]
            try:
                yield render_page(page, dpi)
            finally:
                page.close()


def _page_scale(page: Any, dpi: float) -> float:
    width, height = page.get_size()
    if width <= 0 or height <= 0:
        raise InputError(f"the PDF page is {width:g}×{height:g} points: there is nothing to see")
    return min(dpi / POINTS_PER_INCH, math.sqrt(MAX_PAGE_PIXELS / (width * height)))
