"""Sequences packed into one row: every logit and the loss as if each had been alone, with adapters too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from ocrtune.contracts import Ask, Encoded, Loaded, LoadOptions
from ocrtune.families.qwen2_vl import Qwen2VL
from ocrtune.models import model_ref

FAMILY = Qwen2VL()


@pytest.fixture(scope="module")
def loaded(tiny_nano: Path) -> Loaded:
    return FAMILY.load(model_ref(tiny_nano), LoadOptions(device="cpu", dtype="float32"))


@pytest.fixture(scope="module")
def rows(loaded: Loaded) -> list[Encoded]:
    made = []
    for n, width in enumerate((96, 240, 64, 160), 1):
        image = Image.new("RGB", (width, 32 + 16 * (n % 2)), "white")
        ImageDraw.Draw(image).text((3, 8), "words" * n, fill="black")
        made.append(FAMILY.encode(loaded.processor, Ask((image,), "OCR:"), "words" * n))
    return made


def labels(rows: list[Encoded]) -> Any:
    import torch

    return torch.cat([torch.cat([torch.full((r.prompt,), -100), r.inputs["input_ids"][0, r.prompt :]]) for r in rows])[None]


def test_packed_logits_are_those_of_each_sequence_alone(loaded: Loaded, rows: list[Encoded]) -> None:
    import torch

    packed = FAMILY.pack(loaded.processor, loaded.model, rows)
    assert packed["position_ids"].shape == (4, 1, packed["input_ids"].shape[1]) and "attention_mask" not in packed
    with torch.no_grad():
        together = loaded.model(**packed, use_cache=False).logits[0]
        alone = torch.cat([loaded.model(**r.inputs, use_cache=False).logits[0] for r in rows])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_a_packed_batch_has_the_loss_and_the_gradients_of_a_padded_one(loaded: Loaded, rows: list[Encoded]) -> None:
    import torch

    packed = {**FAMILY.pack(loaded.processor, loaded.model, rows), "labels": labels(rows)}
    padded = FAMILY.collate(loaded.processor, rows, "right")
    padded["labels"] = torch.full_like(padded["input_ids"], -100)
    for n, row in enumerate(rows):
        padded["labels"][n, row.prompt : row.inputs["input_ids"].shape[1]] = row.inputs["input_ids"][0, row.prompt :]
    found = []
    for batch in (packed, padded):
        loaded.model.zero_grad()
        loss = loaded.model(**batch, use_cache=False).loss
        loss.backward()
        found.append((loss.item(), loaded.model.model.language_model.layers[0].self_attn.q_proj.weight.grad.clone()))
    loaded.model.zero_grad(set_to_none=True)
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], atol=1e-5, rtol=0)


def test_given_features_and_packing_go_together(loaded: Loaded, rows: list[Encoded]) -> None:
    import torch

    packed = FAMILY.pack(loaded.processor, loaded.model, rows)
    bare = {k: v for k, v in packed.items() if k != "pixel_values"}
    features = [f for r in rows if (f := FAMILY.tower(loaded.model, r.inputs))]
    with torch.no_grad():
        wanted = loaded.model(**packed, use_cache=False).logits
        with FAMILY.given(loaded.model, features):
            torch.testing.assert_close(loaded.model(**bare, use_cache=False).logits, wanted, atol=1e-5, rtol=0)
