"""The second reading of `parse`: text layer or OCR, in a thread of its own beside the model that reads."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Literal

from ocrtune.contracts import Dialect, Engine
from ocrtune.core import Box, Prediction, Region, Sample
from ocrtune.core.document import Point
from ocrtune.errors import OcrtuneError
from ocrtune.inference import predictions
from ocrtune.options import EngineOptions
from ocrtune.plugins import DIALECTS, ENGINES
from ocrtune.runs import RunDir
from ocrtune.verbs.score import decode

log = logging.getLogger("ocrtune")

SUFFIX = "~second"
Turn = Literal[0, 90, 180, 270]


class Second:
    """Replies of the second reader by sample id. `take` waits for one that is still to come."""

    def __init__(self, engine: Engine, dialect: Dialect) -> None:
        self.engine = engine
        self.dialect = dialect
        self._replies: dict[str, Prediction] = {}
        self._news = threading.Condition()
        self._over = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, samples: Sequence[Sample], into: RunDir) -> None:
        self._thread = threading.Thread(target=self._work, args=(samples, into), name="ocrtune-second", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends after the page under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def ready(self, sample_id: str) -> bool:
        with self._news:
            return self._over or sample_id in self._replies

    def take(self, sample_id: str) -> Prediction | None:
        """The reply; None where there will be none."""
        with self._news:
            self._news.wait_for(lambda: self._over or sample_id in self._replies)
            return self._replies.get(sample_id)

    def turn(self, sample_id: str) -> Turn:
        """By how much the second reader turned the page to read it."""
        reply = self.take(sample_id)
        return 0 if reply is None else reply.turn

    def regions(self, sample_id: str, seen: Turn = 0) -> tuple[Region, ...]:
        """What the second reader found on the page, at its place on the page when that is turned by `seen`."""
        reply = self.take(sample_id)
        if reply is None:
            return ()
        back = (reply.turn - seen) % 360
        return tuple(_turned_back(region, back) for region in decode(reply, self.dialect).regions)

    def text(self, sample_id: str) -> str:
        return "\n".join(region.text for region in self.regions(sample_id)).strip()

    def _work(self, samples: Sequence[Sample], into: RunDir) -> None:
        asks = [sample.model_copy(update={"id": sample.id + SUFFIX}) for sample in samples]
        try:
            with contextlib.closing(predictions(asks, self.dialect, self.engine, into, retries=0)) as replies:
                for reply in replies:
                    with self._news:
                        self._replies[reply.sample_id.removesuffix(SUFFIX)] = reply
                        self._news.notify_all()
                    if self._stop.is_set():
                        return
        except OcrtuneError as error:
            log.warning("the second reading ended: %s", error)
        finally:
            with self._news:
                self._over = True
                self._news.notify_all()


def _turned_back(region: Region, turn: int) -> Region:
    """A region of a page that was turned `turn` degrees clockwise, on the page before that."""
    if turn == 0:
        return region
    words = region.words and tuple(word.model_copy(update={"box": _back(word.box, turn)}) for word in region.words)
    return region.model_copy(update={"box": region.box and _back(region.box, turn), "words": words})


def _back(box: Box, turn: int) -> Box:
    def place(x: float, y: float) -> Point:
        return {90: (y, 1 - x), 180: (1 - x, 1 - y), 270: (1 - y, x)}[turn]

    one, other = place(box.left, box.top), place(box.right, box.bottom)
    polygon = box.polygon and tuple(place(*point) for point in box.polygon)
    found = Box.from_pixels((*one, *other), 1, 1)
    return found.model_copy(update={"polygon": polygon})


@contextlib.contextmanager
def second_reading(samples: Sequence[Sample], language: str | None, into: RunDir) -> Iterator[Second | None]:
    """Under way from here to the end of the block; None where nothing on this machine can read a second time."""
    try:
        engine = ENGINES.get("auto")(EngineOptions(language=language, layout=True))
        engine.open()
    except OcrtuneError as error:
        log.warning("no second reading beside the model: %s", error)
        yield None
        return
    second = Second(engine, DIALECTS.get(engine.native or "regions")())
    try:
        second.start(samples, into)
        yield second
    finally:
        second.close()
        engine.close()
