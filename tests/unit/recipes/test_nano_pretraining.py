"""The pre-training script of the nano: what it teaches on must be what stock loaders feed the model later."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="pre-training needs the train extra")
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "recipes" / "nano"))

import torch
from PIL import Image
from pretrain import CHAT_TEMPLATE, PROMPT, build_config, build_image_processor, build_tokenizer, patchify, positions
from render import cut, damaged, draw, english, random_text, resized
from transformers import Qwen2VLForConditionalGeneration

TOKENIZER = build_tokenizer()


@pytest.fixture(scope="module")
def font() -> str:
    matplotlib = pytest.importorskip("matplotlib")
    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60))
def test_tokenizer_gives_back_any_text(text: str) -> None:
    if not any(special in text for special in TOKENIZER.all_special_tokens):
        assert TOKENIZER.decode(TOKENIZER(text)["input_ids"]) == text


def test_cyrillic_letters_have_tokens_of_their_own() -> None:
    assert len(TOKENIZER("Съешь ещё этих мягких булок")["input_ids"]) == len("Съешь ещё этих мягких булок")


def test_template_renders_the_prompt_that_training_uses() -> None:
    question = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": PROMPT}]}
    shown = TOKENIZER.apply_chat_template([question], tokenize=False, add_generation_prompt=True)
    assert shown == "<|user|><|vision_start|><|image_pad|><|vision_end|>OCR:<|assistant|>"
    assert TOKENIZER.chat_template == CHAT_TEMPLATE


def test_patches_equal_those_of_the_stock_image_processor() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (48, 96), dtype=np.uint8)
    stock = build_image_processor()(Image.fromarray(grey).convert("RGB"), return_tensors="np")
    assert np.abs(stock["pixel_values"] - patchify(grey[None])[0]).max() < 1e-6
    assert stock["image_grid_thw"].tolist() == [[1, 6, 12]]


def test_positions_equal_those_of_the_stock_model() -> None:
    config = build_config(TOKENIZER)
    model = Qwen2VLForConditionalGeneration._from_config(config)
    ids = torch.tensor(
        [[*TOKENIZER.encode("<|user|><|vision_start|>"), *[config.image_token_id] * 12, *TOKENIZER.encode("OCR:abc")]]
    )
    image = (ids == config.image_token_id).long()
    stock, _ = model.model.get_rope_index(ids, mm_token_type_ids=image, image_grid_thw=torch.tensor([[1, 4, 12]]))
    assert torch.equal(stock[:, 0], positions(2, 2, 6, ids.shape[1] - 14))


def test_character_centres_lie_on_ink(font: str) -> None:
    rng = random.Random(5)
    line = resized(draw(rng, ["HHHHH MMMM", "WWWWW"], font, 20), 64, 192)
    x, y = line.centres[~np.isnan(line.centres[:, 0])].T
    assert len(x) == 14
    for column, row in zip(x, y, strict=True):
        near = line.image[max(0, int(row) - 8) : int(row) + 8, max(0, int(column) - 5) : int(column) + 6]
        assert near.min() < 128


def test_damage_keeps_size_and_text(font: str) -> None:
    rng = random.Random(6)
    line = resized(draw(rng, ["Total 12.50"], font, 18), 32, 160)
    for _ in range(20):
        worse = damaged(rng, line)
        assert worse.image.shape == (32, 160) and worse.text == "Total 12.50" and worse.centres.shape == line.centres.shape


def test_held_out_english_is_never_trained_on() -> None:
    training, held = english()
    assert len(held) > 500 and not set(training) & set(held)


def test_random_text_is_reproducible_and_short_enough() -> None:
    texts = [random_text(random.Random(seed), 30) for seed in range(100)]
    assert texts == [random_text(random.Random(seed), 30) for seed in range(100)]
    assert max(map(len, texts)) <= 45 and len(set(texts)) > 90


def test_cut_takes_whole_words() -> None:
    words = "one two three four five six"
    for seed in range(50):
        assert cut(random.Random(seed), words, 13) in words
