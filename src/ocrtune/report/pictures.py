"""Small pictures inside the page itself: data URLs bounded in pixels and bytes."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import NamedTuple

from ocrtune.errors import OcrtuneError
from ocrtune.imaging import open_image

SIZES = ((900, 900), (760, 760), (640, 640), (400, 400))  # tried in turn until the bytes fit
BYTES = 90_000


class Picture(NamedTuple):
    """`url` is a data URL, or None with the reason `why`."""

    url: str | None
    why: str | None = None
    width: int = 0
    height: int = 0


def thumbnail(path: Path | str | None) -> Picture:
    """The image scaled down to at most SIZES[0] pixels and about BYTES bytes of JPEG."""
    if path is None:
        return Picture(None, "the sample has no picture")
    try:
        image = open_image(path)
    except OcrtuneError as error:
        return Picture(None, str(error))
    content = b""
    for size in SIZES:
        image.thumbnail(size)
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=82, optimize=True)
        content = stream.getvalue()
        if len(content) <= BYTES:
            break
    return Picture(f"data:image/jpeg;base64,{base64.b64encode(content).decode()}", None, *image.size)
