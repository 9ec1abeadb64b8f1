"""LightOnOCR: Pixtral's tower in front of Qwen3. It writes whole pages as markdown and, in its published form, no boxes."""

from __future__ import annotations

from ocrtune.families._longest_edge import LongestEdge


class LightOnOcr(LongestEdge):
    name = "lighton_ocr"
    model_types = ("lighton_ocr",)
    packs = True
    dialects = ("markdown", "plain")
    vllm = ("--limit-mm-per-prompt", '{"image": 1}')
