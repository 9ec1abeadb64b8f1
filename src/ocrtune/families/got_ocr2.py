"""GOT-OCR 2.0: a page squeezed into one square of 1024 pixels, or cut into several; its processor has a prompt of its own in the
place of a chat template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ocrtune.contracts import Ask, Encoded, LoadOptions
from ocrtune.core import ModelRef, Size
from ocrtune.core.weights import Weights
from ocrtune.errors import ConfigError
from ocrtune.families import _native, _sequences
from ocrtune.families._stock import Stock

SYSTEM = "You should follow the instructions carefully and explain your answers in detail."
CUT = "crop-to-patches"


def _template(cut: bool) -> str:
    """What `GotOcr2Processor` writes around its query when it is given no text: all pages between one pair of marks, a space
    before and behind the query, and words about how the pictures are shown before its colon."""
    ending = " upon the patch reference" if cut else ""
    return (
        "{{ '<|im_start|>system\\n" + SYSTEM + "<|im_end|>' }}"
        "{%- for message in messages -%}"
        "{%- set pages = message['content'] | selectattr('type', 'equalto', 'image') | list | length -%}"
        "{%- set said = message['content'] | selectattr('type', 'equalto', 'text') | map(attribute='text') | join(' ') -%}"
        "{%- set shown = (' across multi pages' if pages > 1 else '') ~ '" + ending + "' -%}"
        "{{ '<|im_start|>' ~ message['role'] ~ '\\n' }}"
        "{%- if message['role'] == 'user' -%}"
        "{{ '<img>' ~ '<imgpad>' * pages ~ '</img>\\n ' }}"
        "{{ said | trim if not shown else (said | trim).removesuffix(':') ~ shown ~ ':' }}{{ ' ' }}"
        "{%- else -%}{{ said }}{%- endif -%}"
        "{{ '<|im_end|>' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
    )


class GotOcr2(Stock):
    """The framing "crop-to-patches" shows a page as several squares, a small picture of the whole last, and says so in the
    prompt. The picture is stretched to the canvas of the squares, which is the size it sees. Its published prompts are `OCR:`
    and `OCR with format:`."""

    name = "got_ocr2"
    model_types = ("got_ocr2",)
    packs = True
    dialects = ("plain", "markdown")
    framings = ("whole", CUT)
    template = _template(cut=False)

    def weigh(self, ref: ModelRef, *, trust_remote_code: bool = False) -> Weights:
        """Two convolutions of stride 2 leave one token of 4 × 4 patches; no config says so."""
        return super().weigh(ref, trust_remote_code=trust_remote_code)._replace(merged=16)

    def bound(self, processor: Any, options: LoadOptions) -> None:
        """Pixel bounds as numbers of squares. Raises ConfigError where there is no room for one, and for bounds of a picture
        that is not cut."""
        square = processor.image_processor.size
        area = square.height * square.width
        cut = options.framing == CUT
        if options.max_pixels is not None and options.max_pixels < area:
            raise ConfigError(
                f"max_pixels is {options.max_pixels}, less than one square of {square.width} × {square.height}",
                hint=f"give at least {area}, or leave it out",
            )
        if options.min_pixels is not None and options.min_pixels > area and not cut:
            raise ConfigError(
                f"min_pixels is {options.min_pixels}, but an uncut page is seen at {square.width} × {square.height}",
                hint=f"set framing to {CUT}, or leave it out",
            )
        if cut:
            settings = {**processor.images_kwargs, "crop_to_patches": True}
            if options.max_pixels is not None:
                settings["max_patches"] = options.max_pixels // area
            if options.min_pixels is not None:
                settings["min_patches"] = -(-options.min_pixels // area)
            settings["min_patches"] = min(settings["min_patches"], settings["max_patches"])
            processor.images_kwargs = settings
            processor.chat_template = _template(cut=True)

    def sees(self, processor: Any, size: Size) -> Size:
        square, settings = processor.image_processor.size, processor.images_kwargs
        columns, rows = 1, 1
        if settings["crop_to_patches"] and settings["max_patches"] > 1:
            fit = _native.function(processor.image_processor, "get_optimal_tiled_canvas")
            tile = (square.height, square.width)
            columns, rows = fit((size.height, size.width), tile, settings["min_patches"], settings["max_patches"])
        return Size(columns * square.width, rows * square.height)

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        square = processor.image_processor.size
        squares = (seen.width // square.width) * (seen.height // square.height)
        return int(processor.num_image_tokens) * (squares + (squares > 1))

    def encode(self, processor: Any, ask: Ask, answer: str | None = None) -> Encoded:
        return self._encode_tokens(processor, ask, () if answer is None else self.answer_ids(processor, answer))

    def _encode_tokens(self, processor: Any, ask: Ask, answer: Sequence[int]) -> Encoded:
        return _sequences.encode(processor, ask, answer, images=list(ask.images))  # a list in a list is its multi_page mode
