"""The published config.json: Qwen2's settings at the top, the vision tower's below `vision_config`."""

from __future__ import annotations

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig, Qwen2Config

from ocrtune.errors import ModelError


@strict
class DotsVisionConfig(PreTrainedConfig):  # type: ignore[misc]
    """Widths: `embed_dim` is the tower's own, `hidden_size` that of the tokens it hands to the language model."""

    model_type = "dots_vit"
    base_config_key = "vision_config"

    embed_dim: int = 1536
    hidden_size: int = 1536
    intermediate_size: int = 4224
    num_hidden_layers: int = 42
    num_attention_heads: int = 12
    num_channels: int = 3
    patch_size: int = 14
    spatial_merge_size: int = 2
    temporal_patch_size: int = 1
    post_norm: bool = True
    use_bias: bool = False
    rms_norm_eps: float = 1e-5
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs: Any) -> None:
        kwargs.pop("attn_implementation", None)  # the file says flash_attention_2, whatever the machine has
        if kwargs.get("is_causal") or self.temporal_patch_size != 1:
            raise ModelError(
                "the vision tower of this dots_ocr checkpoint is causal or reads videos, which no published one does",
                hint="check vision_config in its config.json",
            )
        super().__post_init__(**kwargs)

    @property
    def depth(self) -> int:
        """The name that Qwen's towers give to their number of layers."""
        return self.num_hidden_layers


@strict
class DotsOCRConfig(Qwen2Config):  # type: ignore[misc]
    """What is not Qwen2's: the tower, and the token that holds a place for each of its outputs."""

    model_type = "dots_ocr"
    sub_configs = {"vision_config": DotsVisionConfig}

    vision_config: dict[str, Any] | PreTrainedConfig | None = None
    image_token_id: int = 151665
    video_token_id: int | None = 151656

    def __post_init__(self, **kwargs: Any) -> None:
        if not isinstance(self.vision_config, PreTrainedConfig):
            self.vision_config = DotsVisionConfig(**(self.vision_config or {}))
        super().__post_init__(**kwargs)
