"""Fold an adapter into its base: a standalone checkpoint, proven to say the same on real samples.

Examples:
  ocrtune merge run:train-1a2b3c4d
  ocrtune merge runs/train-1a2b3c4d/artifacts/best --data data/invoices --samples 32
  ocrtune merge adapters/forms --model models/base --data data/forms --dtype float16
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from ocrtune.config import Section
from ocrtune.contracts import Ask, Dialect, Family, Forced, Loaded, LoadOptions
from ocrtune.core import ModelRef, Noun, Sample, Size
from ocrtune.errors import ConfigError, InputError, ModelError, ResourceError, RunError
from ocrtune.imaging import open_image
from ocrtune.models import NOTES, family_for, model_ref, notes
from ocrtune.plugins import DIALECTS
from ocrtune.runs import RunDir
from ocrtune.sampling import load_split

LOG = logging.getLogger("ocrtune")
PROOF = "proof.json"
# Largest |Δ log-probability| of a token between base + adapter and the merged model. float32 differs by the order of
# sums alone; the others also by rounding each merged weight to 8 (bfloat16) or 11 (float16) significant bits. Measured on
# a Cyrillic adapter of the nano reader, 873 tokens: 3e-5, 0.003 and 0.034.
BOUNDS = {"float32": 1e-3, "float16": 0.02, "bfloat16": 0.2}
ROOM = 64 * 2**20  # bytes beside the weights
BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


class Config(Section):
    """What is merged, and what the proof reads."""

    adapter: str = Field(description="adapter to fold in: a folder, or run:<id> of a training")
    model: str | None = Field(None, description="base model; the one recorded in the adapter when absent")
    data: str | None = Field(None, description="dataset whose samples prove the merge; the training's own when absent")
    split: Literal["train", "val", "test"] = Field("val", description="split that the proof reads")
    samples: int = Field(16, ge=1, description="samples the proof reads")
    max_tokens: int = Field(256, ge=1, description="longest answer in the proof")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="weights on disk; the base's own when auto"
    )
    bound: float | None = Field(
        None, gt=0, description="largest allowed change of a token's log-probability; by dtype when absent"
    )
    device: str | None = Field(None, description="where the proof runs: cpu, cuda, mps; found by itself when absent")
    trust_remote_code: bool = Field(False, description="run Python code that comes with the checkpoint")


class Proof(Noun):
    """`proof.json`. Both models see the same answers, those of base + adapter: `same_tokens` counts where the merged
    model would say the same, `near_ties` where it would not but base + adapter itself was undecided by less than twice
    the bound."""

    base: str
    adapter: str
    dtype: str
    tied_embeddings: bool
    side_files: tuple[str, ...]
    samples: int
    tokens: int
    same_tokens: int
    near_ties: int
    max_logprob_change: float
    bound: float
    passed: bool


class Merged(NamedTuple):
    folder: Path
    proof: Proof


class Change(NamedTuple):
    tokens: int
    same: int
    near_ties: int
    largest: float


def run(config: Config, into: RunDir) -> Merged:
    """Write `artifacts/model`, which exists only once the proof has passed."""
    ref = model_ref(into.resolve(config.adapter, "adapter"), base=_base(config, into))
    if ref.adapter is None:
        raise InputError(
            f"{config.adapter} is a whole model: there is nothing to merge", hint="give the adapter folder of a training"
        )
    data = _data(config, into, Path(ref.adapter))
    samples = _spread(load_split(data, config.split), config.samples)
    into.link(adapter=config.adapter, data=str(data))
    family = family_for(ref)
    check_room(ref, into.artifacts, config.dtype)
    folder, made = into.artifacts / "model", into.artifacts / "model.tmp"
    shutil.rmtree(made, ignore_errors=True)
    facts = family.save_merged(ref, made, dtype=config.dtype, trust_remote_code=config.trust_remote_code)
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(Path(ref.adapter) / NOTES, made / NOTES)
    bound = config.bound or BOUNDS[facts["dtype"]]
    change = measured(family, ref, made, samples, config, bound)
    proof = judged(ref, facts, change, len(samples), bound)
    into.write(PROOF, proof)
    LOG.info("%s", said(proof))
    if not proof.passed:
        shutil.rmtree(made)
        raise ModelError(
            f"the merged model is not the same as base + adapter: {said(proof)}",
            hint="merge with --dtype float32, or raise --bound if the change is acceptable; proof.json has the figures",
        )
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
    into.finish("done", model="artifacts/model", proof=PROOF)
    return Merged(folder, proof)


def judged(ref: ModelRef, facts: dict[str, str], change: Change, samples: int, bound: float) -> Proof:
    return Proof(
        base=ref.base, adapter=str(ref.adapter), dtype=facts["dtype"], tied_embeddings=facts["tied"] == "true",
        side_files=tuple(facts["side_files"].split(", ")), samples=samples, tokens=change.tokens, same_tokens=change.same,
        near_ties=change.near_ties, max_logprob_change=change.largest, bound=bound,
        passed=change.largest <= bound and change.same + change.near_ties == change.tokens,
    )  # fmt: skip


def measured(family: Family, ref: ModelRef, folder: Path, samples: Sequence[Sample], config: Config, bound: float) -> Change:
    """How much the reloaded checkpoint in `folder` differs from base + adapter on the answers that the latter gives."""
    kept = notes(Path(str(ref.adapter)))
    if kept.get("quantization", "none") != "none":
        LOG.warning(
            "the adapter was trained on a %s base: merged into full weights it reads differently; evaluate the merged model",
            kept["quantization"],
        )
    dialect = DIALECTS.get(kept.get("dialect") or "plain")(kept.get("prompt"))
    options = LoadOptions(
        device=config.device,
        dtype="float32",  # so that only the rounding of the merged weights counts, which the bounds were measured for
        trust_remote_code=config.trust_remote_code,
        min_pixels=kept.get("min_pixels"),
        max_pixels=kept.get("max_pixels"),
        framing=kept.get("framing"),
    )
    loaded = family.load(ref, options)
    asks = [asked(s, dialect, family, loaded, config.max_tokens) for s in samples]
    stop = family.answer_ids(loaded.processor, "")[-1]
    readings = [reading for ask in asks for reading in family.read(loaded, [ask])]
    answers = [(*r.tokens, stop) if r.finish == "stop" else r.tokens for r in readings]
    before = family.force(loaded, asks, answers)
    del loaded
    after = family.force(family.load(model_ref(folder), options), asks, answers)
    return compared(before, after, bound)


def asked(sample: Sample, dialect: Dialect, family: Family, loaded: Loaded, max_tokens: int) -> Ask:
    images = tuple(open_image(image.path) for image in sample.images)
    sees = family.sees(loaded.processor, Size(*images[0].size))
    return Ask(images, dialect.ask(sample, sees=sees), max_tokens)


def compared(before: Sequence[Forced], after: Sequence[Forced], bound: float) -> Change:
    same = ties = 0
    largest = 0.0
    for old, new in zip(before, after, strict=True):
        for was, now, first, second, margin in zip(old.logprobs, new.logprobs, old.best, new.best, old.margins, strict=True):
            largest = max(largest, abs(was - now))
            same += first == second
            ties += first != second and margin < 2 * bound
    return Change(sum(len(f.best) for f in before), same, ties, largest)


def said(proof: Proof) -> str:
    ties = f" ({proof.near_ties} were undecided before)" if proof.near_ties else ""
    return (
        f"{proof.same_tokens} of {proof.tokens} tokens on {proof.samples} samples are the same{ties}; |Δlogprob| ≤ "
        f"{proof.max_logprob_change:.2g} (bound {proof.bound:g}, {proof.dtype}); embeddings "
        f"{'tied' if proof.tied_embeddings else 'not tied'}; {len(proof.side_files)} side files"
    )


def check_room(ref: ModelRef, place: Path, dtype: str) -> None:
    """Raises ResourceError when the merged weights will not fit on the disk of `place`."""
    weights = sum(f.stat().st_size for f in Path(ref.base).glob("*.safetensors")) if Path(ref.base).is_dir() else 0
    needed = weights * (BYTES[dtype] / 2 if dtype != "auto" else 1) * 1.05 + ROOM
    free = shutil.disk_usage(place).free
    if free < needed:
        raise ResourceError(
            f"merging needs about {needed / 2**30:.1f} GiB in {place}, and {free / 2**30:.1f} GiB are free",
            hint="free some space, or put runs on another disk with --runs",
        )


def _base(config: Config, into: RunDir) -> Path | None:
    return None if config.model is None else into.resolve(config.model, "model")


def _data(config: Config, into: RunDir, adapter: Path) -> Path:
    """The dataset that was given, else the one that the adapter's training recorded."""
    if config.data is not None:
        return into.resolve(config.data, "dataset")
    with contextlib.suppress(RunError):
        recorded = RunDir.open(adapter.resolve().parents[1], root=into.root).manifest.inputs.get("data")
        if recorded is not None:
            return into.resolve(recorded, "dataset")
    raise ConfigError("the merge is proven on real samples, and none are known", hint="name a dataset with --data")


def _spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """`count` samples from all over the split."""
    step = max(1, len(samples) // count)
    return list(samples[::step][:count])
