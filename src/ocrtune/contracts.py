"""Every plug-in contract, on one page. A leaf implements one of these and has one line in `plugins.py`.

A plug-in class is constructed cheaply and without heavy imports; what costs memory or seconds happens in `open()`,
`load()` or `fit()`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from pydantic import Field

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
    batch_size: int = Field(16, ge=1, description="images per generation batch of a local model")
    concurrency: int = Field(8, ge=1, le=1024, description="requests in flight to a server")
    timeout: float = Field(120.0, gt=0, description="seconds one request may take")
    temperature: float = Field(0.0, ge=0, description="0 is greedy")
    max_pixels: int | None = Field(None, gt=0, description="pixel budget per image; the model's own when absent")
    min_pixels: int | None = Field(None, gt=0, description="lower pixel bound per image; the model's own when absent")

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
    device: str | None = None
    dtype: str = "auto"
    quantization: Literal["none", "4bit", "8bit"] = "none"
    trust_remote_code: bool = False


class Loaded(NamedTuple):
    """A model with its processor; typed loosely because torch stays out of the trunk."""

    model: Any
    processor: Any


class Family(Protocol):
    """Everything that differs between model architectures, and nothing else."""

    name: str
    model_types: tuple[str, ...]  # config.json "model_type" values it stands for

    def load(self, ref: ModelRef, options: LoadOptions) -> Loaded: ...

    def load_processor(self, ref: ModelRef) -> Any: ...

    def sees(self, processor: Any, size: Size, *, min_pixels: int | None = None, max_pixels: int | None = None) -> Size:
        """The pixel size the model really gets for an image of `size`."""

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        """How many tokens an image of the size `seen` takes in the language model; needs no weights."""

    def groups(self, model: Any) -> dict[str, str]:
        """LoRA module groups as full regexes over module names: "language", "vision", "merger"."""

    def save(self, loaded: Loaded, base: ModelRef, folder: Path) -> None:
        """A standalone checkpoint: weights (safetensors) and every side file of the base."""


# --- trainers, exporters -----------------------------------------------------------------------------------------------


class Trained(NamedTuple):
    """`adapter` is the folder of the best checkpoint (an adapter, or a full model); metrics by name."""

    folder: Path
    best: dict[str, float]
    steps: int


class Trainer(Protocol):
    name: str

    def fit(self, options: Any, train: Sequence[Sample], val: Sequence[Sample], run: RunDir) -> Trained: ...


class Exporter(Protocol):
    """A parsed document as one file format."""

    name: str
    suffix: str

    def export(self, document: Document) -> bytes: ...
