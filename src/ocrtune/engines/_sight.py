"""What is known of the model behind a server: the size at which it sees pictures, what they cost, how it wants to be asked."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ocrtune.contracts import Family, LoadOptions
from ocrtune.core import Failure, Prompt, Size
from ocrtune.errors import EngineError, OcrtuneError
from ocrtune.models import family_for, model_ref
from ocrtune.options import EngineOptions

log = logging.getLogger("ocrtune")
REMEDY = "lower --max-tokens or --max-pixels, or start the server with a larger --max-model-len"


class Sight:
    """Sees through the processor of the served model; without one only the pixel bounds of the options are known."""

    def __init__(self, options: EngineOptions) -> None:
        self.options = options
        self.name: str | None = None  # of the checkpoint whose processor it is
        self._family: Family | None = None
        self._processor: Any = None
        self._words: dict[tuple[str, int], int] = {}

    def look(self, roots: Iterable[str]) -> None:
        """Load the processor that the options name, else that of the first of the servers' model folders that is here."""
        if self._family is not None:
            return
        named = self.options.processor
        here = (root for root in roots if (Path(root) / "config.json").is_file())
        if (name := named or next(here, None)) is None:
            return
        o = self.options
        try:
            ref = model_ref(name)
            family = family_for(ref)
            bounds = LoadOptions(min_pixels=o.min_pixels, max_pixels=o.max_pixels, trust_remote_code=o.trust_remote_code)
            self._processor = family.load_processor(ref, bounds)
        except OcrtuneError as error:
            if named:
                raise
            log.warning("the processor of the server's model in %s cannot be loaded (%s): pictures go as they are", name, error)
            return
        self._family, self.name = family, name

    @property
    def prefix(self) -> str:
        """What a question must begin with, once per picture."""
        return self._family.served_prefix if self._family is not None else ""

    def sees(self, size: Size) -> Size:
        """Raises InputError for a picture that the model cannot be shown."""
        if self._family is not None:
            return self._family.sees(self._processor, size)
        return _bounded(size, self.options.min_pixels, self.options.max_pixels)

    def too_long(self, prompt: Prompt, seen: Sequence[Size], context: int | None) -> Failure | None:
        """Why question and answer do not fit into `context` tokens, and what to change. Raises EngineError when no question
        with an answer of that length could ever fit."""
        if context is None:
            return None
        if prompt.max_tokens >= context:
            raise EngineError(
                f"answers of {prompt.max_tokens} tokens leave no room for a picture: the server's limit is {context} tokens",
                hint="lower --max-tokens, or start the server with a larger --max-model-len",
            )
        if self._family is None:
            return None
        family, processor = self._family, self._processor
        pictures = sum(family.visual_tokens(processor, size) for size in seen)
        question = self._question(prompt, seen)
        if (whole := pictures + question + prompt.max_tokens) <= context:
            return None
        sizes = ", ".join(f"{size.width}×{size.height}" for size in seen)
        sums = (
            f"{pictures} tokens of picture ({sizes}) + {question} of question + {prompt.max_tokens} of answer = {whole}, but the "
        )
        rest = context - pictures - question
        advice = f"lower --max-tokens to {rest} or less" if rest > 0 else "lower --max-pixels"
        message = f"{sums}server's limit is {context}: {advice}, or start the server with --max-model-len {whole} or more"
        return Failure(kind="too long", message=message)

    def _question(self, prompt: Prompt, seen: Sequence[Size]) -> int:
        """Tokens of the text with everything around it; most runs ask the same of every page."""
        assert self._family is not None
        key = (prompt.text, len(seen))
        if key not in self._words:
            family, processor = self._family, self._processor
            pictures = sum(family.visual_tokens(processor, family.sees(processor, size)) for size in seen)
            self._words[key] = family.length(processor, prompt.text, seen, "") - pictures
            if len(self._words) > 1000:
                del self._words[next(iter(self._words))]
        return self._words[key]


def _bounded(size: Size, least: int | None, most: int | None) -> Size:
    pixels = size.width * size.height
    if most is not None and pixels > most:
        scale = math.sqrt(most / pixels)
        return Size(max(1, math.floor(size.width * scale)), max(1, math.floor(size.height * scale)))
    if least is not None and pixels < least:
        scale = math.sqrt(least / pixels)
        return Size(math.ceil(size.width * scale), math.ceil(size.height * scale))
    return size
