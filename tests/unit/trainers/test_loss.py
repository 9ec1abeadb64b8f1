"""The loss in parts is the loss, and so is its gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from ocrtune.contracts import Ask, LoadOptions  # noqa: E402
from ocrtune.families.qwen2_vl import Qwen2VL  # noqa: E402
from ocrtune.models import model_ref  # noqa: E402
from ocrtune.trainers import _loss  # noqa: E402


@pytest.mark.parametrize("part", [1, 7 * 50, 1 << 24])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_sum_and_gradient_are_those_of_cross_entropy(part: int, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loss, "PART", part)
    torch.manual_seed(1)
    weight, targets = torch.randn(50, 16, dtype=kind), torch.randint(0, 50, (23,))
    states = (3 * torch.randn(23, 16)).to(kind).requires_grad_()
    wanted = torch.nn.functional.cross_entropy((states @ weight.T).float(), targets, reduction="sum")
    (slope,) = torch.autograd.grad(wanted / 3, states)
    found = _loss._summed()(states, weight, targets)
    (again,) = torch.autograd.grad(found / 3, states)
    loose = kind == torch.bfloat16
    torch.testing.assert_close(found, wanted, rtol=1e-2 if loose else 1e-6, atol=0)
    torch.testing.assert_close(again, slope, rtol=2e-2 if loose else 1e-5, atol=5e-2 if loose else 1e-5)


def test_an_answer_without_tokens_has_no_loss() -> None:
    states = torch.zeros(0, 4, requires_grad=True)
    loss = _loss._summed()(states, torch.zeros(9, 4), torch.zeros(0, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0


def test_a_trained_head_gets_its_gradient(tiny_nano: Path) -> None:
    from PIL import Image

    family = Qwen2VL()
    loaded = family.load(model_ref(tiny_nano), LoadOptions(device="cpu"))
    row = family.encode(loaded.processor, Ask((Image.new("RGB", (96, 32), "white"),), "OCR:"), "word")
    labels = row.inputs["input_ids"].clone()
    labels[:, : row.prompt] = -100
    losses = []
    for trained in (True, False):
        loaded.model.requires_grad_(True)
        loaded.model.get_output_embeddings().weight.requires_grad_(trained)
        loss = _loss.answer_loss(loaded.model, dict(row.inputs), labels)
        loss.backward()
        losses.append(loss.item())
        assert (loaded.model.get_output_embeddings().weight.grad is not None) == trained
        loaded.model.zero_grad(set_to_none=True)
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
