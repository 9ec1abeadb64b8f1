"""Qwen2.5-VL: Qwen2-VL's geometry with window attention; boxes as JSON in pixels of the picture as it is seen."""

from __future__ import annotations

from ocrtune.families._patches import Patches


class Qwen25VL(Patches):
    name = "qwen2_5_vl"
    model_types = ("qwen2_5_vl",)
    coordinates = "pixels"
    dialects = ("plain", "grounding-qwen25", "markdown", "answers")
    packs = True
    # wrong answers since 4.54.0, not mended by 4.56.2: huggingface/transformers issues 40136 and 41180
    broken_with = {"transformers": ">=4.54,<=4.56.2"}
