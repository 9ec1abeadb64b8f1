"""A born-digital PDF as its own scan: the picture of a degraded page lies over the page, the true text stays beneath it.

The text layer is the original one, turned by the same small angle as the picture, so that every character is exactly
where it is seen. Nothing of it shows through: the picture covers the whole page.
"""

from __future__ import annotations

import hashlib
import io
import re
from typing import Any

import numpy as np

from ocrtune.sources.synth.degrade import skew, turn, turn_matrix, wear

IDENTIFIER = re.compile(rb"/ID\[<[0-9A-F]{32}><[0-9A-F]{32}>\]")


def scanned(pdf: bytes, seed: int, strength: float, dpi: int = 200) -> bytes:
    """The scan of a PDF; the same arguments give the same pixels."""
    import pypdfium2

    rng = np.random.default_rng(seed)
    pictures, angles = [], []
    clean = pypdfium2.PdfDocument(pdf)
    for page in clean:
        image = np.asarray(page.render(scale=dpi / 72).to_pil().convert("RGB"))
        angles.append(skew(rng, strength))
        pictures.append(_jpeg(wear(turn(image, angles[-1]), rng, strength), int(95 - 40 * strength)))
    turned = pypdfium2.PdfDocument(_turn_pages(clean, angles))
    clean.close()
    for page, picture in zip(turned, pictures, strict=True):
        _cover(turned, page, picture)
    return _saved(turned)


def _jpeg(image: Any, quality: int) -> bytes:
    from PIL import Image

    target = io.BytesIO()
    Image.fromarray(image).save(target, "JPEG", quality=quality)
    return target.getvalue()


def _turn_pages(document: Any, angles: list[float]) -> bytes:
    """All content of each page turned about its middle."""
    import pypdfium2.raw as c

    for page, angle in zip(document, angles, strict=True):
        width, height = page.get_size()
        matrix = c.FS_MATRIX(*turn_matrix(angle, width, height))
        c.FPDFPage_TransFormWithClip(page, matrix, c.FS_RECTF(0, height, width, 0))
        page.close()
    return _saved(document, close=False)


def _cover(document: Any, page: Any, jpeg: bytes) -> None:
    """Lay the picture over the whole page; the content beneath is left as it is."""
    import pypdfium2

    width, height = page.get_size()
    image = pypdfium2.PdfImage.new(document)
    image.load_jpeg(io.BytesIO(jpeg), inline=True)
    image.set_matrix(pypdfium2.PdfMatrix().scale(width, height))
    page.insert_obj(image)
    page.gen_content()
    page.close()


def _saved(document: Any, *, close: bool = True) -> bytes:
    """The file, with an identifier made of its content: pdfium would make one of the time."""
    target = io.BytesIO()
    document.save(target)
    if close:
        document.close()
    body, found, trailer = target.getvalue().rpartition(b"trailer")
    name = hashlib.md5(body, usedforsecurity=False).hexdigest().upper().encode()
    return body + found + IDENTIFIER.sub(lambda m: m[0][:4] + b"<" + name + b"><" + name + b">]", trailer)
