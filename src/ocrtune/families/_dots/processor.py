"""Pictures and text → inputs: transformers' Qwen2-VL image processor and dots.ocr's tokenizer and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import BatchFeature
from transformers.image_utils import make_flat_list_of_images
from transformers.processing_utils import ProcessorMixin

from ocrtune.errors import ModelError
from ocrtune.families._dots.framing import DEFAULT, IMAGE, STOP, TEMPLATES


class DotsVLProcessor(ProcessorMixin):  # type: ignore[misc]
    """The name is what preprocessor_config.json of the published checkpoint asks for.

    The template is ours (`framing`): of the two in a checkpoint one fails on content in parts, and the other drops the
    user's marks.
    """

    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None, **_: Any) -> None:
        self.image_token, self.stop_token = IMAGE, STOP
        vocabulary = tokenizer.get_vocab()
        if missing := sorted({IMAGE, STOP} - vocabulary.keys()):
            raise ModelError(
                f"the tokenizer has no token {missing[0]}", hint="take tokenizer.json from the checkpoint that the model is of"
            )
        self.image_token_id, self.stop_token_id = vocabulary[IMAGE], vocabulary[STOP]
        super().__init__(image_processor, tokenizer, chat_template=TEMPLATES[DEFAULT])

    def __call__(
        self, images: Any = None, text: Any = None, videos: Any = None, audio: Any = None, **kwargs: Any
    ) -> BatchFeature:
        """`kwargs` are the tokenizer's. Each image token of `text` becomes as many as its picture needs. Raises ModelError
        unless there is exactly one per picture."""
        if videos or audio:
            raise ModelError("dots.ocr reads pictures and text only")
        texts = [text] if isinstance(text, str) else list(text)
        pictures = [] if images is None else make_flat_list_of_images(images)
        seen = dict(self.image_processor(pictures, return_tensors="pt")) if pictures else {}
        counts = (seen["image_grid_thw"].prod(-1) // self.image_processor.merge_size**2).tolist() if pictures else []
        tokens = self.tokenizer(self._expanded(texts, counts), **kwargs)
        return BatchFeature({**tokens, **seen})

    def _expanded(self, texts: Sequence[str], counts: Sequence[int]) -> list[str]:
        found = sum(text.count(IMAGE) for text in texts)
        if found != len(counts):
            raise ModelError(
                f"the text has places for {found} pictures, but {len(counts)} were given",
                hint=f"put one {IMAGE} into the text for each picture",
            )
        waiting = iter(counts)
        return ["".join(p if p != IMAGE else IMAGE * next(waiting) for p in _split(text)) for text in texts]


def _split(text: str) -> list[str]:
    """Pieces and image tokens in turn."""
    first, *others = text.split(IMAGE)
    return [first, *(piece for other in others for piece in (IMAGE, other))]
