"""Quick layers compute what the layers they replace compute, and what a checkpoint holds stays the same."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ocrtune.trainers import _layers, _lora, _products


def needs_onednn() -> None:
    if _products.onednn() is None:
        pytest.skip("this processor has no AVX-512, or PyTorch no oneDNN: nothing is replaced")


@pytest.mark.parametrize("rows", [1, 31, 64, 100, 700, 1024, 2500])
def test_a_product_in_blocks_is_the_product(rows: int) -> None:
    import torch

    torch.manual_seed(1)
    x, weight, bias = torch.randn(rows, 48), torch.randn(40, 48), torch.randn(40)
    exact = (x.double() @ weight.double().t() + bias).float()
    torch.testing.assert_close(_products.linear(x, weight, bias), exact, atol=1e-4, rtol=0)
    turned = _products.linear(torch.randn(48, rows).t(), weight)
    assert turned.shape == (rows, 40)


def test_few_shapes_are_given_to_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs time and memory for good: they must not be as many as there are numbers of tokens."""
    import torch

    shapes = set()

    def seen(x: Any, weight: Any, bias: Any) -> Any:
        shapes.add((*x.shape, *weight.shape))
        return torch.nn.functional.linear(x, weight, bias)

    monkeypatch.setattr(_products, "onednn", lambda: seen)
    weight, bias = torch.randn(48, 40, requires_grad=True), torch.randn(48, requires_grad=True)
    down, up = torch.randn(36, 40, requires_grad=True), torch.randn(48, 36, requires_grad=True)
    for rows in range(41, 3000, 37):
        x = torch.randn(rows, 40, requires_grad=True)
        made = _layers._product()(x, weight, bias) + _lora._adapted()(x, weight.detach(), bias.detach(), down, up, 2.0)
        made.sum().backward()
    sizes, products = 12, 4  # forward, to x, and the adapter's two narrow ones
    assert 0 < len(shapes) <= sizes * products


class Tower:
    """A model of each kind of layer; `frozen` says that only its input is trained."""

    def __new__(cls, frozen: bool) -> Any:
        import torch
        from transformers.activations import QuickGELUActivation
        from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm

        class Model(torch.nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.patches = torch.nn.Conv3d(3, 32, (2, 4, 4), (2, 4, 4), bias=False)
                self.up, self.act, self.down = torch.nn.Linear(32, 64), QuickGELUActivation(), torch.nn.Linear(64, 32)
                self.norm = Qwen2RMSNorm(32)
                self.norm.weight.data.normal_()
                self.head = torch.nn.Linear(32, 40, bias=False)

            def get_output_embeddings(self) -> Any:
                return self.head

            def forward(self, x: Any) -> Any:
                x = self.patches(x.view(-1, 3, 2, 4, 4)).flatten(1)
                return self.head(self.norm(self.down(self.act(self.up(x)))))

        torch.manual_seed(2)
        return Model().requires_grad_(not frozen)


@pytest.mark.parametrize("frozen", [True, False])
def test_outputs_and_gradients_are_those_of_the_layers_replaced(frozen: bool) -> None:
    import torch

    needs_onednn()
    slow = Tower(frozen)
    quick = copy.deepcopy(slow)
    assert _layers.quicken(quick) == 5
    assert type(quick.head) is torch.nn.Linear, "the loss has its own way with the head"
    assert quick.state_dict().keys() == slow.state_dict().keys()
    x, found = torch.randn(130, 96), []
    for model in (slow, quick):
        given = x.clone().requires_grad_()
        made = model(given)
        made.sin().sum().backward()
        found.append([made.detach(), given.grad, *(p.grad for p in model.parameters() if p.requires_grad)])
    for theirs, ours in zip(*found, strict=True):
        assert (ours - theirs).norm() <= 1e-6 * theirs.norm()


def test_narrow_numbers_go_the_layers_own_way() -> None:
    import torch

    needs_onednn()
    slow = Tower(True)
    quick = copy.deepcopy(slow)
    _layers.quicken(quick)
    x = torch.randn(130, 96)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(quick(x), slow(x))
    assert torch.equal(quick.bfloat16()(x.bfloat16()), slow.bfloat16()(x.bfloat16()))


def test_another_norm_is_left_alone() -> None:
    import torch
    from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm

    class WeightFromOneRMSNorm(torch.nn.Module):  # type: ignore[misc]
        """Gemma's arithmetic under the names of the others."""

        def __init__(self) -> None:
            super().__init__()
            self.weight, self.variance_epsilon = torch.nn.Parameter(torch.ones(8)), 1e-6

        def forward(self, x: Any) -> Any:
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon) * (1 + self.weight)

    assert not _layers._is_norm(WeightFromOneRMSNorm())
    assert not _layers._is_norm(Gemma3RMSNorm(8))
