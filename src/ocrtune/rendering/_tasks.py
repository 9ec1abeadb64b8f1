"""What a worker does: requests in, replies out. The same functions serve where no process can be started."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ocrtune.core import Size
from ocrtune.errors import InputError
from ocrtune.imaging import MAX_PAGE_PIXELS, SIDEWAYS, UPRIGHT, frame_sizes, open_cut, open_plain, raster
from ocrtune.rendering._kinds import kind, lacks_end
from ocrtune.rendering._layer import layer
from ocrtune.rendering._sheets import count, is_coloured, own_jpeg, sheet, sizes, transparent, upright_size, view
from ocrtune.rendering._shelf import Shelf
from ocrtune.rendering._truth import truth
from ocrtune.rendering._wire import Message

if TYPE_CHECKING:
    from PIL.Image import Image

USUAL_DPI = 150.0  # where neither a size nor a resolution is asked for
QUALITY = 90
TURNS = {90: 4, 180: 3, 270: 2}  # clockwise degrees → PIL.Image.Transpose, which counts the other way


class Request(NamedTuple):
    """A page by name and how it is to be seen."""

    path: Path
    page: int | None
    turn: int
    size: Size | None
    password: str | None

    @classmethod
    def of(cls, header: dict[str, Any]) -> Request:
        size = header.get("size")
        return cls(
            Path(header["path"]), header.get("page"), header.get("turn", 0), Size(*size) if size else None, header.get("password")
        )

    @property
    def name(self) -> str:
        return str(self.path) if self.page is None else f"{self.path}, page {self.page}"


def perform(header: dict[str, Any], shelf: Shelf) -> Message:
    """Answer a request. Raises InputError, MemoryError, and whatever decoders raise on broken files."""
    tasks: dict[str, Callable[[dict[str, Any], Request, Shelf], Message]] = {
        "pages": _pages,
        "picture": _picture,
        "encoded": _encoded,
        "layer": _layer,
        "transparent": _transparent,
        "count": _count,
        "truth": _truth,
        "there": _there,
    }
    return tasks[header["task"]](header, Request.of(header), shelf)


def _pages(header: dict[str, Any], request: Request, shelf: Shelf) -> Message:
    path, most = request.path, header["most"]
    found = kind(path)
    if found == "pdf":
        every = sizes(shelf.pdf(path, request.password), header["dpi"], most, str(path))
        return Message({"sizes": every, "several": True})
    if found == "tiff":
        frames = [_within(size, most) for size in frame_sizes(path)]
        return Message({"sizes": frames, "several": len(frames) > 1})
    stored, orientation = raster(path)
    size = Size(stored.height, stored.width) if UPRIGHT.get(orientation) in SIDEWAYS else stored
    return Message({"sizes": [_within(size, most)], "several": False})


def _within(size: Size, most: int) -> Size:
    """The same shape with at most so many pixels. A bomb keeps its size, so that it is refused as what it is."""
    scale = (most / max(size.width * size.height, 1)) ** 0.5
    return size if scale >= 1 else Size(max(int(size.width * scale), 1), max(int(size.height * scale), 1))


def _picture(_: dict[str, Any], request: Request, shelf: Shelf) -> Message:
    image = _seen(request, shelf)
    return Message({"mode": image.mode, "size": image.size}, (image.tobytes(),))


def _transparent(_: dict[str, Any], request: Request, shelf: Shelf) -> Message:
    page = sheet(shelf.pdf(request.path, request.password), request.page or 1, str(request.path))
    try:
        image = transparent(page, request.size or upright_size(page, 0, USUAL_DPI, MAX_PAGE_PIXELS, request.name))
    finally:
        page.close()
    return Message({"mode": image.mode, "size": image.size}, (image.tobytes(),))


def _encoded(header: dict[str, Any], request: Request, shelf: Shelf) -> Message:
    own = None if header.get("png") else _own_bytes(request, shelf)
    if own is not None:
        return own
    image = _seen(request, shelf)
    if image.mode == "RGB" and not is_coloured(image):
        image = image.convert("L")
    content = io.BytesIO()
    if header.get("png"):
        image.convert("RGB" if image.mode == "RGBX" else image.mode).save(content, "PNG", compress_level=1)
        return Message({"media": "image/png", "size": image.size}, (content.getbuffer(),))
    image.save(content, "JPEG", quality=QUALITY, subsampling=0)
    return Message({"media": "image/jpeg", "size": image.size}, (content.getbuffer(),))


def _own_bytes(request: Request, shelf: Shelf) -> Message | None:
    """The JPEG that a scanner put on the page, where the page is that and nothing else, at the size that is wanted."""
    if request.turn or request.size is None or kind(request.path) != "pdf":
        return None
    page = sheet(shelf.pdf(request.path, request.password), request.page or 1, str(request.path))
    try:
        own = own_jpeg(page, request.size)
    except (OSError, SyntaxError, ValueError):  # a broken JPEG: pdfium shows what there is of it
        return None
    finally:
        page.close()
    return None if own is None else Message({"media": "image/jpeg", "size": own[1]}, (own[0],))


def _seen(request: Request, shelf: Shelf) -> Image:
    """The upright page at the size that is wanted: "L", "RGB" or "RGBX"."""
    from PIL import Image as Pillow

    if kind(request.path) == "pdf":
        page = sheet(shelf.pdf(request.path, request.password), request.page or 1, str(request.path))
        try:
            wanted = request.size or upright_size(page, request.turn, USUAL_DPI, MAX_PAGE_PIXELS, request.name)
            return view(page, wanted, request.turn)
        finally:
            page.close()
    size = request.size
    fit = size if size is None or request.turn % 180 == 0 else Size(size.height, size.width)
    image = _decoded(request, fit)
    if fit is not None and image.size != fit:
        image = image.resize(fit, Pillow.Resampling.BICUBIC, reducing_gap=3.0)
    return image.transpose(Pillow.Transpose(TURNS[request.turn])) if request.turn else image


def _decoded(request: Request, fit: Size | None) -> Image:
    try:
        return open_plain(request.path, frame=(request.page or 1) - 1, fit=fit)
    except InputError:
        if not lacks_end(request.path):
            raise
        return open_cut(request.path, fit=fit).image


def _there(_: dict[str, Any], request: Request, __: Shelf) -> Message:
    try:
        open_plain(request.path)
    except InputError:
        return Message({"share": open_cut(request.path).share})
    return Message({"share": None})


def _layer(header: dict[str, Any], request: Request, shelf: Shelf) -> Message:
    if kind(request.path) != "pdf":
        return Message({"none": True})
    page = sheet(shelf.pdf(request.path, request.password), request.page or 1, str(request.path))
    rotation = page.get_rotation()
    try:
        page.set_rotation((rotation + request.turn) % 360)  # pdfium orders text by how the page stands
        size = request.size or upright_size(page, 0, USUAL_DPI, MAX_PAGE_PIXELS, request.name)
        return layer(page, size, 0, hidden=bool(header.get("hidden")))
    finally:
        page.set_rotation(rotation)
        page.close()


def _count(_: dict[str, Any], request: Request, shelf: Shelf) -> Message:
    return Message({"count": count(shelf.pdf(request.path, request.password), str(request.path))})


def _truth(header: dict[str, Any], request: Request, shelf: Shelf) -> Message:
    page = sheet(shelf.pdf(request.path, request.password), request.page or 1, str(request.path))
    try:
        return truth(page, header["dpi"], hidden=header["hidden"])
    finally:
        page.close()
