"""Qwen3-VL: patches of 16 pixels merged 2 × 2, features of several tower layers added inside the language model (deepstack);
boxes as JSON in thousandths."""

from __future__ import annotations

from ocrtune.families._patches import Patches


class Qwen3VL(Patches):
    name = "qwen3_vl"
    model_types = ("qwen3_vl",)
    coordinates = "norm1000"
    dialects = ("plain", "grounding-qwen3", "markdown", "answers")
    packs = True
