"""Prompts, answers and batches: what a processor makes of them, one sample at a time so that it can be kept.

A sequence is the processor's own encoding of prompt and pictures, followed by the tokens of the answer on its own: what
a model is trained to continue is then exactly what it is asked to continue later.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

from ocrtune.contracts import Ask, Encoded
from ocrtune.errors import ModelError

SENTINEL = "answer"


def rendered(processor: Any, text: str, images: int) -> str:
    """The prompt in the model's chat format, pictures first, up to where the answer begins."""
    return str(processor.apply_chat_template(_messages(text, images), tokenize=False, add_generation_prompt=True))


def answer_ids(processor: Any, answer: str) -> list[int]:
    ids: list[int] = processor.tokenizer(answer, add_special_tokens=False)["input_ids"]
    return [*ids, stop_id(processor)]


def stop_id(processor: Any) -> int:
    """The token that ends an answer: what the chat template puts behind one, else the tokenizer's end token."""
    return _stop_id(processor.tokenizer, str(processor.chat_template), processor.apply_chat_template)


@lru_cache(maxsize=16)
def _stop_id(tokenizer: Any, template: str, apply: Any) -> int:
    talk = [*_messages("question", 1), {"role": "assistant", "content": [{"type": "text", "text": SENTINEL}]}]
    tail = str(apply(talk, tokenize=False)).rpartition(SENTINEL)[2]
    ids = tokenizer(tail.lstrip(), add_special_tokens=False)["input_ids"]
    if ids and ids[0] in tokenizer.all_special_ids:
        return int(ids[0])
    if tokenizer.eos_token_id is None:
        raise ModelError(
            "the tokenizer has no end token and the chat template shows none", hint="set eos_token in tokenizer_config.json"
        )
    return int(tokenizer.eos_token_id)


def encode(processor: Any, ask: Ask, answer: Sequence[int] = (), **call: Any) -> Encoded:
    """One sequence; `call` replaces what the processor is called with. Raises ModelError when the picture left no trace in the
    tokens (a wrong template or processor)."""
    import torch

    text = rendered(processor, ask.text, len(ask.images))
    bos = processor.tokenizer.bos_token
    again = not (bos and text.startswith(bos))
    given = {"images": [list(ask.images)], "return_tensors": "pt", "add_special_tokens": again, **call}
    made = processor(text=[text], **given)
    inputs = {k: v for k, v in made.items() if isinstance(v, torch.Tensor) and k != "num_patches"}
    ids = inputs["input_ids"]
    placeholder = getattr(processor, "image_token_id", None)
    if placeholder is not None and ask.images and not (ids == placeholder).any():
        raise ModelError("the prompt holds no place for the picture", hint="the chat template does not know image parts")
    prompt = ids.shape[1]
    if answer:
        for name in _aligned(inputs):
            tail = list(answer) if name == "input_ids" else [int(name == "attention_mask")] * len(answer)
            inputs[name] = torch.cat([inputs[name], torch.tensor([tail], dtype=inputs[name].dtype)], 1)
    return Encoded(inputs, prompt)


def collate(processor: Any, rows: Sequence[Encoded], side: Literal["left", "right"]) -> dict[str, Any]:
    """Token rows padded on `side`; pictures concatenated, their trailing dimensions padded with zeros."""
    import torch

    longest = max(r.inputs["input_ids"].shape[1] for r in rows)
    aligned = set(_aligned(rows[0].inputs))
    out = {}
    for name in rows[0].inputs:
        tensors = [r.inputs[name] for r in rows]
        if name in aligned:
            fill = processor.tokenizer.pad_token_id if name == "input_ids" else 0
            out[name] = torch.cat([_padded(t, longest, fill, side) for t in tensors])
        else:
            out[name] = torch.cat(same_tail(tensors))
    return out


def _padded(row: Any, length: int, fill: int, side: str) -> Any:
    import torch

    room = length - row.shape[1]
    return torch.nn.functional.pad(row, (room, 0) if side == "left" else (0, room), value=fill)


def same_tail(tensors: list[Any]) -> list[Any]:
    """All but their first dimension padded with zeros to the largest."""
    import torch

    if len({t.shape[1:] for t in tensors}) == 1:
        return tensors
    top = [max(sizes) for sizes in zip(*(t.shape[1:] for t in tensors), strict=True)]
    return [torch.nn.functional.pad(t, [x for n, m in zip(reversed(t.shape[1:]), reversed(top), strict=True) for x in (0, m - n)])
            for t in tensors]  # fmt: skip


def _aligned(inputs: dict[str, Any]) -> list[str]:
    """Names of the inputs that have one value per token."""
    shape = inputs["input_ids"].shape
    return [name for name, value in inputs.items() if value.shape == shape]


def _messages(text: str, images: int) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [*({"type": "image"} for _ in range(images)), {"type": "text", "text": text}]}]
