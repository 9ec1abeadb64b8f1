"""Phi-3-vision and Phi-3.5-vision: served by vLLM. transformers has no class of theirs, and the code that comes with the
checkpoints was written for transformers 4, so it is neither loaded nor trained here."""

from __future__ import annotations

import math
from typing import Any, NoReturn

from ocrtune.contracts import AS_STORED, LoadOptions
from ocrtune.core import ModelRef, Size
from ocrtune.core.weights import Weights
from ocrtune.errors import ModelError
from ocrtune.families._stock import Stock

TILE = 336
CROPS = 16  # tiles at most, as its model card advises for single pictures


class Phi3V(Stock):
    """A picture is scaled to the largest grid of at most 16 tiles that it fits by width, padded in height; upright ones are
    laid on their side for that. Asked for through a server, it needs no processor here: `processor` is ignored."""

    name = "phi3_v"
    model_types = ("phi3_v",)
    dialects = ("plain", "answers")
    vllm = ("--trust-remote-code", "--mm-processor-kwargs", f'{{"num_crops": {CROPS}}}')

    def load(self, ref: ModelRef, options: LoadOptions) -> NoReturn:
        raise _refusal(ref)

    def load_processor(self, ref: ModelRef, options: LoadOptions = AS_STORED) -> NoReturn:
        raise _refusal(ref)

    def weigh(self, ref: ModelRef, *, trust_remote_code: bool = False) -> Weights:
        raise _refusal(ref)

    def prompt(self, ask: str, images: int) -> str:
        """Its chat format, pictures first."""
        places = "".join(f"<|image_{n}|>\n" for n in range(1, images + 1))
        return f"<|user|>\n{places}{ask}<|end|>\n<|assistant|>\n"

    def sees(self, processor: Any, size: Size) -> Size:
        """The canvas, padding included: `calc_hd_transform_size` of its image processor."""
        long, short = max(size), min(size)
        aspect = long / short
        columns = 1
        while (columns + 1) * math.ceil((columns + 1) / aspect) <= CROPS:
            columns += 1
        rows = math.ceil(int(columns * TILE / aspect) / TILE)
        canvas = Size(columns * TILE, rows * TILE)
        return canvas if size.width >= size.height else Size(canvas.height, canvas.width)

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        """12 × 12 a tile and the small picture of the whole, a line break behind every row, one token between the two."""
        columns, rows = seen.width // TILE, seen.height // TILE
        return (columns * rows + 1) * 144 + 1 + (rows + 1) * 12


def _refusal(ref: ModelRef) -> ModelError:
    return ModelError(
        f"{ref.base} is Phi-3-vision: transformers has no class of its own for it, so it is neither loaded nor trained",
        hint=f"serve it (vllm serve {ref.base} {' '.join(Phi3V.vllm[:1])}) and read with --engine http; "
        "to train, take another family",
    )
