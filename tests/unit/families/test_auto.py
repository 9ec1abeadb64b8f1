"""The family for everything else, on a tiny InternVL as if nobody knew it: another tower, tiles, its own processor."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from ocrtune.contracts import Ask, Loaded, LoadOptions
from ocrtune.core import Size
from ocrtune.families.auto import Auto
from ocrtune.models import family_for, model_ref

RECIPE = Path(__file__).resolve().parents[3] / "recipes" / "nano"
TEMPLATE = (
    "{%- for message in messages -%}<|{{ message['role'] }}|>{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'image' -%}<|image_pad|>{%- else -%}{{ part['text'] }}{%- endif -%}{%- endfor -%}"
    "{%- if message['role'] == 'assistant' -%}<|im_end|>{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}"
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    sys.path.insert(0, str(RECIPE))
    try:
        tokenizer = importlib.import_module("pretrain").build_tokenizer()
    finally:
        sys.path.remove(str(RECIPE))
    vision = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "image_size": [32, 32],
        "patch_size": [8, 8],
    }
    text = {
        "model_type": "qwen2",
        "vocab_size": 832,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "bos_token_id": None,
    }
    config = transformers.InternVLConfig(text_config=text, vision_config=vision, image_token_id=5, image_seq_length=4)
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("internvl")
    transformers.InternVLForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    named = folder / "tokenizer_config.json"
    tokens = {
        "start_image_token": "<|vision_start|>",
        "end_image_token": "<|vision_end|>",
        "context_image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
    }
    named.write_text(json.dumps({**json.loads(named.read_text()), "extra_special_tokens": tokens}))
    pictures = {
        "image_processor_type": "GotOcr2ImageProcessor",
        "size": {"height": 32, "width": 32},
        "crop_to_patches": True,
        "min_patches": 1,
        "max_patches": 4,
        "do_resize": True,
        "do_normalize": True,
        "do_rescale": True,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures))
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": "InternVLProcessor", "image_seq_length": 4}))
    return folder


@pytest.fixture(scope="module")
def family() -> Auto:
    return Auto()


@pytest.fixture(scope="module")
def loaded(checkpoint: Path, family: Auto) -> Loaded:
    return family.load(model_ref(checkpoint), LoadOptions(device="cpu", dtype="float32"))


def strip(width: int) -> Image.Image:
    image = Image.new("RGB", (width, 32), "white")
    ImageDraw.Draw(image).text((3, 8), "word " * (width // 40), fill="black")
    return image


def test_an_unknown_model_type_gets_the_family_for_everything_else(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "newest_vl"}')
    assert isinstance(family_for(model_ref(tmp_path)), Auto)


def test_length_is_what_the_processor_makes_for_one_tile_and_for_many(loaded: Loaded, family: Auto) -> None:
    for width in (32, 64, 128):
        encoded = family.encode(loaded.processor, Ask((strip(width),), "OCR:"), "ab")
        assert family.length(loaded.processor, "OCR:", [Size(width, 32)], "ab") == encoded.inputs["input_ids"].shape[1]


def test_pictures_of_different_tile_counts_share_a_batch(loaded: Loaded, family: Auto) -> None:
    asks = [Ask((strip(w),), "OCR:", 8) for w in (32, 128, 64)]
    for ask, reading in zip(asks, family.read(loaded, asks), strict=True):
        (alone,) = family.read(loaded, [ask])
        assert reading.tokens == alone.tokens
        assert reading.logprobs == pytest.approx(alone.logprobs, abs=1e-4)


def test_a_pixel_budget_is_kept_before_the_processor(checkpoint: Path) -> None:
    family = Auto()
    processor = family.load_processor(model_ref(checkpoint), LoadOptions(max_pixels=1024))
    seen = family.sees(processor, Size(128, 32))
    assert seen.width * seen.height <= 1024 * 1.1


def test_suffixes_do_not_leak_between_tower_and_language_model(loaded: Loaded, family: Auto) -> None:
    patterns = family.groups(loaded.model)
    assert set(patterns) == {"language", "vision", "merger"}
    names = [n for n, _ in loaded.model.named_modules() if n.endswith(("q_proj", "k_proj", "v_proj"))]
    assert {g for n in names for g, p in patterns.items() if re.fullmatch(p, n)} == {"language", "vision"}
    for name in names:
        assert [g for g, p in patterns.items() if re.fullmatch(p, name)] == ["vision" if "vision_tower" in name else "language"]
