"""Opening picture files that nobody vouches for. Every picture that leaves here is upright RGB."""

from __future__ import annotations

import contextlib
import importlib
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ocrtune.core import Size
from ocrtune.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_IMAGE_PIXELS = 178_000_000  # an A2 sheet at 600 dpi is 139 million; Pillow itself refuses a million later
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm"}
) | {*(".heic", ".heif", ".avif", ".jp2")}
FILLED = 128  # the grey that libjpeg shows where there is no more data
ORIENTATION = 0x0112  # EXIF tag
UPRIGHT = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # orientation → PIL.Image.Transpose
SIDEWAYS = (2, 4, 5, 6)  # those of them that swap width and height
# what Pillow may open: its reader of PostScript starts another program, and the rare ones are seldom tested
PLUGINS = ("Png", "Jpeg", "Mpo", "Tiff", "WebP", "Bmp", "Gif", "Ppm", "Jpeg2K", "Avif")
FORMATS = ("PNG", "JPEG", "MPO", "TIFF", "WEBP", "BMP", "DIB", "GIF", "PPM", "JPEG2000", "AVIF", "HEIF")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def open_image(path: Path | str, *, frame: int = 0) -> Image:
    """The picture as upright RGB: EXIF orientation applied, transparency laid on white (on black
    where white letters would vanish), the given frame of several, counted from 0.

    Raises InputError saying why when the file is missing, empty, no image, cut short, of zero size or absurdly large.
    """
    return open_plain(path, frame=frame).convert("RGB")


def open_plain(path: Path | str, *, frame: int = 0, fit: Size | None = None) -> Image:
    """Like `open_image`, but "L" where the file is grey or black and white: a third of the work and of the memory.

    `fit`, where given, is the size (upright) that the caller will scale to: what can be decoded at less than its full size is.
    """
    file = Path(path)
    name = str(file) if frame == 0 else f"{file}, frame {frame + 1}"
    with _readable(file, name) as image:
        if frame:
            image.seek(frame)
        _load(image, name, fit)
        turn = UPRIGHT.get(_orientation(image))  # after loading: Pillow turns TIFFs by itself
        return _plain(image if turn is None else image.transpose(turn))


class Cut(NamedTuple):
    """A picture of which the end is missing, white there; `share` of its rows have pixels."""

    image: Image
    share: float


def open_cut(path: Path | str, *, fit: Size | None = None) -> Cut:
    """What there is of a JPEG that was cut off, otherwise like `open_plain`. Raises InputError where nothing is, too.

    For a process that does one thing at a time: what Pillow forgives is a setting of the whole process.
    """
    from PIL import Image as Pillow
    from PIL import ImageFile

    file = Path(path)
    strict = ImageFile.LOAD_TRUNCATED_IMAGES
    with _readable(file, str(file)) as image:
        if image.format not in ("JPEG", "MPO"):
            raise InputError(f"{file}: a broken or cut-off image", hint="copy or export the image again")
        turn = UPRIGHT.get(_orientation(image))
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            _load(image, str(file), fit)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = strict
        seen, share = _whitened(_plain(image))
    if share == 0:
        raise InputError(f"{file}: the image is cut off before its first pixel", hint="copy or export the image again")
    return Cut(seen if turn is None else seen.transpose(Pillow.Transpose(turn)), share)


def _whitened(image: Image) -> Cut:
    """White for the rows at the end that the decoder filled with its middle grey."""
    import numpy as np
    from PIL import Image as Pillow

    pixels = np.array(image)
    filled = (pixels.reshape(len(pixels), -1) == FILLED).all(axis=1)
    there = int(len(pixels) - filled[::-1].argmin()) if not filled.all() else 0
    pixels[there:] = 255
    return Cut(Pillow.fromarray(pixels), there / len(pixels))


def _load(image: Any, name: str, fit: Size | None) -> None:
    _check_size(image.width, image.height, name)
    if fit is not None:
        image.draft(None, (fit.height, fit.width) if UPRIGHT.get(_orientation(image)) in SIDEWAYS else fit)
    image.load()


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
            most = f"{MAX_IMAGE_PIXELS // 1_000_000} million pixels"
            raise InputError(
                f"{name}: the image has more than {most}", hint="scale it down or cut it into pages first"
            ) from cause
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
    """What the header of a PNG, GIF or BMP says; 1×1 where there is none of these."""
    with file.open("rb") as opened:
        head = opened.read(26)
    if head.startswith(b"\x89PNG") and len(head) >= 24:
        return Size(*struct.unpack(">II", head[16:24]))
    if head.startswith(b"GIF8") and len(head) >= 10:
        return Size(*struct.unpack("<HH", head[6:10]))
    if head.startswith(b"BM") and len(head) >= 26:
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


def _plain(image: Image) -> Image:
    """ "RGB", or "L" where no pixel can have a colour."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _stretch(image)
    if "A" in image.mode or image.mode == "PA" or "transparency" in image.info:
        import numpy as np
        from PIL import Image as Pillow

        layered = image.convert("RGBA")
        alpha = layered.getchannel("A")
        paper = Pillow.new("RGB", layered.size, (255, 255, 255))
        paper.paste(layered, mask=alpha)
        if int(np.asarray(paper).min()) > 250 and len(np.unique(np.asarray(alpha))) > 1:  # white letters on nothing
            paper = Pillow.new("RGB", layered.size, (0, 0, 0))
            paper.paste(layered, mask=alpha)
        return paper
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _stretch(image: Image) -> Image:
    """16-bit and float pictures: 16-bit by its top byte, anything else from its darkest to its brightest value."""
    import numpy as np
    from PIL import Image as Pillow

    values = np.asarray(image, dtype=np.float64)
    low, high = (0.0, 65535.0) if image.mode.startswith("I") else (float(values.min()), float(values.max()))
    grey = (values - low) / max(high - low, 1e-9) * 255.0
    return Pillow.fromarray(grey.clip(0, 255).astype(np.uint8))


def file_size(file: Path) -> int:
    """Bytes of a file. Raises InputError where there is none, or none that may be read."""
    try:
        if not file.is_file():
            raise InputError(f"{file}: {'a folder, not a file' if file.is_dir() else 'no such file'}")
        return file.stat().st_size
    except OSError as cause:
        raise InputError(f"{file}: cannot be read ({cause.strerror})") from cause
