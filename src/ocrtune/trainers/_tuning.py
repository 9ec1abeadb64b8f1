"""What is trained: adapters in chosen groups (verified after the fact), embeddings of new characters, or all weights."""

from __future__ import annotations

import logging
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ocrtune.contracts import Family, Loaded
from ocrtune.core import ModelRef
from ocrtune.errors import ConfigError, ModelError, extra
from ocrtune.options import TrainOptions

LOG = logging.getLogger("ocrtune")
TOKENS = "new tokens"
UNTRAINED = 0.9  # cosine to the vocabulary's spare rows from which an embedding counts as never learnt (trained: < 0.3)


class Share(NamedTuple):
    """One line of the table of what is trainable."""

    group: str
    modules: int
    parameters: int


def make_trainable(loaded: Loaded, family: Family, ref: ModelRef, options: TrainOptions, said: Iterable[int]) -> Any:
    """The model with exactly the chosen parameters trainable. `said` are the token ids of all answers."""
    chosen = {g for g in ("language", "vision", "merger") if getattr(options.lora, g)}
    if not chosen:
        raise ConfigError("nothing is chosen to be trained", hint="turn on lora.language, lora.vision or lora.merger")
    model = _full(loaded.model, family, chosen, options) if options.method == "full" else None
    if model is None:
        rows = _token_rows(loaded, options, set(said))
        model = _adapted(loaded.model, family, chosen, options, rows)
        _point_to_base(model, ref)
    shares = verified(model, family, chosen)
    total = sum(p.numel() for p in model.parameters())
    LOG.info("%s", _table(shares, total))
    return model


def _full(model: Any, family: Family, chosen: set[str], options: TrainOptions) -> Any:
    if options.quantization != "none":
        raise ConfigError("quantised weights cannot all be trained", hint="use method lora, or quantization none")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(family.group_of(name) in chosen)
    return model


def _adapted(model: Any, family: Family, chosen: set[str], options: TrainOptions, rows: list[int]) -> Any:
    with extra("train"):
        import torch
        from peft import LoraConfig, get_peft_model

    patterns = family.groups(model)
    if missing := chosen - set(patterns):
        raise ConfigError(
            f"this model has no linear layers in: {', '.join(sorted(missing))}",
            hint=f"it has them in: {', '.join(sorted(patterns))}",
        )
    if options.quantization != "none":
        _keep_trainable_layout(model)
    lora = options.lora
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha or 2 * lora.rank,
        lora_dropout=lora.dropout,
        bias="none",
        use_dora=options.method == "dora",
        use_rslora=options.method == "rslora",
        target_modules="|".join(f"(?:{patterns[g]})" for g in sorted(chosen)),
        trainable_token_indices=_placed(model, rows) if rows else None,
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a name that is on its way out
        tuned = get_peft_model(model, config)
    if rows:
        _start_from_known(tuned, rows)
    if model.dtype == torch.float32:
        _leave_casting_to_autocast(tuned)
    return tuned


def _leave_casting_to_autocast(tuned: Any) -> None:
    """Adapters of the weights' own precision need no casts of their inputs: peft would widen what autocast has just
    narrowed, twice per layer (measured: a fifth of a step)."""
    for module in tuned.modules():
        if hasattr(module, "cast_input_dtype_enabled"):
            module.cast_input_dtype_enabled = False


def _keep_trainable_layout(model: Any) -> None:
    """On CPUs bitsandbytes repacks 4-bit weights at the first evaluation into a layout that has no backward pass."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _placed(model: Any, rows: list[int]) -> Any:
    """Rows of the input embedding, which a tied output head shares; both tables where they are separate."""
    names = {id(m): n for n, m in model.named_modules()}
    inputs, head = model.get_input_embeddings(), model.get_output_embeddings()
    place = {names[id(inputs)]: rows}
    if head is not None and head.weight.data_ptr() != inputs.weight.data_ptr():
        place[names[id(head)]] = rows
    return place


def _token_rows(loaded: Loaded, options: TrainOptions, said: set[int]) -> list[int]:
    if options.train_tokens == "none":
        return []
    new = sorted(said) if options.train_tokens == "all-new" else sorted(said & untrained(loaded))
    if new:
        words = loaded.processor.tokenizer.convert_ids_to_tokens(new[:40])
        LOG.info("embeddings of %d tokens are trained as well: %s%s", len(new), " ".join(words), " …" if len(new) > 40 else "")
    return new


def untrained(loaded: Loaded) -> set[int]:
    """Tokens whose embedding the base never learnt: they look like the vocabulary's spare rows, which no text can hold.

    Such rows all drift the same way during pre-training (Land & Bartolo 2024, "Fishing for Magikarp"). Without spare
    rows nothing can be told, and the set is empty.
    """
    import torch

    table = loaded.model.get_input_embeddings().weight.detach().float()
    known = len(loaded.processor.tokenizer)
    if table.shape[0] <= known:
        return set()
    typical = table[known:].mean(0, keepdim=True)
    likeness = torch.nn.functional.cosine_similarity(table, typical)
    return set((likeness[:known] > UNTRAINED).nonzero()[:, 0].tolist())


def _start_from_known(tuned: Any, rows: list[int]) -> None:
    """New rows begin at the mean of the others: the drifted rows they replace answer nothing and push each other away."""
    import torch
    from peft.tuners.trainable_tokens import TrainableTokensLayer

    for module in tuned.modules():
        if isinstance(module, TrainableTokensLayer) and module.tied_adapter is None:
            table = module.get_base_layer().weight.detach().float()
            spare = torch.nn.functional.cosine_similarity(table, table[rows].mean(0, keepdim=True)) > UNTRAINED
            learnt = table[~spare]
            if len(learnt) < 2 or spare.sum() < len(rows) / 2:
                return  # the rows are no drifted crowd: keep what the base has
            noise = torch.randn(len(rows), table.shape[1]).to(table) * learnt.std(0) * 0.5
            for value in module.trainable_tokens_delta.values():
                value.data.copy_(learnt.mean(0) + noise)


def verified(model: Any, family: Family, chosen: set[str]) -> list[Share]:
    """Trainable parameters by group. Raises ModelError when any belongs to no chosen group, or a chosen group has none."""
    modules: dict[str, set[str]] = defaultdict(set)
    counts: dict[str, int] = defaultdict(int)
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        place = name.removeprefix("base_model.model.").partition(".lora_")[0]
        group = TOKENS if "trainable_tokens_" in name else family.group_of(place)
        if group not in (*chosen, TOKENS):
            raise ModelError(
                f"{name} is trainable although it belongs to {group or 'no group'}", hint="report this model; this is a bug"
            )
        modules[group].add(re.sub(r"\.(weight|bias)$", "", place))
        counts[group] += parameter.numel()
    if empty := chosen - set(counts):
        raise ModelError(f"nothing became trainable in: {', '.join(sorted(empty))}", hint="choose other groups, or method full")
    return [Share(g, len(modules[g]), counts[g]) for g in sorted(counts)]


def _table(shares: list[Share], total: int) -> str:
    lines = [f"  {'trainable':<12}{'modules':>9}{'parameters':>14}{'share':>9}"]
    lines += [f"  {s.group:<12}{s.modules:>9}{s.parameters:>14,}{s.parameters / total:>9.2%}" for s in shares]
    trained = sum(s.parameters for s in shares)
    return "\n".join(
        [*lines, f"  {'all':<12}{sum(s.modules for s in shares):>9}{trained:>14,}{trained / total:>9.2%}  of {total:,}"]
    )


def _point_to_base(model: Any, ref: ModelRef) -> None:
    """An absolute path in the adapter, so that it is found from any folder."""
    base = str(Path(ref.base).resolve()) if Path(ref.base).is_dir() else ref.base
    for config in model.peft_config.values():
        config.base_model_name_or_path = base
        config.revision = ref.revision
