"""The contenders of `train_step.py`: what each makes of one case, in a process of its own."""

from __future__ import annotations

import json
import random
import textwrap
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

NANO = Path(__file__).resolve().parents[1] / "models" / "nano"
WORDS = "the quick invoice total of page seven paid by bank on time and date number with amount due for order"
TEXT = {"hidden_size": 1536, "intermediate_size": 8960, "num_attention_heads": 12, "num_hidden_layers": 28,
        "num_key_value_heads": 2, "vocab_size": 151_936, "torch_dtype": "bfloat16"}  # fmt: skip
VISION = {"embed_dim": 1536, "hidden_size": 1536, "intermediate_size": 4224, "num_attention_heads": 12, "num_hidden_layers": 42}


class Case(NamedTuple):
    """What is compared: one model, one kind of page, what is trained."""

    model: str
    tower: str  # "frozen" or "trained"
    samples: int
    epochs: int
    batch: int
    size: tuple[int, int]  # narrowest and widest picture, pixels
    height: int
    words: int  # most in an answer; the least is a third of that
    vocabulary: int = 512
    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 1
    same: bool = False  # batches: ocrtune's for all, else each trainer's own


class Result(NamedTuple):
    epochs: list[float]  # seconds each
    processor: list[float]  # seconds of processor time each: what else the machine does changes them less
    losses: list[float]  # one a step
    peak: float  # MiB resident (on CUDA: allocated) at most
    loaded: float  # MiB before the training
    tokens: int  # of all samples
    limit: float = 0.0  # bf16 operations a second that this device really does in a large product, CUDA only
    work: float = 0.0  # operations that one epoch needs at least, CUDA only


# --- the same for all -----------------------------------------------------------------------------------------------------


def samples_of(case: Case, folder: Path) -> list[Any]:
    """Lines and snippets of text as PNG files; the same for the same case."""
    from PIL import Image, ImageDraw, ImageFont

    from ocrtune.core import ImageRef, Sample, TextTarget

    rng, made = random.Random(f"{case.model}/{case.height}"), []
    folder.mkdir(parents=True, exist_ok=True)
    font = ImageFont.load_default(16)
    for n in range(case.samples):
        text = " ".join(rng.choices(WORDS.split(), k=rng.randint(max(1, case.words // 3), case.words)))
        image = Image.new("RGB", (rng.randint(*case.size), case.height), "white")
        ImageDraw.Draw(image).multiline_text((6, 6), "\n".join(textwrap.wrap(text, image.width // 9)), fill="black", font=font)
        path = folder / f"{n}.png"
        image.save(path)
        ref = ImageRef(path=str(path), width=image.width, height=image.height)
        made.append(Sample(id=str(n), group=str(n), images=(ref,), target=TextTarget(text=text)))
    return made


def options_of(case: Case, cache: Path) -> Any:
    from ocrtune.options import TrainOptions

    trained = case.tower == "trained"
    return TrainOptions.model_validate(
        {
            "lora": {"rank": 16, "language": True, "vision": trained, "merger": trained},
            "train_tokens": "none",
            "learning_rate": 2e-4,
            "schedule": "constant",
            "warmup_ratio": 0.0,
            "epochs": case.epochs,
            "batch_size": case.batch,
            "gradient_accumulation": 1,
            "eval_steps": 10**6,
            "eval_samples": 1,
            "eval_max_tokens": 1,
            "dialect": "plain",
            "prompt": "OCR:",
            "device": case.device,
            "dtype": case.dtype,
            "threads": case.threads if case.device == "cpu" else None,
            "cache_folder": str(cache),
            "max_length": 32768,
            "report_to": (),
        }
    )


def model_of(case: Case, folder: Path) -> Path:
    """The nano, or a random dots.ocr: tiny on a CPU, of its real shape on a GPU."""
    if case.model == "nano":
        return NANO
    from ocrtune.testing import tiny_dots

    real = case.device.startswith("cuda")
    place = folder / f"dots-{'real' if real else case.vocabulary}"
    if not place.exists():
        tiny_dots.build(place, vocabulary=512 if real else case.vocabulary, layers=(4, 4), width=128)
        if real:
            enlarge(place)
    return place


def enlarge(folder: Path) -> None:
    """The published shape instead of a tiny one, 3 billion random weights in bfloat16."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    config = json.loads((folder / "config.json").read_text("utf-8"))
    config = {**config, **TEXT, "vision_config": {**config["vision_config"], **VISION}}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    for old in folder.glob("*.safetensors*"):
        old.unlink()
    with torch.device("cuda"):
        model = AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(folder), dtype=torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="3GB")


def memory(device: str) -> float:
    """MiB: the most this process has had at once."""
    if device.startswith("cuda"):
        import torch

        return float(torch.cuda.max_memory_allocated() / 2**20)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --- ocrtune --------------------------------------------------------------------------------------------------------------


def run_ocrtune(case: Case, model: Path, samples: list[Any], folder: Path) -> Result:
    from ocrtune.models import model_ref
    from ocrtune.runs import RunDir
    from ocrtune.trainers import _loop
    from ocrtune.trainers.hf import HuggingFaceTrainer

    options = options_of(case, folder / "cache")
    real, seen, marks = _loop.build, {}, Marks([], [])

    def build(model: Any, arguments: Any, work: Any, callbacks: list[Any]) -> Any:
        seen.update(memory=memory(case.device), model=model, data=work.data)
        return real(model, arguments, work, [*callbacks, clock(marks, case.device)])

    _loop.build = build
    run = RunDir.create("train", options, root=folder, into=folder / "run")
    HuggingFaceTrainer().fit(options, model_ref(model), train=samples, val=samples[:1], run=run)
    lines = [json.loads(line) for line in (folder / "run" / "history.jsonl").read_text("utf-8").splitlines()]
    steps = [r for r in lines if r["kind"] == "step"]
    peak, rows = memory(case.device), seen["data"].rows
    return Result(
        per_epoch(marks.wall, case),
        per_epoch(marks.processor, case),
        [r["loss"] for r in steps],
        peak,
        seen["memory"],
        sum(r.length for r in rows),
        *(arithmetic(seen["model"], seen["data"], case) if case.device.startswith("cuda") else ()),
    )


class Marks(NamedTuple):
    """Seconds at the begin of the training and at the end of each step."""

    wall: list[float]
    processor: list[float]


def clock(marks: Marks, device: str) -> Any:
    from transformers import TrainerCallback

    def look() -> None:
        if device.startswith("cuda"):
            import torch

            torch.cuda.synchronize()
        marks.wall.append(time.monotonic())
        marks.processor.append(time.process_time())

    class Clock(TrainerCallback):
        def on_epoch_begin(self, *_: Any, **__: Any) -> None:
            if not marks.wall:
                look()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            look()

    return Clock()


def per_epoch(seconds: Sequence[float], case: Case) -> list[float]:
    steps = (len(seconds) - 1) // case.epochs
    return [after - before for before, after in pairwise(seconds[::steps])]


def arithmetic(model: Any, data: Any, case: Case) -> tuple[float, float]:
    """Operations a second in a product of 8192 × 8192 matrices, and operations that an epoch with known features needs:
    2 per weight and token forward, 2 backward to the activations (frozen weights have no gradient), causal attention."""
    import torch

    from ocrtune.core import Size

    family, plain = data.family, model.get_base_model()
    linear = [(family.group_of(n), m.weight.numel()) for n, m in plain.named_modules() if hasattr(m, "in_features")]
    language, vision = (sum(size for group, size in linear if group in names) for names in (("language",), ("vision", "merger")))
    head = plain.get_output_embeddings().weight.numel()
    total = 0.0
    for row in data.rows:
        answer = len(family.answer_ids(data.processor, row.answer))
        sizes = [family.sees(data.processor, Size(i.width, i.height)) for i in row.sample.images]
        patches = [4 * family.visual_tokens(data.processor, size) for size in sizes]
        total += 4 * (language - head) * row.length + 4 * head * answer
        total += 6 * row.length**2 * TEXT["hidden_size"] * TEXT["num_hidden_layers"]
        if case.tower == "trained":
            total += sum(4 * vision * n + 12 * n**2 * VISION["embed_dim"] * VISION["num_hidden_layers"] for n in patches)
    block = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    for _ in range(5):
        block @ block
    torch.cuda.synchronize()
    began = time.monotonic()
    for _ in range(20):
        block @ block
    torch.cuda.synchronize()
    return 20 * 2 * 8192**3 / (time.monotonic() - began), total


# --- the others: the model, its adapters and the order of the samples are made by the same code ----------------------------


class Ready(NamedTuple):
    model: Any
    processor: Any
    rows: list[Any]
    order: list[list[int]]  # of all epochs
    family: Any


def ready(case: Case, model: Path, samples: list[Any], folder: Path) -> Ready:
    from ocrtune.contracts import Loaded
    from ocrtune.models import model_ref
    from ocrtune.trainers import _rows, _tuning
    from ocrtune.trainers.hf import HuggingFaceTrainer

    options, ref = options_of(case, folder / "cache"), model_ref(model)
    setting = HuggingFaceTrainer()._open(options, ref)
    rows = HuggingFaceTrainer()._measured(setting, samples, samples[:1])[0]
    tuned = _tuning.make_trainable(Loaded(*setting.loaded), setting.family, ref, options, set())
    buckets, order = _rows.Buckets([r.length for r in rows], case.batch, options.seed), []
    for epoch in range(case.epochs):
        buckets.set_epoch(epoch)
        order += list(buckets)
    return Ready(tuned, setting.loaded.processor, rows, order, setting.family)


def shared_arguments(case: Case, folder: Path) -> dict[str, Any]:
    steps = -(-case.samples // case.batch) * case.epochs
    return {
        "output_dir": str(folder),
        "max_steps": steps,
        "per_device_train_batch_size": case.batch,
        "learning_rate": 2e-4,
        "lr_scheduler_type": "constant",
        "optim": "adamw_torch_fused",
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "use_cpu": case.device == "cpu",
        "bf16": case.dtype == "bfloat16",
    }


def timed(trainer: Any, one: Ready, case: Case) -> Result:
    """The trainer's own loop, over its own shuffled batches or those of ocrtune."""
    from torch.utils.data import DataLoader

    marks = Marks([], [])

    def batches() -> Any:
        loader = DataLoader(trainer.train_dataset, batch_sampler=one.order, collate_fn=trainer.data_collator)
        return trainer.accelerator.prepare(loader)

    if case.same:
        trainer.get_train_dataloader = batches
    trainer.add_callback(clock(marks, case.device))
    loaded = memory(case.device)
    trainer.train()
    tokens = sum(r.length for r in one.rows)
    losses = [r["loss"] for r in trainer.state.log_history if "loss" in r]
    return Result(per_epoch(marks.wall, case), per_epoch(marks.processor, case), losses, memory(case.device), loaded, tokens)


def texts(one: Ready, row: Any) -> tuple[str, str]:
    """What is asked and what must be said, as text with all special tokens."""
    from ocrtune.families import _sequences

    stop = one.processor.tokenizer.decode(one.family.answer_ids(one.processor, "")[-1:])
    return _sequences.rendered(one.processor, row.ask, len(row.sample.images)), row.answer + stop


def run_trainer(case: Case, model: Path, samples: list[Any], folder: Path) -> Result:
    """The collator of the tutorials: one processor call a batch, prompt and padding masked."""
    from PIL import Image
    from transformers import Trainer, TrainingArguments

    one = ready(case, model, samples, folder)
    said = [texts(one, row) for row in one.rows]

    def collate(indices: list[int]) -> dict[str, Any]:
        images = [[Image.open(i.path).convert("RGB") for i in one.rows[n].sample.images] for n in indices]
        batch = one.processor(
            text=["".join(said[n]) for n in indices], images=images, padding=True, padding_side="right", return_tensors="pt"
        )
        labels = batch["input_ids"].clone()
        labels[batch["attention_mask"] == 0] = -100
        for place, n in enumerate(indices):
            answer = len(one.processor.tokenizer(said[n][1], add_special_tokens=False)["input_ids"])
            labels[place, : int(batch["attention_mask"][place].sum()) - answer] = -100
        return {**batch, "labels": labels}

    arguments = TrainingArguments(**shared_arguments(case, folder))
    trainer = Trainer(model=one.model, args=arguments, train_dataset=list(range(len(one.rows))), data_collator=collate)
    return timed(trainer, one, case)


def run_trl(case: Case, model: Path, samples: list[Any], folder: Path) -> Result:
    from datasets import Dataset, Image, List
    from trl import SFTConfig, SFTTrainer

    one = ready(case, model, samples, folder)
    said = [texts(one, row) for row in one.rows]
    data = Dataset.from_dict({
        "images": [[i.path for i in row.sample.images] for row in one.rows],
        "prompt": [prompt for prompt, _ in said],
        "completion": [answer for _, answer in said],
    }).cast_column("images", List(Image()))  # fmt: skip
    arguments = SFTConfig(**shared_arguments(case, folder), max_length=None, gradient_checkpointing=False)
    trainer = SFTTrainer(model=one.model, args=arguments, train_dataset=data, processing_class=one.processor)
    return timed(trainer, one, case)


RUNS = {"ocrtune": run_ocrtune, "TRL": run_trl, "Trainer": run_trainer}
