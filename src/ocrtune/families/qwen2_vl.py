"""Qwen2-VL: patches of 14 pixels merged 2 × 2, boxes in thousandths between special tokens."""

from __future__ import annotations

from ocrtune.families._patches import Patches


class Qwen2VL(Patches):
    name = "qwen2_vl"
    model_types = ("qwen2_vl",)
    coordinates = "norm1000"
    dialects = ("plain", "grounding-qwen2", "answers")
    packs = True
