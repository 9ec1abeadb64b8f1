"""Pictures: opening files safely, rendering PDF pages, hashing, naming. Every picture that leaves here is upright RGB."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import math
import os
import struct
import textwrap
import unicodedata
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ocrtune.core import ImageRef, Size
from ocrtune.errors import InputError, disk_errors

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_IMAGE_PIXELS = 200_000_000  # an A2 sheet at 600 dpi is 139 million
MAX_PAGE_PIXELS = 40_000_000  # an A4 page at 600 dpi is 35 million; larger sheets are rendered at fewer dpi
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm"}
) | {*(".heic", ".heif", ".avif", ".jp2")}
POINTS_PER_INCH = 72.0
ORIENTATION = 0x0112  # EXIF tag
UPRIGHT = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # orientation → PIL.Image.Transpose
SIDEWAYS = (2, 4, 5, 6)  # those of them that swap width and height
# what Pillow may open: its reader of PostScript starts another program, and the rare ones are seldom tested
PLUGINS = ("Png", "Jpeg", "Mpo", "Tiff", "WebP", "Bmp", "Gif", "Ppm", "Jpeg2K", "Avif")
FORMATS = ("PNG", "JPEG", "MPO", "TIFF", "WEBP", "BMP", "DIB", "GIF", "PPM", "JPEG2000", "AVIF", "HEIF")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
CJK_FONTS = ("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "uming.ttc", "PingFang.ttc", "msyh.ttc")


def open_image(path: Path | str, *, frame: int = 0, fit: Size | None = None) -> Image:
    """The picture as upright RGB: EXIF orientation applied, transparency laid on white (on black
    where white letters would vanish), the given frame of several, counted from 0.

    `fit`, where given, is the size (upright) that the caller will scale to: what can be decoded at less than its full size is.
    Raises InputError saying why when the file is missing, empty, no image, cut short, of zero size or absurdly large.
    """
    file = Path(path)
    name = str(file) if frame == 0 else f"{file}, frame {frame + 1}"
    with _readable(file, name) as image:
        if frame:
            image.seek(frame)
        _check_size(image.width, image.height, name)
        if fit is not None:
            image.draft(None, (fit.height, fit.width) if UPRIGHT.get(_orientation(image)) in SIDEWAYS else fit)
        image.load()
        turn = UPRIGHT.get(_orientation(image))  # after loading: Pillow turns TIFFs by itself
        return _to_rgb(image if turn is None else image.transpose(turn))


class Raster(NamedTuple):
    """A picture as it is stored: size, and the EXIF orientation (1–8) that brings it upright."""

    size: Size
    orientation: int


def raster(path: Path | str) -> Raster:
    """The header of a picture, without decoding it. Raises InputError saying why it cannot be read."""
    file = Path(path)
    with _readable(file, str(file)) as image:
        return _raster(image)


def frame_sizes(path: Path | str) -> list[Size]:
    """The upright size of every frame of a TIFF, without decoding any. Raises InputError like `raster`."""
    with _readable(Path(path), str(path)) as image:
        sizes = []
        for frame in range(int(getattr(image, "n_frames", 1))):
            image.seek(frame)
            stored, orientation = _raster(image)
            sizes.append(Size(stored.height, stored.width) if UPRIGHT.get(orientation) in SIDEWAYS else stored)
        return sizes


def _raster(image: Any) -> Raster:
    tags = getattr(image, "tag_v2", None)  # newer Pillows tell the upright size of a TIFF; its tags tell the stored one
    return Raster(Size(*image.size) if tags is None else Size(tags[256], tags[257]), _orientation(image))


def frame_count(path: Path | str) -> int:
    """How many frames `open_image` may be asked for; 1 where the file does not say."""
    from PIL import Image as Pillow

    with (
        warnings.catch_warnings(),
        contextlib.suppress(OSError, SyntaxError, ValueError, EOFError, Pillow.DecompressionBombError),
    ):
        warnings.simplefilter("ignore")
        with Pillow.open(path) as image:
            return int(getattr(image, "n_frames", 1))
    return 1


@contextlib.contextmanager
def _readable(file: Path, name: str) -> Iterator[Any]:
    """A picture file opened by Pillow; what goes wrong with it, there or in the caller's block, is an InputError."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    if file_size(file) == 0:
        raise InputError(f"{file}: the file is empty (0 bytes)", hint="copy the image again from where it came from")
    _know_heif(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the bomb warning is replaced by our own bound; odd EXIF is not the reader's problem
        try:
            with Pillow.open(file, formats=_formats()) as image:
                yield image
        except UnidentifiedImageError as cause:
            _check_size(*_declared_size(file), name)  # Pillow does not know pictures of no pixels
            raise InputError(f"{name}: not an image that Pillow knows", hint="convert it to PNG or JPEG") from cause
        except Pillow.DecompressionBombError as cause:
            raise InputError(f"{name}: {cause}", hint="scale the image down first") from cause
        except (OSError, SyntaxError, ValueError, EOFError) as cause:
            raise InputError(f"{name}: a broken or cut-off image ({cause})", hint="copy or export the image again") from cause


def _formats() -> list[str]:
    from PIL import Image as Pillow

    for module in PLUGINS:
        with contextlib.suppress(ImportError):  # an older Pillow, or one built without that library
            importlib.import_module(f"PIL.{module}ImagePlugin")
    return [name for name in FORMATS if name in Pillow.OPEN]


def _orientation(image: Any) -> int:
    value = image.getexif().get(ORIENTATION, 1)
    return value if value in range(1, 9) else 1


def _know_heif(file: Path) -> None:
    """Teach Pillow the pictures of phones, where the file is one. Raises InputError where their library is missing."""
    with file.open("rb") as opened:
        head = opened.read(12)
    if head[4:8] != b"ftyp" or head[8:12] not in HEIF_BRANDS:
        return
    try:
        import pillow_heif
    except ImportError as cause:
        raise InputError(f"{file}: a HEIC picture, which needs a library", hint='pip install "ocrtune[heic]"') from cause
    pillow_heif.register_heif_opener()


def _declared_size(file: Path) -> Size:
    """What the header of a PNG, GIF or BMP says; 1×1 where it is none of these."""
    with file.open("rb") as opened:
        head = opened.read(26).ljust(26, b"\xff")
    if head.startswith(b"\x89PNG"):
        return Size(*struct.unpack(">II", head[16:24]))
    if head.startswith(b"GIF8"):
        return Size(*struct.unpack("<HH", head[6:10]))
    if head.startswith(b"BM"):
        width, height = struct.unpack("<ii", head[18:26])
        return Size(width, abs(height))
    return Size(1, 1)


def _check_size(width: int, height: int, name: str) -> None:
    if width <= 0 or height <= 0:
        raise InputError(f"{name}: the image is {width}×{height} pixels: there is nothing to see", hint="export the image again")
    if width * height > MAX_IMAGE_PIXELS:
        raise InputError(
            f"{name}: {width}×{height} pixels are more than the bound of {MAX_IMAGE_PIXELS // 1_000_000} million",
            hint="scale the image down or cut it into pages first",
        )


def _to_rgb(image: Image) -> Image:
    import numpy as np
    from PIL import Image as Pillow

    if image.mode == "RGB":
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _stretch(image)
    if "A" in image.mode or image.mode == "PA" or "transparency" in image.info:
        layered = image.convert("RGBA")
        alpha = layered.getchannel("A")
        paper = Pillow.new("RGB", layered.size, (255, 255, 255))
        paper.paste(layered, mask=alpha)
        if int(np.asarray(paper).min()) > 250 and len(np.unique(np.asarray(alpha))) > 1:  # white letters on nothing
            paper = Pillow.new("RGB", layered.size, (0, 0, 0))
            paper.paste(layered, mask=alpha)
        return paper
    return image.convert("RGB")


def _stretch(image: Image) -> Image:
    """16-bit and float pictures: 16-bit by its top byte, anything else from its darkest to its brightest value."""
    import numpy as np
    from PIL import Image as Pillow

    values = np.asarray(image, dtype=np.float64)
    low, high = (0.0, 65535.0) if image.mode.startswith("I") else (float(values.min()), float(values.max()))
    grey = (values - low) / max(high - low, 1e-9) * 255.0
    return Pillow.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")


def image_ref(path: Path | str) -> ImageRef:
    """The image by name: path as given, SHA-256 of the file, size once upright. Raises InputError like `open_image`."""
    with open_image(path) as image:
        return ImageRef(path=str(path), sha256=sha256(Path(path).read_bytes()), width=image.width, height=image.height)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def store_image(folder: Path, content: bytes) -> str:
    """Keep encoded image bytes that `open_image` accepts under a name made of their content; gives that name.

    Written beside and renamed, without waiting for the disk: a kill loses nothing, and waiting costs more than rendering.
    """
    path = folder / f"{sha256(content)[:16]}{_suffix(content)}"
    with disk_errors(str(path)):
        folder.mkdir(exist_ok=True)
        if path.exists():
            return path.name
        beside = path.with_name(f".{path.name}")
        try:
            beside.write_bytes(content)
            os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    return path.name


def _suffix(content: bytes) -> str:
    from PIL import Image as Pillow

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Pillow.open(io.BytesIO(content)) as image:
            kind = (image.format or "png").lower()
    return {"jpeg": ".jpg", "mpo": ".jpg", "tiff": ".tif"}.get(kind, f".{kind}")


def perceptual_hash(image: Image) -> int:
    """dHash, 64 bits: is each cell of an 8×8 grid darker than its right neighbour? Similar pictures differ in few bits."""
    import numpy as np
    from PIL import Image as Pillow

    small = np.asarray(image.convert("L").resize((9, 8), Pillow.Resampling.BOX), dtype=np.int16)
    bits = (small[:, 1:] > small[:, :-1]).flatten()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def contact_sheet(images: list[tuple[Image, str]], *, columns: int = 3) -> Image:
    """Pictures in a grid, each fitted into its cell, its caption below it (two lines at most)."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    cell, caption, gap = Size(420, 180), 34, 10
    cells = []
    for image, text in images:
        small = image.copy()
        small.thumbnail(cell)
        cells.append((small, text))
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    heights = [max(small.height for small, _ in row) + caption + gap for row in rows]
    sheet = Pillow.new("RGB", (columns * (cell.width + gap) + gap, sum(heights) + gap), (238, 238, 238))
    draw = ImageDraw.Draw(sheet)
    top = gap
    for row, height in zip(rows, heights, strict=True):
        for index, (small, text) in enumerate(row):
            left = gap + index * (cell.width + gap)
            sheet.paste(small, (left, top))
            lines = textwrap.wrap(text, 62, max_lines=2)
            draw.multiline_text(
                (left, top + height - caption - gap + 2), "\n".join(lines), fill=(20, 20, 20), font=_caption_font(text)
            )
        top += height
    return sheet


def _caption_font(text: str) -> Any:
    """matplotlib's DejaVu, or a CJK font of the system where the text has ideographs and one is there."""
    import matplotlib
    from PIL import ImageFont

    names = [str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")]
    if any(unicodedata.east_asian_width(letter) in "WF" for letter in text):
        names = [*CJK_FONTS, *names]
    for name in names[:-1]:
        with contextlib.suppress(OSError):
            return ImageFont.truetype(name, 11)
    return ImageFont.truetype(names[-1], 11)


# --- PDF ----------------------------------------------------------------------------------------------------------------


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
        document = pypdfium2.PdfDocument(file, password=password)
    except pypdfium2.PdfiumError as cause:
        reason = str(cause).lower()
        if "password" in reason or "security" in reason:
            said = "the password that was given does not open it" if password else "the PDF is encrypted"
            raise InputError(f"{file}: {said}", hint="give its password with `parse --password`") from cause
        document = _mended(file, password)
        if document is None:
            raise InputError(
                f"{file}: not a PDF, or a broken one ({cause})", hint="copy it again from where it came from"
            ) from cause
    if len(document) == 0:
        document.close()
        raise InputError(f"{file}: the PDF has no pages")
    return document


def _mended(file: Path, password: str | None) -> Any:
    """The document as qpdf writes it anew, in memory; None where that cannot be read either."""
    import pikepdf
    import pypdfium2

    content = io.BytesIO()
    try:
        with pikepdf.open(file, password=password or "", suppress_warnings=True) as damaged:
            if len(damaged.pages) == 0:
                return None
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


def file_size(file: Path) -> int:
    """Bytes of a file. Raises InputError where there is none, or none that may be read."""
    try:
        if not file.is_file():
            raise InputError(f"{file}: {'a folder, not a file' if file.is_dir() else 'no such file'}")
        return file.stat().st_size
    except OSError as cause:
        raise InputError(f"{file}: cannot be read ({cause.strerror})") from cause
