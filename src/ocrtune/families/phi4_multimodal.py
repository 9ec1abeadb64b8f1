"""Phi-4-multimodal in the layout of transformers (model type phi4_multimodal, not phi4mm): a picture fitted into whole tiles of
448 pixels, the rest padded, a small picture of the whole beside them. Its image processor exists for torchvision only."""

from __future__ import annotations

import importlib.util
import logging
import math
from pathlib import Path
from typing import Any

from ocrtune.contracts import AS_STORED, Loaded, LoadOptions
from ocrtune.core import ModelRef, Size
from ocrtune.core.weights import Weights
from ocrtune.errors import ConfigError, InputError, ResourceError, extra
from ocrtune.families._stock import Stock

LOG = logging.getLogger("ocrtune")
NEWLINES, SEPARATOR = 16, 1  # of the small picture of the whole, which is 16 × 16 tokens at every size
LEAST = 10  # pixels: the processor refuses pictures of which less is left on one side


class Phi4Multimodal(Stock):
    """The size it sees is the picture without its padding."""

    name = "phi4_multimodal"
    model_types = ("phi4_multimodal",)
    dialects = ("plain", "markdown", "answers")

    def load(self, ref: ModelRef, options: LoadOptions) -> Loaded:
        """Raises ResourceError without torchvision. Says so where the published vision adapter has not been merged."""
        _need_torchvision()
        register()
        if ref.adapter is None and (Path(ref.base) / "vision-lora").is_dir():
            LOG.warning(
                "%s keeps its skill with pictures in an adapter of its own: give %s/vision-lora as adapter, or merge it first",
                ref.base,
                ref.base,
            )
        return super().load(ref, options)

    def load_processor(self, ref: ModelRef, options: LoadOptions = AS_STORED) -> Any:
        _need_torchvision()
        return super().load_processor(ref, options)

    def weigh(self, ref: ModelRef, *, trust_remote_code: bool = False) -> Weights:
        """Its tower's output is averaged over 2 × 2 patches; no config says so."""
        register()
        return super().weigh(ref, trust_remote_code=trust_remote_code)._replace(merged=4)

    def bound(self, processor: Any, options: LoadOptions) -> None:
        """A budget of pixels is a number of tiles. Raises ConfigError where there is no room for one, and for `min_pixels`."""
        images = processor.image_processor
        tile = images.size.height
        if options.min_pixels is not None:
            raise ConfigError(
                f"{self.name} enlarges a picture to whole tiles only, so min_pixels does nothing", hint="leave min_pixels out"
            )
        if options.max_pixels is not None:
            if options.max_pixels < tile * tile:
                raise ConfigError(
                    f"max_pixels is {options.max_pixels}, less than one tile of {tile} × {tile}",
                    hint=f"give at least {tile * tile}, or leave it out",
                )
            images.dynamic_hd = options.max_pixels // (tile * tile)

    def sees(self, processor: Any, size: Size) -> Size:
        """As `dynamic_preprocess` of the image processor, which wants real pixels."""
        images = processor.image_processor
        tile = images.size.height
        columns, rows = math.ceil(size.width / tile), math.ceil(size.height / tile)
        if columns * rows > images.dynamic_hd:
            grids = [(i, n) for i in range(1, images.dynamic_hd + 1) for n in range(1, images.dynamic_hd // i + 1)]
            grids.sort(key=lambda grid: grid[0] * grid[1])
            aspect = size.width / size.height
            columns, rows = images.find_closest_aspect_ratio(aspect, grids, size.width, size.height, tile)
        wide, high = columns * tile / size.width, rows * tile / size.height
        if wide < high:
            seen = Size(columns * tile, int(size.height * wide))
        else:
            seen = Size(int(size.width * high), rows * tile)
        if min(seen) < LEAST:
            raise InputError(
                f"a picture of {size.width} × {size.height} pixels is too thin to be read", hint="cut it into pieces"
            )
        return seen

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        """Two patches in a row make a token; padding of less than one patch counts as picture."""
        images = processor.image_processor
        tile, patch = images.size.height, images.patch_size
        columns, rows = (
            math.ceil((math.ceil(side / tile) * tile // patch - (math.ceil(side / tile) * tile - side) // patch) / 2)
            for side in seen
        )
        return 256 + SEPARATOR + NEWLINES + rows * (columns + 1)


def _need_torchvision() -> None:
    if importlib.util.find_spec("torchvision") is None:
        raise ResourceError(
            "transformers prepares pictures for Phi-4-multimodal with torchvision only, and it is not installed",
            hint="pip install torchvision, in the version that belongs to this torch",
        )


def register() -> None:
    """transformers lists it among causal language models only."""
    with extra("train"):
        from transformers import AutoModelForImageTextToText, Phi4MultimodalConfig, Phi4MultimodalForCausalLM
    AutoModelForImageTextToText.register(Phi4MultimodalConfig, Phi4MultimodalForCausalLM, exist_ok=True)
