"""Tesseract: the baseline everybody knows, through the tesserocr wheel or the installed program."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ocrtune.core import Failure, Size
from ocrtune.engines import _tesseract as tess
from ocrtune.engines._again import looked_again
from ocrtune.engines._lookalikes import reads_both, respelled, respelled_spans
from ocrtune.engines._pooled import Found, Seeing, Unread, clear, moved, turned
from ocrtune.engines._scripts import LANGUAGES
from ocrtune.errors import MissingExtraError
from ocrtune.layout import Span
from ocrtune.options import EngineOptions

if TYPE_CHECKING:
    from PIL.Image import Image

PAGE, BLOCK, LINE = 3, 6, 7  # page segmentation modes: find the layout; one block of text; one line
BLOCK_HEIGHT = 200  # pixels up to which a picture is a crop of some lines, not a page
LEAST_HEIGHT = 48  # pixels; smaller crops are enlarged, letters under some 20 pixels are read badly
MARGIN = 16  # pixels around a crop in its own background colour; letters at the very edge are lost otherwise
LARGE = 1400  # pixels of the shorter side from which on a page of Latin letters is seen at NARROW of its width
NARROW = 0.8  # which takes nearly that much less time; CER 0.61 % instead of 0.52 % on English scans at 200 dpi
SURE = 0.75  # mean confidence from which on a page needs no second look; print is at 0.9, pages upside down at 0.3 to 0.6
FEW = 250  # letters; a page with fewer may be one of which most was not read
LYING = 0.1  # part of the letters in lines that run down the page
MARGIN_OF_DOUBT = 0.05  # of lying lines some are read as surely as if they stood
LEAST_TURNED = 0.45  # mean confidence of a page worth turning; of a script without data the turn found is as good as any
PLAUSIBLE = 0.15  # what tesseract makes of stains and of the edges of photographs is less sure than that


class Tesseract(Seeing):
    """`language` is tesseract's own, such as `rus+eng`; without it `rus+eng` where Russian data is installed, else `eng`.

    Russian is never read alone: `rus` without `eng` misreads every Latin word and digit group (CER 7.2 % instead of
    0.45 %). Small crops are read as one block, which on single lines is as good as the line mode and does not lose
    the second line of a crop of two.
    """

    name = "tesseract"
    uses = ("language", "layout", "concurrency", "timeout")
    keeps = 8  # giving memory back after each page would take 5 % of the time

    def __init__(self, options: EngineOptions) -> None:
        super().__init__(options)
        self.language = options.language
        self._own = threading.local()
        self._lines: Callable[[Image, int], str] = self._lines_by_program
        self._spans: Callable[[Image], list[Span]] = self._spans_by_program
        self._version = ""
        self._data = tess.Data("", "")

    def describe(self) -> dict[str, str]:
        return {"engine": self.name, "tesseract": self._version, "language": self.language or ""}

    def load(self) -> None:
        library, program = tess.library(), shutil.which("tesseract")
        if library is None and program is None:
            raise MissingExtraError(
                "neither the Python package 'tesserocr' nor the program tesseract is installed",
                hint='pip install "ocrtune[cpu-ocr]", or apt install tesseract-ocr',
            )
        self._data = tess.data_for(self.options.language)
        self.language = self._data.language
        if library is not None:
            self._version = library.tesseract_version().split()[1]
            self._lines, self._spans = self._lines_by_library, self._spans_by_library
        else:
            first = subprocess.run([program or "", "--version"], capture_output=True, text=True, check=False).stdout.split()
            self._version = first[1] if len(first) > 1 else ""
            self._lines, self._spans = self._lines_by_program, self._spans_by_program

    def close(self) -> None:
        super().close()
        self._own = threading.local()

    def lines(self, image: Image) -> str:
        with self._failing():
            text = self._lines(*prepared(image)).rstrip("\n\f ")
        return "\n".join(map(respelled, text.split("\n"))) if reads_both(self.language) else text

    def page(self, image: Image) -> Found:
        with self._failing():
            spans = self._spans(image)
            if image.height <= BLOCK_HEIGHT or not _doubtful(spans):
                return Found(spans)
            stance = tess.stance(image, self.options.timeout)
            if stance is None or stance.turn == 0:
                return Found(spans)
            again = self._spans(turned(image, stance.turn))
            better = clear(again) > max(clear(spans) - MARGIN_OF_DOUBT, LEAST_TURNED)
            return Found(again, stance.turn) if better else Found(spans)

    # --- the library ---

    def _recognise(self, image: Image, mode: int) -> Any:
        if (api := getattr(self._own, "api", None)) is None:
            api = self._own.api = tess.opened(self._data, mode)
        api.SetPageSegMode(mode)
        tess.show(api, image)
        if not api.Recognize(int(self.options.timeout * 1000)):
            raise TimeoutError
        return api

    def _lines_by_library(self, image: Image, mode: int) -> str:
        return str(self._recognise(image, mode).GetUTF8Text())

    def _spans_by_library(self, image: Image) -> list[Span]:
        seen, mode = prepared(self._narrow(image))
        spans = self._back(tess.recognised(self._recognise(seen, mode)), image)
        if image.height > BLOCK_HEIGHT:
            grey = image.convert("L")
            spans = looked_again(spans, grey, lambda part: tess.recognised(self._recognise(part, LINE)))
        return self._settled(spans)

    # --- the program ---

    def _lines_by_program(self, image: Image, mode: int) -> str:
        return tess.run(image, self._data, mode, timeout=self.options.timeout)

    def _spans_by_program(self, image: Image) -> list[Span]:
        seen, mode = prepared(self._narrow(image))
        table = tess.run(seen, self._data, mode, wanted="tsv", timeout=self.options.timeout)
        return self._settled(self._back(tess.lines_of(table), image))

    # --- how wide it is seen ---

    def _factor(self, image: Image) -> float:
        languages = set(tess.names(self.language or ""))
        return NARROW if min(image.size) >= LARGE and languages <= set(LANGUAGES["Latin"]) else 1.0

    def _narrow(self, image: Image) -> Image:
        from PIL.Image import Resampling

        factor = self._factor(image)
        return image if factor == 1 else image.convert("L").resize((round(image.width * factor), image.height), Resampling.BOX)

    def _back(self, spans: list[Span], image: Image) -> list[Span]:
        """Lines that were found in the prepared picture, at their places in the picture itself."""
        if image.height <= BLOCK_HEIGHT:
            enlarged = _enlarged(image)
            return moved(spans, (1 / enlarged, 1 / enlarged), Size(*image.size), margin=MARGIN)
        factor = self._factor(image)
        return spans if factor == 1 else moved(spans, (1 / factor, 1.0), Size(*image.size))

    def _settled(self, spans: list[Span]) -> list[Span]:
        plausible = _plausible(spans)
        return respelled_spans(plausible) if reads_both(self.language) else plausible

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            late = f"tesseract did not finish within {self.options.timeout:g} s"
            raise Unread(Failure(kind="timeout", message=late, retryable=True)) from error
        except (RuntimeError, subprocess.CalledProcessError) as error:
            said = error.stderr.decode(errors="replace") if isinstance(error, subprocess.CalledProcessError) else str(error)
            raise Unread(Failure(kind="tesseract", message=said.strip()[:500] or repr(error))) from error


def _doubtful(spans: list[Span]) -> bool:
    """Whether the page may lie or stand on its head. Of lying lines tesseract reads some by itself, and drops the others."""
    letters = sum(len(span.text) for span in spans)
    lying = sum(len(s.text) for s in spans if len(s.text) > 2 and s.box[3] - s.box[1] > s.box[2] - s.box[0])
    return clear(spans) < SURE or letters < FEW or lying > LYING * letters


def _plausible(spans: list[Span]) -> list[Span]:
    return [span for span in spans if (span.confidence or 0.0) >= PLAUSIBLE]


def prepared(image: Image) -> tuple[Image, int]:
    """The picture as tesseract likes it, and the page segmentation mode for its shape."""
    from PIL import ImageOps

    if image.height > BLOCK_HEIGHT:
        return image, PAGE
    if (factor := _enlarged(image)) > 1:
        image = image.resize((max(1, round(image.width * factor)), LEAST_HEIGHT))
    return ImageOps.expand(image, MARGIN, _background(image)), BLOCK


def _enlarged(image: Image) -> float:
    return max(LEAST_HEIGHT / image.height, 1.0)


def _background(image: Image) -> tuple[int, ...]:
    """The median colour along the edge, so that a margin fits inverted crops too."""
    import numpy as np

    pixels = np.asarray(image)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return tuple(int(value) for value in np.median(edge, axis=0))
