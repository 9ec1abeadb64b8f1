"""The place where transformers' models take what their vision tower made of the pictures: recorded there, given back there.

Since transformers 5 the body of such a model calls its own `get_image_features` once per forward pass. Its answer is
kept under names that remember its form: `pooler_output` for one tensor, `pooler_output/*` for a tensor per picture,
`deepstack_features/0/*` for such a row per layer (Qwen3-VL), `/` alone for an answer that is no named output.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

PLACE = "get_image_features"
FIELDS = ("pooler_output", "deepstack_features")
PIXELS = "pixel_values"


class _Seen(Exception):  # noqa: N818 (no error: it ends a forward pass whose rest is not wanted)
    pass


def tower(model: Any, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """The tower's answer for these inputs, as tensors by name; None where the model has no such place or another form."""
    import torch

    body = body_of(model)
    if body is None:
        return None
    compute, answers = getattr(body, PLACE), []

    def record(*args: Any, **kwargs: Any) -> Any:
        answers.append(compute(*args, **kwargs))
        raise _Seen

    with torch.no_grad(), _replaced(body, record), contextlib.suppress(_Seen):
        body(**inputs, use_cache=False)
    return _flat(answers[0]) if answers else None


@contextlib.contextmanager
def given(model: Any, features: Sequence[Mapping[str, Any]]) -> Iterator[None]:
    """The next forward pass takes `features`, one row of them per sequence, and needs no pixels."""
    body = body_of(model)
    assert body is not None, "features are given only to models whose tower has made them"
    waiting = [_answer(features)]

    @functools.wraps(getattr(body, PLACE))  # `generate` reads its signature and calls it before the forward pass
    def give(*_: Any, **__: Any) -> Any:
        return waiting.pop()

    def show_pixels(_: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Bodies look for the pictures' features only when there are pixels."""
        if waiting and kwargs.get(PIXELS) is None:
            kwargs[PIXELS] = next(iter(features[0].values())).new_zeros(1)
        return args, kwargs

    hook = body.register_forward_pre_hook(show_pixels, with_kwargs=True)
    try:
        with _replaced(body, give):
            yield
    finally:
        hook.remove()


def body_of(model: Any) -> Any:
    """What is between the pictures and the output head, adapters or not; None where it has no place for features."""
    plain = getattr(model, "get_base_model", lambda: model)()
    body = getattr(plain, getattr(plain, "base_model_prefix", ""), None)
    return body if hasattr(body, PLACE) else None


@contextlib.contextmanager
def _replaced(body: Any, method: Any) -> Iterator[None]:
    """`method` in the instance hides the class's own."""
    setattr(body, PLACE, method)
    try:
        yield
    finally:
        delattr(body, PLACE)


def _flat(answer: Any) -> dict[str, Any] | None:
    import torch

    if isinstance(answer, torch.Tensor):
        return {"/": answer}
    if isinstance(answer, list | tuple):
        return {"/*": torch.cat(list(answer))} if _tensors(answer) else None
    found: dict[str, Any] = {}
    for name in FIELDS:
        value: Any = getattr(answer, name, None)
        if isinstance(value, torch.Tensor):
            found[name] = value
        elif name == FIELDS[0] and _tensors(value):
            found[f"{name}/*"] = torch.cat(list(value))
        elif isinstance(value, list | tuple):
            for n, layer in enumerate(value):
                whole = isinstance(layer, torch.Tensor)
                found[f"{name}/{n}" if whole else f"{name}/{n}/*"] = layer if whole else torch.cat(list(layer))
    return found or None


def _tensors(value: Any) -> TypeGuard[Sequence[Any]]:
    import torch

    return isinstance(value, list | tuple) and bool(value) and all(isinstance(v, torch.Tensor) for v in value)


def _answer(features: Sequence[Mapping[str, Any]]) -> Any:
    """One answer for all sequences, in the form that the model's own had."""
    import torch
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    joined = {name: torch.cat([f[name] for f in features]) for name in features[0]}
    if "/" in joined or "/*" in joined:
        return joined["/"] if "/" in joined else (joined["/*"],)
    fields: dict[str, Any] = {}
    for name, tensor in joined.items():
        field, *path = name.split("/")
        value = (tensor,) if path[-1:] == ["*"] else tensor
        if path and path[0].isdigit():
            fields.setdefault(field, []).append(value)
        else:
            fields[field] = value
    answer = BaseModelOutputWithPooling()
    for field, value in fields.items():
        setattr(answer, field, value)
    return answer
