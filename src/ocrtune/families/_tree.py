"""Module groups of a vision-language model: language, vision, merger, found in the module tree."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

MERGER = ("merger", "projector", "connector", "aligner", "adapter_mlp", "embed_vision", "vision_projection", "img_projection")
VISION = ("visual", "vision", "image_encoder", "patch_embed", "image_tower", "image_embed")
LANGUAGE = ("language_model", "text_model", "embed_tokens", "lm_head", "decoder", "layers", "norm")


def group_of(name: str) -> str | None:
    """By the words of the path: what joins the two halves first, for mergers often live inside the tower's module."""
    parts = name.split(".")
    if any("audio" in part for part in parts):
        return None
    if any(word in part for part in parts for word in MERGER):
        return "merger"
    if any(word in part for part in parts for word in VISION):
        return "vision"
    if any(part == word for part in parts for word in LANGUAGE):
        return "language"
    return None


def group_patterns(model: Any) -> dict[str, str]:
    """Regexes that match, in full, exactly the linear layers of each group (the output head belongs to none).

    Layer numbers become `\\d+` only where every module that then matches is such a layer: `mlp.0` and `mlp.2` stay
    apart from the activation `mlp.1`.
    """
    import torch

    modules = dict(model.named_modules())
    head = model.get_output_embeddings()
    linear = {n for n, m in modules.items() if isinstance(m, torch.nn.Linear) and m is not head}
    shapes = defaultdict(list)
    for name in modules:
        shapes[re.sub(r"\d+", "#", name)].append(name)
    found: dict[str, set[str]] = defaultdict(set)
    for names in shapes.values():
        hit = [n for n in names if n in linear and group_of(n)]
        for name in hit:
            pattern = re.escape(name)
            if len(hit) == len(names):
                pattern = re.sub(r"\d+", r"\\d+", pattern)
            found[str(group_of(name))].add(pattern)
    return {group: "|".join(sorted(patterns)) for group, patterns in sorted(found.items())}
