"""Qwen2-VL and its successors with the same picture geometry: whole patches, merged 2 × 2, at (nearly) native size."""

from __future__ import annotations

import math
from typing import Any

from ocrtune.contracts import LoadOptions
from ocrtune.core import Size
from ocrtune.errors import InputError
from ocrtune.families._stock import Stock

MAX_ASPECT = 200  # the processor refuses longer strips


class Qwen2VL(Stock):
    name = "qwen2_vl"
    model_types = ("qwen2_vl", "qwen2_5_vl")

    def bound(self, processor: Any, options: LoadOptions) -> None:
        images = processor.image_processor
        size = {"shortest_edge": options.min_pixels or images.size["shortest_edge"],
                "longest_edge": options.max_pixels or images.size["longest_edge"]}  # fmt: skip
        size["shortest_edge"] = min(size["shortest_edge"], size["longest_edge"])
        images.size = type(images.size)(**size)

    def sees(self, processor: Any, size: Size) -> Size:
        """Sides rounded to whole tiles, scaled when the area is out of bounds (Qwen2-VL's `smart_resize`)."""
        images = processor.image_processor
        tile = images.patch_size * images.merge_size
        low, high = images.size["shortest_edge"], images.size["longest_edge"]
        if max(size) > MAX_ASPECT * min(size):
            raise InputError(
                f"a picture of {size.width} × {size.height} pixels is too thin to be read", hint="cut it into pieces"
            )
        width, height = (round(side / tile) * tile for side in size)
        if width * height > high:
            shrink = math.sqrt(size.width * size.height / high)
            width, height = (max(tile, math.floor(side / shrink / tile) * tile) for side in size)
        elif width * height < low:
            grow = math.sqrt(low / (size.width * size.height))
            width, height = (math.ceil(side * grow / tile) * tile for side in size)
        return Size(width, height)

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        tile = processor.image_processor.patch_size * processor.image_processor.merge_size
        return (seen.width // tile) * (seen.height // tile)
