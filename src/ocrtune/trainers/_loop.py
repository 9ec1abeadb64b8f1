"""transformers' Trainer with our batches, our loss, evaluation by reading, and checkpoints that are whole or absent."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ocrtune import processes
from ocrtune.contracts import Encoded, Family
from ocrtune.errors import disk_errors
from ocrtune.trainers import _layers, _lora, _loss
from ocrtune.trainers._rows import PIXELS

PREFIX = "checkpoint-"
KEPT = 2
AHEAD = 4  # batches that each worker prepares in advance
WHOLE = "model.safetensors"  # the name by which transformers knows a checkpoint that holds a whole model


class Work(NamedTuple):
    """What the loop needs besides transformers' own arguments. `evaluate` reads validation samples and gives metrics."""

    data: Any  # Prepared
    batches: Any  # Buckets
    family: Family
    workers: int  # processes that prepare batches
    autocast: Any  # torch dtype, or None for the weights' own
    evaluate: Callable[[int], dict[str, float]]


class Loop:
    """What is ours of the Trainer; `build` puts it in front of transformers' class. Untyped above, hence the Any."""

    work: Work
    args: Any
    model: Any
    state: Any
    control: Any
    accelerator: Any
    callback_handler: Any
    log: Any
    _prepare_inputs: Any
    is_deepspeed_enabled: bool
    is_fsdp_enabled: bool

    def get_train_dataloader(self) -> Any:
        """`batches` are this process's own share: accelerate has nothing to divide, and repeats no samples to do so."""
        import torch
        from accelerate.data_loader import prepare_data_loader

        ahead = (
            {"persistent_workers": True, "prefetch_factor": AHEAD, "multiprocessing_context": "fork"} if self.work.workers else {}
        )
        loader = torch.utils.data.DataLoader(
            self.work.data,
            batch_sampler=self.work.batches,
            collate_fn=self.work.data.collate,
            pin_memory=self.args.dataloader_pin_memory,
            num_workers=self.work.workers,
            generator=torch.Generator(),  # its own: workers that stay draw one number less, and dropout would not resume
            **ahead,
        )
        there = {"device": self.accelerator.device, "put_on_device": True, "non_blocking": self.accelerator.non_blocking}
        return prepare_data_loader(loader, num_processes=1, process_index=0, **there)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Without walking through all modules at every step to say again that they are being trained."""
        if not model.training:
            model.train()
        loss = self.compute_loss(model, self._prepare_inputs(inputs), num_items_in_batch=num_items_in_batch)
        self.accelerator.backward(loss, **({"scale_wrt_gas": False} if self.is_deepspeed_enabled else {}))
        return loss.detach()

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        import torch

        labels = inputs.pop("labels")
        pictures = self._pictures(inputs)
        with pictures, torch.autocast(labels.device.type, self.work.autocast, enabled=self.work.autocast is not None):
            loss = model(answers=labels, **inputs) if processes.count() > 1 else _loss.answer_loss(model, inputs, labels)
        loss = loss / ((labels[:, 1:] != -100).sum() if num_items_in_batch is None else num_items_in_batch)
        if self.args.world_size > 1 and self.args.average_tokens_across_devices:
            loss = loss * self.accelerator.num_processes
        return loss

    def _pictures(self, inputs: Any) -> contextlib.AbstractContextManager[None]:
        """Within it the model finds the features of a frozen tower. Those that are missing are made now and kept."""
        rows, features, whole = (inputs.pop(name, None) for name in ("rows", "features", "pictures"))
        if rows is None:
            return contextlib.nullcontext()
        data = self.work.data
        for n, (index, prompt) in enumerate(rows):
            if features[n] is None:
                features[n] = data.features.make(self.model, whole[n], data.pictures(index))
                data.learn(index, Encoded(whole[n], prompt), features[n])
        return self.work.family.given(self.model, features)

    def evaluate(self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval") -> dict[str, float]:
        self.model.eval()
        metrics = {f"{metric_key_prefix}_{k}": v for k, v in self.work.evaluate(self.state.global_step).items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _get_output_dir(self, trial: Any) -> str:
        return str(Path(super()._get_output_dir(trial)) / "unfinished")  # type: ignore[misc]

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Written aside, flushed, renamed: a folder called checkpoint-N is whole."""
        place = Path(self.args.output_dir)
        name = f"{PREFIX}{self.state.global_step}"
        with disk_errors(f"checkpoint {name}"):
            if self.args.should_save:
                shutil.rmtree(place / "unfinished", ignore_errors=True)
            processes.wait()
            super()._save_checkpoint(model, trial)  # type: ignore[misc]
            processes.wait()
            if self.args.should_save:
                publish(place / "unfinished" / name, place / name)
                for old in checkpoints(place)[:-KEPT]:
                    shutil.rmtree(old, ignore_errors=True)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Sharded weights are written with the optimizer's state, by all processes together."""
        if self.args.should_save and not self.is_fsdp_enabled:
            save_weights(self.model, Path(output_dir or self.args.output_dir))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if hasattr(self.model, "peft_config") or self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
        else:
            load_weights(self.model, Path(resume_from_checkpoint))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """A process that the checkpoint's training did not have begins at a place of its own in the random numbers."""
        own = f"rng_state_{processes.rank()}.pth" if processes.count() > 1 else "rng_state.pth"
        if checkpoint is None or Path(checkpoint, own).exists():
            super()._load_rng_state(checkpoint)  # type: ignore[misc]
        else:
            seed_apart(self.args.seed, self.state.global_step)

    def floating_point_ops(self, inputs: Any) -> int:
        return 0  # counting parameters at every step costs more than the figure is worth


def build(model: Any, arguments: Any, work: Work, callbacks: list[Any]) -> Any:
    from transformers import PrinterCallback, Trainer

    _lora.quicken(model)
    _layers.quicken(model)
    kind: Any = type("OcrtuneTrainer", (Loop, Trainer), {"work": work})
    loop = kind(model=model, args=arguments, train_dataset=work.data, eval_dataset=[], callbacks=callbacks)
    loop.remove_callback(PrinterCallback)
    if processes.count() == 1:
        model.zero_grad = _forgetting(model)
    loop.model_accepts_loss_kwargs = True  # the loss is normalised by the tokens of the whole accumulated batch
    if processes.count() > 1:
        _loss.answer_when_called(model)
    if not processes.first():
        seed_apart(arguments.seed, 0)  # from here on: what is initialised must be the same everywhere, dropout must not
    return loop


def recompute(model: Any) -> None:
    """Keep the inputs of layers only. transformers would ask for gradients of embeddings and patches, which this way of doing it
    does not need, and a frozen tower would keep its layers' inputs for a backward pass that never comes."""
    begin = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable  # until 5.2x
    begin({"use_reentrant": False})
    model.disable_input_require_grads()


def _forgetting(model: Any) -> Callable[..., None]:
    """`zero_grad` without walking through all modules at every step."""
    trained = [p for p in model.parameters() if p.requires_grad]

    def forget(set_to_none: bool = True) -> None:
        for parameter in trained:
            parameter.grad = None

    return forget


def seed_apart(seed: int, step: int) -> None:
    from transformers import set_seed

    set_seed(random.Random(f"{seed}/{step}/{processes.rank()}").getrandbits(31))


def takes_features(model: Any, family: Family, batch: dict[str, Any]) -> bool:
    """Whether the model answers alike when it is given what its tower has made of the pictures, without the pixels."""
    import torch

    inputs = {k: v for k, v in batch.items() if k != "labels"}
    wanted = batch["labels"][:, 1:] != -100
    with torch.no_grad():
        made = family.tower(model, inputs)
        if made is None:
            return False
        whole = _loss.answer_logits(model, inputs, wanted).float()
        with family.given(model, [made]):
            quick = _loss.answer_logits(model, {k: v for k, v in inputs.items() if not k.startswith(PIXELS)}, wanted).float()
    return bool(torch.allclose(whole, quick, rtol=0, atol=1e-3 * float(whole.abs().max())))


def whole_weights(model: Any) -> dict[str, Any] | None:
    """All weights in the first process's memory where each process has a part of them, None where none are missing.
    All processes must ask together."""
    if not processes.sharded():
        return None
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    return dict(get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True)))


def save_weights(model: Any, folder: Path, weights: dict[str, Any] | None = None) -> None:
    """Adapter, or all weights for `load_weights`, as safetensors. Adapters never drag the embedding table along.
    `weights` are an adapter's where the model itself has but a part of them."""
    from safetensors.torch import save_model

    folder.mkdir(parents=True, exist_ok=True)
    if hasattr(model, "peft_config"):
        model.save_pretrained(folder, state_dict=weights, save_embedding_layers=False)
    else:
        save_model(model, str(folder / WHOLE))
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)  # written private; whoever merges or serves may be another user


def load_weights(model: Any, folder: Path) -> None:
    """All weights, by the names they have in memory. `save_pretrained` writes the names of the hub's files, which
    transformers' Trainer does not translate back: it warns, and goes on from the weights that the training began with."""
    from safetensors.torch import load_model

    load_model(model, folder / WHOLE)


def publish(made: Path, place: Path) -> None:
    """Flush the files of `made`, then rename it to `place`, replacing what was there."""
    for file in made.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
    old = place.with_name(place.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    made.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def recover(place: Path) -> None:
    """Undo a `publish` that a kill interrupted between its two renames."""
    old = place.with_name(place.name + ".old")
    if old.exists() and not place.exists():
        old.rename(place)


def checkpoints(place: Path) -> list[Path]:
    """Whole checkpoints, oldest step first."""
    found = [p for p in place.glob(f"{PREFIX}*") if p.name.removeprefix(PREFIX).isdigit() and (p / "trainer_state.json").exists()]
    return sorted(found, key=lambda p: int(p.name.removeprefix(PREFIX)))
