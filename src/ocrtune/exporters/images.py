"""Pictures of a parsed document: its clean pages, and the pages with what was found drawn on them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ocrtune.contracts import Artefact
from ocrtune.core import Document, ImageRef, Page, Region
from ocrtune.errors import InputError
from ocrtune.fonts import faces
from ocrtune.options import ExportOptions
from ocrtune.rendering import encoded, picture

if TYPE_CHECKING:
    from PIL.Image import Image

Colour = tuple[int, int, int]
Rect = tuple[float, float, float, float]

# As dots.ocr draws its categories, so that people know them again.
COLOURS: dict[str, Colour] = {
    "text": (0, 128, 0),
    "picture": (255, 0, 255),
    "caption": (255, 165, 0),
    "section-header": (0, 255, 255),
    "footnote": (0, 128, 0),
    "formula": (128, 128, 128),
    "table": (255, 192, 203),
    "title": (255, 0, 0),
    "list-item": (0, 0, 255),
    "page-header": (0, 128, 0),
    "page-footer": (128, 0, 128),
}
OTHER: Colour = (165, 42, 42)
PROBLEM: Colour = (176, 0, 32)
FILLED = 0.22  # opacity, so that the print below stays readable
LETTERS = 0.013  # height of labels as a part of the page's longer side
LINE = 0.0016


T = TypeVar("T")


def _seen(document: Document, look: Callable[[ImageRef], T]) -> Iterator[tuple[Page, T]]:
    """Each page with what `look` makes of its picture; a page that cannot be seen says so itself."""
    for page in document.pages:
        if page.image is None:
            continue
        try:
            made = look(page.image)
        except InputError:
            continue
        yield page, made


class PageImages:
    """The clean pages as they were read, upright: `pages/0001.jpg`, or `.png` where the page is one."""

    name = "images"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        for page, made in _seen(document, encoded):
            yield Artefact(f"pages/{page.number:04d}.{'jpg' if made.media == 'image/jpeg' else 'png'}", made.content)


class Overlay:
    """Each page with its regions in the colours of their kinds, numbered in reading order: `overlays/0001.jpg`.

    Marks of a second reading (omitted, invented, uncertain) are named, problems of the page stand on top of it.
    """

    name = "overlay"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        for page, clean in _seen(document, picture):
            buffer = io.BytesIO()
            drawn(clean, page).save(buffer, "JPEG", quality=88)
            yield Artefact(f"overlays/{page.number:04d}.jpg", buffer.getvalue())


def drawn(clean: Image, page: Page) -> Image:
    """A copy of the picture with regions, labels and problems on it."""
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    longest = max(clean.size)
    font = ImageFont.truetype(str(faces("en")[0].regular), max(round(LETTERS * longest), 9))
    thick = max(round(LINE * longest), 1)
    coat = Pillow.new("RGBA", clean.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(coat)
    placed = [(number, region) for number, region in enumerate(page.regions, 1) if region.box is not None]
    for _, region in placed:
        colour = COLOURS.get(region.kind, OTHER)
        shape = _outline(region, clean)
        pen.polygon(shape, fill=(*colour, round(255 * FILLED)))
        pen.line([*shape, shape[0]], fill=(*_darker(colour), 255), width=thick, joint="curve")
    taken = [_corners(region, clean.size) for _, region in placed]
    for number, region in placed:
        text = f"{number} {region.kind}{f' · {region.flag}?' if region.flag else ''}"
        taken.append(_label(pen, region, text, font, taken))
    for row, problem in enumerate(page.problems):
        _note(pen, problem, font, row)
    return Pillow.alpha_composite(clean.convert("RGBA"), coat).convert("RGB")


def _outline(region: Region, image: Image) -> list[tuple[float, float]]:
    assert region.box is not None
    if region.box.polygon is not None and len(region.box.polygon) > 2:
        return [(x * image.width, y * image.height) for x, y in region.box.polygon]
    left, top, right, bottom = region.box.to_pixels(image.width - 1, image.height - 1)
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _corners(region: Region, size: tuple[int, int]) -> Rect:
    return region.box.to_pixels(*size) if region.box is not None else (0.0, 0.0, 0.0, 0.0)


def _label(pen: Any, region: Region, text: str, font: Any, taken: Sequence[Rect]) -> Rect:
    """Beside, above or below the region where nothing else is, at the latest in its corner; never beyond the page."""
    width, height = pen.im.size
    left, top, right, bottom = _corners(region, pen.im.size)
    wide, high = font.getlength(text) + 0.6 * font.size, 1.25 * font.size
    inside = (max(min(left, width - wide), 0.0), min(top, height - high))
    corners = ((left - wide, top), (left, top - high), (right, top), (left, bottom), inside)
    x, y = next(corner for corner in corners if corner == inside or _is_free((*corner, wide, high), pen.im.size, taken))
    colour = COLOURS.get(region.kind, OTHER)
    pen.rectangle((x, y, x + wide, y + high), fill=(*colour, 190 if (x, y) == inside else 235))
    light = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 140
    pen.text((x + 0.3 * font.size, y + high / 2), text, font=font, anchor="lm", fill=(0, 0, 0) if light else (255, 255, 255))
    return x, y, x + wide, y + high


def _is_free(label: Rect, size: tuple[int, int], taken: Sequence[Rect]) -> bool:
    """`label` is left, top, width, height here."""
    x, y, wide, high = label
    on_page = x >= 0 and y >= 0 and x + wide <= size[0] and y + high <= size[1]
    return on_page and not any(x + 1 < r and left < x + wide - 1 and y + 1 < b and t < y + high - 1 for left, t, r, b in taken)


def _note(pen: Any, problem: str, font: Any, row: int) -> None:
    high = 1.6 * font.size
    pen.rectangle((0, row * high, pen.im.size[0], (row + 1) * high), fill=(*PROBLEM, 235))
    text = " ".join(problem.split())
    while text and font.getlength(text) > pen.im.size[0] - font.size:
        text = f"{text[:-2]}…" if len(text) > 2 else ""
    pen.text((0.5 * font.size, (row + 0.5) * high), text, font=font, anchor="lm", fill=(255, 255, 255))


def _darker(colour: Colour) -> Colour:
    """So that pale kinds are seen on paper."""
    return colour[0] * 3 // 4, colour[1] * 3 // 4, colour[2] * 3 // 4
