"""Pages of PDFs as pixels, by pdfium, straight at the size that is wanted."""

from __future__ import annotations

import ctypes
import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ocrtune.core import Size
from ocrtune.errors import InputError
from ocrtune.imaging import POINTS_PER_INCH

if TYPE_CHECKING:
    from PIL.Image import Image

Matrix = tuple[float, float, float, float, float, float]

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
LONGEST_SIDE = 30_000  # pixels; a JPEG ends at 65 535
MOST_PAGES = 100_000
SMALL = 320_000  # pixels of a picture in which each one is looked at for its colour
COLOUR = 10  # of 255, between two channels of a pixel; the tint of a scanner's lamp is below
ALIKE = 12.0  # of 255, mean difference between two shrunk views of one picture
DEPTH = 8  # forms within forms
MOST_OBJECTS = 50_000  # of a page that are looked at; a map may have millions


def sheet(document: Any, number: int, name: str) -> Any:
    """A page, which the caller closes. Raises InputError."""
    if not 1 <= number <= len(document):
        raise InputError(f"{name}: there is no page {number}, the PDF has {len(document)}")
    try:
        return document[number - 1]
    except RuntimeError as cause:
        raise InputError(f"{name}, page {number}: the page is broken ({cause})") from cause


def size_at(width: float, height: float, dpi: float, most: int) -> Size | None:
    """Pixels of a sheet of so many points at `dpi`, or fewer where that were more than `most`; None for one without extent."""
    if not (0 < width < math.inf and 0 < height < math.inf):
        return None
    scale = min(dpi / POINTS_PER_INCH, math.sqrt(most / width / height), LONGEST_SIDE / max(width, height))
    return Size(max(round(width * scale), 1), max(round(height * scale), 1))


def count(document: Any, name: str) -> int:
    """How many pages there are. Raises InputError where it says that there are more than anybody has."""
    if len(document) > MOST_PAGES:
        raise InputError(f"{name}: the PDF says it has {len(document)} pages, more than {MOST_PAGES}", hint="split it first")
    return len(document)


def sizes(document: Any, dpi: float, most: int, name: str) -> list[Size | None]:
    """Of all pages, None for those that have none."""
    return [_size_of(document, index, dpi, most) for index in range(count(document, name))]


def _size_of(document: Any, index: int, dpi: float, most: int) -> Size | None:
    try:
        width, height = document.get_page_size(index)
        return size_at(width, height, dpi, most)
    except RuntimeError:
        return None


def upright_size(page: Any, turn: int, dpi: float, most: int, name: str) -> Size:
    """The size of a page that is turned by `turn`. Raises InputError for one without extent."""
    width, height = page.get_size()
    size = size_at(width, height, dpi, most)
    if size is None:
        raise InputError(f"{name}: the sheet has no extent: there is nothing to see", hint="print it to a new PDF")
    return size if turn % 180 == 0 else Size(size.height, size.width)


def view(page: Any, size: Size, turn: int) -> Image:
    """The page on white at exactly `size`, turned, annotations and form fields drawn: grey ("L") where it has no colour, else
    "RGBX". Never drawn in grey by pdfium: it then puts letters at whole pixels, and pictures cost it more."""
    image = _rendered(page, size, turn)
    return image if is_coloured(image) else image.convert("L")


def transparent(page: Any, size: Size) -> Image:
    """The page without paper, "RGBA": each colour is pure, and how much of a pixel it covers is its alpha."""
    return _rendered(page, size, 0, "RGBA")


def ink(page: Any, size: Size, turn: int) -> Image:
    """The page in grey at a small size."""
    return _rendered(page, size, turn).convert("L")


def is_coloured(image: Image) -> bool:
    """Whether some place of a picture of three or more channels is not grey; in large ones, 8 × 8 pixels are one place."""
    from PIL import ImageChops

    small = image.reduce(8) if image.width * image.height > SMALL else image
    red, green, blue, *_ = small.split()
    differences = (ImageChops.difference(red, green), ImageChops.difference(green, blue), ImageChops.difference(red, blue))
    return any(int(difference.getextrema()[1]) > COLOUR for difference in differences)  # type: ignore[arg-type]


def _rendered(page: Any, size: Size, turn: int, mode: Literal["RGBX", "RGBA"] = "RGBX") -> Image:
    """On white, or ("RGBA") on nothing."""
    import pypdfium2.raw as pdfium
    from PIL import Image as Pillow

    pixels = bytearray(b"\xff" if mode == "RGBX" else b"\0") * (4 * size.width * size.height)
    memory = (ctypes.c_char * len(pixels)).from_buffer(pixels)
    stride = 4 * size.width
    form = pdfium.FPDFBitmap_BGRx if mode == "RGBX" else pdfium.FPDFBitmap_BGRA
    bitmap = pdfium.FPDFBitmap_CreateEx(size.width, size.height, form, ctypes.addressof(memory), stride)
    if not bitmap:
        raise MemoryError
    place = (0, 0, size.width, size.height, turn // 90, pdfium.FPDF_ANNOT | pdfium.FPDF_REVERSE_BYTE_ORDER)
    try:
        pdfium.FPDF_RenderPageBitmap(bitmap, page, *place)
        if page.formenv:
            pdfium.FPDF_FFLDraw(page.formenv, bitmap, page, *place)
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
    return Pillow.frombuffer(mode, size, pixels, "raw", mode, 0, 1)


class Drawn(NamedTuple):
    """Something on a page: a raw handle of pdfium, its kind (FPDF_PAGEOBJ_*), and the matrix from its space to the page's."""

    item: Any
    kind: int
    matrix: Matrix


def objects(page: Any) -> Iterator[Drawn]:
    """What is drawn, also inside forms, in the order of painting; no more than can be looked at."""
    import pypdfium2.raw as pdfium

    left = MOST_OBJECTS

    def inside(count: int, get: Any, parent: Any, outer: tuple[Matrix, ...]) -> Iterator[Drawn]:
        nonlocal left
        for index in range(max(count, 0)):
            item = get(parent, index)
            left -= 1
            if left < 0:
                return
            if not item:
                continue
            drawn = Drawn(item, pdfium.FPDFPageObj_GetType(item), chained(_matrix(item), outer[-1]))
            yield drawn
            if drawn.kind == pdfium.FPDF_PAGEOBJ_FORM and len(outer) < DEPTH:
                counted = pdfium.FPDFFormObj_CountObjects(item)
                yield from inside(counted, pdfium.FPDFFormObj_GetObject, item, (*outer, drawn.matrix))

    yield from inside(pdfium.FPDFPage_CountObjects(page), pdfium.FPDFPage_GetObject, page, (IDENTITY,))


def _matrix(item: Any) -> Matrix:
    import pypdfium2.raw as pdfium

    found = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(item, found):
        return IDENTITY
    return found.a, found.b, found.c, found.d, found.e, found.f


def chained(first: Matrix, then: Matrix) -> Matrix:
    """Both after each other, as PDF multiplies matrices."""
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u


def own_jpeg(page: Any, size: Size) -> tuple[bytes, Size] | None:
    """The bytes and size of the one JPEG that a page shows and nothing else, where it is `size` give or take a pixel; else None.

    That it looks like the page (not inverted, masked or in other colours) is seen by comparing small views of both.
    """
    import pypdfium2.raw as pdfium
    from PIL import Image as Pillow

    item = _only_picture(page)
    if item is None:
        return None
    content = _bytes_of(item, pdfium.FPDFImageObj_GetImageDataRaw)
    with Pillow.open(io.BytesIO(content), formats=["JPEG"]) as image:
        own = Size(*image.size)
        if max(abs(own.width - size.width), abs(own.height - size.height)) > 1 or image.mode not in ("L", "RGB"):
            return None
        image.draft(None, (own.width // 8, own.height // 8))
        image.load()  # to the last byte: a truncated one is not passed on
        return (content, own) if _alike(image, _rendered(page, Size(*image.size), 0)) else None


def _only_picture(page: Any) -> Any:
    """The JPEG that covers an upright page whose other objects, if any, are invisible text; else None."""
    import pypdfium2.raw as pdfium

    if page.get_rotation() != 0 or pdfium.FPDFPage_GetAnnotCount(page) > 0:
        return None
    only: Drawn | None = None
    for drawn in objects(page):
        if drawn.kind == pdfium.FPDF_PAGEOBJ_IMAGE and only is None:
            only = drawn
        elif drawn.kind != pdfium.FPDF_PAGEOBJ_TEXT or (
            pdfium.FPDFTextObj_GetTextRenderMode(drawn.item) != pdfium.FPDF_TEXTRENDERMODE_INVISIBLE
        ):
            return None
    if only is None or not _covers(only.matrix, page) or pdfium.FPDFImageObj_GetImageFilterCount(only.item) != 1:
        return None
    name = ctypes.create_string_buffer(16)
    pdfium.FPDFImageObj_GetImageFilter(only.item, 0, name, len(name))
    return only.item if name.value == b"DCTDecode" else None


def _covers(matrix: Matrix, page: Any) -> bool:
    """Whether an upright picture ends where the page does, to half a point."""
    a, b, c, d, e, f = matrix
    if b or c or a <= 0 or d <= 0:
        return False
    return all(abs(edge - bound) < 0.5 for edge, bound in zip((e, f, e + a, f + d), page.get_bbox(), strict=True))


def _bytes_of(item: Any, read: Any) -> bytes:
    length = read(item, None, 0)
    content = (ctypes.c_ubyte * length)()
    read(item, content, length)
    return bytes(content)


def _alike(one: Image, other: Image) -> bool:
    from PIL import ImageChops, ImageStat

    first, second = (image.convert("RGB").reduce(2) for image in (one, other))
    return max(ImageStat.Stat(ImageChops.difference(first, second)).mean) < ALIKE
