"""Read a dataset with an engine and score what came back. The same command resumes; nothing is read twice.

Examples:
  ocrtune evaluate data/invoices --model models/nano
  ocrtune evaluate run:prepare-1a2b3c4d --model run:train-5e6f7a8b --split val --limit 200
  ocrtune evaluate data/invoices --engine tesseract --language rus+eng
  ocrtune evaluate data/invoices --engine http --base-url http://127.0.0.1:8000/v1 --concurrency 32 --max-tokens 2048
  ocrtune evaluate data/invoices --engine rapidocr --metrics cer,exact --normalisation nospace
  ocrtune evaluate OCRBench/OCRBench.json --benchmark ocrbench --model models/nano
  ocrtune evaluate data/invoices --base-url http://127.0.0.1:8000/v1 --first 100 --prompt-file prompts.yaml --prompt russian
  ocrtune evaluate data/invoices --engine http --base-url http://127.0.0.1:3669/predict --api-mode local
  ocrtune evaluate hub@main --benchmark mws-vision-bench --base-url http://127.0.0.1:8000/v1
"""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import Field, model_validator

from ocrtune.config import closest, read_yaml
from ocrtune.contracts import Benchmark, Dialect, Engine
from ocrtune.core import ImageRef, Prediction, Sample
from ocrtune.errors import ConfigError, InputError, ModelError, RunError
from ocrtune.inference import PREDICTIONS, predict
from ocrtune.models import notes
from ocrtune.options import EngineOptions
from ocrtune.plugins import DIALECTS, ENGINES
from ocrtune.runs import RunDir
from ocrtune.verbs._data import linked
from ocrtune.verbs._so_far import SoFar
from ocrtune.verbs.score import ESTIMATE, SAMPLES, SCORES, Figures, Scoring, chosen, record, score_predictions, table

log = logging.getLogger("ocrtune")
SEEN = ("min_pixels", "max_pixels", "framing")  # what decides on the tokens of a picture and of the frame around it


class Reading(EngineOptions):
    """Who reads, and how it is asked. Shared by the verbs that read pictures."""

    engine: str = Field("local", description="what reads: local, http, rapidocr, tesseract, echo")
    dialect: str | None = Field(None, description="how replies are written; what the model was trained with, else plain")
    prompt: str | None = Field(
        None, description="prompt text, or its name in --prompt-file; what the model was trained with, else the dialect's own"
    )
    prompt_file: Path | None = Field(
        None, description="file that holds the prompt text, or YAML: `prompt_text: …`, or several prompts by name"
    )
    max_tokens: int = Field(1024, gt=0, description="longest reply, in tokens; longer ones are cut and counted as truncated")
    retries: int = Field(
        2,
        ge=0,
        le=20,
        description="how often a failure that may pass, such as a timeout, is tried again",
        json_schema_extra={"pace": True},
    )

    @property
    def words(self) -> str | None:
        """The prompt that was asked for, if one was. Raises ConfigError for two, InputError for a file that cannot be read."""
        if self.prompt_file is None:
            return self.prompt
        if self.prompt_file.suffix.lower() in (".yaml", ".yml"):
            return named_prompt(self.prompt_file, self.prompt)
        if self.prompt is not None:
            raise ConfigError("the prompt is given twice", hint="give --prompt or --prompt-file")
        try:
            return self.prompt_file.read_text("utf-8").removesuffix("\n")  # which editors end files with
        except (OSError, UnicodeDecodeError) as cause:
            raise InputError(f"{self.prompt_file}: the prompt cannot be read ({cause})") from cause


def named_prompt(file: Path, name: str | None) -> str:
    """The prompt `name` of a YAML file of prompts; without a name its `prompt_text`, or its only one. Raises ConfigError."""
    texts = read_yaml(file)
    if name is None:
        name = "prompt_text" if "prompt_text" in texts or len(texts) != 1 else next(iter(texts))
    if not isinstance(text := texts.get(name), str):
        raise ConfigError(
            f"{file} has no prompt called {name!r}{closest(name, list(texts))}",
            hint=f"choose one with --prompt: {', '.join(map(str, texts)) or 'there are none'}",
        )
    return text


class Config(Scoring, Reading):
    """What is read, by whom, and how it is scored."""

    data: str = Field(
        description="dataset folder or run:<id> of a prepare run; with --benchmark its file or folder, `hub`, or hub@<revision> "
        "with a branch, tag or commit"
    )
    split: str = Field("test", description="split to read: train, val or test")
    limit: int | None = Field(None, gt=0, description="read only so many samples, drawn by the seed")
    first: int | None = Field(
        None, gt=0, description="read only the first so many samples", json_schema_extra={"also": ["top-k"]}
    )
    save_every: int | None = Field(
        None,
        gt=0,
        description="say the score so far after every so many replies, and keep it in so_far.json; the replies themselves are on "
        "disk one by one",
        json_schema_extra={"pace": True, "also": ["save-interval"]},
    )

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.limit is not None and self.first is not None:
            raise ValueError("limit and first exclude each other: samples are drawn, or the first ones taken")
        return self


class Reader(NamedTuple):
    """An open engine and the dialect to ask it in."""

    engine: Engine
    dialect: Dialect


def run(config: Config, into: RunDir) -> Figures:
    """Status is partial while any sample failed, done otherwise."""
    benchmark = chosen(config)
    config = config if benchmark is None else _as_published(config, benchmark)
    samples = _samples(config, benchmark, into)
    if benchmark is not None:  # what it cannot score is said before anything is read
        benchmark.score(samples[0], Prediction(sample_id=samples[0].id, text=""), config.profile or benchmark.profiles[0])
    with reader(config, into) as asked:
        found = _read(samples, config, asked, into)
        protocol = _protocol(config, asked, samples[0])
    scored = score_predictions(samples, found, dialect=asked.dialect, scoring=config, protocol=protocol)
    record(into, samples, scored)
    failed = sum(p.error is not None for p in found)
    into.finish(
        "partial" if failed else "done",
        message=f"{failed} of {len(found)} samples failed" if failed else None,
        predictions=PREDICTIONS,
        scores=SCORES,
        estimate=ESTIMATE,
        samples=SAMPLES,
    )
    log.info(table(scored.estimates))
    _log_failures(found)
    return Figures(scored.estimates)


def _read(samples: Sequence[Sample], config: Config, asked: Reader, into: RunDir) -> list[Prediction]:
    how: dict[str, Any] = {"max_tokens": config.max_tokens, "retries": config.retries}
    if config.save_every:
        how["each"] = SoFar(samples, asked.dialect, config, into, config.save_every).add
    return predict(samples, asked.dialect, asked.engine, into, **how)


@contextlib.contextmanager
def reader(config: Reading, into: RunDir) -> Iterator[Reader]:
    """The engine and the dialect that the options name: open, with `run:<id>` resolved, and closed at the end.

    Dialect, prompt and pixel bounds are those the model was trained with unless the options say otherwise, which is worth
    a warning.
    """
    options = _weights(config, into)
    weights = options.adapter or options.model
    trained = notes(Path(weights)) if weights else {}
    if trained:
        _warn_of_differences(config, trained)
    dialect = str(config.dialect or trained.get("dialect") or "plain")
    prompt = config.words if config.words is not None else trained.get("prompt")
    bounds = {name: trained.get(name) for name in SEEN if getattr(options, name) is None}
    engine = ENGINES.get(config.engine)(options.model_copy(update=bounds))
    asked = Reader(engine, DIALECTS.get(dialect)(prompt))
    try:
        engine.open()
        yield asked
    finally:
        engine.close()


def _warn_of_differences(config: Reading, trained: Mapping[str, Any]) -> None:
    asked_with = {"dialect": config.dialect, "prompt": config.words} | {name: getattr(config, name) for name in SEEN}
    for name, value in asked_with.items():
        before = trained.get(name)
        if name == "prompt" and value and before is None:
            before = _own_words(DIALECTS.get(str(trained.get("dialect") or "plain"))())
        if value is not None and (value or None) != before:
            log.warning("the model was trained with the %s %r, but is asked with %r", name, before, value)


def _own_words(dialect: Dialect) -> str | None:
    """What a dialect says of a picture without a question; None where it has nothing to say then."""
    with contextlib.suppress(InputError):
        return dialect.ask(Sample(id="none", group="none", images=(ImageRef(path="none"),)))
    return None


def _as_published(config: Config, benchmark: Benchmark) -> Config:
    """The benchmark's own dialect and token limit where the options do not say otherwise. Its questions are whole prompts:
    nothing is said beside them, not even what the model was trained with."""
    asked = {*config.model_fields_set, *(["prompt"] if config.prompt_file else [])}
    own = {"dialect": benchmark.dialect, "max_tokens": benchmark.max_tokens, "prompt": ""}
    return config.model_copy(update={name: value for name, value in own.items() if name not in asked})


def _samples(config: Config, benchmark: Benchmark | None, into: RunDir) -> list[Sample]:
    samples = linked(config.data, config.split, benchmark, into)
    if not samples:
        raise InputError(f"the split {config.split!r} of {config.data} is empty", hint="choose another --split")
    if without := [sample.id for sample in samples if sample.target is None]:
        raise InputError(
            f"{len(without)} of {len(samples)} samples have no target to score against, the first is {without[0]!r}",
            hint="to read without scoring, use `ocrtune parse`",
        )
    if config.limit is None or config.limit >= len(samples):
        return samples[: config.first]
    drawn = random.Random(config.seed).sample(range(len(samples)), config.limit)
    return [samples[index] for index in sorted(drawn)]


def _protocol(config: Config, asked: Reader, sample: Sample) -> dict[str, str]:
    """How the figures were made, as far as it could change them; the prompt beside the samples' own questions."""
    prompt = config.words or ""
    if config.benchmark is None:
        with contextlib.suppress(InputError):  # a dialect of questions that has no words of its own
            prompt = asked.dialect.ask(sample.model_copy(update={"question": None, "box": None}))
    made = {"dialect": asked.dialect.name, "prompt": prompt, "max_tokens": str(config.max_tokens)}
    return {**made, **asked.engine.describe()}


def _log_failures(predictions: Sequence[Prediction]) -> None:
    failures = [(p.sample_id, p.error) for p in predictions if p.error is not None]
    for name, error in failures[:5]:
        log.warning("failed: %s (%s: %s)", name, error.kind, error.message)
    if failures:
        log.warning("%d failed in all; the same command tries those again that may succeed", len(failures))


def _weights(config: EngineOptions, into: RunDir) -> EngineOptions:
    """The engine's options alone, model and adapter as plain names. A train run stands for its base with its adapter."""
    options: dict[str, Any] = {name: getattr(config, name) for name in EngineOptions.model_fields}
    for role, name in (("adapter", config.adapter), ("model", config.model)):
        if name is not None:
            into.link(**{role: RunDir.open(name, root=into.root).id if name.startswith("run:") else name})
    if config.adapter is not None and config.adapter.startswith("run:"):
        options["adapter"] = str(into.resolve(config.adapter, "adapter"))
    if config.model is not None and config.model.startswith("run:"):
        options["model"], adapter = _of_run(config.model, into)
        if adapter is not None and options["adapter"] is not None:
            raise ModelError(
                f"{config.model} has an adapter already; a second one cannot go on top", hint="ocrtune merge it first"
            )
        options["adapter"] = adapter or options["adapter"]
    return EngineOptions(**options)


def _of_run(name: str, into: RunDir) -> tuple[str, str | None]:
    """Base model and adapter (if any) of a train or merge run."""
    source = RunDir.open(name, root=into.root)
    outputs = source.manifest.outputs
    if "adapter" not in outputs or "model" in outputs:
        return str(into.resolve(name, "model")), None
    base = read_yaml(source.path / "config.yaml").get("model")
    if not isinstance(base, str):
        raise RunError(f"{source.path / 'config.yaml'} does not say which model was trained", hint="give --model and --adapter")
    if base.startswith("run:"):
        base, under = _of_run(base, into)
        if under is not None:
            raise ModelError(f"{name} was trained on top of an adapter", hint="ocrtune merge the first run, then train on that")
    return base, str(source.path / outputs["adapter"])
