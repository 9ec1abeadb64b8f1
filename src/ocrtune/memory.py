"""How much memory and time a model needs, from its shapes alone: pure arithmetic, every formula with its source.

What is kept for the backward pass is counted per layer from the operations of a pre-norm transformer as transformers runs
it (the method of Korthikanti et al. 2022, "Reducing Activation Recomputation", whose 34·s·b·h is this sum for a GPT with
dropout), attention by a fused kernel that keeps no table of scores. Compared with what autograd really keeps on a CPU, for
Qwen2-VL and dots.ocr, the sum is within 10 % for adapters and 25 % for all weights, and the optimizer's part is exact
(tests/unit/test_memory.py). Working memory, the CUDA context and the allocator's losses are estimates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from ocrtune.core.weights import Stack, Weights
from ocrtune.errors import ConfigError

Method = Literal["lora", "qlora", "full"]
METHODS: tuple[Method, ...] = ("lora", "qlora", "full")

GIB, MIB = 2**30, 2**20
NF4 = 4.127 / 8  # bytes: 4 bits and the doubly quantised scales, Dettmers et al. 2023 (QLoRA), section 3
CONTEXT = 1 * GIB  # CUDA context, cuBLAS and kernel workspaces: estimate
SERVER = 3 * GIB // 2  # context, CUDA graphs and NCCL buffers of a vLLM worker: estimate
BATCHED = 8192  # tokens of one prefill step of vLLM, its default for servers
SEQUENCES = 256  # sequences whose logits vLLM holds at once, its default
FAR = 8  # times the longest page: how far the formula from memory to pixels reaches
STEP = 0.05  # --gpu-memory-utilization is recommended in such steps


class Card(NamedTuple):
    """A kind of GPU: memory as `nvidia-smi` reports it, and dense bfloat16 TFLOP/s of its data sheet (None: unknown)."""

    name: str
    memory: int
    tflops: float | None


CARDS = {
    card.name: card
    for card in (
        Card("l4", 23_034 * MIB, 121),
        Card("a10", 23_028 * MIB, 125),
        Card("rtx-4090", 24_564 * MIB, 165),
        Card("a100-40", 40_960 * MIB, 312),
        Card("l40s", 46_068 * MIB, 362),
        Card("rtx-6000-ada", 49_140 * MIB, 364),
        Card("a100-80", 81_920 * MIB, 312),
        Card("h100", 81_559 * MIB, 989),
        Card("h200", 143_771 * MIB, 989),
        Card("b200", 183_359 * MIB, 2250),
    )
}


def card(name: str) -> Card:
    """A kind of GPU by name, or by its GiB ("16"), or by GiB and TFLOP/s ("16:65"). Raises ConfigError."""
    if name in CARDS:
        return CARDS[name]
    memory, _, speed = name.partition(":")
    try:
        made = Card(f"{float(memory):g} GiB", round(float(memory) * GIB), float(speed) if speed else None)
    except ValueError as cause:
        known = ", ".join(CARDS)
        raise ConfigError(f"there is no GPU {name!r}", hint=f"known: {known}; others as GiB or GiB:TFLOPS") from cause
    if made.memory <= 0 or (made.tflops is not None and made.tflops <= 0):
        raise ConfigError(f"a GPU of {name!r} holds nothing", hint="give GiB, or GiB:TFLOPS, above 0")
    return made


class Row(NamedTuple):
    """Tokens of one sequence: of its pictures, of its text (answer included), and of its answer."""

    visual: int
    text: int
    labels: int

    @property
    def length(self) -> int:
        return self.visual + self.text


class Tuning(NamedTuple):
    """What decides on the memory of a training. `groups` are those that are trained; `half` is bfloat16 arithmetic; `bits` are
    those of quantised weights with method qlora."""

    method: Method = "lora"
    groups: frozenset[str] = frozenset({"language"})
    rank: int = 16
    checkpointing: bool = False
    half: bool = True
    bits: Literal[4, 8] = 4

    @property
    def width(self) -> int:
        """Bytes of an activation."""
        return 2 if self.half else 4

    @property
    def stream(self) -> int:
        """Bytes of a number between two layers: that of the embeddings, which autocast leaves alone."""
        return 4 if self.method == "full" else self.width


class Need(NamedTuple):
    """Bytes on one GPU. `optimizer` is all that exists for trained parameters besides full weights: adapters, gradients,
    Adam's two moments. `activations` are kept from forward to backward pass; `peak` is what comes on top for a moment."""

    weights: int
    optimizer: int
    activations: int
    peak: int
    context: int

    @property
    def total(self) -> int:
        return sum(self)


# --- training -------------------------------------------------------------------------------------------------------------


def training(weights: Weights, tuning: Tuning, row: Row, rows: int = 1) -> Need:
    """The need of a step on `rows` sequences like `row`, which are padded to the same length."""
    tower = _tower_working(weights, rows * row.visual * weights.merged, tuning.width)
    kept, backward = _language(weights, tuning, rows * row.length)
    kept += _tower_kept(weights, tuning, rows * row.visual) + _narrowed(weights, tuning)
    mask = rows * row.length**2 * (1 + tuning.width) if rows > 1 else 0  # padding needs one; a single row does not
    peak = max(tower - kept, logits(weights, rows * row.labels, tuning.width), backward) + mask
    context = CONTEXT if tuning.half else 0
    return Need(_resident(weights, tuning), optimizer(weights, tuning), kept, max(0, peak), context)


def adapters(weights: Weights, groups: frozenset[str], rank: int) -> int:
    """Parameters of LoRA adapters: rank × (inputs + outputs) for every linear layer (Hu et al. 2021)."""
    return sum(m.times * rank * (m.inputs + m.outputs) for m in weights.matrices if m.group in groups)


def trained(weights: Weights, tuning: Tuning) -> int:
    """Parameters that are updated; full training of the language model includes its tables."""
    if tuning.method != "full":
        return adapters(weights, tuning.groups, tuning.rank)
    tables = weights.parameters["embeddings"] if "language" in tuning.groups else 0
    return sum(weights.parameters[group] for group in tuning.groups) + tables


def optimizer(weights: Weights, tuning: Tuning) -> int:
    """Mixed-precision AdamW in float32 (Rajbhandari et al. 2020, ZeRO, section 3): gradient 4 and moments 8 bytes for each
    trained parameter, and 4 for an adapter's own weights."""
    return trained(weights, tuning) * (12 if tuning.method == "full" else 16)


def _resident(weights: Weights, tuning: Tuning) -> int:
    """Base weights as the trainer holds them: float32 for full training, else as they compute. With 4 or 8 bits only the
    linear layers of the language model are quantised."""
    every = sum(weights.parameters.values())
    if tuning.method == "full":
        return every * 4
    if tuning.method == "lora":
        return every * tuning.width
    small = sum(m.inputs * m.outputs * m.times for m in weights.matrices if m.group == "language")
    return round(small * (NF4 if tuning.bits == 4 else 1)) + (every - small) * tuning.width


def _narrowed(weights: Weights, tuning: Tuning) -> int:
    """Copies in bfloat16 that autocast makes of trained float32 weights and keeps for the backward pass; those inside
    checkpointed layers are made again."""
    if not tuning.half:
        return 0
    groups = tuning.groups & {"merger"} if tuning.checkpointing else tuning.groups
    if tuning.method != "full":
        return adapters(weights, groups, tuning.rank) * 2
    head = weights.vocabulary * weights.language.width if "language" in tuning.groups else 0
    return 2 * (head + sum(m.times * m.inputs * m.outputs for m in weights.matrices if m.group in groups))


def _language(weights: Weights, tuning: Tuning, tokens: int) -> tuple[int, int]:
    """Bytes kept of the language model, and the working memory of its backward pass."""
    stack, width = weights.language, tuning.width
    layer = tokens * _layer(stack, tuning, trained="language" in tuning.groups, fused=False)
    inner = stack.inner * (3 if stack.gated else 2)
    backward = tokens * (width * (2 * stack.width + inner) + 4 * stack.width)
    last = tokens * 4 * stack.width * (2 if tuning.method == "full" else 1)  # what the norm behind the last layer keeps
    if tuning.checkpointing:
        return stack.layers * tokens * stack.width * tuning.stream + last, layer + backward
    return stack.layers * layer + last, backward


def _tower_kept(weights: Weights, tuning: Tuning, visual: int) -> int:
    """Bytes kept of tower and merger; nothing behind the first thing that is trained."""
    stack, width = weights.vision, tuning.width
    if stack is None or not tuning.groups & {"vision", "merger"}:
        return 0
    wide = weights.merged * stack.width
    merger = visual * wide * (4 + 3 * width)  # norm; the inputs of two layers and of the activation between them
    if "vision" not in tuning.groups:
        return merger
    patches = visual * weights.merged
    if tuning.checkpointing:
        return merger + stack.layers * patches * stack.width * tuning.stream
    return merger + stack.layers * patches * _layer(stack, tuning, trained=True, fused=True)


def _layer(stack: Stack, tuning: Tuning, *, trained: bool, fused: bool) -> int:
    """Bytes that one layer keeps per token.

    Norms: the float32 input of each (and its scaled output when the scale is trained). Attention: query, key, value (keys
    and values repeated to all heads; one matrix for all three keeps its whole output) and output, and one log-sum per head.
    MLP: what its activation and product read. Where adapters or weights are trained, the input of every linear layer, once
    where its neighbours read the same memory (float32), a copy each where autocast narrows it.
    """
    width, attended = tuning.width, stack.heads * stack.head_width
    norms = 2 * 4 * stack.width * (2 if tuning.method == "full" and trained else 1)
    attention = width * attended * (6 if fused else 4) + 4 * stack.heads
    mlp = width * stack.inner * (3 if stack.gated else 2)
    if not trained:
        return norms + attention + mlp
    readers = 2 if not tuning.half else (1 if fused else 3) + (2 if stack.gated else 1)
    inputs = width * (readers * stack.width + stack.inner + (attended if tuning.half else 0))
    return norms + attention + mlp + inputs


def _tower_working(weights: Weights, patches: int, width: int) -> int:
    """Working memory of the tower's forward pass, of its widest moment: attention with rotated queries and keys in float32,
    or the MLP."""
    stack = weights.vision
    if stack is None:
        return 0
    attended = stack.heads * stack.head_width
    attention = width * (2 * stack.width + 4 * attended) + 16 * attended
    mlp = width * (2 * stack.width + stack.inner * (3 if stack.gated else 2))
    return patches * max(attention, mlp)


def logits(weights: Weights, labels: int, width: int) -> int:
    """Logits at the labels only: as computed, widened to float32, and the log-softmax or its gradient."""
    return labels * weights.vocabulary * (width + 8)


def largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest number from 1 to `most` that fits, 0 when none does; what fits below fits too."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


class Line(NamedTuple):
    """GiB of a step on one sequence ≈ `base` + `slope` × millions of pixels."""

    base: float
    slope: float

    def pixels(self, memory: float) -> float:
        """The pixels that `memory` GiB hold."""
        return max(0.0, (memory - self.base) / self.slope * 1e6)


def line(weights: Weights, tuning: Tuning, row: Row, pixels_per_token: float) -> Line:
    """The formula from memory to pixels: the chord through the need of `row` (of a million pixels, if that is more) and of
    FAR times as many. The need bends upwards only, so between the two the chord is never too low."""
    first = max(row.visual, round(1e6 / pixels_per_token))
    low, high = (training(weights, tuning, row._replace(visual=n * first)).total / GIB for n in (1, FAR))
    rise = (high - low) / (FAR - 1)
    return Line(low - rise, max(rise / (first * pixels_per_token / 1e6), 1e-9))


# --- serving --------------------------------------------------------------------------------------------------------------


def cache_bytes(weights: Weights) -> int:
    """Of the KV cache per token, in bfloat16: keys and values of every layer."""
    return 2 * weights.language.layers * weights.language.kv_heads * weights.language.head_width * 2


class Serving(NamedTuple):
    """Bytes of a vLLM server: bfloat16 weights, the widest moments of prefill and tower, its own overhead, and the KV cache
    of one sequence."""

    weights: int
    activations: int
    overhead: int
    sequence: int

    def at_once(self, room: float) -> int:
        """Sequences whose KV cache fits into `room` bytes beside the rest."""
        return max(0, int((room - self.weights - self.activations - self.overhead) // self.sequence))

    def utilization(self, memory: int, sequences: int = 1) -> float | None:
        """The smallest `--gpu-memory-utilization` that holds so many sequences; None when the card is too small."""
        share = (self.weights + self.activations + self.overhead + sequences * self.sequence) / memory
        least = math.ceil(share / STEP - 1e-9) * STEP
        return round(least, 2) if least <= 0.95 else None


def serving(weights: Weights, visual: int, length: int) -> Serving:
    """For sequences of up to `length` tokens (prompt, pictures and reply) with `visual` tokens of pictures each."""
    stack = weights.language
    prefill = max(BATCHED, visual) * 2 * (2 * stack.width + stack.inner * (3 if stack.gated else 2))
    scores = SEQUENCES * weights.vocabulary * 8  # logits in bfloat16 and float32, sampler included
    tower = _tower_working(weights, visual * weights.merged, 2)
    base = sum(weights.parameters.values()) * 2
    return Serving(base, max(prefill + scores, tower), SERVER, length * cache_bytes(weights))


# --- time -----------------------------------------------------------------------------------------------------------------


def tower_flops(weights: Weights, visual: int) -> float:
    """Of one forward pass of tower and merger over a picture: 2 per parameter and patch, and 4·S²·d per layer of attention
    among its patches (Kaplan et al. 2020, section 2.1; nothing is masked)."""
    stack = weights.vision
    if stack is None:
        return 0.0
    patches = visual * weights.merged
    attention = 4 * patches**2 * stack.heads * stack.head_width * stack.layers
    return 2.0 * (weights.parameters["vision"] * patches + weights.parameters["merger"] * visual) + attention


def step_flops(weights: Weights, tuning: Tuning, row: Row, *, cached: bool) -> float:
    """Of one sample, forward and backward; `cached` when the tower's output need not be computed.

    The backward pass costs as much as the forward pass for gradients of activations, and as much again for gradients of
    weights, which adapters hardly need; recomputation costs one more forward pass. Causal attention does half the work.
    """
    stack = weights.language
    attention = 2 * row.length**2 * stack.heads * stack.head_width * stack.layers
    forward = 2.0 * weights.parameters["language"] * row.length + attention
    head = 2.0 * weights.vocabulary * stack.width * row.labels
    passes = (3 if tuning.method == "full" else 2) + tuning.checkpointing
    small = 6.0 * adapters(weights, tuning.groups & {"language"}, tuning.rank) * row.length if tuning.method != "full" else 0.0
    tower = tower_flops(weights, row.visual) * (passes if "vision" in tuning.groups else 0 if cached else 1)
    return forward * passes + head * (3 if tuning.method == "full" else 2) + small + tower
