"""Before training or serving: how long your pages are for a model, what fits which GPU, how long it takes.

No weights are needed, only the model's config.json (its processor's files too, or tokens are estimated). With --sweep the
model reads your pages at several resolutions, and the smallest that is not significantly worse is recommended.

Examples:
  ocrtune plan scans/ --model models/nano
  ocrtune plan run:prepare-1a2b3c4d --model Qwen/Qwen2-VL-2B-Instruct --gpus l4,h100,16 --train.lora.rank 32
  ocrtune plan data/invoices --model models/nano --sweep 0.25,0.5,0.75,1 --reading.limit 200
  ocrtune plan data/invoices --model models/nano --sweep 500000,1000000,2000000 --reading.margin 0.002
  ocrtune plan data/invoices --model models/nano --measure 5
"""

from __future__ import annotations

import itertools
import json
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import Field, model_validator
from tqdm import tqdm

from ocrtune import lengths, memory
from ocrtune.config import Names, Section
from ocrtune.contracts import Family, LoadOptions
from ocrtune.core import ModelRef, Size
from ocrtune.core.weights import Weights
from ocrtune.errors import ConfigError, InputError, ModelError
from ocrtune.lengths import Lengths, Measured, PatchRuler, ProcessorRuler, Ruler
from ocrtune.memory import GIB, Card, Row, Tuning
from ocrtune.models import family_for, model_ref
from ocrtune.options import TrainOptions
from ocrtune.plugins import DIALECTS
from ocrtune.runs import RunDir
from ocrtune.stats import Plan as Resampling
from ocrtune.verbs import _sweep, train
from ocrtune.verbs._planned import (
    MOST_PIXELS,
    LongPage,
    Measurement,
    MethodNeed,
    Pages,
    Planned,
    ServingFit,
    TrainingFit,
    markdown,
    quantile,
)
from ocrtune.verbs.score import Scoring
from ocrtune.verbs.tune import Steps

LOG = logging.getLogger("ocrtune")
PLAN, TABLE, CHART, SWEEP_CHART = "plan.json", "plan.md", "tokens.png", "sweep.png"
LISTED = 5
MOST_ROWS = 1024
ROUND = 256  # recommended lengths are multiples of this many tokens
HISTORY = "history.jsonl"  # what trainers write


class Reading(Scoring):
    """How pages are read and judged in a resolution sweep."""

    split: str = Field("val", description="split whose pages are read")
    limit: int | None = Field(None, gt=0, description="read only so many pages, drawn by the seed")
    max_tokens: int = Field(1024, gt=0, description="longest reply, in tokens")
    batch_size: int = Field(16, ge=1, description="pages per generation batch")
    margin: float | None = Field(
        None, ge=0, description="how much worse is good enough; without it, whatever is not significantly worse"
    )


class Config(Section):
    """What is planned for, and with what."""

    pages: Names = Field(min_length=1, description="dataset folder, run:<id>, or pictures and PDFs (files or folders)")
    model: str = Field(description="checkpoint folder (its config.json is enough), hub id, or run:<id>")
    gpus: tuple[str, ...] = Field(
        ("rtx-4090", "a100-40", "l40s", "h100", "h200"),
        min_length=1,
        description="kinds of GPU by name (also l4, a10, rtx-6000-ada, a100-80, b200), or as GiB or GiB:TFLOPS",
    )
    methods: tuple[memory.Method, ...] = Field(
        memory.METHODS, min_length=1, description="ways to train; qlora has 4 bits, or 8 with train.quantization"
    )
    dpi: int = Field(150, ge=36, le=600, description="resolution at which PDF pages would be rendered, dots per inch")
    reply: int = Field(1024, ge=1, description="tokens of an answer, for pages without a target")
    headroom: float = Field(0.1, ge=0, lt=1, description="share of the GPU that training leaves free")
    server_share: float = Field(0.9, gt=0, le=1, description="share of the GPU that vLLM may take")
    efficiency: float = Field(0.35, gt=0, le=1, description="share of the GPU's peak rate that training reaches")
    train: TrainOptions = Field(TrainOptions(), description="how the model would be fine-tuned")
    measure: int = Field(0, ge=0, le=1000, description="really train so many steps here, and time them; at least 2")
    sweep: tuple[float, ...] = Field(
        (), description="pixel budgets to read at: up to 1 a share of the largest page as the model sees it, else pixels"
    )
    reading: Reading = Field(Reading(), description="how pages are read in a sweep")

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if any(value <= 0 for value in self.sweep):
            raise ValueError("sweep: budgets are above 0")
        if len(self.sweep) == 1:
            raise ValueError("sweep: one budget is no sweep; give at least two")
        if self.measure == 1:
            raise ValueError("measure: the first step is not timed; give at least 2")
        for name in self.gpus:
            try:
                memory.card(name)
            except ConfigError as cause:
                raise ValueError(f"gpus: {cause}") from cause
        return self


class Subject(NamedTuple):
    """The model in question and the pages as it gets them."""

    ref: ModelRef
    family: Family
    weights: Weights
    ruler: Ruler
    lengths: Lengths

    @property
    def longest(self) -> Measured:
        return max(self.lengths.rows, key=lambda m: m.row.length)


class Work(NamedTuple):
    """Floating-point operations of an epoch over the training split (all pages, where there are no splits)."""

    way: Tuning
    first_epoch: float
    later_epoch: float


def run(config: Config, into: RunDir) -> Planned:
    """Writes `plan.json`, `plan.md` and the charts; a sweep's evaluations are runs of their own in here and resume. Status is
    partial while one of their readings failed, done otherwise."""
    folder = into.resolve(config.model, "model", "adapter")
    ref = model_ref(folder.parent if folder.name == "config.json" else folder)
    into.link(model=config.model, **{f"pages_{n}": name for n, name in enumerate(config.pages)})
    subject = _subject(config, ref, into)
    into.write(CHART, lengths.chart(subject.lengths.rows))
    plan = planned(config, subject)
    if config.measure:
        plan = plan.model_copy(update={"measured": _measured(config, subject, into)})
    outputs = {"plan": PLAN, "table": TABLE, "tokens": CHART}
    if config.sweep:
        found = _swept(config, subject, into)
        into.write(SWEEP_CHART, _sweep.chart(found))
        plan, outputs = plan.model_copy(update={"sweep": found}), {**outputs, "sweep": SWEEP_CHART}
    into.write(PLAN, plan)
    into.write(TABLE, "\n".join(markdown(plan)) + "\n")
    failed = sum(budget.failed for budget in plan.sweep.budgets) if plan.sweep else 0
    message = f"{failed} readings failed; the same command tries again" if failed else None
    into.finish("partial" if failed else "done", message=message, **outputs)
    return plan


def _subject(config: Config, ref: ModelRef, into: RunDir) -> Subject:
    """Raises ModelError for a model that cannot be counted, InputError when no page can be measured."""
    family, how = family_for(ref), config.train
    weights = family.weigh(ref, trust_remote_code=how.trust_remote_code)
    ruler = _ruler(family, ref, weights, how)
    found = [lengths.find_pages(_place(name, into), config.dpi) for name in config.pages]
    pages = [page for f in found for page in f.pages]
    bar = tqdm(pages, desc="measuring pages", unit="page", leave=False, disable=len(pages) < 500)
    made = lengths.measure(bar, ruler, DIALECTS.get(how.dialect)(how.prompt), reply=config.reply)
    made.rejected[:0] = [why for f in found for why in f.rejected]
    for why in made.rejected[:LISTED]:
        LOG.warning("left out: %s", why)
    if not made.rows:
        first = f"; the first: {made.rejected[0]}" if made.rejected else ""
        raise InputError(
            f"there is no page to plan for in {', '.join(config.pages)}{first}",
            hint="give a dataset made by prepare, or pictures and PDFs; for boxes also the --train.dialect that says them",
        )
    return Subject(ref, family, weights, ruler, made)


def _place(name: str, into: RunDir) -> Path:
    path = into.resolve(name, "dataset", "documents")
    if not path.exists():
        raise InputError(f"no such file or folder: {path}", hint="pages are a dataset, run:<id>, or pictures and PDFs")
    return path


def _ruler(family: Family, ref: ModelRef, weights: Weights, how: TrainOptions) -> Ruler:
    options = LoadOptions(trust_remote_code=how.trust_remote_code, min_pixels=how.min_pixels, max_pixels=how.max_pixels,
                          framing=how.framing)  # fmt: skip
    try:
        return ProcessorRuler(family, family.load_processor(ref, options))
    except ModelError as why:
        LOG.warning("tokens are estimated from config.json alone: %s", why)
        return PatchRuler(weights, how.max_pixels)


# --- figures --------------------------------------------------------------------------------------------------------------


def planned(config: Config, subject: Subject) -> Planned:
    """Everything that needs no model in memory."""
    weights, rows = subject.weights, [m.row for m in subject.lengths.rows]
    ways = [tuning(method, config.train, checkpointing) for method in config.methods for checkpointing in (False, True)]
    works = [_work(subject, way) for way in ways]
    cards = [memory.card(name) for name in config.gpus]
    longest = max(row.length + max(0, config.reply - row.labels) for row in rows)
    pictures = {(i.sha256 or i.path): m.row.visual for m in subject.lengths.rows for i in m.page.sample.images[:1]}
    return Planned(
        model=str(subject.ref),
        parameters=dict(weights.parameters),
        trained={way.method: memory.trained(weights, way) for way in ways},
        pages=_pages(config, subject),
        needs=tuple(_need(subject, way) for way in ways),
        training=tuple(_training_fit(config, subject, work, card) for card in cards for work in works),
        serving=tuple(_serving_fit(config, subject, card) for card in cards),
        max_model_len=math.ceil(longest / ROUND) * ROUND,
        max_length=math.ceil(max(row.length for row in rows) / ROUND) * ROUND,
        cache_per_token=memory.cache_bytes(weights),
        features=sum(pictures.values()) * weights.language.width * 2,
        epochs=config.train.epochs,
        headroom=config.headroom,
        efficiency=config.efficiency,
        server_share=config.server_share,
    )


def tuning(method: memory.Method, how: TrainOptions, checkpointing: bool) -> Tuning:
    groups = frozenset(group for group in ("language", "vision", "merger") if getattr(how.lora, group))
    return Tuning(method, groups, how.lora.rank, checkpointing, bits=8 if how.quantization == "8bit" else 4)


def _pages(config: Config, subject: Subject) -> Pages:
    rows, rejected = subject.lengths.rows, subject.lengths.rejected
    visual = [m.row.visual for m in rows]
    longest = sorted(rows, key=lambda m: -m.row.length)[:LISTED]
    return Pages(
        count=len(rows),
        documents=len({m.page.sample.group for m in rows}),
        rejected=tuple(rejected),
        exact=isinstance(subject.ruler, ProcessorRuler),
        visual_median=quantile(visual, 0.5),
        visual_total=sum(visual),
        too_long=sum(m.row.length > config.train.max_length for m in rows),
        histogram=tuple(lengths.histogram(visual)),
        longest=tuple(_long_page(m) for m in longest),
    )


def _long_page(found: Measured) -> LongPage:
    image = found.page.sample.images[0]
    return LongPage(id=found.page.sample.id, width=image.width or 0, height=image.height or 0, seen_width=found.seen.width,
                    seen_height=found.seen.height, visual=found.row.visual, text=found.row.text)  # fmt: skip


def _need(subject: Subject, way: Tuning) -> MethodNeed:
    longest = subject.longest
    need = memory.training(subject.weights, way, longest.row)
    line = memory.line(subject.weights, way, longest.row, _pixels_per_token(longest))
    parts = {name: part / GIB for name, part in {**need._asdict(), "total": need.total}.items()}
    return MethodNeed(method=way.method, checkpointing=way.checkpointing, **parts, base=line.base, slope=line.slope)


def _pixels_per_token(found: Measured) -> float:
    """Pixels of the first picture behind one visual token."""
    pictures = len(found.page.sample.images)
    return found.seen.width * found.seen.height * pictures / max(found.row.visual, 1)


def _work(subject: Subject, way: Tuning) -> Work:
    learnt = [m.row for m in subject.lengths.rows if m.page.split in (None, "train")]
    frozen = not way.groups & {"vision", "merger"}
    first, later = (
        sum(memory.step_flops(subject.weights, way, row, cached=cached and frozen) for row in learnt) for cached in (False, True)
    )
    return Work(way, first, later)


def _training_fit(config: Config, subject: Subject, work: Work, card: Card) -> TrainingFit:
    weights, longest, way = subject.weights, subject.longest, work.way
    room = card.memory * (1 - config.headroom)

    def fits(row: Row, rows: int = 1) -> bool:
        return memory.training(weights, way, row, rows).total <= room

    batch = memory.largest(lambda rows: fits(longest.row, rows), MOST_ROWS)
    lost = [m for m in subject.lengths.rows if not fits(m.row)] if batch == 0 else []
    largest = max(lost, key=lambda m: m.row.length).page.sample.id if lost else None
    first, later = (
        None if card.tflops is None else flops / (card.tflops * 1e12 * config.efficiency) / 3600
        for flops in (work.first_epoch, work.later_epoch)
    )
    return TrainingFit(gpu=card.name, method=way.method, checkpointing=way.checkpointing, room=room / GIB, batch=batch,
                       max_pixels=_most_pixels(longest, fits), too_large=len(lost), largest=largest, hours_first_epoch=first,
                       hours_later_epoch=later)  # fmt: skip


def _most_pixels(longest: Measured, fits: Callable[[Row], bool]) -> int | None:
    """The pixels of one picture with the text of the longest page that fit; None when not even one token does."""
    each = _pixels_per_token(longest)
    most = memory.largest(lambda visual: fits(longest.row._replace(visual=visual)), math.ceil(MOST_PIXELS / each))
    return round(most * each) if most else None


def _serving_fit(config: Config, subject: Subject, card: Card) -> ServingFit:
    longest, room = subject.longest, card.memory * config.server_share

    def server(row: Row) -> memory.Serving:
        return memory.serving(subject.weights, row.visual, row.length + max(0, config.reply - row.labels))

    one = server(longest.row)
    return ServingFit(
        gpu=card.name,
        need=sum(one) / GIB,
        utilization=one.utilization(card.memory),
        at_once=one.at_once(room),
        max_pixels=_most_pixels(longest, lambda row: server(row).at_once(room) >= 1),
    )


# --- with the model in memory -----------------------------------------------------------------------------------------------


def _dataset(config: Config, into: RunDir, need: str) -> Path:
    place = _place(config.pages[0], into)
    if len(config.pages) != 1 or not (place / "train.jsonl").is_file():
        raise ConfigError(
            f"{need} needs one prepared dataset", hint="ocrtune prepare the pages first, then plan for its run:<id>"
        )
    return place


def _measured(config: Config, subject: Subject, into: RunDir) -> Measurement:
    """Real steps of the real trainer, from the second on: the first also warms up."""
    data = _dataset(config, into, "--measure")
    asked = {**config.train.model_dump(exclude_unset=True), "data": str(data), "model": subject.ref.base}
    few = {"max_steps": config.measure, "eval_steps": config.measure, "eval_samples": 1, "eval_max_tokens": 1, "report_to": ()}
    made = Steps(into, 1).take("measure", train, {**asked, **few})
    lines = [json.loads(line) for line in (made.path / HISTORY).read_text("utf-8").splitlines()]
    seconds = [line["seconds"] for line in lines if line["kind"] == "step"]
    each = (seconds[-1] - seconds[0]) / (len(seconds) - 1)
    hours = each * _steps_per_epoch(config, subject) / 3600
    return Measurement(steps=len(seconds) - 1, seconds_per_step=each, hours_per_epoch=hours)


def _steps_per_epoch(config: Config, subject: Subject) -> int:
    """Optimizer steps; with batches by tokens about as many as all tokens fill."""
    how = config.train
    learnt = [m.row.length for m in subject.lengths.rows if m.page.split == "train"]
    batches = sum(learnt) / how.batch_tokens if how.batch_tokens else len(learnt) / how.batch_size
    return math.ceil(math.ceil(batches) / how.gradient_accumulation)


def _swept(config: Config, subject: Subject, into: RunDir) -> _sweep.Sweep:
    data, reading = _dataset(config, into, "--sweep"), config.reading
    read = [m for m in subject.lengths.rows if m.page.split == reading.split]
    if not read:
        raise InputError(f"the split {reading.split!r} of {data} is empty", hint="choose another --reading.split")
    largest = max(m.seen.width * m.seen.height for m in read)
    how = config.train.model_dump(exclude_unset=True)
    taught = ("dialect", "prompt", "min_pixels", "framing", "device", "trust_remote_code")
    options = {**reading.model_dump(exclude={"margin"}), **{name: how[name] for name in taught if name in how},
               "data": str(data), "model": config.model}  # fmt: skip
    return _sweep.sweep(
        _sweep.pixel_budgets(config.sweep, largest),
        options,
        into,
        tokens=lambda pixels: _mean_tokens(config, subject, read, pixels),
        plan=Resampling(reading.resamples, reading.seed),
        margin=reading.margin,
    )


def _mean_tokens(config: Config, subject: Subject, read: Sequence[Measured], pixels: int) -> float:
    how = config.train.model_copy(update={"max_pixels": pixels})
    ruler = _ruler(subject.family, subject.ref, subject.weights, how)
    sizes = itertools.chain.from_iterable(m.page.sample.images for m in read)
    counts = [ruler.visual(ruler.sees(Size(i.width, i.height))) for i in sizes if i.width and i.height]
    return sum(counts) / max(len(read), 1)
