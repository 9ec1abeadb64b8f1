"""Pictures on their way to a server: at the size that the model will see, as few bytes as can be, prepared ahead of need."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ocrtune import rendering
from ocrtune.core import ImageRef, Size
from ocrtune.engines._sight import Sight
from ocrtune.errors import disk_errors
from ocrtune.imaging import ORIENTATION, raster

if TYPE_CHECKING:
    from PIL.Image import Image

END = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}


class Picture(NamedTuple):
    """`url` is what the request says, with `content` in base64 behind it; `file` is ours and can go once the answer is there."""

    url: bytes
    size: Size
    content: bytes = b""
    file: Path | None = None


class Pictures:
    """Open between `open` and `close`; `forget` a picture when its answer is there."""

    def __init__(self, sight: Sight, send: Literal["data", "file"]) -> None:
        self._sight = sight
        self._send = send
        self._folder: Path | None = None
        self._uses: Counter[Path] = Counter()

    def open(self) -> None:
        if self._send == "file":
            with disk_errors(tempfile.gettempdir()):
                self._folder = Path(tempfile.mkdtemp(prefix="ocrtune-"))

    def close(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    async def prepared(self, images: Sequence[ImageRef]) -> list[Picture]:
        """Raises InputError for a picture that cannot be shown."""
        made = (
            await asyncio.gather(*map(self._prepared, images)) if len(images) > 1 else [await self._prepared(i) for i in images]
        )
        for picture in made:
            if picture.file is not None:
                self._uses[picture.file] += 1
        return made

    def forget(self, pictures: Sequence[Picture]) -> None:
        for file in (picture.file for picture in pictures if picture.file is not None):
            self._uses[file] -= 1
            if self._uses[file] <= 0:
                del self._uses[file]
                file.unlink(missing_ok=True)

    async def _prepared(self, image: ImageRef) -> Picture:
        if image.page is None and (picture := await asyncio.to_thread(self._whole_file, image)) is not None:
            return picture
        own: Size = await asyncio.to_thread(_own_size, image) if image.size is None else image.size
        seen = self._sight.sees(own)
        made = await asyncio.wrap_future(rendering.submit(image.model_copy(update={"width": seen.width, "height": seen.height})))
        size = self._sight.sees(made.size)  # a scan's own bytes may be a pixel less or more
        if self._folder is None:
            return Picture(_data(made.media), size, made.content)
        file = await asyncio.to_thread(self._stored, self._folder, made.content, made.media.removeprefix("image/"))
        return Picture(file.as_uri().encode(), size, file=file)

    def _whole_file(self, image: ImageRef) -> Picture | None:
        size = image.size or _own_size(image)
        seen = self._sight.sees(size)
        if (content := _as_it_is(image, seen)) is None:
            return None
        if self._send == "file":
            return Picture(Path(image.path).resolve().as_uri().encode(), seen)
        return Picture(_data("image/png" if content[:1] == b"\x89" else "image/jpeg"), seen, content)

    def _stored(self, folder: Path, content: bytes, suffix: str) -> Path:
        """Under a name made of its content: what the server opens is whole, and the same picture is one file."""
        file = folder / f"{hashlib.sha256(content).hexdigest()[:32]}.{suffix}"
        if not file.exists():
            with disk_errors(str(file)):
                number, beside = tempfile.mkstemp(dir=folder, prefix=".")
                with os.fdopen(number, "wb") as opened:
                    opened.write(content)
                os.replace(beside, file)
        return file


def _data(media: str) -> bytes:
    return f"data:{media};base64,".encode()


def _own_size(image: ImageRef) -> Size:
    """Of a ref without one. Pages and frames have it as a rule, so that drawing them for it is rare."""
    if image.page is not None:
        return Size(*rendering.picture(image).size)
    (width, height), orientation = raster(image.path)
    return Size(height, width) if (orientation > 4) != (image.turn in (90, 270)) else Size(width, height)


def _as_it_is(image: ImageRef, seen: Size) -> bytes | None:
    """The file's own bytes, where they are a whole PNG or JPEG that shows just what is to be seen."""
    if image.page is not None or image.turn or image.size not in (None, seen):
        return None
    from PIL import Image as Pillow

    try:
        content = Path(image.path).read_bytes()
        with Pillow.open(io.BytesIO(content)) as opened:
            plain = opened.mode in ("RGB", "L") and opened.size == seen and "transparency" not in opened.info
            whole = END.get(opened.format or "", b"none") in content[-64:]
            return content if plain and whole and _upright(opened, content) else None
    except (OSError, SyntaxError, ValueError, EOFError, Pillow.DecompressionBombError):
        return None  # rendering says what is wrong with it


def _upright(opened: Image, content: bytes) -> bool:
    """Asking a PNG for its EXIF data would decode it."""
    return b"eXIf" not in content if opened.format == "PNG" else opened.getexif().get(ORIENTATION, 1) == 1
