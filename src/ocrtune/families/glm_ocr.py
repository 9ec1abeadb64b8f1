"""GLM-OCR: patches of 14 pixels merged 2 × 2. It reads what a layout model cut out and writes no boxes."""

from __future__ import annotations

from typing import Any

from ocrtune.families._patches import Patches


class GlmOcr(Patches):
    name = "glm_ocr"
    model_types = ("glm_ocr",)
    dialects = ("plain",)
    packs = True

    def frames(self, images: Any) -> dict[str, int]:
        """A picture counts as one temporal patch of a film."""
        return {"num_frames": images.temporal_patch_size, "temporal_factor": images.temporal_patch_size}

    def area_weight(self, images: Any) -> int:
        return int(images.temporal_patch_size)
