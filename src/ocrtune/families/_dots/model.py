"""Qwen2's language model with the vision tower beside it, under the published checkpoint's names.

`model.*` and `lm_head` are transformers' own Qwen2; `vision_tower` is ours. The decoder takes pictures itself, as the bodies
of transformers' own vision-language models do, although the tower is not among its modules.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPast, BaseModelOutputWithPooling, CausalLMOutputWithPast
from transformers.models.qwen2.modeling_qwen2 import Qwen2ForCausalLM, Qwen2Model

from ocrtune.errors import ModelError
from ocrtune.families._dots.config import DotsOCRConfig
from ocrtune.families._dots.tower import DotsVisionTransformer

PICTURES = ("pixel_values", "image_grid_thw")


class DotsOCRModel(Qwen2Model):  # type: ignore[misc]
    """Qwen2's decoder, with pictures where the image tokens are."""

    def lend(self, tower: DotsVisionTransformer) -> None:
        """The tower belongs to the model around this one; inside a tuple torch does not register it here a second time."""
        self._lent = (tower,)

    def get_image_features(self, pixel_values: Tensor, image_grid_thw: Tensor, **kwargs: Any) -> BaseModelOutputWithPooling:
        """The tower's output; `pooler_output` holds one tensor [tokens, hidden] per picture."""
        (tower,) = self._lent
        seen = tower(pixel_values, image_grid_thw, **kwargs)
        counts = image_grid_thw.prod(-1) // tower.config.spatial_merge_size**2
        seen.pooler_output = seen.pooler_output.split(counts.tolist())
        return seen

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        image_grid_thw: Tensor | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        if pixel_values is not None:
            if input_ids is None:
                raise ModelError("pictures were given without input_ids, so their places are not known")
            seen = self.get_image_features(pixel_values, image_grid_thw)
            features = torch.cat(seen.pooler_output)
            words = self.embed_tokens(input_ids)
            mask = self._image_places(input_ids, len(features))
            kwargs["inputs_embeds"] = words.masked_scatter(mask[..., None], features.to(words.device, words.dtype))
            input_ids = None
        elif input_ids is not None and not _continues(kwargs.get("past_key_values")):
            self._image_places(input_ids, 0)
        return super().forward(input_ids=input_ids, attention_mask=attention_mask, **kwargs)

    def _image_places(self, input_ids: Tensor, features: int) -> Tensor:
        """Where the image tokens are. Raises ModelError unless there is one per feature: each takes one place, in order."""
        mask = input_ids == self.config.image_token_id
        if (found := int(mask.sum())) != features:
            raise ModelError(
                f"the text has {found} image tokens (id {self.config.image_token_id}), but the pictures make {features}",
                hint="was the text cut to a maximal length, or do the pixels come from a processor with other bounds?"
                if features
                else "pass pixel_values and image_grid_thw with the text",
            )
        return mask


class DotsOCRForCausalLM(Qwen2ForCausalLM):  # type: ignore[misc]
    config_class = DotsOCRConfig
    input_modalities = ("image", "text")
    _no_split_modules = ["Qwen2DecoderLayer", "DotsVisionBlock"]

    def __init__(self, config: DotsOCRConfig) -> None:
        super(Qwen2ForCausalLM, self).__init__(config)  # Qwen2's own would build its decoder, to be thrown away
        self.vision_tower = DotsVisionTransformer._from_config(config.vision_config)
        self.model = DotsOCRModel(config)
        self.model.lend(self.vision_tower)
        self.vocab_size = config.vocab_size
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_image_features(self, pixel_values: Tensor, image_grid_thw: Tensor, **kwargs: Any) -> BaseModelOutputWithPooling:
        return self.model.get_image_features(pixel_values, image_grid_thw, **kwargs)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        image_grid_thw: Tensor | None = None,
        labels: Tensor | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """As Qwen2's, with the pictures of all rows behind each other in `pixel_values` and `image_grid_thw`."""
        pictures = {"pixel_values": pixel_values, "image_grid_thw": image_grid_thw}
        given = {"labels": labels, "logits_to_keep": logits_to_keep}
        return super().forward(input_ids=input_ids, attention_mask=attention_mask, **pictures, **given, **kwargs)

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, *, is_first_iteration: bool = False, use_cache: bool = True, **kwargs: Any
    ) -> dict[str, Any]:
        """Pictures go in once, with the prompt: later steps find them in the cache."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(
            input_ids, is_first_iteration=is_first_iteration, use_cache=use_cache, **kwargs
        )
        if use_cache and not is_first_iteration:
            for name in PICTURES:
                inputs.pop(name, None)
        return inputs

    def _expand_inputs_for_generation(
        self, expand_size: int = 1, is_encoder_decoder: bool = False, input_ids: Tensor | None = None, **kwargs: Any
    ) -> tuple[Tensor | None, dict[str, Any]]:
        """Beams and several answers per prompt: a row's pictures are repeated whole, not patch by patch."""
        pictures = {name: kwargs.pop(name) for name in PICTURES if kwargs.get(name) is not None}
        ids = input_ids
        input_ids, kwargs = super()._expand_inputs_for_generation(
            expand_size=expand_size, is_encoder_decoder=is_encoder_decoder, input_ids=input_ids, **kwargs
        )
        if len(pictures) == len(PICTURES) and expand_size > 1 and ids is not None:
            pictures = self._repeated(pictures, ids, expand_size)
        return input_ids, {**kwargs, **pictures}

    def _repeated(self, pictures: dict[str, Tensor], ids: Tensor, times: int) -> dict[str, Tensor]:
        """The pictures of each row of `ids`, `times` over; which are a row's own is known from its image tokens."""
        grids = pictures["image_grid_thw"]
        patches = grids.prod(-1).tolist()
        pixels = pictures["pixel_values"].split(patches)
        room = self.config.vision_config.spatial_merge_size**2
        order, next_one = [], 0
        for tokens in (ids == self.config.image_token_id).sum(-1).tolist():
            own = []
            while next_one < len(patches) and tokens > 0:
                own.append(next_one)
                tokens -= patches[next_one] // room
                next_one += 1
            order += own * times
        return {"pixel_values": torch.cat([pixels[n] for n in order]), "image_grid_thw": grids[order]}


def _continues(cache: Any) -> bool:
    return cache is not None and cache.get_seq_length() > 0
