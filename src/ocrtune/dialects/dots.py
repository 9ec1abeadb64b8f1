"""The prompts of dots.ocr whose reply is plain text."""

from __future__ import annotations

from ocrtune.contracts import Coordinates
from ocrtune.core import Box, Sample, Size, Task
from ocrtune.dialects._boxes import known_grid, write_box
from ocrtune.dialects._verbatim import Verbatim
from ocrtune.errors import InputError

WHOLE = Box(left=0, top=0, right=1, bottom=1)


class DotsOcr(Verbatim):
    """All text of the page, without headers and footers where the model keeps to its documentation."""

    name = "dots-ocr"
    tasks: tuple[Task, ...] = ("read",)
    words = "Extract the text content from this image."


class DotsGrounding(Verbatim):
    """The text within one box, which the prompt ends with, in whole pixels of the picture that the model sees."""

    name = "dots-grounding"
    tasks: tuple[Task, ...] = ("read",)
    coordinates: Coordinates | None = "pixels"
    words = "Extract text from the given bounding box on the image (format: [x1, y1, x2, y2]).\nBounding Box:\n"

    def ask(self, sample: Sample, *, sees: Size | None = None) -> str:
        """The prompt and the sample's box, the whole picture where it has none; the prompt alone where the size is not known
        either, which is how a protocol records it. Raises InputError for a box without the size."""
        if sample.box is None and sees is None:
            return super().ask(sample)
        steps = known_grid("pixels", sees, dialect=self.name)
        return f"{super().ask(sample)}{write_box(sample.box or WHOLE, steps)}"


class DotsSvg(Verbatim):
    """The picture redrawn as SVG. `{width}` and `{height}` in the prompt become the size of the picture."""

    name = "dots-svg"
    tasks: tuple[Task, ...] = ("answer",)
    words = 'Please generate the SVG code based on the image.viewBox="0 0 {width} {height}"'

    def ask(self, sample: Sample, *, sees: Size | None = None) -> str:
        """Takes the size that the model sees, else the picture's own. Raises InputError when neither is known."""
        text, image = super().ask(sample), sample.images[0]
        width, height = sees or (image.width, image.height)
        if (width is None or height is None) and ("{width}" in text or "{height}" in text):
            raise InputError(
                f"the size of {image.path} is not known, and the prompt of {self.name!r} must say it",
                hint="give a --prompt without {width} and {height}",
            )
        return text.replace("{width}", str(width)).replace("{height}", str(height))


class DotsFree(Verbatim):
    """Any question about a picture; without one the prompt is the blank that dots.ocr uses."""

    name = "dots-free"
    tasks: tuple[Task, ...] = ("answer", "read")
    words = " "
