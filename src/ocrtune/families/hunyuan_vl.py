"""HunyuanOCR (model type hunyuan_vl): patches of 16 pixels merged 2 × 2, a token at the end of each row of them."""

from __future__ import annotations

from typing import Any

from ocrtune.core import Size
from ocrtune.families._patches import Patches


class HunyuanVL(Patches):
    name = "hunyuan_vl"
    model_types = ("hunyuan_vl",)
    dialects = ("plain", "markdown")

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        tile = processor.image_processor.patch_size * processor.image_processor.merge_size
        columns, rows = seen.width // tile, seen.height // tile
        return rows * (columns + 1) + 2 * bool(processor.cat_extra_token)  # the tower marks begin and end by itself
