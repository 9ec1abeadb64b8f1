"""RapidOCR (PP-OCRv6 on ONNX Runtime): a baseline from pip alone. Latin, Greek, Chinese and Japanese; no Cyrillic."""

from __future__ import annotations

import threading
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from ocrtune.core import Prompt, Size
from ocrtune.engines._pooled import Found, Said, Seeing, clear, moved, turned
from ocrtune.engines._rapidocr import is_foreign, is_tall, pieces, pixels_of, read_whole, rows, spans, stance
from ocrtune.errors import extra
from ocrtune.layout import Span
from ocrtune.options import EngineOptions

if TYPE_CHECKING:
    from PIL.Image import Image

# Measured on rendered A4 pages: with the 0/180° classifier, which is on by default, English CER is 8.95 % (it turns
# whole lines round) instead of 0.11 %; detection at 960 pixels and single-line batches halve the time. Lines shorter than
# 320 pixels are padded to that by default, which makes tables slow and no better; an arena for memory saves a thirtieth of
# the time, and never gives back what the largest page took.
TUNED = {
    "Global.use_cls": False,
    "Det.limit_type": "max",
    "Det.limit_side_len": 960,
    "Rec.rec_batch_num": 1,
    "Rec.rec_img_shape": [3, 48, 96],
    "EngineConfig.onnxruntime.enable_cpu_mem_arena": False,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "Global.log_level": "error",
}
LINE_HEIGHT = 120  # pixels; a flat picture up to this height in which nothing is detected is taken as one line
THINNEST = 50  # long side / short side; from about 60 on the detector rounds the short one to nothing
LEAST_HEIGHT = 8  # pixels of a line that can be read
LINE_ASPECT = 2.0  # width / height from which on a picture is flat
PAGE_HEIGHT = 400  # pixels from which on a picture is a page; its width is then reduced to NARROW
NARROW = 0.75  # reading takes as long as lines are wide, and letters as narrow as this are read as well: CER 0.47 % at 1 and
# 0.75, 0.55 % at 0.65, 1.12 % at 0.55, on six scanned Chinese pages
SURE = 0.8  # mean confidence from which on a page stands upright
KEPT = 0.5  # confidence below which a line is most often none
FOREIGN = "its lines are in a script that rapidocr cannot read"


class RapidOcr(Seeing):
    """Each of `concurrency` threads (at most one per core) has models of its own, 0.3 GB each.

    Rows of text become lines; boxes side by side on one row are joined by a space. With layout, a page that lies on its side
    or stands on its head is turned, and one in a script that the models do not know says so.
    """

    name = "rapidocr"
    uses = ("layout", "concurrency")

    def __init__(self, options: EngineOptions) -> None:
        super().__init__(options)
        self._own = threading.local()
        self._spare: list[Any] = []

    def describe(self) -> dict[str, str]:
        try:
            installed = version("rapidocr")
        except PackageNotFoundError:
            installed = "not installed"
        return {
            "engine": self.name,
            "rapidocr": installed,
            "settings": "cls off, det max 960, rec batch 1, pages at 75 % of their width",
        }

    def load(self) -> None:
        """Load the models once, so that a broken installation shows before the first sample; the first thread takes them."""
        self._spare.append(_loaded())

    def close(self) -> None:
        super().close()
        self._own = threading.local()
        self._spare.clear()

    def say(self, prompt: Prompt) -> Said:
        self._own.foreign = False
        said = super().say(prompt)
        return said._replace(why=FOREIGN) if self._own.foreign else said

    def lines(self, image: Image) -> str:
        pixels, reader = pixels_of(_narrow(image)), self._reader()
        found = reader(_padded(pixels), use_det=True, use_rec=True, use_cls=False, return_word_box=False, text_score=KEPT)
        if found.txts:
            return "\n".join(rows(pieces(found)))
        return read_whole(reader, pixels)[0] if _is_line(image) else ""

    def page(self, image: Image) -> Found:
        pixels, reader = pixels_of(_narrow(image)), self._reader()
        read = spans(_asked(reader, pixels))
        if not read and _is_line(image) and (whole := read_whole(reader, pixels))[0]:
            box = (0.0, 0.0, float(image.width), float(image.height))
            return Found([Span(whole[0], box, image.height, confidence=whole[1])])
        found = Found(read)
        if read and (clear(read) < SURE or 2 * sum(is_tall(span.box) for span in read) > len(read)):
            turn = stance(reader, pixels, read, SURE)
            if turn:
                image = turned(image, turn)
                found = Found(spans(_asked(reader, pixels_of(_narrow(image)))), turn)
        self._own.foreign = is_foreign(found.spans)
        kept = [span for span in found.spans if (span.confidence or 0.0) >= KEPT]
        if image.height < PAGE_HEIGHT:
            return found._replace(spans=kept)
        return found._replace(spans=moved(kept, (1 / NARROW, 1.0), Size(*image.size)))

    def _reader(self) -> Any:
        """One per thread: a reader keeps the settings of its last call."""
        if (reader := getattr(self._own, "reader", None)) is None:
            try:
                reader = self._spare.pop()
            except IndexError:
                reader = _loaded()
            self._own.reader = reader
        return reader


def _narrow(image: Image) -> Image:
    from PIL.Image import Resampling

    if image.height < PAGE_HEIGHT:
        return image
    return image.resize((max(1, round(image.width * NARROW)), image.height), Resampling.BILINEAR)


def _is_line(image: Image) -> bool:
    return LEAST_HEIGHT <= image.height <= LINE_HEIGHT and image.width >= LINE_ASPECT * image.height


def _loaded() -> Any:
    with extra("cpu-ocr"):
        import_module("onnxruntime")  # rapidocr itself reports its absence only when it first reads
        from rapidocr import RapidOCR
    return RapidOCR(params=TUNED)


def _asked(reader: Any, pixels: Any) -> Any:
    """Everything that was found; weak lines too, for they say how the page stands."""
    return reader(_padded(pixels), use_det=True, use_rec=True, use_cls=False, return_word_box=True, text_score=0.0)


def _padded(pixels: Any) -> Any:
    """With white below or to the right of a strip so thin that the detector, which shrinks it, would see none of it."""
    import numpy as np

    tall, wide = pixels.shape[:2]
    least = -(-max(tall, wide) // THINNEST)
    missing = (max(least - tall, 0), max(least - wide, 0))
    return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), constant_values=255) if any(missing) else pixels
