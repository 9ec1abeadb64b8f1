"""What the engines without a language model share: a thread for each core, and answers in plain text or as regions."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ocrtune.core import Answer, Box, Failure, ImageRef, Prompt, Region, RegionsTarget, Size
from ocrtune.errors import EngineError, InputError
from ocrtune.inference import in_flight
from ocrtune.layout import Rect, Rule, Span, analyse, figures_in, formulas_in, marks_in, rules_in, weighed
from ocrtune.options import EngineOptions
from ocrtune.plugins import DIALECTS
from ocrtune.rendering import picture

if TYPE_CHECKING:
    from PIL.Image import Image

Turn = Literal[0, 90, 180, 270]
WEAK = 0.5  # confidence of a word that may be anything
LARGE = 1400  # pixels of the shorter side: A4 at 170 dpi
PLACES = 5  # decimals of a box: a thousandth of a pixel of a page at 100 dpi; more only makes replies long

_seen = itertools.count(1)


class Unread(Exception):  # noqa: N818 -- it is a result: what becomes of one picture
    """A picture that cannot be read, and why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Said(NamedTuple):
    """What an engine has to say of a prompt; `turn` as in an Answer."""

    text: str
    sees: tuple[Size, ...]
    turn: Turn = 0
    engine: str | None = None
    why: str | None = None
    sure: float | None = None
    weak: float | None = None


class Found(NamedTuple):
    """Lines of a picture that was turned `turn` degrees clockwise; their boxes are pixels of the turned picture."""

    spans: list[Span]
    turn: Turn = 0


class Pooled(ABC):
    """Each of `concurrency` threads (at most one per core) reads a prompt of its own."""

    name: str
    native: str | None = "regions"
    uses: tuple[str, ...]

    def __init__(self, options: EngineOptions) -> None:
        options.only(self.name, *self.uses)
        self.options = options
        self._width = min(options.concurrency, os.cpu_count() or 1)
        self._pool: ThreadPoolExecutor | None = None
        self._regions = DIALECTS.get("regions")()

    @abstractmethod
    def describe(self) -> dict[str, str]: ...

    @abstractmethod
    def load(self) -> None:
        """Find or load what is needed. Raises MissingExtraError or EngineError naming what to install."""

    @abstractmethod
    def say(self, prompt: Prompt) -> Said:
        """What it reads. Raises Unread, and InputError for pictures that cannot be opened."""

    def open(self) -> None:
        if self._pool is None:
            self.load()
            self._pool = ThreadPoolExecutor(self._width, thread_name_prefix=f"ocrtune-{self.name}")

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._pool = None

    def sees(self, size: Size) -> Size | None:
        return size

    def stream(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        if self._pool is None:
            raise EngineError(f"the {self.name} engine is not open", hint="call open() first")
        pool = self._pool
        return in_flight(prompts, lambda prompt: pool.submit(self._answer, prompt), self._width)

    def _answer(self, prompt: Prompt) -> Answer:
        begun = time.monotonic()
        try:
            said = self.say(prompt)
            answer = Answer(sample_id=prompt.sample_id, **said._asdict())
        except InputError as error:
            answer = _failed(prompt, Failure(kind="unreadable image", message=str(error)))
        except Unread as error:
            answer = _failed(prompt, error.failure)
        return answer.model_copy(update={"seconds": time.monotonic() - begun})

    def encoded(self, regions: Iterable[Region]) -> str:
        """A reply in the dialect `native`."""
        return self._regions.encode(RegionsTarget(regions=tuple(map(_rounded, regions))))


class Seeing(Pooled):
    """Engines that look at pixels."""

    keeps = 1  # pages after which the memory that they took is given back

    @abstractmethod
    def lines(self, image: Image) -> str:
        """The plain text of a picture, line by line. Raises Unread."""

    @abstractmethod
    def page(self, image: Image) -> Found:
        """The lines of a page with their places, turned upright where it was not. Raises Unread."""

    def say(self, prompt: Prompt) -> Said:
        if self.options.layout:
            try:
                return self._laid_out(prompt)
            finally:
                if next(_seen) % self.keeps == 0:
                    _give_back()
        images = [picture(ref) for ref in prompt.images]
        return Said("\n".join(self.lines(image) for image in images), tuple(Size(*image.size) for image in images))

    def _laid_out(self, prompt: Prompt) -> Said:
        image = picture(single(prompt))
        found = self.page(image)
        grey = turned(image.convert("L"), found.turn)
        sure, weak = _sureness(found.spans)
        said = self.encoded(_arranged(grey, found.spans))
        return Said(said, (Size(*grey.size),), found.turn, sure=sure, weak=weak)


def _give_back() -> None:
    """Memory that a page took, to the system: glibc keeps a heap for each thread, and each grows to its own largest page."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    """glibc's `malloc_trim`; None in other C libraries."""
    with contextlib.suppress(OSError, TypeError, AttributeError):
        return ctypes.CDLL(None).malloc_trim
    return None


def _arranged(image: Image, spans: Sequence[Span]) -> tuple[Region, ...]:
    """The regions of a page whose lines have been recognised."""
    figures = figures_in(image, spans)
    formulas = formulas_in(spans, marks_in(image), figures)
    return analyse(weighed(image, spans), Size(*image.size), rules=_rules(image), pictures=figures, formulas=formulas)


def _sureness(spans: Sequence[Span]) -> tuple[float, float]:
    """`sure` and `weak` of an answer; a page without letters is as doubtful as can be."""
    words = [(len(w.text), w.confidence) for s in spans for w in s.words if w.confidence is not None]
    letters = sum(n for n, _ in words)
    if not letters:
        return 0.0, 1.0
    return sum(n * sure for n, sure in words) / letters, sum(n for n, sure in words if sure < WEAK) / letters


def _rules(image: Image) -> list[Rule]:
    """Ruling lines of a large picture are looked for at half its size: they still show, and it takes a quarter of the time."""
    if min(image.size) < LARGE:
        return rules_in(image)
    return [Rule((box[0] * 2, box[1] * 2, box[2] * 2, box[3] * 2)) for (box,) in rules_in(image.reduce(2))]


def single(prompt: Prompt) -> ImageRef:
    """The prompt's only picture; regions of several could not be told apart. Raises Unread."""
    if len(prompt.images) != 1:
        what = f"{len(prompt.images)} pictures in one question have no common layout"
        raise Unread(Failure(kind="several pictures", message=what))
    return prompt.images[0]


def turned(image: Image, turn: Turn) -> Image:
    """The picture turned so many degrees clockwise."""
    from PIL.Image import Transpose

    turns = {90: Transpose.ROTATE_270, 180: Transpose.ROTATE_180, 270: Transpose.ROTATE_90}
    return image.transpose(turns[turn]) if turn else image


def moved(spans: Sequence[Span], factors: tuple[float, float], size: Size, *, margin: int = 0) -> list[Span]:
    """Lines that were found in a scaled picture with a margin, at their places in the picture itself, which has this size."""
    across, down = factors

    def place(box: Rect) -> Rect:
        left, top, right, bottom = (value - margin for value in box)
        return (max(left * across, 0.0), max(top * down, 0.0), min(right * across, float(size.width)),
                min(bottom * down, float(size.height)))  # fmt: skip

    return [
        span._replace(
            box=place(span.box),
            size=span.size * (across if span.vertical else down),
            words=tuple(word._replace(box=place(word.box)) for word in span.words),
        )
        for span in spans
    ]


def clear(spans: Sequence[Span]) -> float:
    """How sure the engine is of what it read: the mean confidence of its characters, 0 where there are none."""
    letters = [(sum(not c.isspace() for c in span.text), span.confidence or 0.0) for span in spans]
    count = sum(n for n, _ in letters)
    return sum(n * sure for n, sure in letters) / count if count else 0.0


def _failed(prompt: Prompt, failure: Failure) -> Answer:
    return Answer(sample_id=prompt.sample_id, finish="error", error=failure)


def _rounded(region: Region) -> Region:
    words = region.words and tuple(
        word.model_copy(update={"box": _round(word.box), "confidence": _share(word.confidence)}) for word in region.words
    )
    box = region.box and _round(region.box)
    return region.model_copy(update={"box": box, "words": words, "confidence": _share(region.confidence)})


def _round(box: Box) -> Box:
    left, top, right, bottom = (round(v, PLACES) for v in (box.left, box.top, box.right, box.bottom))
    return Box(left=left, top=top, right=right, bottom=bottom, polygon=box.polygon)


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
