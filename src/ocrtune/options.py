"""Options that plug-ins share: what a verb nests in its own Config, declared once."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pydantic import Field, field_validator

from ocrtune import processes
from ocrtune.config import Names, Section
from ocrtune.errors import ConfigError


class SourceOptions(Section):
    """How sources are read."""

    unit: Literal["page", "block", "line"] = Field("page", description="what one sample of a PDF, PAGE or ALTO file shows")
    objects: Literal["lines", "regions"] = Field(
        "lines", description="what a whole page of PAGE or ALTO XML is labelled with: text lines, or layout regions"
    )
    dpi: int = Field(150, ge=36, le=600, description="resolution at which PDF pages are rendered, dots per inch")
    hidden_text: bool = Field(False, description="also trust invisible OCR text layers of PDFs")


class EngineOptions(Section):
    """Options of whatever reads the images; an engine uses those that apply to it and ignores none silently."""

    model: str | None = Field(None, description="checkpoint folder, hub id, run:<id>, or the model name on a server")
    adapter: str | None = Field(None, description="PEFT adapter folder on top of the model")
    base_url: Names = Field(
        (), description="OpenAI-compatible servers, e.g. http://127.0.0.1:8000/v1 (key: $API_KEY); they share the work"
    )
    processor: str | None = Field(
        None,
        description="checkpoint folder or hub id whose processor says at which size a served model sees pictures; found by "
        "itself where the server's model folder is on this machine",
    )
    send: Literal["data", "file"] = Field(
        "data",
        description="how pictures reach a server: inside the request, or as files of a temporary folder ($TMPDIR) that it "
        "reads itself (vLLM: --allowed-local-media-path)",
    )
    api_mode: Literal["stream", "chat", "local"] = Field(
        "stream",
        description="how a server is spoken to: stream = OpenAI chat with server-sent events, so that loops are cut off; chat = "
        "the same in one piece; local = a plain OCR service at the address of --base-url: a form with one `file`, its text back",
    )
    live: bool = Field(
        False, description="show replies of a server as they are written, one at a time", json_schema_extra={"pace": True}
    )
    language: str | None = Field(None, description="languages of a classic engine, e.g. rus+eng for tesseract")
    layout: bool = Field(False, description="a classic engine answers with regions, boxes and words, not just lines of text")
    device: str | None = Field(None, description="cpu, cuda, cuda:0, mps; found by itself when absent")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field("auto", description="weights in memory")
    quantization: Literal["none", "4bit", "8bit"] = Field(
        "none", description="keep a local model's language weights in 4 or 8 bits"
    )
    trust_remote_code: bool = Field(False, description="run Python code that comes with a local checkpoint")
    batch_size: int = Field(16, ge=1, description="images per generation batch of a local model")
    concurrency: int = Field(
        8,
        ge=1,
        le=1024,
        description="most requests in flight, all servers together; fewer when they are overloaded",
        json_schema_extra={"pace": True, "also": ["workers"]},
    )
    timeout: float = Field(120.0, gt=0, description="seconds one request may take", json_schema_extra={"pace": True})
    temperature: float = Field(0.0, ge=0, description="0 is greedy")
    max_pixels: int | None = Field(None, gt=0, description="pixel budget per image; the model's own when absent")
    min_pixels: int | None = Field(None, gt=0, description="lower pixel bound per image; the model's own when absent")
    framing: str | None = Field(
        None, description="chat framing, for families that have several; the family's default when absent"
    )

    @field_validator("base_url")
    @classmethod
    def _no_secret(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        """One text may hold several. Options are written into run directories."""
        urls = tuple(url.strip() for text in urls for url in text.split(",") if url.strip())
        if any("@" in url.partition("://")[2].partition("/")[0] for url in urls):
            raise ValueError("user and password do not belong into the address; put a key into the environment variable API_KEY")
        return urls

    def only(self, engine: str, *used: str) -> None:
        """Refuse options that the engine would have to ignore. Raises ConfigError naming all of them."""
        asked = (n for n, field in EngineOptions.model_fields.items() if getattr(self, n) != field.default)
        if ignored := [n for n in asked if n not in used]:
            raise ConfigError(
                f"the engine {engine} has no use for {', '.join(ignored)}",
                hint=f"options of {engine}: {', '.join(used)}",
                problems=tuple(f"{n}: not an option of the engine {engine}" for n in ignored),
            )


class ExportOptions(Section):
    """How parsed documents are written."""

    headers: bool = Field(False, description="keep running heads and page footers in Markdown, HTML and text")
    per_page: bool = Field(False, description="also write Markdown, HTML and text page by page")


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
    gradient_accumulation: int = Field(
        4,
        ge=1,
        description="forward passes per optimizer step and process: a step sees batch_size × gradient_accumulation × processes",
    )
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
    framing: str | None = Field(
        None, description="chat framing, for families that have several; the family's default when absent"
    )
    max_pixels: int | None = Field(None, gt=0, description="pixel budget per image; the model's own when absent")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="arithmetic; auto = bfloat16 where the device has it, float32 elsewhere"
    )
    device: str | None = Field(None, description="cpu, cuda, cuda:0, mps; found by itself when absent")
    threads: int | None = Field(None, ge=1, description="CPU threads; PyTorch's own choice when absent")
    seed: int = Field(0, ge=0, description="order of the samples, initial adapters, dropout")
    dialect: str = Field("plain", description="output language the model is taught")
    prompt: str | None = Field(None, description="prompt text; the dialect's own when absent")
    batch_tokens: int | None = Field(
        None, ge=16, description="text and picture tokens per forward pass; replaces batch_size when given"
    )
    packing: bool = Field(
        False, description="the samples of a batch behind each other in one row; pays on GPUs with flash attention"
    )
    workers: int | None = Field(
        None, ge=0, description="processes that prepare pictures; when absent none on a CPU, some for a GPU"
    )
    cache_mb: int = Field(2048, ge=0, description="memory for prepared pictures, so that each is prepared once")
    cache_gb: float = Field(
        10.0, ge=0, description="disk for what a frozen vision tower makes of pictures, shared by runs; 0 is off"
    )
    cache_folder: str | None = Field(
        None, description="where that is kept; ocrtune/features in the user's cache folder when absent"
    )
    trust_remote_code: bool = Field(False, description="run Python code that comes with the checkpoint")
    report_to: tuple[Literal["tensorboard", "wandb"], ...] = Field(("tensorboard",), description="where curves go")

    def identity(self) -> dict[str, Any]:
        """A training is the same one on any number of processes as long as its optimizer steps see the same samples."""
        said = super().identity()
        return {**said, "gradient_accumulation": self.gradient_accumulation * processes.count()}


class Hub(NamedTuple):
    """A benchmark's dataset at Hugging Face: a branch, tag or commit of it; None is the benchmark's own, else the newest."""

    revision: str | None = None
