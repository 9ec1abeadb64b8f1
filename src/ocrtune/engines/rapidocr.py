"""RapidOCR (PP-OCRv6 on ONNX Runtime): a baseline from pip alone. Latin, Greek, Chinese and Japanese; no Cyrillic."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NamedTuple

from ocrtune.core import Answer, Failure, Prompt, Size
from ocrtune.errors import EngineError, InputError, extra
from ocrtune.imaging import open_image
from ocrtune.inference import in_flight
from ocrtune.options import EngineOptions

if TYPE_CHECKING:
    from PIL.Image import Image

# Measured on rendered A4 pages: with the 0/180° classifier, which is on by default, English CER is 8.95 % (it turns
# whole lines round) instead of 0.11 %; detection at 960 pixels and single-line batches halve the time.
TUNED = {
    "Global.use_cls": False,
    "Det.limit_type": "max",
    "Det.limit_side_len": 960,
    "Rec.rec_batch_num": 1,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "Global.log_level": "error",
}
LINE_HEIGHT = 120  # pixels; a flat picture up to this height in which nothing is detected is taken as one line
LINE_ASPECT = 2.0  # width / height from which on a picture is flat


class RapidOcr:
    """Each of `concurrency` threads (at most one per core) has models of its own, 0.5 GB each.

    Rows of text become lines; boxes side by side on one row are joined by a space.
    """

    name = "rapidocr"
    native: str | None = "regions"

    def __init__(self, options: EngineOptions) -> None:
        options.only(self.name, "concurrency")
        self._width = min(options.concurrency, os.cpu_count() or 1)
        self._pool: ThreadPoolExecutor | None = None
        self._own = threading.local()

    def describe(self) -> dict[str, str]:
        try:
            installed = version("rapidocr")
        except PackageNotFoundError:
            installed = "not installed"
        return {"engine": self.name, "rapidocr": installed, "settings": "cls off, det max 960, rec batch 1"}

    def open(self) -> None:
        """Load the models once, so that a broken installation shows before the first sample."""
        if self._pool is None:
            self._reader()
            self._pool = ThreadPoolExecutor(self._width, thread_name_prefix="ocrtune-rapidocr")

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._pool = None
        self._own = threading.local()

    def sees(self, size: Size) -> Size | None:
        return size

    def stream(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        if self._pool is None:
            raise EngineError("the rapidocr engine is not open", hint="call open() first")
        pool = self._pool
        return in_flight(prompts, lambda prompt: pool.submit(self._answer, prompt), self._width)

    def _answer(self, prompt: Prompt) -> Answer:
        begun = time.monotonic()
        try:
            images = [open_image(image.path) for image in prompt.images]
        except InputError as error:
            failure = Failure(kind="unreadable image", message=str(error))
            return Answer(sample_id=prompt.sample_id, finish="error", error=failure, seconds=time.monotonic() - begun)
        text = "\n".join(_read(self._reader(), image) for image in images)
        sees = tuple(Size(*image.size) for image in images)
        return Answer(sample_id=prompt.sample_id, text=text, sees=sees, seconds=time.monotonic() - begun)

    def _reader(self) -> Any:
        """One per thread: a reader keeps the settings of its last call."""
        if (reader := getattr(self._own, "reader", None)) is None:
            with extra("cpu-ocr"):
                import_module("onnxruntime")  # rapidocr itself reports its absence only when it first reads
                from rapidocr import RapidOCR
            reader = self._own.reader = RapidOCR(params=TUNED)
        return reader


class _Piece(NamedTuple):
    """Text with its box: left, top, bottom in pixels."""

    text: str
    left: float
    top: float
    bottom: float


def _read(reader: Any, image: Image) -> str:
    import numpy as np

    pixels = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])  # the models were trained on BGR
    found = reader(pixels, use_det=True, use_rec=True, use_cls=False)
    if found.txts:
        return "\n".join(rows(_pieces(found)))
    if image.height <= LINE_HEIGHT and image.width >= LINE_ASPECT * image.height:
        found = reader(pixels, use_det=False, use_rec=True, use_cls=False)
        return " ".join(found.txts or ())
    return ""


def _pieces(found: Any) -> list[_Piece]:
    return [
        _Piece(text, float(box[:, 0].min()), float(box[:, 1].min()), float(box[:, 1].max()))
        for text, box in zip(found.txts, found.boxes, strict=True)
    ]


def rows(pieces: Sequence[_Piece]) -> list[str]:
    """Lines from top to bottom; a piece belongs to the row before when its middle lies inside it."""
    lines: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda p: (p.top + p.bottom) / 2):
        first = lines[-1][0] if lines else None
        if first is not None and first.top <= (piece.top + piece.bottom) / 2 <= first.bottom:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    return [" ".join(piece.text for piece in sorted(line, key=lambda p: p.left)) for line in lines]
