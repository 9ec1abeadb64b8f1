"""What `plan` found out: its nouns, and how they are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ocrtune.core import Noun
from ocrtune.lengths import Bin, bars
from ocrtune.memory import CONTEXT, FAR, GIB, SERVER, Method
from ocrtune.verbs._sweep import Sweep, table

MOST_PIXELS = 100_000_000  # no larger budget is looked for
TRAINING_NOTE = (
    "One GPU, bfloat16 arithmetic, attention by a fused kernel, logits at labels only, every page of a batch padded to the "
    f"longest. {CONTEXT / GIB:.0f} GiB of context, the peak and what the allocator loses are estimates: take 15 % as the error."
)
TIME_NOTE = (
    "Floating-point operations of {epochs:g} epochs over {efficiency:g} of the GPU's dense bfloat16 rate, an assumption "
    "(--efficiency): expect a factor of two either way. Evaluations during training come on top. A frozen tower runs in the "
    "first epoch only, where its features are kept: {features} on disk."
)
SERVING_NOTE = (
    f"bfloat16 weights; {SERVER / GIB:g} GiB for context and CUDA graphs are an estimate. Pages at once and max_pixels are for "
    "--gpu-memory-utilization {share:g}. On a shared GPU, add what others hold to the least share."
)


class LongPage(Noun):
    """One of the longest pages; sizes in pixels, as it is and as the model sees it."""

    id: str
    width: int
    height: int
    seen_width: int
    seen_height: int
    visual: int
    text: int


class Pages(Noun):
    """The user's pages in tokens. `exact` says that the model's own processor counted them."""

    count: int
    documents: int
    rejected: tuple[str, ...]
    exact: bool
    visual_median: int
    visual_total: int
    too_long: int
    histogram: tuple[Bin, ...]
    longest: tuple[LongPage, ...]


class MethodNeed(Noun):
    """What a way of training takes for the longest page alone, in GiB. The line through the need: base + slope × millions of
    pixels that the model sees."""

    method: Method
    checkpointing: bool
    weights: float
    optimizer: float
    activations: float
    peak: float
    context: float
    total: float
    base: float
    slope: float


class TrainingFit(Noun):
    """One way to train on one kind of GPU that has `room` GiB to offer. `batch` is how many of the longest page fit, `max_pixels`
    what a single page may have (None: not even the smallest fits)."""

    gpu: str
    method: Method
    checkpointing: bool
    room: float
    batch: int
    max_pixels: int | None
    too_large: int
    largest: str | None
    hours_first_epoch: float | None
    hours_later_epoch: float | None


class ServingFit(Noun):
    """vLLM on one kind of GPU. `utilization` is the smallest --gpu-memory-utilization for one of the longest pages (None: the
    GPU is too small); `at_once` how many of those the allowed share holds."""

    gpu: str
    need: float
    utilization: float | None
    at_once: int
    max_pixels: int | None


class Measurement(Noun):
    """Real training steps on this machine."""

    steps: int
    seconds_per_step: float
    hours_per_epoch: float


class Planned(Noun):
    """`plan.json`. Memory in GiB (2^30 bytes) on one GPU."""

    model: str
    parameters: dict[str, int]
    trained: dict[str, int]
    pages: Pages
    needs: tuple[MethodNeed, ...]
    training: tuple[TrainingFit, ...]
    serving: tuple[ServingFit, ...]
    max_model_len: int
    max_length: int
    cache_per_token: int
    features: int
    epochs: float
    headroom: float
    efficiency: float
    server_share: float
    measured: Measurement | None = None
    sweep: Sweep | None = None

    def __str__(self) -> str:
        return "\n".join(markdown(self))


def markdown(plan: Planned) -> Iterator[str]:
    yield f"# Plan for {plan.model}"
    yield from _pages(plan)
    yield from _model(plan)
    yield from _training(plan)
    yield from _time(plan)
    yield from _serving(plan)
    if plan.sweep is not None:
        yield from _sweep(plan.sweep)


def _pages(plan: Planned) -> Iterator[str]:
    pages = plan.pages
    counted = "counted by the model's own processor" if pages.exact else "estimated from its config: no processor is there"
    yield from ("", f"## Pages: {pages.count:,} of {pages.documents:,} documents", "")
    yield f"Visual tokens per page, {counted}; median {pages.visual_median:,}, {pages.visual_total:,} in all:"
    yield from ("", "```", *bars(pages.histogram), "```", "", "Longest:", "")
    for page in pages.longest:
        size = f"{page.width} × {page.height}"
        seen = f"{page.seen_width} × {page.seen_height}"
        yield f"- `{page.id}`: {size} pixels, seen as {seen}: {page.visual:,} visual tokens + {page.text:,} of text"
    if pages.too_long:
        yield from ("", f"{pages.too_long:,} pages are longer than --train.max-length and would be left out of training.")
    if pages.rejected:
        yield from ("", f"{len(pages.rejected):,} could not be measured, the first: {pages.rejected[0]}")


def _model(plan: Planned) -> Iterator[str]:
    yield from ("", f"## Parameters: {sum(plan.parameters.values()):,}", "")
    yield " · ".join(f"{group} {count:,}" for group, count in plan.parameters.items() if count)
    yield ""
    yield "Trained: " + " · ".join(f"{method} {count:,}" for method, count in plan.trained.items())


def _training(plan: Planned) -> Iterator[str]:
    yield from ("", "## Memory for training: the longest page alone, GiB", "")
    yield "| method | checkpointing | weights | optimizer | activations | peak | context | all |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for need in plan.needs:
        parts = (need.weights, need.optimizer, need.activations, need.peak, need.context, need.total)
        yield _row(need.method, _yes(need.checkpointing), *(f"{part:.2f}" for part in parts))
    yield from ("", f"What fits ({plan.headroom:.0%} of the GPU is left free):", "")
    yield "| GPU | room | method | longest pages at once | max_pixels of one | with checkpointing: at once | max_pixels |"
    yield "|---|---:|---|---:|---:|---:|---:|"
    for plain, again in zip(plan.training[::2], plan.training[1::2], strict=True):
        cells = (str(plain.batch), pixels(plain.max_pixels), str(again.batch), pixels(again.max_pixels))
        yield _row(plain.gpu, f"{plain.room:.1f}", plain.method, *cells)
    lost = [fit for fit in plan.training if fit.too_large]
    if lost:
        yield from ("", "Too large even alone:", "")
    for fit in lost:
        yield f"- {fit.gpu}, {_how(fit)}: {fit.too_large:,} of {plan.pages.count:,} pages, the largest is `{fit.largest}`"
    yield from ("", "From memory to pixels, for one page a step: max_pixels ≈ (room − base) / slope × 1,000,000,")
    yield f"from the longest page (a million pixels at least) to {FAR} times as many:"
    yield ""
    for need in plan.needs:
        yield f"- {_how(need)}: base {need.base:.2f} GiB, slope {need.slope:.3f} GiB"
    yield from ("", TRAINING_NOTE)


def _time(plan: Planned) -> Iterator[str]:
    yield from ("", "## Time for training", "")
    told = [plain if plain.batch else again for plain, again in zip(plan.training[::2], plan.training[1::2], strict=True)]
    told = [fit for fit in told if fit.batch and fit.hours_first_epoch is not None]
    if told:
        yield "| GPU | method | first epoch | later epochs | all |"
        yield "|---|---|---:|---:|---:|"
    for fit in told:
        first, later = fit.hours_first_epoch or 0.0, fit.hours_later_epoch or 0.0
        every = first * min(1.0, plan.epochs) + later * max(0.0, plan.epochs - 1)
        yield _row(fit.gpu, _how(fit), hours(first), hours(later), hours(every))
    yield from ("", TIME_NOTE.format(epochs=plan.epochs, efficiency=plan.efficiency, features=size(plan.features)))
    if plan.measured is not None:
        found = plan.measured
        yield ""
        yield f"Measured here, {found.steps} steps: {found.seconds_per_step:.3g} s each, {hours(found.hours_per_epoch)} an epoch."


def _serving(plan: Planned) -> Iterator[str]:
    yield from ("", "## Serving with vLLM", "")
    holds = f"`--max-model-len {plan.max_model_len}` holds the longest page with its reply"
    yield f"{holds}; the KV cache takes {plan.cache_per_token:,} bytes a token."
    yield from ("", "| GPU | GiB for one page | least --gpu-memory-utilization | pages at once | max_pixels |")
    yield "|---|---:|---:|---:|---:|"
    for fit in plan.serving:
        least = "too small" if fit.utilization is None else f"{fit.utilization:g}"
        yield _row(fit.gpu, f"{fit.need:.1f}", least, f"{fit.at_once:,}", pixels(fit.max_pixels))
    yield from ("", SERVING_NOTE.format(share=plan.server_share))


def _sweep(found: Sweep) -> Iterator[str]:
    yield from ("", f"## Pixels against {found.metric}, on {found.split}", "", *table(found), "")
    yield f"Recommended: max_pixels {found.recommended:,}. The rule: {found.rule}."
    if found.margin is None:
        yield "Not significantly worse is not the same as as good: sweep.margin turns it into a claim."
    if found.caution:
        yield f"Caution: {found.caution}."


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _how(found: MethodNeed | TrainingFit) -> str:
    return f"{found.method}{' with checkpointing' if found.checkpointing else ''}"


def pixels(value: int | None) -> str:
    if value is None:
        return "none"
    return "any" if value >= MOST_PIXELS else f"{value:,}"


def hours(value: float) -> str:
    for unit, count in (("h", value), ("min", value * 60), ("s", value * 3600)):
        if count >= 1:
            return f"{count:.1f} {unit}"
    return "< 1 s"


def size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return ""


def quantile(values: Sequence[int], share: float) -> int:
    return sorted(values)[round(share * (len(values) - 1))]
