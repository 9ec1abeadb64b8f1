"""Mistral Small 3 with pictures: Pixtral's tower at native size, a break token behind every row of tiles."""

from __future__ import annotations

from ocrtune.families._longest_edge import LongestEdge


class Mistral3(LongestEdge):
    name = "mistral3"
    model_types = ("mistral3",)
    packs = True
    dialects = ("plain", "markdown", "answers")
    vllm = ("--config-format", "hf", "--load-format", "safetensors")  # Mistral's own files may lie beside transformers' ones
