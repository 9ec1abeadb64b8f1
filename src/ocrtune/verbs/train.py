"""Fine-tune a vision-language OCR model on a prepared dataset; the best checkpoint by real reading is kept.

Examples:
  ocrtune train data/invoices Qwen/Qwen2-VL-2B-Instruct
  ocrtune train run:prepare-1a2b3c4d models/nano --max-steps 600 --learning-rate 2e-3 --batch-size 16 --gradient-accumulation 1
  ocrtune train data/forms Qwen/Qwen2-VL-7B-Instruct --quantization 4bit --gradient-checkpointing --max-pixels 1000000
  ocrtune train data/russian models/nano --lora.vision --lora.merger --replay data/english --replay-share 0.2
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence

from pydantic import Field

from ocrtune.contracts import Trained
from ocrtune.core import Sample
from ocrtune.models import model_ref
from ocrtune.options import TrainOptions
from ocrtune.plugins import TRAINERS
from ocrtune.runs import RunDir
from ocrtune.sampling import load_split

LOG = logging.getLogger("ocrtune")
SPREADS = True


class Config(TrainOptions):
    """What is learnt from what, and how."""

    data: str = Field(description="dataset: a folder made by prepare, or run:<id>")
    model: str = Field(description="model to start from: checkpoint folder, hub id, or run:<id> of a merge or full fine-tuning")
    replay: tuple[str, ...] = Field((), description="datasets mixed in so that the model does not forget what it could do")
    replay_share: float = Field(0.2, ge=0, lt=1, description="part of the training samples that comes from replay")
    trainer: str = Field("hf", description="training loop")


def run(config: Config, into: RunDir) -> Trained:
    """Train into `into.artifacts / "best"`; the same options go on from the last checkpoint."""
    data = into.resolve(config.data, "dataset")
    base = into.resolve(config.model, "model", "adapter")
    into.link(data=config.data, model=config.model, **{f"replay_{n}": name for n, name in enumerate(config.replay)})
    train, val = load_split(data, "train"), load_split(data, "val")
    old = [s for name in config.replay for s in load_split(into.resolve(name, "dataset"), "train")]
    trained = TRAINERS.get(config.trainer)().fit(
        config, model_ref(base), train=mixed(train, old, config.replay_share, seed=config.seed), val=val, run=into
    )
    LOG.info("best CER %.3f at step %d of %d: %s", trained.best["cer"], trained.best["step"], trained.steps, trained.folder)
    role = "model" if config.method == "full" else "adapter"
    into.finish("done", **{role: str(trained.folder.relative_to(into.path))})
    return trained


def mixed(new: Sequence[Sample], old: Sequence[Sample], share: float, *, seed: int) -> list[Sample]:
    """`new` with as many of `old`, drawn by seed, as make up `share` of the result; all of `old` when there are fewer."""
    wanted = round(len(new) * share / (1 - share)) if old else 0
    if wanted > len(old):
        LOG.warning("replay has %d samples, %d would be %.0f %% of the mix: all are taken", len(old), wanted, share * 100)
    return [*new, *random.Random(f"replay/{seed}").sample(list(old), min(wanted, len(old)))]
