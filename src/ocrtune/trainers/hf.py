"""Fine-tuning on transformers' Trainer: measure, adapt, train, keep the best, go on exactly where a kill struck."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ocrtune import processes
from ocrtune.contracts import Dialect, Family, Loaded, LoadOptions, Trained
from ocrtune.core import ModelRef, Sample
from ocrtune.errors import ConfigError, InputError, ModelError, extra, memory_errors
from ocrtune.models import NOTES, family_for
from ocrtune.options import TrainOptions
from ocrtune.plugins import DIALECTS
from ocrtune.runs import RunDir, write_atomic
from ocrtune.trainers import _cache, _loop, _loss, _reading, _rows, _tuning, _watch

LOG = logging.getLogger("ocrtune")
FINISHED = "artifacts/trained.json"
MEMORY_HINT = (
    "lower batch_size and raise gradient_accumulation by as much, lower max_pixels, turn on gradient_checkpointing, "
    "or choose quantization 4bit; the same command goes on from the last checkpoint"
)


class Setting(NamedTuple):
    """What the parts of a training share."""

    options: TrainOptions
    ref: ModelRef
    family: Family
    dialect: Dialect
    loaded: Loaded
    autocast: Any  # torch dtype or None


class HuggingFaceTrainer:
    name = "hf"

    def fit(
        self, options: TrainOptions, model: ModelRef, *, train: Sequence[Sample], val: Sequence[Sample], run: RunDir
    ) -> Trained:
        if (done := _finished(run)) is not None:
            return done
        _refuse(options, model, train, val)
        processes.begin(_device(options))
        setting = self._open(options, model)
        rows, eval_rows = self._measured(setting, train, val)
        said = {t for r in rows for t in setting.family.answer_ids(setting.loaded.processor, r.answer)}
        tuned = _tuning.make_trainable(setting.loaded, setting.family, model, options, said)
        if options.gradient_checkpointing:
            _loop.recompute(tuned)
        setting = setting._replace(loaded=Loaded(tuned, setting.loaded.processor))
        steps, history = self._train(setting, rows, eval_rows, run)
        return _finish(run, history, steps)

    def _open(self, options: TrainOptions, ref: ModelRef) -> Setting:
        """Model in memory, seeds and threads set, arithmetic chosen."""
        with extra("train"):
            import torch
            import transformers
        if options.threads:
            torch.set_num_threads(options.threads)
        transformers.set_seed(options.seed)
        family = family_for(ref)
        device = _device(options)
        autocast = _autocast(options, device)
        eager = device == "cpu" and autocast is not None  # the CPU flash kernel's bf16 backward is slow: measured 1.5 ×
        frozen = options.method != "full" and device.startswith("cuda") and autocast is not None
        load = LoadOptions(
            device=f"cuda:{torch.cuda.current_device()}" if device.startswith("cuda") else options.device,
            dtype="bfloat16" if frozen else "float32",
            quantization=options.quantization,
            trust_remote_code=options.trust_remote_code,
            attention="eager" if eager else None,
            min_pixels=options.min_pixels,
            max_pixels=options.max_pixels,
            framing=options.framing,
        )
        if options.packing and not family.packs:
            raise ConfigError(f"models of the family {family.name} cannot take packed batches", hint="leave packing off")
        dialect = DIALECTS.get(options.dialect)(options.prompt)
        return Setting(options, ref, family, dialect, family.load(ref, load), autocast)

    def _measured(
        self, setting: Setting, train: Sequence[Sample], val: Sequence[Sample]
    ) -> tuple[list[_rows.Row], list[_rows.Row]]:
        common: dict[str, Any] = {
            "dialect": setting.dialect,
            "family": setting.family,
            "processor": setting.loaded.processor,
            "options": setting.options,
        }
        rows = _rows.prepare(train, **common).kept
        eval_rows = _reading.subset(_rows.prepare(val, **common).kept, setting.options.eval_samples, setting.options.seed)
        LOG.info(
            "%d samples to train on, %d to evaluate on, %d to %d tokens each",
            len(rows),
            len(eval_rows),
            min(r.length for r in rows),
            max(r.length for r in rows),
        )
        return rows, eval_rows

    def _train(
        self, setting: Setting, rows: list[_rows.Row], eval_rows: list[_rows.Row], run: RunDir
    ) -> tuple[int, _watch.History]:
        options, family, tuned = setting.options, setting.family, setting.loaded.model
        place, best = run.artifacts / "checkpoints", run.artifacts / "best"
        if processes.first():
            _loop.recover(best)
        last = processes.agreed(next(reversed(_loop.checkpoints(place)), None))
        step = int(last.name.removeprefix(_loop.PREFIX)) if last else 0
        data = _data(setting, rows)
        history = _watch.History(run.path / _watch.HISTORY, step)
        share = (processes.rank(), processes.count())
        batches = _rows.Buckets([r.length for r in rows], options.batch_size, options.seed, options.batch_tokens, share=share)
        total = _steps(len(batches), options)
        watch = _watch.Watch(
            history,
            keep_best=lambda: _keep_best(setting, best),
            patience=options.patience,
            curves=run.path / "tensorboard" if "tensorboard" in options.report_to else None,
            minutes=options.max_minutes,
        )
        work = _loop.Work(
            data,
            batches,
            family,
            _workers(options),
            setting.autocast,
            lambda _: _reading.read_cer(setting.loaded, eval_rows, family, setting.dialect, options, data.features)._asdict(),
        )
        loop = _loop.build(tuned, _arguments(options, place, total, begun=last is not None), work, [_watch.callback(watch)])
        if last is not None:
            LOG.info("going on from step %d of %d", step, total)
        if step < total and not _out_of_patience(history, options):
            size = f"{options.batch_tokens} tokens" if options.batch_tokens else f"{options.batch_size} samples"
            try:
                with memory_errors(f"training with batches of {size}", MEMORY_HINT):
                    loop.train(resume_from_checkpoint=str(last) if last else None)
            finally:
                watch.close()
        processes.wait()
        return max(step, loop.state.global_step), history


def _refuse(options: TrainOptions, model: ModelRef, train: Sequence[Sample], val: Sequence[Sample]) -> None:
    if model.adapter is not None:
        raise ConfigError(
            f"{model} is an adapter on its base, and training starts from a whole model", hint="ocrtune merge it first"
        )
    kind, _, number = (options.device or "").partition(":")
    if number not in ("", "0"):
        raise ConfigError(
            f"training uses the first device that it sees, not {options.device}",
            hint=f"CUDA_VISIBLE_DEVICES={number} ocrtune train … --device {kind}",
        )
    if processes.sharded() and _device(options) == "cpu":
        raise ConfigError("accelerate divides weights among GPUs only", hint="on CPUs start it with torchrun: DDP")
    if not train or not val:
        raise InputError(
            f"there are {len(train)} samples to train on and {len(val)} to evaluate on: both are needed",
            hint="prepare the dataset with --val",
        )
    if "wandb" in options.report_to:
        with extra("wandb"):
            import wandb  # type: ignore[import-not-found,unused-ignore]  # noqa: F401


def _device(options: TrainOptions) -> str:
    import torch

    if options.device:
        return options.device
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def _autocast(options: TrainOptions, device: str) -> Any:
    """bfloat16 arithmetic where the device has it in hardware; on other CPUs it is three times slower than float32."""
    import torch

    if options.dtype == "float32":
        return None
    native = torch.cuda.is_bf16_supported() if device.startswith("cuda") else device == "cpu" and _cpu_has_bf16()
    if options.dtype == "bfloat16" and not native:
        LOG.warning("%s has no bfloat16 units: float32 would be faster", device)
    return torch.bfloat16 if native or options.dtype == "bfloat16" else None


def _cpu_has_bf16() -> bool:
    import torch

    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check is not None and check() for check in checks)


def _steps(batches: int, options: TrainOptions) -> int:
    per_epoch = math.ceil(batches / options.gradient_accumulation)
    return options.max_steps or max(1, math.ceil(options.epochs * per_epoch))


def _arguments(options: TrainOptions, place: Path, total: int, *, begun: bool) -> Any:
    from transformers import TrainingArguments

    schedule = "constant_with_warmup" if options.schedule == "constant" else options.schedule
    device = _device(options)
    made = TrainingArguments(
        output_dir=str(place),
        max_steps=total,
        per_device_train_batch_size=options.batch_size,
        gradient_accumulation_steps=options.gradient_accumulation,
        learning_rate=options.learning_rate,
        lr_scheduler_type=schedule,
        warmup_steps=math.ceil(options.warmup_ratio * total),
        weight_decay=options.weight_decay,
        max_grad_norm=options.max_grad_norm,
        optim="adamw_torch_fused",
        logging_steps=1,
        logging_nan_inf_filter=False,
        eval_strategy="steps",
        eval_steps=options.eval_steps,
        eval_on_start=not begun,
        save_strategy="steps",
        save_steps=options.save_steps or options.eval_steps,
        seed=options.seed,
        data_seed=options.seed,
        disable_tqdm=True,
        report_to=[name for name in options.report_to if name != "tensorboard"],
        remove_unused_columns=False,
        use_cpu=device == "cpu",
        dataloader_pin_memory=device.startswith("cuda"),
        ddp_broadcast_buffers=False,  # they are tables that nothing changes
    )
    made._n_gpu = min(
        made.n_gpu, 1
    )  # one GPU even where there are more: transformers would copy the model to all of them, in threads
    return made


def _workers(options: TrainOptions) -> int:
    """On a CPU the model needs all cores itself; a GPU waits for whoever prepares its pictures."""
    import multiprocessing

    if "fork" not in multiprocessing.get_all_start_methods():
        return 0  # processors made at run time do not travel
    if options.workers is not None:
        return options.workers
    return min(8, (os.cpu_count() or 1) // 2) if _device(options).startswith("cuda") else 0


def _data(setting: Setting, rows: list[_rows.Row]) -> _rows.Prepared:
    """The rows, with a cache of the tower's features where the tower is frozen and the model takes them."""
    options, family, (model, processor) = setting.options, setting.family, setting.loaded
    kept = 0 if _workers(options) else options.cache_mb  # what workers prepare is shared on disk
    pixels = setting.autocast or model.dtype
    shortest = _rows.Prepared([min(rows, key=lambda r: r.length)], family, processor, pixels=pixels, cache_mb=0)
    with memory_errors("the first sample", MEMORY_HINT):
        batch = _check_encoding(shortest, model)
        takes_features = _loop.takes_features(model, family, batch)
    data = _rows.Prepared(rows, family, processor, pixels=pixels, cache_mb=kept)
    store = _cache.store_for(options)
    if store is not None:
        data.store, data.setting = store, _cache.sequence_settings(family, processor, options)
    features = None
    if processes.sharded():
        LOG.info("each process has a part of the weights: pictures go through the tower at every step, its output is not cached")
    else:
        features = _cache.features_for(setting.loaded, family, precision=setting.autocast, store=store)
    if features is not None:
        if takes_features:
            data.features = features
        else:
            LOG.info("%s cannot be given features of pictures: they go through the tower at every step", family.name)
    if data.features is not None and store is not None:
        LOG.info(
            "the vision tower is frozen: what it makes of a picture is kept in %s (%g GB at most)", store.folder, options.cache_gb
        )
    data.pack_for = model if options.packing else None
    return data


def _check_encoding(one: _rows.Prepared, model: Any) -> dict[str, Any]:
    """Before hours are spent: a sample's real length is the measured one, and our loss sees the model's logits. Returns the
    sample as a batch."""
    (row,) = one.rows
    batch = one.collate([one[0]])
    made = batch["input_ids"].shape[1]
    if made != row.length:
        LOG.warning(
            "sample %s takes %d tokens, %d were expected: lengths are estimates for this model", row.sample.id, made, row.length
        )
    batch = _rows.placed(batch, model)
    if not _loss.same_as_whole(model, batch):
        raise ModelError(
            f"the output head of this model ({one.family.name}) is more than a matrix: training it is not supported",
            hint="report the model's class",
        )
    return batch


def _keep_best(setting: Setting, place: Path) -> None:
    """The model of this moment as `artifacts/best`: whole or not there. All processes must come here together."""
    weights = _loop.whole_weights(setting.loaded.model)
    if processes.first():
        _write_best(setting, place, weights)


def _write_best(setting: Setting, place: Path, weights: dict[str, Any] | None) -> None:
    made = place.with_name("best.unfinished")
    shutil.rmtree(made, ignore_errors=True)
    if setting.options.method == "full":
        setting.family.save(_whole(setting, weights), setting.ref, made)
    else:
        _loop.save_weights(setting.loaded.model, made, weights)
    o = setting.options
    notes = {
        "base": str(setting.ref),
        "dialect": o.dialect,
        "prompt": o.prompt,
        "min_pixels": o.min_pixels,
        "max_pixels": o.max_pixels,
        "framing": o.framing,
        "method": o.method,
        "quantization": o.quantization,
        "seed": o.seed,
    }
    (made / NOTES).write_text(json.dumps(notes, indent=2, ensure_ascii=False) + "\n", "utf-8")
    _loop.publish(made, place)


def _whole(setting: Setting, weights: dict[str, Any] | None) -> Any:
    """The model, or a new one with `weights` where this process has a part of the model only."""
    if weights is None:
        return setting.loaded.model
    o = setting.options
    same = LoadOptions(device="cpu", dtype="float32", trust_remote_code=o.trust_remote_code, framing=o.framing)
    model = setting.family.load(setting.ref, same).model
    model.load_state_dict(weights, assign=True)
    return model


def _out_of_patience(history: _watch.History, options: TrainOptions) -> bool:
    return options.patience is not None and history.stale >= options.patience


def _finished(run: RunDir) -> Trained | None:
    file = run.path / FINISHED
    if not file.exists():
        return None
    kept = json.loads(file.read_text("utf-8"))
    return Trained(run.artifacts / "best", kept["best"], kept["steps"])


def _finish(run: RunDir, history: _watch.History, steps: int) -> Trained:
    best = history.best
    if best is None:
        raise ModelError("training ended before its first evaluation", hint="lower eval_steps or raise max_steps")
    before = next((r for r in history.lines if r["kind"] == "eval" and r["step"] == 0), None)
    figures = {"cer": best["cer"], "plus_minus": best["plus_minus"], "step": best["step"]}
    made = Trained(run.artifacts / "best", figures, steps)
    if not processes.first():
        return made
    if before is not None and best["cer"] >= before["cer"]:
        LOG.warning("training made reading no better: CER %.3f before, %.3f at best", before["cer"], best["cer"])
    write_atomic(run.path / FINISHED, json.dumps({"best": figures, "steps": steps}) + "\n")
    shutil.rmtree(run.artifacts / "checkpoints", ignore_errors=True)
    return made
