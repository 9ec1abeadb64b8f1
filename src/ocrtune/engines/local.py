"""A vision-language model in this process: transformers, batches of like size, an adapter on top where one is named."""

from __future__ import annotations

import hashlib
import itertools
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ocrtune.contracts import Ask, Family, Loaded, LoadOptions, Reading
from ocrtune.core import Answer, Failure, Finish, ImageRef, Prompt, Size, Usage
from ocrtune.errors import ConfigError, EngineError, InputError, OcrtuneError, ResourceError
from ocrtune.models import family_for, model_ref
from ocrtune.options import EngineOptions
from ocrtune.rendering import picture

LOG = logging.getLogger("ocrtune")
AHEAD = 8  # batches taken together, so that those of like size can be read together
MOST_AHEAD = 256  # prompts, whatever the batch size
HASHED = 256 * 2**20  # bytes of weights that are hashed whole; of larger files, SPOTS pieces of SPOT bytes from all over
SPOTS, SPOT = 64, 2**20
USED = ("model", "adapter", "device", "dtype", "quantization", "trust_remote_code", "batch_size", "temperature", "max_pixels",
        "min_pixels", "framing")  # fmt: skip


class Opened(NamedTuple):
    prompt: Prompt
    ask: Ask
    sees: tuple[Size, ...]


class Local:
    """Greedy at temperature 0: then the same prompt gives the same answer in any batch, up to rounding."""

    name = "local"
    native: str | None = None

    def __init__(self, options: EngineOptions) -> None:
        options.only(self.name, *USED)
        if options.model is None:
            raise ConfigError(
                "the local engine needs a model", hint="give --model a checkpoint folder, an adapter folder or a hub id"
            )
        self.options = options
        self._ref = model_ref(options.model, adapter=options.adapter)
        self._family: Family | None = None
        self._loaded: Loaded | None = None

    def describe(self) -> dict[str, str]:
        words = {"engine": self.name, "model": Path(self._ref.base).name, "weights": weights_digest(self._ref.base),
                 "dtype": str(self._loaded.model.dtype).removeprefix("torch.") if self._loaded else self.options.dtype,
                 "temperature": str(self.options.temperature), "max_pixels": str(self.options.max_pixels or "model's own"),
                 "min_pixels": str(self.options.min_pixels or "model's own")}  # fmt: skip
        if self.options.framing is not None:
            words["framing"] = self.options.framing
        if self.options.quantization != "none":
            words["quantization"] = self.options.quantization
        return words if self._ref.adapter is None else {**words, "adapter": weights_digest(self._ref.adapter)}

    def open(self) -> None:
        if self._loaded is not None:
            return
        o = self.options
        self._family = family_for(self._ref)
        how = LoadOptions(device=o.device, dtype=o.dtype, quantization=o.quantization, trust_remote_code=o.trust_remote_code,
                          min_pixels=o.min_pixels, max_pixels=o.max_pixels, framing=o.framing)  # fmt: skip
        self._loaded = self._family.load(self._ref, how)

    def close(self) -> None:
        self._loaded = self._family = None

    def sees(self, size: Size) -> Size | None:
        family, loaded = self._ready()
        try:
            return family.sees(loaded.processor, size)
        except InputError:
            return None  # said when the picture is opened

    def stream(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        family, loaded = self._ready()
        waiting = iter(prompts)
        while window := list(itertools.islice(waiting, min(MOST_AHEAD, AHEAD * self.options.batch_size))):
            window.sort(key=lambda p: (p.temperature or 0.0, sum(_area(i) for i in p.images), p.max_tokens))
            for start in range(0, len(window), self.options.batch_size):
                batch = window[start : start + self.options.batch_size]
                found = [_opened(prompt, family, loaded) for prompt in batch]  # memory holds the pictures of one batch
                yield from (f for f in found if isinstance(f, Answer))
                whole = (f for f in found if isinstance(f, Opened))
                for _, alike in itertools.groupby(whole, key=lambda o: o.prompt.temperature):
                    yield from self._read(list(alike))

    def _ready(self) -> tuple[Family, Loaded]:
        if self._family is None or self._loaded is None:
            raise EngineError("the local engine is not open", hint="call open() first")
        return self._family, self._loaded

    def _read(self, batch: Sequence[Opened]) -> Iterator[Answer]:
        """One batch; halved when memory runs out, and taken apart when a single picture upsets it."""
        family, loaded = self._ready()
        began = time.monotonic()
        try:
            asked = batch[0].prompt.temperature
            temperature = self.options.temperature if asked is None else asked
            readings = family.read(loaded, [o.ask for o in batch], temperature=temperature)
        except (OcrtuneError, ValueError, RuntimeError) as error:
            if len(batch) == 1:
                kind = "out of memory" if isinstance(error, ResourceError) else "model"
                passing = isinstance(error, ResourceError | RuntimeError)  # other work on the device, or a device that broke
                yield _failed(batch[0].prompt, kind, error, began, retryable=passing)
                return
            if isinstance(error, ResourceError):
                LOG.warning("memory ran out with a batch of %d: trying halves", len(batch))
            yield from self._read(batch[: len(batch) // 2])
            yield from self._read(batch[len(batch) // 2 :])
            return
        each = (time.monotonic() - began) / len(batch)
        for opened, reading in zip(batch, readings, strict=True):
            yield _answer(opened, reading, each)


def _area(image: ImageRef) -> int:
    return (image.width or 0) * (image.height or 0)


def _opened(prompt: Prompt, family: Family, loaded: Loaded) -> Opened | Answer:
    began = time.monotonic()
    try:
        images = tuple(picture(image) for image in prompt.images)
        sees = tuple(family.sees(loaded.processor, Size(*image.size)) for image in images)
    except InputError as error:
        return _failed(prompt, "unreadable image", error, began)
    return Opened(prompt, Ask(images, prompt.text, prompt.max_tokens), sees)


def _answer(opened: Opened, reading: Reading, seconds: float) -> Answer:
    finish: Finish = reading.finish
    return Answer(sample_id=opened.prompt.sample_id, text=reading.text, finish=finish, sees=opened.sees, seconds=seconds,
                  usage=Usage(prompt_tokens=reading.prompt_tokens, completion_tokens=len(reading.tokens)))  # fmt: skip


def _failed(prompt: Prompt, kind: str, error: Exception, began: float, *, retryable: bool = False) -> Answer:
    hint = f" ({error.hint})" if isinstance(error, OcrtuneError) and error.hint else ""
    failure = Failure(kind=kind, message=f"{error}{hint}", retryable=retryable)
    return Answer(sample_id=prompt.sample_id, finish="error", error=failure, seconds=time.monotonic() - began)


def weights_digest(name: str) -> str:
    """16 hex digits for a checkpoint or adapter folder: configs and weights; the name itself for a hub id."""
    folder = Path(name)
    if not folder.is_dir():
        return name
    total = hashlib.sha256()
    for file in sorted((*folder.glob("*config.json"), *folder.glob("*.safetensors"))):
        size = file.stat().st_size
        total.update(f"{file.name}:{size}\n".encode())
        with file.open("rb") as stream:
            for place in [0] if size <= HASHED else range(0, size - SPOT, size // SPOTS):
                stream.seek(place)
                total.update(stream.read(HASHED if size <= HASHED else SPOT))
    return total.hexdigest()[:16]
