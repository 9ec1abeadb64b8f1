"""Figures cut from clean pages, as finely as their files hold them."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ocrtune.core import Box, ImageRef, Page, Region
from ocrtune.errors import InputError
from ocrtune.exporters._page import MARKS, figure_name, is_figure
from ocrtune.exporters._source import is_pdf, opened
from ocrtune.imaging import MAX_PAGE_PIXELS
from ocrtune.rendering import picture, text_layer

if TYPE_CHECKING:
    from PIL.Image import Image

FINER, FINEST = 1.15, 3.0  # times the size at which the page was read: less is not worth rendering again, more is too much


class Crop(NamedTuple):
    """Region `number` of its kind on the page, from 1."""

    number: int
    region: Region
    image: Image


def crops(page: Page, *, kind: str = "picture", where: Callable[[Region], bool] | None = None) -> Iterator[Crop]:
    """The regions of a kind as pictures, all or those `where` it holds; nothing where the page cannot be seen. Regions without
    a box have only a number."""
    regions = [region for region in page.regions if region.kind == kind]
    asked = [
        (number, region)
        for number, region in enumerate(regions, 1)
        if region.box is not None and (where is None or where(region))
    ]
    if page.image is None or not asked:
        return
    try:
        whole = picture(_finest(page.image))
    except InputError:
        return
    for number, region in asked:
        if region.box is not None and (cut := _cut(whole, region.box)) is not None:
            yield Crop(number, region, cut)


def figures(page: Page) -> Iterator[tuple[str, Image]]:
    """Everything on the page that is shown as a picture, with the name of its file."""
    for kind in MARKS:
        for crop in crops(page, kind=kind, where=is_figure):
            yield figure_name(page, kind, crop.number), crop.image


def png(image: Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _cut(whole: Image, box: Box) -> Image | None:
    left, top, right, bottom = box.to_pixels(whole.width, whole.height)
    corners = math.floor(left), math.floor(top), min(math.ceil(right), whole.width), min(math.ceil(bottom), whole.height)
    return whole.crop(corners) if corners[0] < corners[2] and corners[1] < corners[3] else None


def _finest(ref: ImageRef) -> ImageRef:
    """Picture files at their own size; PDF pages so large that their finest embedded picture loses nothing, within bounds."""
    if not is_pdf(ref):
        return ref.model_copy(update={"width": None, "height": None})
    if ref.size is None:
        return ref
    scale = 1.0
    with contextlib.suppress(InputError):
        scale = min(_detail(ref), FINEST, math.sqrt(MAX_PAGE_PIXELS / (ref.size.width * ref.size.height)))
    if scale < FINER:
        return ref
    return ref.model_copy(update={"width": round(ref.size.width * scale), "height": round(ref.size.height * scale)})


def _detail(ref: ImageRef) -> float:
    """By how much the largest picture of a PDF page is finer than the page was seen."""
    layer = text_layer(ref)
    shown = max(((r - x) * (b - y) for x, y, r, b in layer.pictures), default=0.0) if layer is not None else 0.0
    pdf = opened(Path(ref.path)) if shown > 0 else None
    if pdf is None:
        return 1.0
    with pdf:
        stored = max((_pixels(image) for image in pdf.pages[(ref.page or 1) - 1].get_images().values()), default=0)
    return math.sqrt(stored / shown)


def _pixels(image: object) -> int:
    width, height = getattr(image, "Width", 0), getattr(image, "Height", 0)
    return int(width) * int(height)
