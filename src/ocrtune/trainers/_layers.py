"""Layers that compute on a CPU what they computed before, in fewer and quicker operations: matrices, patches, QuickGELU, norms.

Only the class of a module changes; names, weights and what is saved stay. Numbers narrower than float32, and all that is not
on a CPU, go the layer's own way.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ocrtune.trainers._products import linear, onednn

FEW = 16  # rows of a product from which the quicker kernel makes up for what calling it costs


def quicken(model: Any) -> int:
    """Changes the layers of `model` that can be changed; returns how many. Adapted layers are `_lora`'s."""
    if next(model.parameters()).device.type != "cpu":
        return 0
    plain = getattr(model, "get_base_model", lambda: model)()
    others = {id(getattr(module, "base_layer", None)) for module in model.modules()} | {id(plain.get_output_embeddings())}
    changed = 0
    for module in model.modules():
        old: Any = type(module)
        new = _quick_norm(old) if _is_norm(module) else _kinds().get(old)
        if new is not None and id(module) not in others:
            module.__class__ = new
            changed += 1
    return changed


def _is_norm(module: Any) -> bool:
    """Whether it is x / √(mean x² + ε) · w, as its name says and a try shows (Gemma's adds one to the weight)."""
    import torch

    own = vars(module).get("_parameters", {})
    if not type(module).__name__.endswith("RMSNorm") or list(own) != ["weight"] or not hasattr(module, "variance_epsilon"):
        return False
    weight = module.weight.detach()
    if weight.device.type != "cpu" or weight.dtype != torch.float32 or module._forward_hooks or module._forward_pre_hooks:
        return False
    x = torch.linspace(-3, 5, 2 * weight.numel()).view(2, -1)
    with torch.no_grad():
        return bool(torch.allclose(module(x), _rms_norm()(x, weight, module.variance_epsilon), rtol=1e-5, atol=1e-6))


@cache
def _quick_norm(kind: Any) -> Any:
    def forward(self: Any, x: Any) -> Any:
        wide = _wide(x) and _wide(self.weight)
        return _rms_norm()(x, self.weight, self.variance_epsilon) if wide else kind.forward(self, x)

    return type(f"Quick{kind.__name__}", (kind,), {"forward": forward})


@cache
def _kinds() -> dict[Any, Any]:
    """The quick class by the class it replaces."""
    import torch
    from transformers.activations import QuickGELUActivation

    class QuickMatrix(torch.nn.Linear):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            rows = x.numel() // self.in_features
            if rows < FEW or not (_wide(x) and _wide(self.weight)):
                return super().forward(x)
            return _product()(x, self.weight, self.bias)

    class _Patches:
        """A convolution whose steps are as wide as its kernel is a product, where each input is one patch."""

        def forward(self: Any, x: Any) -> Any:
            whole = x.shape[2:] == self.kernel_size == self.stride and self.groups == 1 and not any(self.padding)
            if not whole or not (_wide(x) and _wide(self.weight)):
                return super().forward(x)  # type: ignore[misc]
            made = _product()(x.flatten(1), self.weight.flatten(1), self.bias)
            return made.view(*made.shape, *(1 for _ in self.kernel_size))

    class QuickGELU(QuickGELUActivation):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return _gate()(x) if _wide(x) else super().forward(x)

    if onednn() is None:
        return {QuickGELUActivation: QuickGELU}
    quick_patches = {kind: type(f"Quick{kind.__name__}", (_Patches, kind), {}) for kind in (torch.nn.Conv2d, torch.nn.Conv3d)}
    return {torch.nn.Linear: QuickMatrix, QuickGELUActivation: QuickGELU, **quick_patches}


def _wide(x: Any) -> bool:
    import torch

    return x.dtype == torch.float32 and x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


@cache
def _product() -> Any:
    import torch

    class Product(torch.autograd.Function):  # type: ignore[misc]
        """x Wᵀ + b."""

        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, bias: Any) -> Any:
            ctx.save_for_backward(x if weight.requires_grad else None, weight)
            return linear(x.reshape(-1, x.shape[-1]), weight, bias).view(*x.shape[:-1], -1)

        @staticmethod
        def backward(ctx: Any, slope: Any) -> Any:
            x, weight = ctx.saved_tensors
            to_x, to_weight, to_bias = ctx.needs_input_grad
            slopes = slope.reshape(-1, slope.shape[-1])
            return (
                linear(slopes, weight.t()).view(*slope.shape[:-1], -1) if to_x else None,
                slopes.t() @ x.reshape(-1, x.shape[-1]) if to_weight else None,
                slopes.sum(0) if to_bias else None,
            )

    return Product.apply


@cache
def _gate() -> Any:
    import torch

    class Gate(torch.autograd.Function):  # type: ignore[misc]
        """x σ(1.702 x) = silu(1.702 x) / 1.702: two operations each way, where there were three and five."""

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            scaled = x * 1.702
            ctx.save_for_backward(scaled)
            return torch.nn.functional.silu(scaled).mul_(1 / 1.702)

        @staticmethod
        def backward(ctx: Any, slope: Any) -> Any:
            (scaled,) = ctx.saved_tensors
            return torch.ops.aten.silu_backward(slope, scaled)

    return Gate.apply


@cache
def _rms_norm() -> Any:
    import torch

    class Norm(torch.autograd.Function):  # type: ignore[misc]
        """x r w with r = 1 / √(mean x² + ε) (Zhang & Sennrich 2019, "Root Mean Square Layer Normalization")."""

        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, epsilon: float) -> Any:
            length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
            rate = length.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
            ctx.save_for_backward(x, weight, rate)
            return (x * rate).mul_(weight)

        @staticmethod
        def backward(ctx: Any, slope: Any) -> Any:
            x, weight, rate = ctx.saved_tensors
            to_weight = (slope * x).mul_(rate).flatten(0, -2).sum(0) if ctx.needs_input_grad[1] else None
            if not ctx.needs_input_grad[0]:
                return None, to_weight, None
            inner = slope * weight
            along = torch.linalg.vecdot(inner, x).unsqueeze(-1)
            return inner.mul_(rate).addcmul_(x, along.mul_(rate.pow(3)).div_(-x.shape[-1])), to_weight, None

    return Norm.apply
