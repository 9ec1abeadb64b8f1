"""Any other image-text-to-text model that transformers knows. What only its code knows is measured or left alone."""

from __future__ import annotations

import logging
import math
from typing import Any

from ocrtune.contracts import Ask, Encoded, Loaded, LoadOptions
from ocrtune.core import ModelRef, Size
from ocrtune.families import _sequences
from ocrtune.families._stock import Stock

LOG = logging.getLogger("ocrtune")
BOUNDS = "_pixel_bounds"  # kept in the processor: they are its own, not the family's


class Auto(Stock):
    """Pixel bounds are kept by resizing pictures before the processor gets them; the number of picture tokens is what
    the processor makes of a blank picture of that size."""

    name = "auto"
    model_types = ()

    def __init__(self) -> None:
        self._tokens: dict[Size, int] = {}

    def load(self, ref: ModelRef, options: LoadOptions) -> Loaded:
        loaded = super().load(ref, options)
        LOG.warning(
            "%s (model type %s) has no family of its own. Unknown are: the size its tower really sees (pictures are bounded "
            "before its processor gets them); how it writes boxes and what it says before training (only plain text is "
            "taken for granted); whether sequences can be packed (they are not). What belongs to tower, merger and language "
            "model is guessed from module names: check the table of what is trained",
            ref.base,
            loaded.model.config.model_type,
        )
        return loaded

    def bound(self, processor: Any, options: LoadOptions) -> None:
        setattr(processor, BOUNDS, (options.min_pixels, options.max_pixels))
        self._tokens.clear()

    def sees(self, processor: Any, size: Size) -> Size:
        area = size.width * size.height
        least, most = getattr(processor, BOUNDS, (None, None))
        low, high = least or 1, most or max(area, least or 1)
        scale = math.sqrt(min(max(area, low), max(high, low)) / area)
        if scale == 1:
            return size
        whole = math.floor if scale < 1 else math.ceil
        return Size(max(1, whole(size.width * scale)), max(1, whole(size.height * scale)))

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        from PIL import Image

        if seen not in self._tokens:
            whole = _sequences.encode(processor, Ask((Image.new("RGB", seen, "white"),), ""))
            plain = processor.tokenizer(_sequences.rendered(processor, "", 1), add_special_tokens=False)["input_ids"]
            self._tokens[seen] = whole.prompt - len(plain) + 1
        return self._tokens[seen]

    def encode(self, processor: Any, ask: Ask, answer: str | None = None) -> Encoded:
        return super().encode(processor, self._resized(processor, ask), answer)

    def _encode_tokens(self, processor: Any, ask: Ask, answer: Any) -> Encoded:
        return super()._encode_tokens(processor, self._resized(processor, ask), answer)

    def _resized(self, processor: Any, ask: Ask) -> Ask:
        images = []
        for image in ask.images:
            wanted = self.sees(processor, Size(*image.size))
            images.append(image if wanted == image.size else image.resize(wanted))
        return ask._replace(images=tuple(images))
