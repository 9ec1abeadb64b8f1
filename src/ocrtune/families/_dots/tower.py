"""The vision tower: patches of a picture → one vector per 2 × 2 patches, as wide as the language model.

Shapes: P patches of all pictures behind each other in merge order (the four patches of a 2 × 2 tile are neighbours),
H heads of width D, W = H · D. Module names are those of the published checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, PreTrainedModel
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm

from ocrtune.families._dots.config import DotsVisionConfig

THETA = 10_000.0  # base of the rotary frequencies
MERGER_EPS = 1e-6


class Places(NamedTuple):
    """Where the patches are: `lengths` of the stretches that may see each other (one per frame of a picture), and the
    `cos` and `sin` [P, 1, D] that tell rows and columns apart, in float32."""

    lengths: tuple[int, ...]
    cos: Tensor
    sin: Tensor


def places(grids: Sequence[Sequence[int]], *, merge: int, width: int, device: Any = None) -> Places:
    """For pictures of `grids` (frames, rows, columns of patches) and heads of `width`.

    Half of the frequencies turn with the row, half with the column (2-D rotary embedding). They are computed here and
    are no buffer of a module, so that they are right whichever way the weights came into memory.
    """
    steps = torch.arange(0, width // 2, 2, dtype=torch.float32, device=device)
    speeds = THETA ** (-steps / (width // 2))
    angles = []
    for frames, rows, columns in grids:
        tiles = (rows // merge, columns // merge, merge, merge)
        row = torch.arange(rows, device=device).view(tiles[0], 1, merge, 1).expand(tiles).flatten()
        column = torch.arange(columns, device=device).view(1, tiles[1], 1, merge).expand(tiles).flatten()
        turns = torch.cat([row[:, None] * speeds, column[:, None] * speeds], 1)
        angles.append(turns.repeat(frames, 1))
    both = torch.cat(angles).repeat(1, 2)[:, None]
    lengths = tuple(rows * columns for frames, rows, columns in grids for _ in range(frames))
    return Places(lengths, both.cos(), both.sin())


def turned(x: Tensor, where: Places) -> Tensor:
    """Queries or keys [P, H, D] with their places in them; computed in float32."""
    wide = x.float()
    left, right = wide.chunk(2, -1)
    return (wide * where.cos + torch.cat([-right, left], -1) * where.sin).to(x.dtype)


def attend(q: Tensor, k: Tensor, v: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """Everything sees everything inside its own stretch; [P, H, D] each. No mask, so that no P × P tensor is made:
    memory grows with the longest stretch."""
    if len(set(lengths)) == 1:  # pictures of one size are one batch
        shape = (len(lengths), lengths[0], *q.shape[1:])
        out = F.scaled_dot_product_attention(*(x.view(shape).transpose(1, 2) for x in (q, k, v)))
        return out.transpose(1, 2).reshape(q.shape)
    stretches = zip(*(x.transpose(0, 1)[None].split(lengths, 2) for x in (q, k, v)), strict=True)
    return torch.cat([F.scaled_dot_product_attention(*parts)[0].transpose(0, 1) for parts in stretches])


class DotsPatchifier(nn.Module):  # type: ignore[misc]
    """Patches [P, channels · side · side] → [P, W]: a convolution whose steps are as wide as its kernel is one matrix."""

    def __init__(self, config: DotsVisionConfig) -> None:
        super().__init__()
        side = config.patch_size
        self.proj = nn.Conv2d(config.num_channels, config.embed_dim, kernel_size=side, stride=side)
        self.norm = Qwen2RMSNorm(config.embed_dim, eps=config.rms_norm_eps)

    def forward(self, patches: Tensor) -> Tensor:
        return self.norm(F.linear(patches.to(self.proj.weight.dtype), self.proj.weight.flatten(1), self.proj.bias))


class DotsPatchEmbed(nn.Module):  # type: ignore[misc]
    def __init__(self, config: DotsVisionConfig) -> None:
        super().__init__()
        self.patchifier = DotsPatchifier(config)

    def forward(self, patches: Tensor) -> Tensor:
        return self.patchifier(patches)


class DotsVisionAttention(nn.Module):  # type: ignore[misc]
    def __init__(self, config: DotsVisionConfig) -> None:
        super().__init__()
        self.config = config
        self.is_causal = False  # read by transformers' flash attention
        self.heads = config.num_attention_heads
        self.qkv = nn.Linear(config.embed_dim, 3 * config.embed_dim, bias=config.use_bias)
        self.proj = nn.Linear(config.embed_dim, config.embed_dim, bias=config.use_bias)

    def forward(self, x: Tensor, where: Places) -> Tensor:
        q, k, v = self.qkv(x).view(len(x), 3, self.heads, -1).unbind(1)
        q, k = turned(q, where), turned(k, where)
        name = self.config._attn_implementation or ""
        out = self._flash(name, q, k, v, where.lengths) if "flash" in name else attend(q, k, v, where.lengths)
        return self.proj(out.reshape(len(x), -1))

    def _flash(self, name: str, q: Tensor, k: Tensor, v: Tensor, lengths: tuple[int, ...]) -> Tensor:
        """The flash-attention package, all stretches in one call."""
        ends = torch.tensor([0, *lengths], device=q.device).cumsum(0, dtype=torch.int32)
        longest = max(lengths)
        batch = [x.transpose(0, 1)[None] for x in (q, k, v)]
        out, _ = ALL_ATTENTION_FUNCTIONS[name](
            self, *batch, attention_mask=None, scaling=q.shape[-1] ** -0.5, dropout=0.0, is_causal=False,
            cu_seq_lens_q=ends, cu_seq_lens_k=ends, max_length_q=longest, max_length_k=longest,
        )  # fmt: skip
        return out


class DotsVisionMLP(nn.Module):  # type: ignore[misc]
    def __init__(self, config: DotsVisionConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.embed_dim, config.intermediate_size, bias=config.use_bias)
        self.fc2 = nn.Linear(config.intermediate_size, config.embed_dim, bias=config.use_bias)
        self.fc3 = nn.Linear(config.embed_dim, config.intermediate_size, bias=config.use_bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.silu(self.fc1(x)) * self.fc3(x))


class DotsVisionBlock(GradientCheckpointingLayer):  # type: ignore[misc]
    def __init__(self, config: DotsVisionConfig) -> None:
        super().__init__()
        self.norm1 = Qwen2RMSNorm(config.embed_dim, eps=config.rms_norm_eps)
        self.attn = DotsVisionAttention(config)
        self.norm2 = Qwen2RMSNorm(config.embed_dim, eps=config.rms_norm_eps)
        self.mlp = DotsVisionMLP(config)

    def forward(self, x: Tensor, where: Places) -> Tensor:
        x = x + self.attn(self.norm1(x), where)
        return x + self.mlp(self.norm2(x))


class DotsPatchMerger(nn.Module):  # type: ignore[misc]
    """[P, W] → [P / merge², hidden]: the patches of a tile side by side through two layers."""

    def __init__(self, config: DotsVisionConfig) -> None:
        super().__init__()
        self.tile = config.embed_dim * config.spatial_merge_size**2
        self.ln_q = nn.LayerNorm(config.embed_dim, eps=MERGER_EPS)
        self.mlp = nn.Sequential(nn.Linear(self.tile, self.tile), nn.GELU(), nn.Linear(self.tile, config.hidden_size))

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(self.ln_q(x).view(-1, self.tile))


class DotsVisionTransformer(PreTrainedModel):  # type: ignore[misc]
    config_class = DotsVisionConfig
    main_input_name = "pixel_values"
    supports_gradient_checkpointing = True
    _no_split_modules = ["DotsVisionBlock"]
    _supports_sdpa = True
    _supports_flash_attn = True

    def __init__(self, config: DotsVisionConfig) -> None:
        super().__init__(config)
        self.patch_embed = DotsPatchEmbed(config)
        self.blocks = nn.ModuleList(DotsVisionBlock(config) for _ in range(config.num_hidden_layers))
        self.post_trunk_norm = Qwen2RMSNorm(config.embed_dim, eps=config.rms_norm_eps) if config.post_norm else nn.Identity()
        self.merger = DotsPatchMerger(config)
        self.post_init()

    def forward(self, pixel_values: Tensor, grid_thw: Tensor, **_: Any) -> BaseModelOutputWithPooling:
        """`pixel_values` [P, channels · side · side] of the pictures whose frames, rows and columns are in `grid_thw` [n, 3].
        The pooled output has a row per tile, over all pictures."""
        config = self.config
        width = config.embed_dim // config.num_attention_heads
        where = places(grid_thw.tolist(), merge=config.spatial_merge_size, width=width, device=pixel_values.device)
        x = self.patch_embed(pixel_values)
        for block in self.blocks:
            x = block(x, where)
        x = self.post_trunk_norm(x)
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=self.merger(x))
