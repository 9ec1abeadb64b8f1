"""Pictures inside of PDF pages, with the pixels of their files: JPEG as it is, all else without loss."""

from __future__ import annotations

import io
import math
import struct
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ocrtune.core import Size
from ocrtune.core.document import Point
from ocrtune.errors import InputError
from ocrtune.imaging import MAX_IMAGE_PIXELS, open_image

if TYPE_CHECKING:
    from PIL.Image import Image

POINTS = 72.0
ORIENTATION = 0x0112  # EXIF tag
SHORTEST, LONGEST = 3.0, 14_400.0  # points of a page that a PDF may have
A4_LONG = 11.69  # inches; pictures that do not say their dpi become about this long
PLACEHOLDERS = (72, 96)  # dpi that programs write where they do not know
LIKELY_LONGEST = 20.0  # inches, for pictures with such dpi
LONGEST_PAGE = 200.0  # inches that PDF viewers accept
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE = 3
COLOURS = {0: ("/DeviceGray", 1), 2: ("/DeviceRGB", 3), PALETTE: ("/Indexed", 1)}
ICC_SPACES = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}


class Raster(NamedTuple):
    """An image for a PDF: its bytes and dictionary, how its pixels are turned (EXIF, 1–8), and its size in points, upright."""

    content: bytes
    entries: dict[str, Any]
    size: Size
    orientation: int
    width: float
    height: float
    icc: bytes | None = None


class _Look(NamedTuple):
    """What the header of a picture says."""

    format: str
    mode: str
    orientation: int
    dpi: tuple[float, float] | None
    icc: bytes | None
    adobe: bool


def raster(path: Path, frame: int) -> Raster:
    """The picture, or the frame of it counted from 0. Raises InputError where it cannot be opened."""
    from PIL import Image as Pillow

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Pillow.open(path) as image:
                image.seek(frame)
                if image.width * image.height > MAX_IMAGE_PIXELS:
                    raise InputError(f"{path}: {image.width}×{image.height} pixels are too many for a page")
                look = _look(image)
                if look.format in ("JPEG", "MPO") and frame == 0 and look.mode in ("L", "RGB", "CMYK"):
                    return _jpeg(path.read_bytes(), Size(*image.size), look)
                if look.format == "PNG" and (passed := _png(path.read_bytes(), look)) is not None:
                    return passed
                image.load()
                return _recoded(image, path, frame, look)
        except (OSError, SyntaxError, ValueError, EOFError, Pillow.DecompressionBombError) as cause:
            raise InputError(f"{path}: the picture cannot be embedded ({cause})") from cause


def jpeg(image: Image, dpi: float, quality: int = 90) -> Raster:
    """Pixels that were rendered, where there is no file to embed."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return _jpeg(buffer.getvalue(), Size(*image.size), _Look("JPEG", "RGB", 1, (dpi, dpi), None, False))


def _look(image: Image) -> _Look:
    orientation = image.getexif().get(ORIENTATION, 1)
    return _Look(
        format=image.format or "",
        mode=image.mode,
        orientation=orientation if orientation in range(1, 9) else 1,
        dpi=_dpi(image.info.get("dpi")),
        icc=image.info.get("icc_profile") or None,
        adobe="adobe" in image.info,
    )


def _dpi(said: Any) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in said)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    believable = all(math.isfinite(v) and 20 <= v <= 4800 for v in (across, down)) and 0.4 < across / down < 2.5
    return (across, down) if believable else None


def _made(content: bytes, entries: dict[str, Any], size: Size, look: _Look, *, channels: int) -> Raster:
    width, height = _points(size, look)
    icc = look.icc if look.icc is not None and ICC_SPACES.get(look.icc[16:20]) == channels else None
    return Raster(content, {"/Width": size.width, "/Height": size.height, **entries}, size, look.orientation, width, height, icc)


def _points(size: Size, look: _Look) -> tuple[float, float]:
    """The size on paper, upright."""
    across, down = look.dpi or (0.0, 0.0)
    longest = max(size)
    placeholder = round(across) in PLACEHOLDERS and across == down and longest / across > LIKELY_LONGEST
    if not across or placeholder:
        across = down = max(longest / A4_LONG, POINTS)
    across, down = max(across, longest / LONGEST_PAGE), max(down, longest / LONGEST_PAGE)
    width, height = size.width * POINTS / across, size.height * POINTS / down
    return (height, width) if look.orientation > 4 else (width, height)


def measured(path: Path, frame: int) -> tuple[float, float]:
    """The size of the picture on paper, upright, in points. Raises InputError where its header cannot be read."""
    from PIL import Image as Pillow

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Pillow.open(path) as image:
                image.seek(frame)
                return _points(Size(*image.size), _look(image))
        except (OSError, SyntaxError, ValueError, EOFError, Pillow.DecompressionBombError) as cause:
            raise InputError(f"{path}: the picture cannot be opened ({cause})") from cause


def _jpeg(content: bytes, size: Size, look: _Look) -> Raster:
    space, channels = {"L": ("/DeviceGray", 1), "RGB": ("/DeviceRGB", 3), "CMYK": ("/DeviceCMYK", 4)}[look.mode]
    entries: dict[str, Any] = {"/Filter": "/DCTDecode", "/ColorSpace": space, "/BitsPerComponent": 8}
    if look.mode == "CMYK" and look.adobe:  # Photoshop writes ink as light
        entries["/Decode"] = [1, 0] * 4
    return _made(content, entries, size, look, channels=channels)


def _png(content: bytes, look: _Look) -> Raster | None:
    """The compressed rows of a PNG as they are; None for one that a PDF cannot hold that way."""
    chunks = _chunks(content)
    header = next((body for kind, body in chunks if kind == b"IHDR"), b"")
    if len(header) != 13:
        return None
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    names = {kind for kind, _ in chunks}
    if colour not in COLOURS or interlaced or names & {b"tRNS", b"acTL"}:
        return None
    space, channels = COLOURS[colour]
    entries: dict[str, Any] = {"/Filter": "/FlateDecode", "/ColorSpace": space, "/BitsPerComponent": bits}
    entries["/DecodeParms"] = {"/Predictor": 15, "/Colors": channels, "/BitsPerComponent": bits, "/Columns": width}
    if colour == PALETTE:
        palette = next((body for kind, body in chunks if kind == b"PLTE"), b"")
        if not palette or len(palette) % 3:
            return None
        entries["/ColorSpace"] = ["/Indexed", "/DeviceRGB", len(palette) // 3 - 1, palette]
    rows = b"".join(body for kind, body in chunks if kind == b"IDAT")
    return _made(rows, entries, Size(width, height), look, channels=0 if colour == PALETTE else channels)


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    chunks = []
    at = len(PNG_SIGNATURE) if content.startswith(PNG_SIGNATURE) else len(content)
    while at + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        chunks.append((kind, content[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def _recoded(image: Image, path: Path, frame: int, look: _Look) -> Raster:
    """The decoded pixels, packed again without loss; transparency on paper, as they are read."""
    turned = image.getexif().get(ORIENTATION, 1)  # Pillow turns TIFF upright while it decodes
    look = look._replace(orientation=turned if turned in range(1, 9) else 1)
    if look.mode == "1" and (packed := _group4(image, look)) is not None:
        return packed
    if image.mode == "CMYK":
        entries = {"/ColorSpace": "/DeviceCMYK", "/BitsPerComponent": 8}
        return _made(image.tobytes(), entries, Size(*image.size), look, channels=4)
    if image.mode not in ("1", "L", "RGB", "P") or "transparency" in image.info:
        image = open_image(path, frame=frame)
        look = look._replace(orientation=1, mode="RGB")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6, transparency=None)
    made = _png(buffer.getvalue(), look)
    if made is None:
        raise InputError(f"{path}: the picture cannot be embedded")
    return made


def _group4(image: Image, look: _Look) -> Raster | None:
    """Black and white as fax machines send it, half as large as Flate; None where Pillow has no libtiff."""
    from PIL import Image as Pillow
    from PIL import features

    if not features.check("libtiff"):
        return None
    buffer = io.BytesIO()
    Pillow.frombytes("1", image.size, image.tobytes()).save(
        buffer, "TIFF", compression="group4", tiffinfo={278: image.height}
    )  # one strip, without the tags of the original
    with Pillow.open(buffer) as packed:
        tags = packed.tag_v2  # type: ignore[attr-defined]
        offsets, lengths, white_is_zero = tags[273], tags[279], tags[262] == 0
    if len(offsets) != 1:
        return None
    content = buffer.getvalue()[offsets[0] : offsets[0] + lengths[0]]
    size = Size(*image.size)
    parameters = {"/K": -1, "/Columns": size.width, "/Rows": size.height, "/BlackIs1": not white_is_zero}
    entries = {"/Filter": "/CCITTFaxDecode", "/ColorSpace": "/DeviceGray", "/BitsPerComponent": 1, "/DecodeParms": parameters}
    return _made(content, entries, size, look, channels=0)


# --- on the page ------------------------------------------------------------------------------------------------------------


def add_page(pdf: Any, picture: Raster, turn: int) -> Any:
    """A new last page of `pdf` that is the picture, upright and turned clockwise by `turn` degrees."""
    import pikepdf

    width, height = (picture.width, picture.height) if turn % 180 == 0 else (picture.height, picture.width)
    scale = min(1.0, LONGEST / max(width, height))
    width, height = max(width * scale, SHORTEST), max(height * scale, SHORTEST)
    entries = {key: _object(value) for key, value in picture.entries.items()}
    stream = pikepdf.Stream(pdf, picture.content)
    for key, value in entries.items():
        stream.stream_dict[key] = value
    stream.stream_dict["/Type"], stream.stream_dict["/Subtype"] = pikepdf.Name.XObject, pikepdf.Name.Image
    if picture.icc is not None:
        profile = pdf.make_stream(picture.icc, N=ICC_SPACES[picture.icc[16:20]], Alternate=stream.stream_dict["/ColorSpace"])
        stream.stream_dict["/ColorSpace"] = pikepdf.Array([pikepdf.Name.ICCBased, profile])
    page = pdf.add_blank_page(page_size=(width, height))
    page.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Picture=pdf.make_indirect(stream)))
    matrix = " ".join(f"{value:.4f}" for value in _placement(picture.orientation, turn, width, height))
    page.obj.Contents = pdf.make_stream(f"q {matrix} cm /Picture Do Q\n".encode("ascii"))
    return page


def _object(value: Any) -> Any:
    import pikepdf

    if isinstance(value, str):
        return pikepdf.Name(value)
    if isinstance(value, bytes):
        return pikepdf.String(value)
    if isinstance(value, list):
        return pikepdf.Array([_object(entry) for entry in value])
    if isinstance(value, dict):
        return pikepdf.Dictionary({key: _object(entry) for key, entry in value.items()})
    return value


def _placement(orientation: int, turn: int, width: float, height: float) -> tuple[float, ...]:
    """The matrix that lays the unit square of the stored picture on the page."""

    def at(across: float, down: float) -> Point:
        u, v = _turned(*_upright(across, down, orientation), turn)
        return u * width, (1 - v) * height

    foot, right, head = at(0, 1), at(1, 1), at(0, 0)
    return right[0] - foot[0], right[1] - foot[1], head[0] - foot[0], head[1] - foot[1], *foot


def _upright(across: float, down: float, orientation: int) -> Point:
    """Where a point of the stored picture stands once EXIF has brought it upright."""
    return {
        1: (across, down),
        2: (1 - across, down),
        3: (1 - across, 1 - down),
        4: (across, 1 - down),
        5: (down, across),
        6: (1 - down, across),
        7: (1 - down, 1 - across),
        8: (down, 1 - across),
    }[orientation]


def _turned(across: float, down: float, turn: int) -> Point:
    return {0: (across, down), 90: (1 - down, across), 180: (1 - across, 1 - down), 270: (down, 1 - across)}[turn]
