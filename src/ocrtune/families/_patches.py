"""Pictures at nearly their own size, in whole tiles of merged patches: Qwen2-VL's geometry, which others took over."""

from __future__ import annotations

from typing import Any

from ocrtune.contracts import LoadOptions
from ocrtune.core import Size
from ocrtune.errors import InputError
from ocrtune.families import _native
from ocrtune.families._stock import Stock


class Patches(Stock):
    """Families whose image processor has `patch_size`, `merge_size` and a size with `shortest_edge` and `longest_edge`, which
    are areas in spite of their names."""

    def bound(self, processor: Any, options: LoadOptions) -> None:
        images = processor.image_processor
        weight = self.area_weight(images)
        low = images.size["shortest_edge"] if options.min_pixels is None else options.min_pixels * weight
        high = images.size["longest_edge"] if options.max_pixels is None else options.max_pixels * weight
        images.size = type(images.size)(shortest_edge=min(low, high), longest_edge=high)

    def sees(self, processor: Any, size: Size) -> Size:
        """Sides rounded to whole tiles, scaled when the area is out of bounds."""
        images = processor.image_processor
        resize = _native.function(images, "smart_resize")
        bounds = {"min_pixels": images.size["shortest_edge"], "max_pixels": images.size["longest_edge"]}
        frames = self.frames(images)
        try:
            height, width = resize(
                height=size.height, width=size.width, factor=images.patch_size * images.merge_size, **bounds, **frames
            )
        except ValueError as cause:
            raise InputError(
                f"a picture of {size.width} × {size.height} pixels is too thin to be read", hint="cut it into pieces"
            ) from cause
        return Size(width, height)

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        tile = processor.image_processor.patch_size * processor.image_processor.merge_size
        return (seen.width // tile) * (seen.height // tile)

    def frames(self, images: Any) -> dict[str, int]:
        """What else the architecture's `smart_resize` wants to know about a single picture."""
        return {}

    def area_weight(self, images: Any) -> int:
        """How much one pixel counts in the processor's bounds."""
        return 1
