"""Pages as training data: what the text layer says, and the picture without what it does not say."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ocrtune.imaging import page_size, render_page
from ocrtune.rendering._layer import PLACES, flags, glyph, places
from ocrtune.rendering._wire import Message
from ocrtune.textlayer import Glyph, layer_problem, read_glyphs, visible

if TYPE_CHECKING:
    from PIL.Image import Image

SCAN_COVER, SCAN_GLYPHS = 0.7, 100  # a picture over most of the page with no more letters than a stamp: a scan


class Truth(NamedTuple):
    """The visible characters of a page in pixels of its picture, which shows neither annotations nor form fields."""

    image: Image
    glyphs: list[Glyph]


def truth(page: Any, dpi: float, *, hidden: bool) -> Message:
    """`hidden`: invisible text, which OCR programs write over scans, is taken for the page's own."""
    size = page_size(page, dpi)
    glyphs = read_glyphs(page, size)
    problem = layer_problem(glyphs, size, hidden_text=hidden)
    if problem is None and not hidden and _is_scan(page, glyphs):
        problem = "a scan: one picture covers the page and the text layer holds next to nothing"
    if problem is not None:
        return Message({"problem": problem})
    seen = visible(glyphs, size, hidden_text=hidden)
    numbers = array("d")
    for one in seen:
        numbers.extend(places(one))
    image = render_page(page, dpi)
    header = {"size": image.size, "glyphs": [one.text for one in seen]}
    return Message(header, (image.tobytes(), numbers.tobytes(), bytes(map(flags, seen))))


def _is_scan(page: Any, glyphs: Sequence[Glyph]) -> bool:
    import pypdfium2.raw as pdfium

    if sum(one.inked for one in glyphs) >= SCAN_GLYPHS:
        return False
    width, height = page.get_size()
    pictures = (item.get_bounds() for item in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3))
    cover = max(((right - left) * (top - bottom) for left, bottom, right, top in pictures), default=0.0)
    return bool(cover > SCAN_COVER * width * height)


def unpacked(reply: Message) -> Truth | str:
    """What `truth` packed; a text where that says why the page is no truth."""
    from PIL import Image as Pillow

    header = reply.header
    if (problem := header.get("problem")) is not None:
        return str(problem)
    pixels, boxes, marks = reply.parts
    numbers = array("d")
    numbers.frombytes(boxes)
    values = numbers.tolist()
    every = zip(header["glyphs"], marks, range(0, len(values), PLACES), strict=True)
    image = Pillow.frombytes("RGB", tuple(header["size"]), cast(bytes, pixels))
    return Truth(image, [glyph(text, values[at : at + PLACES], flag) for text, flag, at in every])
