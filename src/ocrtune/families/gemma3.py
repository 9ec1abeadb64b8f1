"""Gemma 3: the whole picture squeezed into one square; long pictures also in pieces, when asked for (pan and scan)."""

from __future__ import annotations

from typing import Any

from ocrtune.contracts import LoadOptions
from ocrtune.core import Size
from ocrtune.errors import ConfigError
from ocrtune.families import _native, _sequences
from ocrtune.families._stock import Stock


class Gemma3(Stock):
    """The framing "pan-and-scan" puts up to four pieces of a long picture behind the whole, each in a square of its own, and
    words between them. The size it sees is then the row or column of the pieces: the whole in front adds no detail.
    """

    name = "gemma3"
    model_types = ("gemma3",)
    dialects = ("plain", "markdown", "answers")
    framings = ("whole", "pan-and-scan")

    def bound(self, processor: Any, options: LoadOptions) -> None:
        """Raises ConfigError where `max_pixels` has no room for one square, or for two pieces."""
        square = processor.image_processor.size
        area = square.width * square.height
        cut = options.framing == "pan-and-scan"
        if options.max_pixels is not None and options.max_pixels < (1 + cut) * area:
            raise ConfigError(
                f"max_pixels is {options.max_pixels}, but this model sees squares of {square.width} × {square.height} pixels",
                hint=f"give at least {(1 + cut) * area}, or leave it out",
            )
        if options.framing is not None:
            settings = {**processor.images_kwargs, "do_pan_and_scan": cut}
            if cut and options.max_pixels is not None:
                settings["pan_and_scan_max_num_crops"] = min(settings["pan_and_scan_max_num_crops"], options.max_pixels // area)
            processor.images_kwargs = settings

    def sees(self, processor: Any, size: Size) -> Size:
        square = processor.image_processor.size
        pieces = max(1, _pieces(processor, size))
        if size.width >= size.height:
            return Size(pieces * square.width, square.height)
        return Size(square.width, pieces * square.height)

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        return len(processor.tokenizer(_said(processor, seen), add_special_tokens=False)["input_ids"])

    def length(self, processor: Any, ask: str, sizes: Any, answer: str) -> int:
        """Counted with the pictures' places written out: line breaks around them join the prompt's own in one token."""
        text = _sequences.rendered(processor, ask, len(sizes))
        first, *rest = text.split(processor.boi_token)
        for size, more in zip(sizes, rest, strict=True):
            first += _said(processor, self.sees(processor, size)) + more
        words = processor.tokenizer(first, add_special_tokens=False)["input_ids"]
        return len(words) + len(self.answer_ids(processor, answer))


def _pieces(processor: Any, size: Size) -> int:
    """How many pieces the processor would cut, by its own function."""
    settings = processor.images_kwargs
    if not settings.get("do_pan_and_scan"):
        return 0
    images = processor.image_processor
    cut = getattr(images, "pan_and_scan", None) or images.pan_and_scan_batched
    limits = {k: v for k, v in settings.items() if k.startswith("pan_and_scan_")}
    return len(cut(_native.empty(size), **limits))


def _said(processor: Any, seen: Size) -> str:
    """What the processor writes in the place of a picture."""
    square = processor.image_processor.size
    pieces = (seen.width // square.width) * (seen.height // square.height)
    return str(processor.replace_image_token({"num_crops": [pieces if pieces > 1 else 0]}, 0))
