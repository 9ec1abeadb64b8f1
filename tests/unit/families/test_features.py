"""What a tower made of the pictures, given back: the same answers without a pixel, and the model as it was afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from ocrtune.contracts import Ask, Encoded, Loaded, LoadOptions
from ocrtune.families import _features
from ocrtune.families.qwen2_vl import Qwen2VL
from ocrtune.models import model_ref

FAMILY = Qwen2VL()


@pytest.fixture(scope="module")
def loaded(tiny_nano: Path) -> Loaded:
    return FAMILY.load(model_ref(tiny_nano), LoadOptions(device="cpu", dtype="float32"))


@pytest.fixture(scope="module")
def rows(loaded: Loaded) -> list[Encoded]:
    return [FAMILY.encode(loaded.processor, Ask((strip(width),), "OCR:"), "word" * n) for n, width in enumerate((96, 160, 64), 1)]


def strip(width: int) -> Image.Image:
    image = Image.new("RGB", (width, 32), "white")
    ImageDraw.Draw(image).text((3, 8), "word" * (width // 40), fill="black")
    return image


def logits(model: Any, inputs: dict[str, Any]) -> Any:
    import torch

    with torch.no_grad():
        return model(**inputs).logits


def test_a_batch_without_pixels_gives_the_logits_of_the_tower(loaded: Loaded, rows: list[Encoded]) -> None:
    import torch

    batch = FAMILY.collate(loaded.processor, rows, "right")
    wanted = logits(loaded.model, batch)
    features = [FAMILY.tower(loaded.model, r.inputs) for r in rows]
    assert all(f is not None and not f["pooler_output/*"].requires_grad for f in features)
    bare = {k: v for k, v in batch.items() if k != "pixel_values"}
    with FAMILY.given(loaded.model, [f for f in features if f]):
        torch.testing.assert_close(logits(loaded.model, bare), wanted, atol=1e-6, rtol=0)
    torch.testing.assert_close(logits(loaded.model, batch), wanted, atol=0, rtol=0)
    assert _features.PLACE not in vars(loaded.model.model) and not loaded.model.model._forward_pre_hooks


def test_generation_with_given_features_says_the_same(loaded: Loaded) -> None:
    asks = [Ask((strip(w),), "OCR:", 6) for w in (96, 128)]
    wanted = FAMILY.read(loaded, asks)
    made = [FAMILY.tower(loaded.model, FAMILY.encode(loaded.processor, a).inputs) for a in asks]
    with FAMILY.given(loaded.model, [m for m in made if m]):
        again = FAMILY.read(loaded, asks)
    assert [r.tokens for r in again] == [r.tokens for r in wanted]
    assert again[0].logprobs == pytest.approx(wanted[0].logprobs, abs=1e-5)


def test_a_failed_pass_leaves_the_model_as_it_was(loaded: Loaded, rows: list[Encoded]) -> None:
    made = FAMILY.tower(loaded.model, rows[0].inputs)
    assert made is not None
    with pytest.raises(ValueError, match=r"[Ii]mage features"), FAMILY.given(loaded.model, [made]):
        loaded.model(**rows[1].inputs)
    assert _features.PLACE not in vars(loaded.model.model) and not loaded.model.model._forward_pre_hooks


def test_a_model_without_a_place_for_features_has_none() -> None:
    import torch

    assert _features.tower(torch.nn.Linear(1, 1), {}) is None


def test_every_form_of_answer_comes_back_as_it_was() -> None:
    import torch
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    one, two = torch.rand(2, 3), torch.rand(4, 3)
    deep = BaseModelOutputWithPooling(pooler_output=(one, two))
    deep.deepstack_features = [(one, two), (one + 1, two + 1)]
    again = _features._answer([_features._flat(deep) or {}])
    assert torch.equal(torch.cat(again.pooler_output), torch.cat([one, two]))
    assert [torch.cat(layer).equal(torch.cat([one, two]) + n) for n, layer in enumerate(again.deepstack_features)] == [True, True]
    whole = _features._answer([_features._flat(BaseModelOutputWithPooling(pooler_output=t)) or {} for t in (one, two)])
    assert torch.equal(whole.pooler_output, torch.cat([one, two]))
    assert torch.equal(_features._answer([{"/": one}, {"/": two}]), torch.cat([one, two]))
    assert isinstance(_features._answer([_features._flat([one, two]) or {}]), tuple)
