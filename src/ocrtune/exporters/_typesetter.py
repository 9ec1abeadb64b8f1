"""Setting visible text in a PDF: fonts by script, lines that fit, pictures. Lengths are points from the page's top left."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ocrtune.exporters._placing import wrap
from ocrtune.fonts import Face, covering

if TYPE_CHECKING:
    from PIL.Image import Image

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)  # a fixed date makes equal documents equal files
PITCH = 1.22  # distance of lines in letter sizes
FOOT = 0.95  # of a line's pitch lie above its baseline
SMALLEST, LARGEST = 3.0, 60.0  # letter sizes
UNIT = 100.0  # the size at which widths are measured


class Fitted(NamedTuple):
    """Lines at the letter size at which they fill their box."""

    size: float
    lines: tuple[str, ...]


class Typesetter:
    """One PDF being set, with fonts for every script of `text`, embedded as subsets."""

    def __init__(self, text: str, title: str) -> None:
        from fpdf import FPDF

        logging.getLogger("fontTools").setLevel(logging.ERROR)  # subsetting reports every table it drops
        logging.getLogger("fpdf").setLevel(logging.ERROR)
        self.pdf: Any = FPDF(unit="pt")
        self.pdf.set_creation_date(EPOCH)
        self.pdf.set_auto_page_break(False)
        self.pdf.set_margin(0)
        self.pdf.set_title(title)
        self.pdf.set_producer(f"ocrtune {version('ocrtune')}")
        self._faces = covering(text)
        self._added: dict[tuple[int, bool], Any] = {}
        self._widths: dict[tuple[str, int, bool], float] = {}
        self._wanted: dict[str, int] = {}

    def page(self, width: float, height: float) -> None:
        self.pdf.add_page(format=(width, height))

    def content(self) -> bytes:
        return bytes(self.pdf.output())

    # --- text ---------------------------------------------------------------------------------------------------------------

    def width(self, text: str, *, bold: bool = False) -> float:
        """In letter sizes."""
        key = (text, -1, bold)
        if key not in self._widths:
            self._widths[key] = sum(self._width(run, number, bold) for number, run in self._runs(text))
        return self._widths[key]

    def line(
        self, text: str, left: float, baseline: float, size: float, *, bold: bool = False, length: float | None = None
    ) -> None:
        """One line; stretched to `length` where one is given."""
        natural = self.width(text, bold=bold) * size
        stretch = 100.0 if length is None or natural <= 0 else 100.0 * length / natural
        self.pdf.set_stretching(stretch)
        for number, run in self._runs(_visual(text)):
            self._use(number, bold, size)
            self.pdf.text(left, baseline, run)
            left += self._width(run, number, bold) * size * stretch / 100
        self.pdf.set_stretching(100)

    def lines(self, fitted: Fitted, left: float, top: float, *, bold: bool = False) -> None:
        for number, line in enumerate(fitted.lines):
            self.line(line, left, top + (number + FOOT) * fitted.size * PITCH - 0.15 * fitted.size, fitted.size, bold=bold)

    def wrapped(self, text: str, room: float, *, bold: bool = False) -> tuple[str, ...]:
        """Lines of at most `room` letter sizes."""
        measure = self._measure(bold)
        return tuple(line for paragraph in text.splitlines() for line in (wrap(paragraph, room, measure) or [""]))

    def fitted(self, text: str, box: tuple[float, float], *, bold: bool = False, largest: float = LARGEST) -> Fitted:
        """As large as fits into `box`, its width and height; the smallest size where nothing does."""
        low, high = SMALLEST, max(min(largest, box[1] / PITCH), SMALLEST)
        best = Fitted(low, self.wrapped(text, box[0] / low, bold=bold))
        for _ in range(9):
            size = high if best.size == SMALLEST and high == min(largest, box[1] / PITCH) else (low + high) / 2
            lines = self.wrapped(text, box[0] / size, bold=bold)
            fits = len(lines) * size * PITCH <= box[1] * 1.02 and all(
                self.width(x, bold=bold) * size <= box[0] * 1.01 for x in lines
            )
            if fits:
                low, best = size, Fitted(size, lines)
            else:
                high = size * 0.999
        return best

    def _measure(self, bold: bool) -> Callable[[str], float]:
        return lambda text: self.width(text, bold=bold)

    def _runs(self, text: str) -> list[tuple[int, str]]:
        """Pieces that one font can set."""
        runs: list[tuple[int, str]] = []
        for character in text:
            number = runs[-1][0] if runs and character == " " else self._font_of(character)
            if runs and runs[-1][0] == number:
                runs[-1] = (number, runs[-1][1] + character)
            else:
                runs.append((number, character))
        return runs

    def _font_of(self, character: str) -> int:
        if character not in self._wanted:
            having = (n for n in range(len(self._faces)) if ord(character) in self._font(n, False).cmap)
            self._wanted[character] = next(having, 0)
        return self._wanted[character]

    def _font(self, number: int, bold: bool) -> Any:
        """The fpdf2 font, read when it is first needed."""
        if (number, bold) not in self._added:
            face: Face = self._faces[number]
            path: Path = face.bold if bold else face.regular
            self.pdf.add_font(f"face{number}", "B" if bold else "", str(path), collection_font_number=face.number)
            self._added[number, bold] = self.pdf.fonts[f"face{number}{'B' if bold else ''}"]
        return self._added[number, bold]

    def _use(self, number: int, bold: bool, size: float) -> None:
        self._font(number, bold)
        self.pdf.set_font(f"face{number}", "B" if bold else "", size)

    def _width(self, run: str, number: int, bold: bool) -> float:
        key = (run, number, bold)
        if key not in self._widths:
            self._use(number, bold, UNIT)
            self._widths[key] = self.pdf.get_string_width(run) / UNIT
        return self._widths[key]

    # --- the rest -----------------------------------------------------------------------------------------------------------

    def picture(self, image: Image, box: tuple[float, float, float, float]) -> None:
        """`box` is left, top, width, height."""
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=90, subsampling=0)
        self.pdf.image(buffer, *box[:2], w=box[2], h=box[3])

    def drawing(self, svg: bytes, box: tuple[float, float, float, float]) -> None:
        self.pdf.image(io.BytesIO(svg), *box[:2], w=box[2], h=box[3])

    def rules(self, cells: Sequence[tuple[float, float, float, float]], heads: Sequence[bool]) -> None:
        """Frames of cells (left, top, width, height), tinted where they are heads."""
        self.pdf.set_draw_color(120)
        self.pdf.set_line_width(0.5)
        self.pdf.set_fill_color(236, 238, 242)
        for cell, head in zip(cells, heads, strict=True):
            self.pdf.rect(*cell, style="DF" if head else "D")

    def paper(self, box: tuple[float, float, float, float]) -> None:
        """White over what is there."""
        self.pdf.set_fill_color(255)
        self.pdf.rect(*box, style="F")

    def turned_left(self, x: float, y: float) -> AbstractContextManager[None]:
        """Within it, what is drawn from this point to the right goes upwards."""
        turned: AbstractContextManager[None] = self.pdf.rotation(90, x, y)
        return turned

    def colour(self, red: int, green: int, blue: int) -> None:
        self.pdf.set_text_color(red, green, blue)


def _visual(text: str) -> str:
    """Hebrew and Arabic in the order in which they are painted."""
    if not any("\u0590" <= c <= "\u08ff" or "\ufb1d" <= c <= "\ufefc" for c in text):
        return text
    from fpdf.bidi import BidiParagraph

    return "".join(character.character for character in BidiParagraph(text).get_reordered_characters())
