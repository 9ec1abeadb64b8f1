"""Pages as pixels and as text, whatever file they come from: the one place where documents are opened for reading.

An `ImageRef` names a picture file, a page of a PDF or a frame of a TIFF, and the size at which it is to be seen. What a file
is, its first bytes say, not its name. Files are opened in worker processes with a limit of memory and time, so that a page
that hangs or crashes its reader is one InputError. All functions may be called from any number of threads.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from ocrtune.core import ImageRef, Size
from ocrtune.imaging import MAX_PAGE_PIXELS
from ocrtune.rendering._kinds import Kind, kind, lacks_end
from ocrtune.rendering._layer import TextLayer, unpacked
from ocrtune.rendering._pool import SHARED
from ocrtune.rendering._truth import Truth
from ocrtune.rendering._truth import unpacked as truth_in
from ocrtune.rendering._wire import Message

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "Encoded",
    "Kind",
    "TextLayer",
    "Truth",
    "count",
    "encoded",
    "kind",
    "missing",
    "pages",
    "password_of",
    "picture",
    "submit",
    "text_layer",
    "transparent",
    "truth",
    "unlock",
]

_passwords: dict[str, str] = {}
_passwords_lock = threading.Lock()


class Encoded(NamedTuple):
    """A picture as the bytes of a file. `media` is its type, such as "image/jpeg"."""

    content: bytes
    media: Literal["image/jpeg", "image/png"]
    size: Size


def unlock(path: Path | str, password: str) -> None:
    """Remember the password of an encrypted PDF for as long as this process lives, in memory only."""
    with _passwords_lock:
        _passwords[os.path.realpath(path)] = password


def password_of(path: Path | str) -> str | None:
    """What `unlock` was told, for those who edit the file."""
    with _passwords_lock:
        return _passwords.get(os.path.realpath(path))


def pages(path: Path, *, dpi: float, max_pixels: int = MAX_PAGE_PIXELS) -> list[ImageRef]:
    """All pages of a file, without rendering, with their sizes at `dpi` (pictures: their own), or smaller ones where a page
    would have more than `max_pixels`. A page whose size is broken has none: rendering it says why. Raises InputError."""
    return SHARED.get().submit(_request("pages", path, dpi=dpi, most=max_pixels), lambda reply: _refs(path, reply)).result()


def count(path: Path) -> int:
    """How many pages a PDF has. Raises InputError."""
    return SHARED.get().submit(_request("count", path), lambda reply: int(reply.header["count"])).result()


def missing(path: Path) -> str | None:
    """What a file that was cut off lacks, in words; None for one that is whole. Raises InputError for a picture of which nothing
    is there."""
    if not lacks_end(path):
        return None
    if kind(path) == "pdf":
        return "the PDF ends before its end mark; what stood there is missing"
    share = SHARED.get().submit(_request("there", path), lambda reply: reply.header["share"]).result()
    if share is None:
        return None
    return f"the picture is cut off: {_lost(share)}"


def _lost(share: float) -> str:
    return f"{1 - share:.0%} of it is missing" if share < 0.995 else "it may be less sharp than it was"


def truth(path: Path, page: int, *, dpi: float, hidden: bool) -> Future[Truth | str]:
    """A page of a PDF as training data, as soon as a worker has made it; a text where that says why it is none. The future raises
    InputError like `picture`. `hidden` as in `text_layer`."""
    return SHARED.get().submit(_request("truth", path, page=page, dpi=dpi, hidden=hidden), truth_in)


def picture(ref: ImageRef) -> Image:
    """The upright RGB picture, at the size of the ref where it has one. Raises InputError saying why it cannot be seen."""
    return SHARED.get().submit(_request_of("picture", ref), _image).result()


def transparent(ref: ImageRef) -> Image:
    """A page of a PDF as it is drawn, without paper, "RGBA" at the size of the ref. Raises InputError."""
    return SHARED.get().submit(_request_of("transparent", ref), _plain).result()


def submit(ref: ImageRef, *, png: bool = False) -> Future[Encoded]:
    """The picture as a file to send, as soon as a worker has made it; the future raises InputError like `picture`.

    JPEG without chroma subsampling, grey where the page has no colour. `Encoded.size` is what it holds: the size of the ref,
    or one pixel less or more where a scan's own JPEG is passed on. `png` is for who needs every pixel exactly; it is slow.
    """
    return SHARED.get().submit(_request_of("encoded", ref, png=png), _encoded)


def encoded(ref: ImageRef, *, png: bool = False) -> Encoded:
    """`submit`, waited for."""
    return submit(ref, png=png).result()


def text_layer(ref: ImageRef, *, hidden: bool = False) -> TextLayer | None:
    """The text of a PDF page; None for pictures. Raises InputError for a page that cannot be opened.

    `hidden`: trust invisible text, which OCR programs lay over scans.
    """
    return SHARED.get().submit(_request_of("layer", ref, hidden=hidden), _layer).result()


def _request_of(task: str, ref: ImageRef, **more: Any) -> Message:
    return _request(task, Path(ref.path), page=ref.page, turn=ref.turn, size=ref.size, **more)


def _request(task: str, path: Path, **more: Any) -> Message:
    absolute = os.path.abspath(path)  # noqa: PTH100 - a worker keeps the folder in which it was started
    password = password_of(path)
    return Message({"task": task, "path": absolute, "password": password, **more})


def _refs(path: Path, reply: Message) -> list[ImageRef]:
    sizes, several = reply.header["sizes"], reply.header["several"]
    return [
        ImageRef(path=str(path), page=number if several else None, width=size and size[0], height=size and size[1])
        for number, size in enumerate(sizes, start=1)
    ]


def _image(reply: Message) -> Image:
    return _plain(reply).convert("RGB")


def _plain(reply: Message) -> Image:
    from PIL import Image as Pillow

    mode, size = reply.header["mode"], tuple(reply.header["size"])
    return Pillow.frombuffer(mode, size, cast(bytearray, reply.parts[0]), "raw", mode, 0, 1)


def _encoded(reply: Message) -> Encoded:
    return Encoded(bytes(reply.parts[0]), reply.header["media"], Size(*reply.header["size"]))


def _layer(reply: Message) -> TextLayer | None:
    return None if reply.header.get("none") else unpacked(reply)
