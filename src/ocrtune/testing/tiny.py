"""Tiny random checkpoints of real architectures: real classes and real files, hardly any weights, no skill."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

STRETCH = 4.0


def tokenizer(
    tokens: Sequence[str],
    *,
    template: str,
    eos: str,
    pad: str,
    bos: str | None = None,
    roles: Mapping[str, str] | None = None,
) -> Any:
    """A tokenizer of single bytes: any text is possible and comes back whole.

    The special `tokens` have the ids 0, 1, …; the bytes follow. `roles` are the special tokens that a processor looks up as
    attributes of its tokenizer, such as `{"image_token": "<image>"}`.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({token: n for n, token in enumerate([*tokens, *letters])}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in tokens])
    named = {"bos_token": bos} if bos else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token=eos,
        pad_token=pad,
        chat_template=template,
        model_max_length=8192,
        clean_up_tokenization_spaces=False,
        extra_special_tokens=dict(roles or {}),
        **named,
    )


def write(
    folder: Path, config: Mapping[str, Any], tokenizer: Any, files: Mapping[str, Mapping[str, Any]], *, seed: int = 1
) -> Path:
    """Random weights for `config` (what config.json says, "model_type" included), the tokenizer, and JSON `files` by name,
    such as preprocessor_config.json. The process's own random numbers stay as they are.

    Weights are larger than at the start of a training: the logits of so small a model would otherwise hardly depend on the
    picture, and no comparison of two computations could fail.
    """
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    settings = AutoConfig.for_model(**config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForImageTextToText.from_config(settings, dtype=torch.float32)
        _enliven(model)
    model.generation_config.update(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    return folder


def _enliven(model: Any) -> None:
    import torch

    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1 and bool(weight.any()):
                weight.mul_(STRETCH)
            elif weight.ndim > 1:  # such as Gemma 3's projection, which starts as zeros
                weight.normal_(std=0.2)


def chat(image: str, *, turn: str = "<|{role}|>", end: str = "<|end|>") -> str:
    """A chat template in the usual form: `turn` (with the word role in braces), the parts in order, `end` behind an answer."""
    opening = turn.replace("{role}", "' + message['role'] + '")
    return (
        "{%- for message in messages -%}{{ '" + opening + "' }}"
        "{%- if message['content'] is string -%}{{ message['content'] }}{%- else -%}"
        "{%- for part in message['content'] -%}"
        "{%- if part['type'] == 'image' -%}{{ '" + image + "' }}{%- else -%}{{ part['text'] }}{%- endif -%}"
        "{%- endfor -%}{%- endif -%}{{ '" + end + "' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '" + turn.replace("{role}", "assistant") + "' }}{%- endif -%}"
    )
