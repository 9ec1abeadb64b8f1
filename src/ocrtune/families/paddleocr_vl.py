"""PaddleOCR-VL: patches of 14 pixels merged 2 × 2. It reads one element of a page at a time (a text block, a table, a formula),
which a layout model has cut out, and writes no boxes."""

from __future__ import annotations

from ocrtune.families._patches import Patches


class PaddleOcrVL(Patches):
    name = "paddleocr_vl"
    model_types = ("paddleocr_vl",)
    packs = True
    dialects = ("plain", "table-otsl")
    vllm = ("--trust-remote-code",)
