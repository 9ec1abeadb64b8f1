"""A tiny random dots.ocr in a folder like the published one: same file names, key names and special tokens, no skill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ocrtune.errors import extra
from ocrtune.families import _dots
from ocrtune.families._dots.framing import TEMPLATES

QWEN = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
DOTS = ("<|imgpad|>", "<|img|>", "<|endofimg|>", "<|systemprompt|>", "<|endofsystemprompt|>", "<|user|>", "<|endofuser|>",
        "<|assistant|>", "<|endofassistant|>", "[PAD]")  # fmt: skip
CODE = ("configuration_dots.py", "modeling_dots_ocr.py", "modeling_dots_vision.py", "modeling_dots_ocr_vllm.py")
STRING_ONLY = (
    "{%- for m in messages %}{%- if m.role == 'user' %}{{- '<|user|>' + m.content + '<|endofuser|>' }}"
    "{%- elif m.role == 'assistant' %}{{- '<|assistant|>' + m.content }}"
    "{%- if not loop.last %}{{- '<|endofassistant|>' }}{%- endif %}{%- endif %}{%- endfor %}"
    "{%- if messages[-1].role != 'assistant' %}{{- '<|assistant|>' }}{%- endif %}"
)
STRETCH = 3.0  # weights larger than at the start of a training, so that pictures show in the logits of so small a model


def build(
    folder: Path,
    *,
    vocabulary: int = 512,
    seed: int = 0,
    layers: tuple[int, int] = (2, 2),
    width: int = 64,
    dtype: str = "float32",
) -> Path:
    """The folder, filled. `vocabulary` is the number of rows of the two embeddings (the tokenizer knows single bytes and the
    special tokens); `layers` are the language model's and the tower's; heads are 32 wide."""
    folder.mkdir(parents=True, exist_ok=True)
    with extra("train"):
        tokenizer = _tokenizer(folder)
    tokens = tokenizer.get_vocab()
    assert len(tokens) <= vocabulary, f"the tokenizer alone has {len(tokens)} tokens"
    config = _config(tokens, vocabulary, layers, width, dtype)
    _write(folder, "config.json", config)
    _write(folder, "generation_config.json", {"eos_token_id": [tokens["<|endoftext|>"], tokens["<|endofassistant|>"]],
                                              "max_length": 32768})  # fmt: skip
    _write(folder, "preprocessor_config.json", PREPROCESSOR)
    _write(folder, "chat_template.json", {"chat_template": TEMPLATES["bare"]})
    for name in CODE:
        (folder / name).write_text(f'raise RuntimeError("{name} was run")\n', "utf-8")
    (folder / "LICENSE").write_text("MIT\n", "utf-8")
    (folder / "dots.ocr LICENSE AGREEMENT").write_text("Built with dots.ocr\n", "utf-8")
    _weights(folder, seed, dtype)
    return folder


PREPROCESSOR = {
    "min_pixels": 3136,
    "max_pixels": 11289600,
    "patch_size": 14,
    "temporal_patch_size": 1,
    "merge_size": 2,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "image_processor_type": "Qwen2VLImageProcessor",
    "processor_class": "DotsVLProcessor",
}


VISION = {
    "attn_implementation": "flash_attention_2",
    "gradient_checkpointing": False,
    "init_merger_std": 0.02,
    "initializer_range": 0.02,
    "is_causal": False,
    "model_type": "dots_vit",
    "num_channels": 3,
    "patch_size": 14,
    "post_norm": True,
    "rms_norm_eps": 1e-05,
    "spatial_merge_size": 2,
    "temporal_patch_size": 1,
    "use_bias": False,
}
CONFIG = {
    "architectures": ["DotsOCRForCausalLM"],
    "model_type": "dots_ocr",
    "auto_map": {
        "AutoConfig": "configuration_dots.DotsOCRConfig",
        "AutoModelForCausalLM": "modeling_dots_ocr.DotsOCRForCausalLM",
    },
    "attention_bias": True,
    "attention_dropout": 0.0,
    "hidden_act": "silu",
    "initializer_range": 0.02,
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": 131072,
    "tie_word_embeddings": False,
    "use_cache": True,
    "use_sliding_window": False,
}


def _config(tokens: dict[str, int], vocabulary: int, layers: tuple[int, int], width: int, dtype: str) -> dict[str, Any]:
    shape = {"hidden_size": width, "intermediate_size": 2 * width, "num_attention_heads": width // 32}
    return {
        **CONFIG,
        **shape,
        "num_key_value_heads": 1,
        "num_hidden_layers": layers[0],
        "image_token_id": tokens["<|imgpad|>"],
        "video_token_id": tokens["<|video_pad|>"],
        "torch_dtype": dtype,
        "vocab_size": vocabulary,
        "vision_config": {**VISION, **shape, "embed_dim": width, "num_hidden_layers": layers[1]},
    }


def _tokenizer(folder: Path) -> Any:
    from tokenizers import AddedToken, pre_tokenizers
    from transformers import Qwen2Tokenizer

    letters = {letter: n for n, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Qwen2Tokenizer(vocab=letters, merges=[], model_max_length=131072)
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in (*QWEN, *DOTS)])
    tokenizer.pad_token = "[PAD]"
    tokenizer.save_pretrained(folder)
    _write(folder, "vocab.json", letters)
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    kept = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    own = {"tokenizer_class": "Qwen2Tokenizer", "additional_special_tokens": [*QWEN, *DOTS[:-1]], "chat_template": STRING_ONLY}
    _write(folder, "tokenizer_config.json", {**kept, **own})
    return tokenizer


def _weights(folder: Path, seed: int, dtype: str) -> None:
    """Two files and their index, as published. The process's own random numbers stay as they are."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoModelForImageTextToText

    _dots.register()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32)
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(STRETCH)
            else:
                weight.add_(0.1 * torch.randn_like(weight))  # biases and norms that no computation may leave out
    state = {name: weight.to(getattr(torch, dtype)).contiguous() for name, weight in model.state_dict().items()}
    files = {name: f"model-0000{2 if name.startswith('vision_tower.') else 1}-of-00002.safetensors" for name in state}
    for file in sorted(set(files.values())):
        save_file({n: w for n, w in state.items() if files[n] == file}, folder / file, metadata={"format": "pt"})
    size = sum(w.numel() * w.element_size() for w in state.values())
    _write(folder, "model.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": files})


def _write(folder: Path, name: str, content: dict[str, Any]) -> None:
    (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
