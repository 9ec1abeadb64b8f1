"""Batched generation with the log-probability of every token, and the view of a model on a given answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ocrtune.contracts import Ask, Encoded, Forced, Loaded, Reading
from ocrtune.errors import memory_errors
from ocrtune.families import _sequences

HINT = "lower batch_size or max_pixels, or choose quantization 4bit"


def read(
    loaded: Loaded, rows: Sequence[Encoded], limits: Sequence[int], batch: dict[str, Any], temperature: float
) -> list[Reading]:
    """Generate for one left-padded `batch` of `rows`; each row ends at a stop token or at its own limit."""
    import torch
    from transformers import LogitsProcessorList, StoppingCriteriaList

    model, processor = loaded
    stops = stop_ids(loaded)
    start = batch["input_ids"].shape[1]
    trace = _trace(start)
    ends = _limits([start + n for n in limits])
    how: dict[str, Any] = (
        {"do_sample": True, "temperature": temperature, "top_p": 1.0, "top_k": 0} if temperature else {"do_sample": False}
    )
    with torch.inference_mode(), memory_errors(f"reading a batch of {len(rows)}", HINT):
        out = model.generate(
            **placed(model, batch),
            generation_config=_settings(model, processor, stops, how, max(limits)),
            logits_processor=LogitsProcessorList([trace]),
            stopping_criteria=StoppingCriteriaList([ends]),
        )
    trace.close(out)
    found = []
    for n, row in enumerate(rows):
        ids = out[n, start : start + limits[n]].tolist()
        end = next((i for i, t in enumerate(ids) if t in stops), None)
        kept = ids[:end]
        # verbatim but for the stop token: boxes and objects are special tokens in some models
        text = processor.tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        logprobs = tuple(step[n] for step in trace.steps[: len(kept)])
        found.append(Reading(text, tuple(kept), logprobs, "length" if end is None else "stop", row.prompt))
    return found


def force(loaded: Loaded, asks: Sequence[Ask], answers: Sequence[Sequence[int]], encode: Callable[..., Encoded]) -> list[Forced]:
    import torch

    found = []
    for ask, answer in zip(asks, answers, strict=True):
        if not answer:
            found.append(Forced((), (), ()))
            continue
        inputs = placed(loaded.model, encode(loaded.processor, ask, answer).inputs)
        with torch.inference_mode(), memory_errors("scoring a sample", HINT):
            logits = loaded.model(**inputs, logits_to_keep=len(answer) + 1).logits[0, -len(answer) - 1 : -1].float()
        logprobs = logits.log_softmax(-1)
        two = logprobs.topk(2, -1)
        said = logprobs.gather(1, torch.tensor(list(answer), device=logits.device)[:, None])[:, 0]
        found.append(
            Forced(tuple(said.tolist()), tuple(two.indices[:, 0].tolist()), tuple((two.values[:, 0] - two.values[:, 1]).tolist()))
        )
    return found


def placed(model: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """Inputs on the model's device, pixels in its precision."""
    return {k: v.to(model.device, model.dtype) if v.is_floating_point() else v.to(model.device) for k, v in batch.items()}


def stop_ids(loaded: Loaded) -> set[int]:
    given = loaded.model.generation_config.eos_token_id
    listed = given if isinstance(given, list) else [given]
    return {_sequences.stop_id(loaded.processor), *(int(t) for t in listed if t is not None)}


def _settings(model: Any, processor: Any, stops: set[int], how: dict[str, Any], longest: int) -> Any:
    """Our own settings only: a checkpoint's sampling defaults and penalties must not leak into greedy reading."""
    from transformers import GenerationConfig

    base = getattr(model, "get_base_model", lambda: model)()
    pad = processor.tokenizer.pad_token_id
    base.generation_config = GenerationConfig(eos_token_id=sorted(stops), pad_token_id=pad)
    return GenerationConfig(
        **how, max_new_tokens=longest, eos_token_id=sorted(stops), pad_token_id=pad, num_beams=1, use_cache=True
    )


def _trace(start: int) -> Any:
    """Keeps log p of each chosen token without keeping whole distributions: a step's choice is known at the next step."""
    from transformers import LogitsProcessor

    class Trace(LogitsProcessor):  # type: ignore[misc]
        def __init__(self) -> None:
            self.steps: list[list[float]] = []
            self.last: Any = None

        def __call__(self, input_ids: Any, scores: Any) -> Any:
            self.close(input_ids)
            self.last = scores.float().log_softmax(-1)
            return scores

        def close(self, input_ids: Any) -> None:
            if self.last is not None:
                chosen = input_ids[:, start + len(self.steps)]
                self.steps.append(self.last.gather(1, chosen[:, None].to(self.last.device))[:, 0].tolist())
                self.last = None

    return Trace()


def _limits(lengths: list[int]) -> Any:
    import torch
    from transformers import StoppingCriteria

    class Limits(StoppingCriteria):  # type: ignore[misc]
        def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
            return torch.tensor(lengths, device=input_ids.device) <= input_ids.shape[1]

    return Limits()
