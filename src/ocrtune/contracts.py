"""Every plug-in contract, on one page. A leaf implements one of these and has one line in `plugins.py`.

A plug-in class is constructed cheaply and without heavy imports; what costs memory or seconds happens in `open()`,
`load()` or `fit()`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

from ocrtune.core import Answer, Box, Decoded, Document, ModelRef, Prediction, Problem, Prompt, Sample, Score, Size, Target, Task
from ocrtune.core.outcome import Direction
from ocrtune.core.weights import Weights
from ocrtune.options import EngineOptions, ExportOptions, Hub, SourceOptions, TrainOptions

if TYPE_CHECKING:
    from PIL.Image import Image

    from ocrtune.runs import RunDir

Coordinates = Literal["pixels", "norm1000"]  # of the picture as the model sees it; thousandths of its sides


# --- sources: files of any kind → drafts of samples -------------------------------------------------------------------


class Draft(NamedTuple):
    """A sample on its way into a dataset: `image` is a file to copy or pixels to save; `where` says file and line/page;
    `box` is the part of the picture that is asked about; `problems` are defects of its labels that were repaired or kept,
    by name; `labels` are the names of all its objects as the file has them, None where it labels no objects."""

    image: Path | Image
    target: Target
    group: str
    where: str
    task: Task = "read"
    question: str | None = None
    tags: Mapping[str, str] = {}
    box: Box | None = None
    problems: tuple[Problem, ...] = ()
    labels: tuple[str, ...] | None = None


class Rejected(NamedTuple):
    """A record that could not become a sample, or was skipped on purpose: `where` is file plus line or page; `problems` and
    `labels` as far as they could be read, as in a Draft."""

    where: str
    why: str
    problems: tuple[Problem, ...] = ()
    labels: tuple[str, ...] | None = None


class Source(Protocol):
    """One kind of input. `claims` looks at the path (and at most the first kilobytes); `read` yields in a stable order."""

    name: str

    def claims(self, path: Path) -> bool: ...

    def read(self, path: Path, options: SourceOptions) -> Iterator[Draft | Rejected]: ...


# --- generators: documents out of nothing, with the truth about them -----------------------------------------------------


class Order(NamedTuple):
    """One document to make. `pages` is about how long; `scan` is 0 for a clean PDF, up to 1 for a poor scan of it."""

    language: str
    template: str
    number: int
    seed: int = 0
    pages: int = 1
    scan: float = 0.0


class Made(NamedTuple):
    """A PDF and its truth: regions in reading order with text, kind and box; `tags` name slices."""

    pdf: bytes
    truth: Document
    tags: Mapping[str, str]


class Generator(Protocol):
    """Makes documents with one renderer. The same order gives the same truth text everywhere."""

    name: str
    languages: tuple[str, ...]
    templates: tuple[str, ...]

    def __init__(self, fonts: Sequence[str] | None = None) -> None:
        """`fonts` are the families to choose from; all known ones that are found when None."""

    def missing(self) -> str | None:
        """What has to be installed before it can run here, or None."""

    def open(self, languages: Sequence[str]) -> None:
        """Start. Raises EngineError when the renderer, ResourceError when a font for one of the languages is missing."""

    def close(self) -> None: ...

    def make(self, order: Order) -> Made: ...


# --- dialects: the contract between training and inference -------------------------------------------------------------


class Dialect(Protocol):
    """`decode(encode(target))` gives back the target's regions. `decode` never raises and loses no finished region.

    `coordinates` is how it writes boxes, None when it writes none. `sees` is the size of the picture that the model gets;
    dialects in pixels need it, and say so with an InputError where it is missing.
    """

    name: str
    tasks: tuple[Task, ...]
    coordinates: Coordinates | None

    def __init__(self, prompt: str | None = None) -> None:
        """`prompt` replaces the dialect's own prompt text."""

    def ask(self, sample: Sample, *, sees: Size | None = None) -> str:
        """The prompt text for the sample."""

    def encode(self, target: Target, *, sees: Size | None = None) -> str:
        """The string that the model must learn to say. Raises InputError for a kind of target that it cannot say."""

    def decode(self, text: str, *, sees: Size | None = None) -> Decoded: ...


# --- engines: prompts → answers ----------------------------------------------------------------------------------------


class Engine(Protocol):
    """Reads prompts lazily as it has room and yields one answer each, in any order, failures included.

    `native` is the dialect in which it answers when `EngineOptions.layout` is on; None for one that speaks what it was taught.
    Pictures come from `rendering`: a prompt's image may be a page of a PDF, and has the size at which it is to be read.
    """

    name: str
    native: str | None

    def __init__(self, options: EngineOptions) -> None: ...

    def describe(self) -> dict[str, str]:
        """What of the engine belongs to the protocol of a result: model, temperature, precision, versions."""

    def open(self) -> None:
        """Load or connect. Raises EngineError / ModelError / MissingExtraError."""

    def close(self) -> None: ...

    def sees(self, size: Size) -> Size | None:
        """The size at which a picture of `size` reaches the model, None when that is not known before asking."""

    def stream(self, prompts: Iterable[Prompt]) -> Iterator[Answer]: ...


# --- metrics -----------------------------------------------------------------------------------------------------------


class Metric(Protocol):
    """`pool` says how a corpus figure is made: "micro" = Σ errors / Σ total, "macro" = mean of sample values.

    `normalisation` names the text pipeline that was applied (part of the protocol); "none" where there is none.
    """

    name: str
    direction: Direction
    pool: Literal["micro", "macro"]

    def score(self, sample: Sample, prediction: Prediction, decoded: Decoded, normalisation: str) -> Score: ...


class Read(NamedTuple):
    sample: Sample
    prediction: Prediction
    decoded: Decoded


class Row(NamedTuple):
    """A line of a published table: `value` in the units that its authors print, over `n` samples."""

    name: str
    value: float | None
    n: int


@runtime_checkable
class Tabled(Protocol):
    """A metric some of whose figures are no means over samples, such as COCO's mAP."""

    def table(self, read: Sequence[Read]) -> list[Row]: ...


# --- benchmarks: other people's questions, asked and scored as they do --------------------------------------------------


class Benchmark(Protocol):
    """A public benchmark as its authors run it: data, prompts, limits and scorers. It asks no model. `profiles` are versions of
    its scorer, default first; `hub` is the dataset at Hugging Face, `revision` the one that the profiles were checked with."""

    name: str
    profiles: tuple[str, ...]
    hub: str
    revision: str | None
    dialect: str  # how it is asked: its samples' questions hold the whole prompt
    max_tokens: int  # what its authors allow, or what the task needs where they cut it short

    def load(self, place: Path | Hub) -> list[Sample]:
        """From a local file or folder in one of the forms it is published in, or from the hub: then the tag `revision` is the
        commit. Raises InputError."""

    def describe(self, profile: str) -> dict[str, str]:
        """What else figures of `profile` depend on, for their protocol; the names are the same for all profiles."""

    def score(self, sample: Sample, prediction: Prediction, profile: str) -> Score:
        """One answer by the rule of `profile`. Its metric is the benchmark's name."""

    def table(self, samples: Sequence[Sample], scores: Sequence[Score], profile: str) -> list[Row]:
        """The published aggregates, total last."""


# --- families: what a model architecture needs -------------------------------------------------------------------------


class LoadOptions(NamedTuple):
    """How a checkpoint is brought into memory. `dtype` "auto" is bfloat16 on CUDA and float32 elsewhere; `attention` is the
    transformers name of the implementation, its own choice when absent; pixel bounds and the chat framing (a name from the
    family's `framings`) replace the checkpoint's own."""

    device: str | None = None
    dtype: str = "auto"
    quantization: Literal["none", "4bit", "8bit"] = "none"
    trust_remote_code: bool = False
    attention: str | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    framing: str | None = None


AS_STORED = LoadOptions()


class Loaded(NamedTuple):
    """A model with its processor; typed loosely because torch stays out of the trunk."""

    model: Any
    processor: Any


class Ask(NamedTuple):
    """A prompt with its opened pictures, ready for a model in this process."""

    images: tuple[Image, ...]
    text: str
    max_tokens: int = 512


class Encoded(NamedTuple):
    """One sequence as the model's inputs (tensors by name, batch dimension 1); the first `prompt` tokens are the question,
    the rest the answer with its stop token."""

    inputs: dict[str, Any]
    prompt: int


class Reading(NamedTuple):
    """What a model generated for one Ask: `tokens` without the stop token, the log-probability of each."""

    text: str
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: Literal["stop", "length"]
    prompt_tokens: int


class Forced(NamedTuple):
    """A given answer seen by a model: per token its log-probability, the token the model would have said, and how far (in
    log-probability) that one is ahead of the second best."""

    logprobs: tuple[float, ...]
    best: tuple[int, ...]
    margins: tuple[float, ...]


class Family(Protocol):
    """Everything that differs between model architectures, and nothing else."""

    name: str
    model_types: tuple[str, ...]  # config.json "model_type" values it stands for; () is any
    coordinates: Coordinates | None  # how its published checkpoints write boxes; None when they do not or nobody knows
    dialects: tuple[str, ...]  # what its published checkpoints speak before any training, best known first
    framings: tuple[str, ...]  # chat framings to choose from, default first; () is the checkpoint's only one
    broken_with: Mapping[str, str]  # distribution → version specifier that is known not to work, such as "<4.53"
    vllm: tuple[str, ...]  # flags of `vllm serve` that it needs
    served_prefix: str  # what the text of a question to a server must begin with, once per picture; "" where it adds that itself
    packs: bool  # whether several sequences can share one row

    def load(self, ref: ModelRef, options: LoadOptions) -> Loaded:
        """Weights (safetensors only), adapter and processor. Raises ModelError / ResourceError / MissingExtraError."""

    def load_processor(self, ref: ModelRef, options: LoadOptions = AS_STORED) -> Any: ...

    def weigh(self, ref: ModelRef, *, trust_remote_code: bool = False) -> Weights:
        """Parameters and shapes of the base, from its config.json: no weights are read. Raises ModelError."""

    def sees(self, processor: Any, size: Size) -> Size:
        """The pixel size the model really gets for an image of `size`."""

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        """How many tokens an image of the size `seen` takes in the language model; needs no weights."""

    def answer_ids(self, processor: Any, answer: str) -> list[int]:
        """The tokens the model must say, stop token included."""

    def length(self, processor: Any, ask: str, sizes: Sequence[Size], answer: str) -> int:
        """Tokens of the whole sequence, pictures included; needs neither weights nor pixels."""

    def encode(self, processor: Any, ask: Ask, answer: str | None = None) -> Encoded: ...

    def collate(self, processor: Any, rows: Sequence[Encoded], side: Literal["left", "right"]) -> dict[str, Any]:
        """One batch of inputs, padded on `side`, equal to what the processor makes of the whole batch."""

    def pack(self, processor: Any, model: Any, rows: Sequence[Encoded]) -> dict[str, Any]:
        """The sequences behind each other as one row without padding, blind to one another; only where `packs`."""

    def tower(self, model: Any, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
        """What tower and merger make of the pictures in the inputs of one sequence, as tensors by name (first dimension:
        visual tokens); None for a model whose forward pass offers no place to give them back."""

    def given(self, model: Any, features: Sequence[Mapping[str, Any]]) -> AbstractContextManager[None]:
        """Within it a forward pass of `model` over these sequences, in this order, takes `features` for the tower's output
        instead of running it."""

    def read(self, loaded: Loaded, asks: Sequence[Ask], *, temperature: float = 0.0) -> list[Reading]:
        """Generate for one batch. Raises ResourceError when the device's memory does not hold it."""

    def force(self, loaded: Loaded, asks: Sequence[Ask], answers: Sequence[Sequence[int]]) -> list[Forced]: ...

    def groups(self, model: Any) -> dict[str, str]:
        """LoRA module groups as full regexes over module names: "language", "vision", "merger"."""

    def group_of(self, name: str) -> str | None:
        """The group a module or parameter of this name belongs to; None for what is never tuned."""

    def save(self, model: Any, ref: ModelRef, folder: Path, *, dtype: str = "auto") -> dict[str, str]:
        """A model of this family (no adapter on it) as a standalone checkpoint like its base `ref`, in the base's precision
        or another, with every side file. Returns facts to report. Raises ModelError when the layout differs from the base's."""

    def save_merged(self, ref: ModelRef, folder: Path, *, dtype: str, trust_remote_code: bool = False) -> dict[str, str]:
        """`save` of the adapter folded into its base."""


# --- trainers, exporters -----------------------------------------------------------------------------------------------


class Trained(NamedTuple):
    """`folder` holds the best checkpoint (an adapter, or a full model); metrics by name; `steps` done."""

    folder: Path
    best: dict[str, float]
    steps: int


class Trainer(Protocol):
    name: str

    def fit(
        self, options: TrainOptions, model: ModelRef, *, train: Sequence[Sample], val: Sequence[Sample], run: RunDir
    ) -> Trained:
        """Trains into `run.artifacts`, going on from the last whole checkpoint there."""


class Artefact(NamedTuple):
    """A file of a parsed document: `name` is its place in the document's folder, such as "figures/0003-1.png"."""

    name: str
    content: bytes


class Exporter(Protocol):
    """A parsed document as one format: one file, or several. `stem` is the document's name, safe as a file name.

    Pixels come from `rendering.picture(page.image)`, a page at a time. Pages that could not be read are in the document, with
    their problems, and show as such.
    """

    name: str

    def __init__(self, options: ExportOptions) -> None: ...

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        """Raises MissingExtraError or ResourceError where something is not installed."""
