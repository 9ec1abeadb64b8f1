"""InternVL in the layout of transformers ("-hf" checkpoints): square tiles on the grid whose shape fits best, and a small
picture of the whole beside them."""

from __future__ import annotations

import math
from typing import Any

from ocrtune.contracts import LoadOptions
from ocrtune.core import Size
from ocrtune.errors import ConfigError
from ocrtune.families import _native
from ocrtune.families._stock import Stock


class InternVL(Stock):
    """The size it sees is the canvas that is cut into tiles: the small picture of the whole adds tokens but no detail. The
    picture is stretched to the canvas, so boxes are best written in thousandths, as its checkpoints do."""

    name = "internvl"
    model_types = ("internvl",)
    coordinates = "norm1000"
    dialects = ("plain", "grounding-internvl", "answers")
    packs = True

    def bound(self, processor: Any, options: LoadOptions) -> None:
        """Pixel bounds as numbers of tiles. Raises ConfigError when there is no room for one."""
        images = processor.image_processor
        tile = images.size.height * images.size.width
        if options.max_pixels is not None:
            if options.max_pixels < tile:
                raise ConfigError(
                    f"max_pixels is {options.max_pixels}, less than one tile of {images.size.width} × {images.size.height}",
                    hint=f"give at least {tile}, or leave it out",
                )
            images.max_patches = options.max_pixels // tile
        least = images.min_patches if options.min_pixels is None else math.ceil(options.min_pixels / tile)
        images.min_patches = min(least, images.max_patches)

    def sees(self, processor: Any, size: Size) -> Size:
        images = processor.image_processor
        tile = images.size
        columns, rows = 1, 1
        if _cuts(processor) and images.max_patches > 1:
            fit = _native.function(images, "get_optimal_tiled_canvas")
            columns, rows = fit((size.height, size.width), (tile.height, tile.width), images.min_patches, images.max_patches)
        return Size(columns * tile.width, rows * tile.height)

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        tile = processor.image_processor.size
        tiles = (seen.width // tile.width) * (seen.height // tile.height)
        return 2 + int(processor.image_seq_length) * (tiles + (tiles > 1))  # 2 tokens mark where the picture begins and ends


def _cuts(processor: Any) -> bool:
    """The processor's own setting outranks its image processor's."""
    settings = getattr(processor, "images_kwargs", {})
    return bool(settings.get("crop_to_patches", processor.image_processor.crop_to_patches))
