"""Text layer, tesseract or RapidOCR: for each page the one that reads it best of those that are installed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from ocrtune.contracts import Engine
from ocrtune.core import Answer, Failure, ImageRef, Prompt
from ocrtune.engines import _tesseract as tess
from ocrtune.engines._pooled import Pooled, Said, Turn, Unread
from ocrtune.engines._scripts import IDEOGRAPHS, RAPIDOCR, TESSERACT, Way, ways
from ocrtune.errors import EngineError, MissingExtraError
from ocrtune.options import EngineOptions
from ocrtune.plugins import ENGINES
from ocrtune.rendering import picture

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger("ocrtune")

TEXT_LAYER = "textlayer"
RAPIDOCR_PACKAGES = ("rapidocr", "onnxruntime")
SURE = 0.75  # mean confidence of the words from which on no other engine is asked
MOST_WEAK = 0.15  # of the letters of a page
STRIP = 0.4  # of a page's height: the part with most ink is enough to find script and orientation
LEAST_HEIGHT = 400  # pixels from which on a part is looked at first
UPRIGHT = 2.0  # confidence of tesseract from which on its orientation counts; print is at 5 to 30, doubt below 1


class Reading(NamedTuple):
    """An answer, the way it was read, how sure its words are on the whole, and the part of the letters in weak words."""

    way: Way
    answer: Answer
    sure: float = 0.0
    weak: float = 1.0

    @property
    def doubtful(self) -> bool:
        """Whether another way might do better. A script that the data does not know shows in some of the words at least."""
        return self.sure < SURE or self.weak > MOST_WEAK


class Auto(Pooled):
    """A page is read from its text layer where that can be trusted, else by OCR in the way that its script asks for. When
    the words are doubtful, the other ways are tried too and the surest reading counts. Each answer says who read, and why.

    `language` goes to tesseract, which then reads all pages without a text layer.
    """

    name = "auto"
    uses = ("language", "layout", "concurrency", "timeout")

    def __init__(self, options: EngineOptions) -> None:
        super().__init__(options)
        self._engines: dict[tuple[str, str | None, bool], Engine] = {}
        self._opening = threading.Lock()
        self._there: tuple[str, ...] = ()
        self._data: frozenset[str] = frozenset()
        self._absent = ""
        self._hinted: set[str] = set()
        self._last: dict[str, Way] = {}

    def describe(self) -> dict[str, str]:
        said = {"engine": self.name, "language": self.options.language or "by script", "ocr": ", ".join(self._there)}
        for engine in list(self._engines.values()):
            said |= {key: value for key, value in engine.describe().items() if key in (TESSERACT, RAPIDOCR)}
        return said

    def load(self) -> None:
        """What is not installed is found out now. Only text layers can be read when no OCR is; pages without say so."""
        self._data = tess.installed()
        there, absent = [], []
        try:
            self._engine(Way(TESSERACT, self.options.language), self.options.layout)
            there.append(TESSERACT)
        except (MissingExtraError, EngineError) as error:
            if self.options.language:
                raise
            absent.append(f"{error} ({error.hint})")
        if all(find_spec(package) for package in RAPIDOCR_PACKAGES):
            there.append(RAPIDOCR)  # loading its models takes longer than reading a page: only when a page asks for it
        else:
            absent.append('the Python package rapidocr is not installed (pip install "ocrtune[cpu-ocr]")')
        self._there, self._absent = tuple(there), "; ".join(absent)

    def close(self) -> None:
        super().close()
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()

    def say(self, prompt: Prompt) -> Said:
        first = self._asked(Way(TEXT_LAYER), prompt, layout=self.options.layout)
        if first.error is None:
            return _said(first, TEXT_LAYER, "its text layer can be trusted")
        reason = first.error.message.rpartition(": ")[2]
        if not self._there:
            raise Unread(Failure(kind="no OCR engine", message=f"{reason}, and no OCR engine is installed: {self._absent}"))
        if self.options.language:
            way = Way(TESSERACT, self.options.language)
            return _said(self._asked(way, prompt, layout=self.options.layout), way.title, reason)
        return self._by_ocr(prompt, reason)

    def _by_ocr(self, prompt: Prompt, reason: str) -> Said:
        """In the way that served the last page of the document, else in the one that the page itself asks for."""
        path = prompt.images[0].path
        if not self.options.layout:
            return self._plainly(prompt, reason)
        last = self._last.get(path)
        if last is not None and not (again := self._read(last, prompt)).doubtful:
            return _said(again.answer, last.title, f"{reason}; read like other pages of the document")
        stance = self._stance(prompt.images[0])
        script = stance.script if stance is not None else None
        turn = _lies(stance)
        best = self._best(ways(script, self._there, self._data), prompt, turn)
        why = f"{reason}; {script or 'unknown'} script"
        if best.way.lacks and best.doubtful:
            why += "; " + self._hint(script or "", best.way.lacks)
        elif best.answer.why:
            why += "; " + best.answer.why
        elif not best.doubtful:
            self._last[path] = best.way
        said = _said(best.answer, best.way.title, why)
        return said._replace(turn=_added(turn, said.turn))

    def _plainly(self, prompt: Prompt, reason: str) -> Said:
        """Plain text has no confidence to choose by: the way follows from the script, of crops with few letters from a
        reading with places."""
        stance = self._stance(prompt.images[0])
        script = stance.script if stance is not None else None
        found = ways(script, self._there, self._data)
        first = prompt.model_copy(update={"images": prompt.images[:1]})
        way = found[0] if script is not None else self._best(found, first, 0).way
        return _said(self._asked(way, prompt, layout=False), way.title, f"{reason}; {script or 'unknown'} script")

    def _best(self, candidates: Sequence[Way], prompt: Prompt, turn: Turn) -> Reading:
        """The first reading that leaves no doubt, else the surest."""
        upright = prompt.model_copy(update={"images": tuple(ref.turned(turn) for ref in prompt.images)})
        readings: list[Reading] = []
        for way in candidates:
            readings.append(self._read(way, upright))
            if not readings[-1].doubtful:
                return readings[-1]
        return max(readings, key=lambda reading: (reading.answer.error is None, reading.sure))

    def _read(self, way: Way, prompt: Prompt) -> Reading:
        try:
            answer = self._asked(way, prompt)
        except (MissingExtraError, EngineError) as error:
            failure = Failure(kind="engine", message=f"{way.engine}: {error}")
            answer = Answer(sample_id=prompt.sample_id, finish="error", error=failure)
        if answer.error is not None or answer.why is not None:
            return Reading(way, answer)
        return Reading(way, answer, answer.sure or 0.0, 1.0 if answer.weak is None else answer.weak)

    def _asked(self, way: Way, prompt: Prompt, *, layout: bool = True) -> Answer:
        (answer,) = self._engine(way, layout).stream(iter([prompt]))
        return answer

    def _engine(self, way: Way, layout: bool) -> Engine:
        key = (way.engine, way.language, layout)
        with self._opening:
            if key not in self._engines:
                given: dict[str, object] = {"layout": layout, "concurrency": self._width}
                if way.engine == TESSERACT:
                    given |= {"language": way.language, "timeout": self.options.timeout}
                engine = ENGINES.get(way.engine)(EngineOptions.model_validate(given))
                engine.open()
                self._engines[key] = engine
            return self._engines[key]

    def _stance(self, ref: ImageRef) -> tess.Stance | None:
        if TESSERACT not in self._there or tess.OSD not in self._data:
            return None
        image = picture(ref)
        found = tess.stance(_strip(image), self.options.timeout) if image.height > LEAST_HEIGHT else None
        if found is None or found.sure[0] < UPRIGHT:
            found = tess.stance(image, self.options.timeout) or found
        return found

    def _hint(self, script: str, lacks: str) -> str:
        """Says it once per run; the reason of every page has it."""
        what = f"this page looks {script}, which is read badly without tesseract's data for it"
        remedy = f"apt install {tess.packages([lacks])}"
        if lacks not in self._hinted:
            self._hinted.add(lacks)
            log.warning("%s: %s", what, remedy)
        return f"{what} ({remedy})"


def _said(answer: Answer, engine: str, why: str) -> Said:
    """Raises Unread for an answer that is none."""
    if answer.error is not None:
        raise Unread(answer.error)
    return Said(answer.text or "", answer.sees or (), answer.turn, engine, why)


def _lies(stance: tess.Stance | None) -> Turn:
    """By how much to turn the page first. A page of ideographs written down looks to tesseract like one that lies: whether it
    does is left to the engine that reads it."""
    if stance is None or stance.sure[0] < UPRIGHT or (stance.script in IDEOGRAPHS and stance.turn != 180):
        return 0
    return stance.turn


def _added(one: Turn, other: Turn) -> Turn:
    turns: dict[int, Turn] = {0: 0, 90: 90, 180: 180, 270: 270}
    return turns[(one + other) % 360]


def _strip(image: Image) -> Image:
    """The part of the page, across its whole width, that has most ink."""
    import numpy as np

    tall = round(image.height * STRIP)
    small = np.asarray(image.convert("L").reduce(8), dtype=np.float32)
    edges = np.abs(np.diff(small, axis=1)).sum(axis=1)
    sums = np.convolve(edges, np.ones(max(tall // 8, 1)), mode="valid")
    top = min(int(sums.argmax()) * 8, image.height - tall)
    return image.crop((0, top, image.width, top + tall))
