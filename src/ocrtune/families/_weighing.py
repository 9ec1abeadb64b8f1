"""What a checkpoint is made of: the real module tree, built without memory, and the few dimensions its config names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from ocrtune.core import ModelRef
from ocrtune.core.weights import Matrices, Stack, Weights
from ocrtune.errors import ModelError, extra
from ocrtune.families._loading import _foreign_errors, quiet

GROUPS = ("language", "vision", "merger", "embeddings", "other")


def weigh(ref: ModelRef, group_of: Callable[[str], str | None], *, trust_remote_code: bool = False) -> Weights:
    """The model on torch's meta device, counted. Raises ModelError when its config.json cannot be built or misses a size."""
    with extra("train"):
        import torch
        from transformers import AutoConfig, AutoModelForImageTextToText
    with _foreign_errors(ref.base), quiet():
        config = AutoConfig.from_pretrained(ref.base, revision=ref.revision, trust_remote_code=trust_remote_code)
        with torch.device("meta"):
            model = AutoModelForImageTextToText.from_config(config, trust_remote_code=trust_remote_code)
        model.tie_weights()
    return counted(model, config, group_of)


def counted(model: Any, config: Any, group_of: Callable[[str], str | None]) -> Weights:
    import torch

    head = model.get_output_embeddings()
    tables = {id(m.weight) for m in (model.get_input_embeddings(), head) if m is not None}
    parameters = Counter(dict.fromkeys(GROUPS, 0))
    for name, parameter in model.named_parameters():
        parameters["embeddings" if id(parameter) in tables else group_of(name) or "other"] += parameter.numel()
    shapes = Counter(
        (group_of(name) or "other", module.in_features, module.out_features)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    )
    text, vision = config.get_text_config(), getattr(config, "vision_config", None)
    return Weights(
        parameters=dict(parameters),
        matrices=tuple(Matrices(*shape, count) for shape, count in sorted(shapes.items())),
        language=_stack(text, model, "language", group_of),
        vision=None if vision is None else _stack(vision, model, "vision", group_of),
        vocabulary=model.get_input_embeddings().weight.shape[0],
        tied=len(tables) == 1,
        patch=_side(_first(vision, "patch_size")),
        merged=_merged(config, vision),
    )


def _stack(config: Any, model: Any, group: str, group_of: Callable[[str], str | None]) -> Stack:
    """Names differ between architectures; a tower's `hidden_size` may be that of what it feeds (Qwen2-VL)."""
    width = _first(config, "embed_dim", "hidden_size", "width", "d_model", "n_embd")
    layers = _first(config, "num_hidden_layers", "depth", "layers", "n_layer", "num_layers")
    heads = _first(config, "num_attention_heads", "num_heads", "attention_heads", "n_head")
    if width is None or layers is None or heads is None:
        raise ModelError(
            f"{type(config).__name__} does not say how wide and deep its {group} part is", hint="report this model's config.json"
        )
    inner = _first(config, "intermediate_size", "mlp_dim", "ffn_dim") or round(width * (_first(config, "mlp_ratio") or 4))
    own = [name for name, _ in model.named_modules() if group_of(name) == group]
    gated = any(name.rpartition(".")[2] in ("gate_proj", "gate_up_proj", "fc3", "w3") for name in own)
    return Stack(
        layers=layers,
        width=width,
        inner=inner,
        heads=heads,
        kv_heads=_first(config, "num_key_value_heads") or heads,
        head_width=_first(config, "head_dim") or width // heads,
        gated=gated,
    )


def _merged(config: Any, vision: Any) -> int:
    """Patches per visual token, from what says so: a side, its inverse, or the tokens of one square picture (Gemma 3)."""
    side = _first(vision, "spatial_merge_size", "merge_size") or _first(config, "spatial_merge_size", "scale_factor")
    if side is None and (ratio := _first(config, "downsample_ratio")) is not None:
        side = round(1 / ratio)
    if side is None and (tokens := _first(config, "mm_tokens_per_image")) is not None:
        return int((_side(vision.image_size) // _side(vision.patch_size)) ** 2 // tokens)
    return int(_side(side or 1) ** 2)


def _first(config: Any, *names: str) -> Any:
    """The first of these settings that is there and says something."""
    return next((value for name in names if (value := getattr(config, name, None))), None)


def _side(value: Any) -> Any:
    """One side where a config gives two equal ones."""
    return value[0] if isinstance(value, list | tuple) else value
