"""Several sequences in one row, without padding: transformers keeps them apart by position ids that begin again.

It does so only where there is no attention mask (`find_packed_sequence_indices`), and wants multi-axis positions (Qwen's
M-RoPE) behind a row of plain ones: 4 × 1 × length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ocrtune.contracts import Encoded
from ocrtune.families import _sequences

REPLACED = ("attention_mask", "mm_token_type_ids", "token_type_ids", "position_ids")  # positions say what these said


def pack(processor: Any, model: Any, rows: Sequence[Encoded]) -> dict[str, Any]:
    import torch

    packed = {
        name: torch.cat([r.inputs[name] for r in rows], 1)
        if name == "input_ids"
        else torch.cat(_sequences.same_tail([r.inputs[name] for r in rows]))
        for name in rows[0].inputs
        if name not in REPLACED
    }
    return {**packed, "position_ids": torch.cat([positions(model, r.inputs) for r in rows], -1)}


def positions(model: Any, inputs: dict[str, Any]) -> Any:
    """Of one sequence: 1 × length, or 4 × 1 × length where the model counts along several axes."""
    import torch

    plain = getattr(model, "get_base_model", lambda: model)()
    own = getattr(getattr(plain, "model", None), "get_rope_index", None)
    text = torch.arange(inputs["input_ids"].shape[1])[None]
    if own is None:
        return text
    told = {n: inputs[n] for n in ("image_grid_thw", "mm_token_type_ids") if n in inputs}
    axes, _ = own(inputs["input_ids"], **told)
    return torch.cat([text[None], axes.to(text)])
