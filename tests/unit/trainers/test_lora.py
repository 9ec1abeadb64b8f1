"""The quick form of an adapted layer computes what PEFT computes, and stays PEFT's to save and merge."""

from __future__ import annotations

from typing import Any

import pytest

from ocrtune.trainers import _lora

TOKENS = {"weight with its adapter": (3, 20), "adapter apart": (1, 5)}  # 60 tokens or 5 for a layer of 36 inputs


def layers(**changes: Any) -> tuple[Any, Any]:
    """The same adapted layers twice, PEFT's own and quick; adapters are not zero."""
    import copy

    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(3)
    plain = torch.nn.Sequential(torch.nn.Linear(36, 40), torch.nn.SiLU(), torch.nn.Linear(40, 36, bias=False))
    slow = get_peft_model(plain, LoraConfig(r=4, lora_alpha=8, target_modules=["0", "2"], **changes))
    for name, value in slow.named_parameters():
        if "lora_B" in name:
            value.data.normal_(std=0.1)
    quick = copy.deepcopy(slow)
    return slow, quick


def outcome(model: Any, x: Any, autocast: bool = False) -> list[Any]:
    """What comes out, and all gradients."""
    import torch

    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        made = model(x)
    made.float().sin().sum().backward()
    return [made.detach(), x.grad, *(p.grad for _, p in sorted(model.named_parameters()) if p.requires_grad)]


@pytest.mark.parametrize("shape", TOKENS.values(), ids=TOKENS)
def test_outputs_and_gradients_are_those_of_peft(shape: tuple[int, int]) -> None:
    import torch

    slow, quick = layers()
    assert _lora.quicken(quick) == 2
    x = torch.randn(*shape, 36)
    for ours, theirs in zip(outcome(quick, x), outcome(slow, x), strict=True):
        assert (ours - theirs).norm() <= 1e-6 * theirs.norm()


@pytest.mark.parametrize("shape", TOKENS.values(), ids=TOKENS)
def test_under_autocast_it_has_the_types_of_peft_and_the_precision_of_bfloat16(shape: tuple[int, int]) -> None:
    import torch

    slow, quick = layers()
    _lora.quicken(quick)
    x = torch.randn(*shape, 36)
    exact = outcome(slow, x)
    slow.zero_grad(set_to_none=True)
    for ours, theirs, true in zip(outcome(quick, x, True), outcome(slow, x, True), exact, strict=True):
        assert ours.dtype == theirs.dtype
        assert max((ours - true).norm(), (theirs - true).norm()) <= 0.015 * true.norm()  # bfloat16 has 8 bits


def test_no_gradient_is_made_for_an_input_that_needs_none() -> None:
    import torch

    _, quick = layers()
    _lora.quicken(quick)
    x = torch.randn(60, 36)
    quick(x).sum().backward()
    assert x.grad is None
    assert all(p.grad is not None for p in quick.parameters() if p.requires_grad)


@pytest.mark.parametrize("changes", [{"use_dora": True}, {"lora_dropout": 0.1}], ids=str)
def test_other_kinds_of_adapters_are_left_alone(changes: dict[str, Any]) -> None:
    slow, _ = layers(**changes)
    assert _lora.quicken(slow) == 0


def test_peft_turns_it_off_merges_it_and_saves_it() -> None:
    import torch
    from peft import get_peft_model_state_dict

    slow, quick = layers()
    _lora.quicken(quick)
    x = torch.randn(60, 36)
    with torch.no_grad():
        with slow.disable_adapter(), quick.disable_adapter():
            assert torch.equal(quick(x), slow(x))
        quick.merge_adapter()
        torch.testing.assert_close(quick(x), slow(x))
        quick.unmerge_adapter()
        kept, known = get_peft_model_state_dict(quick), get_peft_model_state_dict(slow)
        assert kept.keys() == known.keys()
        assert all(torch.allclose(kept[name], known[name]) for name in known)
        torch.testing.assert_close(quick.merge_and_unload()(x), slow(x))
