"""Idefics3 and SmolVLM: every picture scaled to the same longer side and cut into square tiles; the whole, small, comes last."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from ocrtune.contracts import LoadOptions
from ocrtune.core import Size
from ocrtune.errors import ConfigError
from ocrtune.families import _native
from ocrtune.families._stock import Stock


class Idefics3(Stock):
    """The size it sees is the canvas that is cut into tiles: the small picture of the whole adds tokens but no detail."""

    name = "idefics3"
    model_types = ("idefics3", "smolvlm")
    packs = True
    dialects = ("plain", "answers")

    def bound(self, processor: Any, options: LoadOptions) -> None:
        """A budget of pixels is the side of a square canvas, in whole tiles. Raises ConfigError where not one tile fits, and
        for `min_pixels`: what small pictures become is the same as for large ones."""
        if getattr(processor, "video_processor", processor) is None:  # SmolVLM's chat template asks it even for pictures
            processor.video_processor = SimpleNamespace(num_frames=None, fps=None)
        if options.min_pixels is not None:
            raise ConfigError(
                f"{self.name} scales every picture to the same longer side, so min_pixels does nothing",
                hint="leave min_pixels out; max_pixels sets that side",
            )
        if options.max_pixels is not None:
            images = processor.image_processor
            tile = _tile(images)
            side = math.isqrt(options.max_pixels) // tile * tile
            if not side:
                raise ConfigError(
                    f"max_pixels is {options.max_pixels}, less than one tile of {tile} × {tile} pixels",
                    hint=f"give at least {tile * tile}, or leave it out",
                )
            images.size = type(images.size)(longest_edge=min(side, images.size["longest_edge"]))

    def sees(self, processor: Any, size: Size) -> Size:
        """As `resize_for_vision_encoder` of the image processor, which wants real pixels: the longer side grows to whole
        tiles first, the other one follows it."""
        images = processor.image_processor
        tile = _tile(images)
        if not images.do_image_splitting:
            return Size(tile, tile)
        resize = _native.function(images, "get_resize_output_image_size")
        height, width = resize(_native.empty(size), images.size["longest_edge"])
        aspect = width / height
        if width >= height:
            width = _whole(width, tile)
            return Size(width, _whole(int(width / aspect), tile))
        height = _whole(height, tile)
        return Size(_whole(int(height * aspect), tile), height)

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        tile = _tile(processor.image_processor)
        columns, rows = seen.width // tile, seen.height // tile
        if columns * rows == 1:
            columns, rows = 0, 0
        text = processor.replace_image_token({"rows": [[rows]], "cols": [[columns]]}, 0)
        marks = processor.tokenizer(text.replace(processor.image_token, ""), add_special_tokens=False)["input_ids"]
        return len(marks) + int(text.count(processor.image_token))


def _tile(images: Any) -> int:
    return int(images.max_image_size["longest_edge"])


def _whole(side: int, tile: int) -> int:
    return math.ceil(side / tile) * tile
