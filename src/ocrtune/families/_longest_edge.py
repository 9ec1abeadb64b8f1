"""Pictures at their own size unless one side is too long: Pixtral's geometry, which Mistral 3 and LightOnOCR share."""

from __future__ import annotations

import math
from typing import Any

from ocrtune.contracts import LoadOptions
from ocrtune.core import Size
from ocrtune.errors import ConfigError
from ocrtune.families import _native
from ocrtune.families._stock import Stock


class LongestEdge(Stock):
    """Families whose processor shrinks a picture until its longer side fits, and rounds both sides up to whole tiles."""

    def bound(self, processor: Any, options: LoadOptions) -> None:
        """A budget of pixels is the side of a square that holds no more: only the longer side can be told to the processor.
        Raises ConfigError for `min_pixels`, as nothing is ever enlarged, and where not one tile fits."""
        if options.min_pixels is not None:
            raise ConfigError(f"{self.name} never enlarges a picture, so min_pixels does nothing", hint="leave min_pixels out")
        if options.max_pixels is not None:
            tile = max(_tile(processor))
            side = math.isqrt(options.max_pixels) // tile * tile
            if not side:
                raise ConfigError(
                    f"max_pixels is {options.max_pixels}, less than one tile of {tile} × {tile} pixels",
                    hint=f"give at least {tile * tile}, or leave it out",
                )
            images = processor.image_processor
            images.size = type(images.size)(longest_edge=min(side, images.size["longest_edge"]))

    def sees(self, processor: Any, size: Size) -> Size:
        images = processor.image_processor
        resize = _native.function(images, "get_resize_output_image_size")
        edge = images.size["longest_edge"]
        height, width = resize(_native.empty(size), size=(edge, edge), patch_size=_tile(processor))
        return Size(width, height)

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        counted = processor._get_num_multimodal_tokens(image_sizes=[(seen.height, seen.width)])
        return int(counted.num_image_tokens[0])


def _tile(processor: Any) -> tuple[int, int]:
    """Height and width of what becomes one token: LightOnOCR's image processor says it, Pixtral's is told by its processor."""
    if hasattr(processor, "effective_patch_size"):
        patch = processor.image_processor.patch_size
        return (patch, patch) if isinstance(patch, int) else (patch["height"], patch["width"])
    side = processor.patch_size * processor.spatial_merge_size
    return side, side
