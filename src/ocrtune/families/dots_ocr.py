"""dots.ocr: 1.2 B parameters of vision at nearly native size, Qwen2 behind it, boxes in pixels of what the tower sees."""

from __future__ import annotations

from typing import Any

from ocrtune.contracts import AS_STORED, Loaded, LoadOptions
from ocrtune.core import ModelRef
from ocrtune.core.weights import Weights
from ocrtune.errors import ModelError
from ocrtune.families import _dots
from ocrtune.families._dots.framing import DEFAULT, PLACE, TEMPLATES
from ocrtune.families._patches import Patches


class DotsOcr(Patches):
    """The network is ours (`_dots`); the Python files of a checkpoint are kept for servers, and never run.

    Pictures are resized as transformers' Qwen2-VL does, which is what the published processor and vLLM apply. The parser that
    comes with dots.ocr has a variant of its own: it differs for sides below 14 pixels.
    """

    name = "dots_ocr"
    model_types = ("dots_ocr",)
    coordinates = "pixels"
    dialects = ("layout", "layout-only", "dots-ocr", "dots-grounding")
    framings = tuple(TEMPLATES)
    vllm = ("--trust-remote-code", "--chat-template-content-format", "string")
    served_prefix = PLACE  # without it vLLM puts a line break between picture and text, which the model was not taught with
    packs = True

    def load(self, ref: ModelRef, options: LoadOptions) -> Loaded:
        _dots.register()
        loaded = super().load(ref, options._replace(trust_remote_code=False))
        model, processor = loaded
        if model.config.image_token_id != processor.image_token_id:
            raise ModelError(
                f"config.json says image token {model.config.image_token_id}, the tokenizer {processor.image_token_id}",
                hint="take config.json and tokenizer.json from the same checkpoint",
            )
        stops = model.generation_config.eos_token_id
        listed = stops if isinstance(stops, list) else [stops]
        model.generation_config.eos_token_id = sorted({*listed, processor.stop_token_id})
        return loaded

    def load_processor(self, ref: ModelRef, options: LoadOptions = AS_STORED) -> Any:
        _dots.register()
        return super().load_processor(ref, options._replace(trust_remote_code=False))

    def weigh(self, ref: ModelRef, *, trust_remote_code: bool = False) -> Weights:
        _dots.register()
        return super().weigh(ref, trust_remote_code=False)

    def bound(self, processor: Any, options: LoadOptions) -> None:
        super().bound(processor, options)
        processor.chat_template = TEMPLATES[options.framing or DEFAULT]

    def answer_ids(self, processor: Any, answer: str) -> list[int]:
        """The template leaves the last answer open, so the token that closes it is named here."""
        ids: list[int] = processor.tokenizer(answer, add_special_tokens=False)["input_ids"]
        return [*ids, processor.stop_token_id]
