"""Pictures by name and by content, and many on one sheet."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import textwrap
import unicodedata
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocrtune.core import ImageRef, Size
from ocrtune.errors import disk_errors
from ocrtune.imaging._opening import open_image

if TYPE_CHECKING:
    from PIL.Image import Image

CJK_FONTS = ("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "uming.ttc", "PingFang.ttc", "msyh.ttc")


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
