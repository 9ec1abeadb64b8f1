"""Adapted layers as one operation with a backward pass of its own, where PEFT runs three layers, a scaling and a sum.

What PEFT keeps, saves and merges stays where it is: only the class of the layer changes. A layer that is anything but a
frozen matrix with one plain adapter (DoRA, dropout, 4-bit weights, …) is left alone, and whatever a call asks beyond that
goes PEFT's way.
"""

from __future__ import annotations

import contextlib
from functools import cache
from typing import Any

from ocrtune.trainers._products import linear


def quicken(model: Any) -> int:
    """Changes the adapted layers of `model` that can be changed; returns how many."""
    if not hasattr(model, "peft_config"):
        return 0
    found = [module for module in model.modules() if _is_plain(module)]
    for module in found:
        module.__class__ = _quick()
    return len(found)


def _is_plain(module: Any) -> bool:
    import torch
    from peft.tuners.lora import Linear

    if type(module) is not Linear or type(module.base_layer) is not torch.nn.Linear or len(module.lora_A) != 1:
        return False
    (name,) = module.lora_A
    parts = (module.base_layer, module.lora_A[name], module.lora_B[name])
    return (
        module.active_adapters == [name]
        and name not in module.lora_variant  # DoRA and its like
        and isinstance(module.lora_dropout[name], torch.nn.Identity)
        and module.lora_B[name].bias is None
        and not any(p.requires_grad for p in module.base_layer.parameters())
        and not any(part._forward_hooks or part._forward_pre_hooks for part in parts)
    )


@cache
def _quick() -> Any:
    import torch
    from peft.tuners.lora import Linear

    class QuickLinear(Linear):  # type: ignore[misc]
        def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
            base, names = self.base_layer, self.active_adapters
            if args or kwargs or self.disable_adapters or self.merged or len(names) != 1 or names[0] not in self.lora_A:
                return super().forward(x, *args, **kwargs)
            weight, down, up = base.weight, self.lora_A[names[0]].weight, self.lora_B[names[0]].weight
            kind = x.device.type
            if torch.is_autocast_enabled(kind):
                dtype = torch.get_autocast_dtype(kind)
                with torch.autocast(kind, enabled=False):
                    bias = None if base.bias is None else base.bias.to(dtype)
                    x, weight, down, up = (t.to(dtype) for t in (x, weight, down, up))
                    return _adapted()(x, weight, bias, down, up, self.scaling[names[0]])
            whole = weight.dim() == 2 and down.dim() == 2  # else they are elsewhere: DeepSpeed fetches them layer by layer
            if not (whole and x.dtype == weight.dtype == down.dtype == up.dtype):
                return super().forward(x)
            return _adapted()(x, weight, base.bias, down, up, self.scaling[names[0]])

    return QuickLinear


@cache
def _adapted() -> Any:
    import torch

    class Adapted(torch.autograd.Function):  # type: ignore[misc]
        """x Wᵀ + b + s (x Aᵀ) Bᵀ, without gradients of the frozen W and b.

        In float32, with more tokens than inputs, the adapter is added to the weight (`W + s B A`, made twice rather than
        kept): one product where there were three, each way. Narrower numbers would round small adapters away in that sum.
        """

        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, bias: Any, down: Any, up: Any, scale: float) -> Any:
            tokens = x.reshape(-1, x.shape[-1])
            ctx.scale, ctx.merged = scale, x.dtype == torch.float32 and len(tokens) >= x.shape[-1]
            narrow = None
            if ctx.merged:
                made = linear(tokens, torch.addmm(weight, up, down, alpha=scale), bias)
            else:
                narrow = linear(tokens, down)
                made = linear(tokens, weight, bias).addmm_(narrow, up.t(), alpha=scale)
            ctx.save_for_backward(x, weight, down, up, narrow)
            return made.view(*x.shape[:-1], -1)

        @staticmethod
        def backward(ctx: Any, slope: Any) -> Any:
            x, weight, down, up, narrow = ctx.saved_tensors
            with _without_autocast(slope):
                tokens, slopes = x.reshape(-1, x.shape[-1]), slope.reshape(-1, slope.shape[-1])
                narrow_slopes = linear(slopes, up.t()).mul_(ctx.scale)
                to_x = None
                if ctx.needs_input_grad[0] and ctx.merged:
                    to_x = linear(slopes, torch.addmm(weight, up, down, alpha=ctx.scale).t())
                elif ctx.needs_input_grad[0]:
                    to_x = linear(slopes, weight.t()).addmm_(narrow_slopes, down)
                to_down = narrow_slopes.t() @ tokens  # not by `linear`: its shapes would be as many as numbers of tokens
                narrow = linear(tokens, down) if narrow is None else narrow
                to_up = (narrow.t() @ slopes).mul_(ctx.scale).t()
            return to_x if to_x is None else to_x.view(x.shape), None, None, to_down, to_up, None

    return Adapted.apply


def _without_autocast(tensor: Any) -> contextlib.AbstractContextManager[Any]:
    """A backward pass is usually outside of autocast already; entering it costs."""
    import torch

    kind = tensor.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else contextlib.nullcontext()
