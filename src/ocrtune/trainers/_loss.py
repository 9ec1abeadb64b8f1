"""The loss of the answers, with logits at their tokens only and never all of these at once.

On a vocabulary of 150,000 words the logits are the largest activation of all, and what is kept of them for the backward
pass is as large again. Here the gradient of the hidden states is made together with the loss, part by part.
"""

from __future__ import annotations

from functools import cache, wraps
from typing import Any, NamedTuple

from ocrtune.trainers._products import STEP, linear

PART = 1 << 24  # logits that exist at the same time, in numbers


class Halves(NamedTuple):
    """A model as what makes hidden states and the matrix that makes logits of them."""

    body: Any
    head: Any


def halves(model: Any) -> Halves | None:
    """None where the two cannot be told apart."""
    plain = getattr(model, "get_base_model", lambda: model)()
    body = getattr(plain, getattr(plain, "base_model_prefix", ""), None)
    head = getattr(plain, "get_output_embeddings", lambda: None)()
    return None if body is None or body is plain or head is None else Halves(body, head)


def answer_logits(model: Any, inputs: dict[str, Any], wanted: Any) -> Any:
    """Logits of the positions in `wanted` (batch × length − 1)."""
    parts = halves(model)
    if parts is None:
        return model(**inputs, use_cache=False).logits[:, :-1][wanted]
    return parts.head(_states(parts, inputs, wanted))


def answer_loss(model: Any, inputs: dict[str, Any], labels: Any) -> Any:
    """Sum over all tokens of the answers of −log p."""
    import torch

    wanted = labels[:, 1:] != -100
    targets = labels[:, 1:][wanted]
    parts = halves(model)
    if parts is None or not _is_frozen_matrix(parts.head):
        return torch.nn.functional.cross_entropy(answer_logits(model, inputs, wanted).float(), targets, reduction="sum")
    return _summed()(_states(parts, inputs, wanted), parts.head.weight, targets)


def answer_when_called(model: Any) -> None:
    """From now on `model(answers=labels, **inputs)` is `answer_loss`. What spreads a model over processes works before and
    after a call of the whole: it gathers the weights, and it learns which gradients to expect."""
    forward = model.forward

    @wraps(forward)
    def either(*args: Any, answers: Any = None, **inputs: Any) -> Any:
        return forward(*args, **inputs) if answers is None else answer_loss(model, inputs, answers)

    model.forward = either


def same_as_whole(model: Any, batch: dict[str, Any]) -> bool:
    """Whether the two halves agree with the model's own forward pass (some heads scale or cap their logits)."""
    import torch

    inputs = {k: v for k, v in batch.items() if k != "labels"}
    wanted = batch["labels"][:, 1:] != -100
    with torch.no_grad():
        whole = model(**inputs, use_cache=False).logits[:, :-1][wanted].float()
        quick = answer_logits(model, inputs, wanted).float()
    return bool(torch.allclose(whole, quick, rtol=0, atol=1e-3 * float(whole.abs().max())))


def _states(parts: Halves, inputs: dict[str, Any], wanted: Any) -> Any:
    return parts.body(**inputs, use_cache=False).last_hidden_state[:, :-1][wanted]


def _is_frozen_matrix(head: Any) -> bool:
    import torch

    return type(head) is torch.nn.Linear and head.bias is None and not head.weight.requires_grad


@cache
def _summed() -> Any:
    import torch

    class Summed(torch.autograd.Function):  # type: ignore[misc]
        """Σ −log p of `targets` (tokens) under `states` (tokens × width) and a frozen `weight` (words × width)."""

        @staticmethod
        def forward(ctx: Any, states: Any, weight: Any, targets: Any) -> Any:
            total = states.new_zeros((), dtype=torch.float32)
            gradient = torch.empty_like(states)
            size = max(STEP, PART // weight.shape[0] // STEP * STEP)
            for start in range(0, len(targets), size):
                part = slice(start, start + size)
                logits = linear(states[part], weight)
                logprobs = torch.log_softmax(logits, -1, dtype=torch.float32)
                said = targets[part, None]
                total -= logprobs.gather(1, said).sum()
                slopes = logprobs.exp_().scatter_add_(1, said, -torch.ones_like(said, dtype=logprobs.dtype))
                gradient[part] = linear(slopes.to(logits.dtype), weight.to(logits.dtype).t()).to(states.dtype)
            ctx.save_for_backward(gradient)
            return total

        @staticmethod
        def backward(ctx: Any, slope: Any) -> Any:
            (gradient,) = ctx.saved_tensors
            return gradient * slope.to(gradient.dtype), None, None

    return Summed.apply
