"""Every plug-in contract, on one page. A leaf implements one of these and has one line in `plugins.py`.

A plug-in class is constructed cheaply and without heavy imports; what costs memory or seconds happens in `open()`,
`load()` or `fit()`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from pydantic import Field, field_validator

from ocrtune.config import Section
from ocrtune.core import Answer, Decoded, Document, ModelRef, Prediction, Prompt, Sample, Score, Size, Target, Task
from ocrtune.core.outcome import Direction
from ocrtune.errors import ConfigError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ocrtune.runs import RunDir


# --- sources: files of any kind → drafts of samples -------------------------------------------------------------------


class Draft(NamedTuple):
    """A sample on its way into a dataset: `image` is a file to copy or pixels to save; `where` says file and line/page."""

    image: Path | Image
    target: Target
    group: str
    where: str
    task: Task = "read"
    question: str | None = None
    tags: Mapping[str, str] = {}


class Rejected(NamedTuple):
    """A record that could not become a sample, or was skipped on purpose: `where` is file plus line or page."""

    where: str
    why: str


class SourceOptions(Section):
    """How sources are read."""

    unit: Literal["page", "block", "line"] = Field("page", description="what one sample of a PDF shows")
    dpi: int = Field(150, ge=36, le=600, description="resolution at which PDF pages are rendered, dots per inch")
    hidden_text: bool = Field(False, description="also trust invisible OCR text layers of PDFs")


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
    """`decode(encode(target))` gives back the target's regions. `decode` never raises."""

    name: str
    tasks: tuple[Task, ...]

    def __init__(self, prompt: str | None = None) -> None:
        """`prompt` replaces the dialect's own prompt text."""

    def ask(self, sample: Sample) -> str:
        """The prompt text for the sample."""

    def encode(self, target: Target, *, sees: Size | None = None) -> str:
        """The string that the model must learn to say. `sees` is the size of the picture the model gets."""

    def decode(self, text: str, *, sees: Size | None = None) -> Decoded: ...


# --- engines: prompts → answers ----------------------------------------------------------------------------------------


class EngineOptions(Section):
    """Options of whatever reads the images; an engine uses those that apply to it and ignores none silently."""

    model: str | None = Field(None, description="checkpoint folder, hub id, run:<id>, or the model name on a server")
    adapter: str | None = Field(None, description="PEFT adapter folder on top of the model")
    base_url: str | None = Field(None, description="OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1 (key: $API_KEY)")
    language: str | None = Field(None, description="languages of a classic engine, e.g. rus+eng for tesseract")
    device: str | None = Field(None, description="cpu, cuda, cuda:0, mps; found by itself when absent")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field("auto", description="weights in memory")
    quantization: Literal["none", "4bit", "8bit"] = Field(
        "none", description="keep a local model's language weights in 4 or 8 bits"
    )
    trust_remote_code: bool = Field(False, description="run Python code that comes with a local checkpoint")
    batch_size: int = Field(16, ge=1, description="images per generation batch of a local model")
    concurrency: int = Field(8, ge=1, le=1024, description="requests in flight to a server")
    timeout: float = Field(120.0, gt=0, description="seconds one request may take")
    temperature: float = Field(0.0, ge=0, description="0 is greedy")
    max_pixels: int | None = Field(None, gt=0, description="pixel budget per image; the model's own when absent")
    min_pixels: int | None = Field(None, gt=0, description="lower pixel bound per image; the model's own when absent")

    @field_validator("base_url")
    @classmethod
    def _no_secret(cls, url: str | None) -> str | None:
        """Options are written into run directories."""
        if url is not None and "@" in url.partition("://")[2].partition("/")[0]:
            raise ValueError("user and password do not belong into the address; put a key into the environment variable API_KEY")
        return url

    def only(self, engine: str, *used: str) -> None:
        """Refuse options that the engine would have to ignore. Raises ConfigError naming all of them."""
        asked = (n for n, field in EngineOptions.model_fields.items() if getattr(self, n) != field.default)
        if ignored := [n for n in asked if n not in used]:
            raise ConfigError(
                f"the engine {engine} has no use for {', '.join(ignored)}",
                hint=f"options of {engine}: {', '.join(used)}",
                problems=tuple(f"{n}: not an option of the engine {engine}" for n in ignored),
            )


class Engine(Protocol):
    """Reads prompts lazily as it has room and yields one answer each, in any order, failures included."""

    name: str

    def __init__(self, options: EngineOptions) -> None: ...

    def describe(self) -> dict[str, str]:
        """What of the engine belongs to the protocol of a result: model, temperature, precision, versions."""

    def open(self) -> None:
        """Load or connect. Raises EngineError / ModelError / MissingExtraError."""

    def close(self) -> None: ...

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


# --- families: what a model architecture needs -------------------------------------------------------------------------


class LoadOptions(NamedTuple):
    """How a checkpoint is brought into memory. `dtype` "auto" is bfloat16 on CUDA and float32 elsewhere; `attention` is the
    transformers name of the implementation, its own choice when absent; pixel bounds replace the checkpoint's own."""

    device: str | None = None
    dtype: str = "auto"
    quantization: Literal["none", "4bit", "8bit"] = "none"
    trust_remote_code: bool = False
    attention: str | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None


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

    def load(self, ref: ModelRef, options: LoadOptions) -> Loaded:
        """Weights (safetensors only), adapter and processor. Raises ModelError / ResourceError / MissingExtraError."""

    def load_processor(self, ref: ModelRef, options: LoadOptions = AS_STORED) -> Any: ...

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


class LoraOptions(Section):
    """Which low-rank adapters are trained, and where."""

    rank: int = Field(16, ge=1, description="width of the adapters")
    alpha: float | None = Field(None, gt=0, description="scale of the adapters; twice the rank when absent")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout in front of the adapters")
    language: bool = Field(True, description="adapt the language model")
    vision: bool = Field(False, description="adapt the vision tower")
    merger: bool = Field(False, description="adapt the projector between the two")


class TrainOptions(Section):
    """How a model is fine-tuned. Defaults suit models of 2 to 8 billion parameters on one GPU."""

    method: Literal["lora", "dora", "rslora", "full"] = Field("lora", description="what is trained: adapters or all weights")
    lora: LoraOptions = Field(LoraOptions(), description="where adapters go; with method full, which groups are trained")
    train_tokens: Literal["auto", "none", "all-new"] = Field(
        "auto",
        description="embeddings trained besides the adapters: auto = tokens of the answers that the base never learnt, "
        "all-new = all tokens of the answers",
    )
    quantization: Literal["none", "4bit", "8bit"] = Field("none", description="keep frozen language weights in 4 or 8 bits")
    learning_rate: float = Field(2e-4, gt=0, description="peak learning rate")
    epochs: float = Field(3.0, gt=0, description="passes over the training samples")
    max_steps: int | None = Field(None, gt=0, description="optimizer steps; replaces epochs when given")
    max_minutes: float | None = Field(None, gt=0, description="stop in an orderly way after this much training time")
    batch_size: int = Field(4, ge=1, description="samples per forward pass")
    gradient_accumulation: int = Field(4, ge=1, description="forward passes per optimizer step")
    warmup_ratio: float = Field(0.03, ge=0, le=1, description="part of the steps with a rising learning rate")
    schedule: Literal["cosine", "linear", "constant"] = Field("cosine", description="learning rate after the warm-up")
    weight_decay: float = Field(0.0, ge=0, description="AdamW weight decay")
    max_grad_norm: float = Field(1.0, gt=0, description="gradients are clipped to this norm")
    gradient_checkpointing: bool = Field(False, description="recompute activations: less memory, about a third slower")
    eval_steps: int = Field(200, ge=1, description="steps between evaluations by generation")
    eval_samples: int = Field(64, ge=1, description="validation samples read at each evaluation")
    eval_batch_size: int = Field(32, ge=1, description="samples per generation batch of the evaluation")
    eval_max_tokens: int = Field(512, ge=1, description="longest answer generated in an evaluation")
    save_steps: int | None = Field(None, ge=1, description="steps between checkpoints for resuming; eval_steps when absent")
    patience: int | None = Field(None, ge=1, description="stop after this many evaluations without a better CER")
    max_length: int = Field(8192, ge=16, description="tokens of a sample, picture included; longer ones are left out by name")
    strict: bool = Field(False, description="stop when a sample cannot be used instead of leaving it out")
    min_pixels: int | None = Field(None, gt=0, description="lower pixel bound per image; the model's own when absent")
    max_pixels: int | None = Field(None, gt=0, description="pixel budget per image; the model's own when absent")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="arithmetic; auto = bfloat16 where the device has it, float32 elsewhere"
    )
    device: str | None = Field(None, description="cpu, cuda, cuda:0, mps; found by itself when absent")
    threads: int | None = Field(None, ge=1, description="CPU threads; PyTorch's own choice when absent")
    seed: int = Field(0, ge=0, description="order of the samples, initial adapters, dropout")
    dialect: str = Field("plain", description="output language the model is taught")
    prompt: str | None = Field(None, description="prompt text; the dialect's own when absent")
    cache_mb: int = Field(2048, ge=0, description="memory for prepared pictures, so that each is prepared once")
    trust_remote_code: bool = Field(False, description="run Python code that comes with the checkpoint")
    report_to: tuple[Literal["tensorboard", "wandb"], ...] = Field(("tensorboard",), description="where curves go")


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


class Exporter(Protocol):
    """A parsed document as one file format."""

    name: str
    suffix: str

    def export(self, document: Document) -> bytes: ...
