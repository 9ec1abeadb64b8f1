"""Score stored predictions again, with other metrics or another normalisation; no model is needed.

Examples:
  ocrtune score run:evaluate-1a2b3c4d
  ocrtune score run:evaluate-1a2b3c4d --normalisation relaxed
  ocrtune score runs/evaluate-1a2b3c4d --metrics cer,exact --normalisation nospace
  ocrtune score predictions.jsonl --data data/invoices --split test
  ocrtune score lmms_eval_samples.jsonl --benchmark ocrbench --profile lmms_legacy
  ocrtune score OCRBench_predictions.xlsx --benchmark ocrbench --profile vlmevalkit
  ocrtune score predictions/ --benchmark omnidocbench --data OmniDocBench.json
  ocrtune score predictions.jsonl --benchmark ocrbench --data hub
  ocrtune score gemma_result.json --normalisation gemma --export gemma
  ocrtune score run:evaluate-1a2b3c4d --profile lmms_current --cross-check lmms-eval --cross-check-python ~/lmms/bin/python
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError, field_validator

from ocrtune import __version__
from ocrtune.config import Section, read_yaml
from ocrtune.contracts import Benchmark, Dialect, Metric, Read, Row, Tabled
from ocrtune.core import Decoded, Estimate, Prediction, Sample, Score
from ocrtune.errors import ConfigError, GateError, InputError, OcrtuneError, RunError
from ocrtune.imports import SUFFIXES, recognise
from ocrtune.inference import PREDICTIONS, read_predictions
from ocrtune.plugins import BENCHMARKS, DIALECTS, METRICS
from ocrtune.runs import RunDir
from ocrtune.sampling import benchmark_digest
from ocrtune.scoring.normalise import pipeline_steps
from ocrtune.slicing import joined, measured, read_attributes
from ocrtune.stats import Benchmark as Found
from ocrtune.stats import Limits, Plan, Rule, doubts, estimate
from ocrtune.verbs._crosscheck import CrossCheck, cross_check, refuse_unknown
from ocrtune.verbs._crosscheck import Scored as Both
from ocrtune.verbs._data import linked, loaded
from ocrtune.verbs._figures import dependencies, figures, speechless
from ocrtune.verbs._folder import bring_folder, is_folder
from ocrtune.verbs._gemma import FILE as GEMMA
from ocrtune.verbs._gemma import result as gemma_result
from ocrtune.verbs._imports import Brought, agreement, bring
from ocrtune.verbs._scoring import Work, scores_of
from ocrtune.verbs._validity import count

SCORES, ESTIMATE, SAMPLES, TABLE = "scores.jsonl", "estimate.json", "samples.jsonl", "table.json"
CROSSCHECK = "crosscheck.json"
OWN_PROTOCOL = ("metric", "pool", "unit", "wordnet", "normalisation", "profile", "scorer")  # what scoring itself adds

log = logging.getLogger("ocrtune")

_Estimates = TypeAdapter(list[Estimate])


class Scoring(Section):
    """How readings are scored. Also part of the options of `evaluate`."""

    metrics: tuple[str, ...] = Field(
        ("cer", "wer", "char_f1", "exact"), min_length=1, description="what is measured; the first is what verdicts go by"
    )
    normalisation: str = Field(
        "default",
        description="text pipeline before comparing: none, nfc, default = Unicode NFC and folded white space, relaxed = also "
        "full-width, quotes and dashes, caseless = relaxed without case, nospace = no white space, gemma = the published "
        "Gemma-OCR rule; or steps in their order, such as nfc+width+yo+space",
    )
    benchmark: str | None = Field(None, description="public benchmark whose data is read and whose rules are scored by first")
    profile: str | None = Field(None, description="version of the benchmark's scorer; its default when absent")
    limits: Limits = Field(Limits(), description="what may go wrong before a figure is called suspect")
    attributes: Path | None = Field(
        None, description="file that gives pictures attributes to slice by: JSON, JSONL, CSV or TSV with a column of pictures"
    )
    export: Literal["gemma"] | None = Field(None, description="also write the readings as Gemma-OCR's result file, gemma.json")
    resamples: int = Field(10_000, ge=100, description="bootstrap resamples behind the 95 % intervals")
    seed: int = Field(0, ge=0, description="seed of the resampling; the same seed gives the same digits")

    @field_validator("metrics")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in names if name not in METRICS.names()]:
            raise ValueError(f"no such metric: {', '.join(unknown)}; there are {', '.join(METRICS.names())}")
        return tuple(dict.fromkeys(names))

    @field_validator("normalisation")
    @classmethod
    def _made_of_steps(cls, name: str) -> str:
        try:
            pipeline_steps(name)
        except ConfigError as cause:
            raise ValueError(f"{cause}; {cause.hint}") from cause
        return name


class Config(Scoring):
    """What is scored again, and how."""

    run: str = Field(
        description="an evaluate run (run:<id> or its folder), a predictions.jsonl, or answers that were published: a sample log "
        "of lmms-eval, a table of VLMEvalKit (xlsx, tsv), a result of Gemma-OCR (json), or a folder with Markdown of each page"
    )
    data: str | None = Field(
        None,
        description="dataset folder or run:<id>; with --benchmark its file or folder, `hub`, or hub@<revision>; needed only for "
        "a bare predictions.jsonl and for Markdown",
    )
    split: str = Field("test", description="split of --data that was read")
    dialect: str | None = Field(None, description="how the replies are written; the run's own when absent")
    cross_check: Literal["lmms-eval"] | None = Field(
        None, description="also have each reply of a benchmark scored by this harness, installed by you, and list what differs"
    )
    cross_check_python: str | None = Field(
        None, description="the Python that has the harness, such as lmms/bin/python of its own environment; this one when absent"
    )
    fail_if_different: bool = Field(False, description="a gate: the exit code is 11 when the cross-check finds a difference")


class Scored(NamedTuple):
    """One score per sample and metric; one estimate per metric, the benchmark's own first, then in the order asked for, then
    the per-sample means (`<name>_macro`) of those metrics whose own figure is pooled, and the pooled figures (`<name>_micro`) of
    those that count units but whose own figure is a mean. `rows` are figures of metrics
    that are no mean over samples, then the benchmark's published aggregates."""

    scores: list[Score]
    estimates: list[Estimate]
    rows: list[Row]
    export: str | None = None


class Figures(NamedTuple):
    """What scoring found, in the order of `Scored.estimates`; the score of each sample is in `scores.jsonl`. `differs` is what
    a gate objects to."""

    estimates: list[Estimate]
    differs: str | None = None

    @property
    def objection(self) -> OcrtuneError | None:
        """What a gate ends with, when the cross-check found a difference."""
        return GateError(self.differs, hint=f"{CROSSCHECK} lists them") if self.differs else None


def run(config: Config, into: RunDir) -> Figures:
    stored = _stored(config, into)
    dialect = DIALECTS.get(stored.dialect)()
    benchmark = config.benchmark or stored.protocol.get("benchmark")
    scoring = config.model_copy(update={"benchmark": benchmark})
    if config.cross_check:
        refuse_unknown(benchmark)
    scored = score_predictions(stored.samples, stored.predictions, dialect=dialect, scoring=scoring, protocol=stored.protocol)
    record(into, stored.samples, scored)
    log.info(table(scored.estimates))
    if stored.given and (said := agreement(stored.given.given, [s for s in scored.scores if s.metric == stored.given.metric])):
        log.info(said)
    checked = _checked(config, stored, scored, into) if config.cross_check else None
    kept = PREDICTIONS if stored.file.parent == into.path else str(stored.file)
    more = {"crosscheck": CROSSCHECK} if checked else {}
    into.finish("done", predictions=kept, scores=SCORES, estimate=ESTIMATE, samples=SAMPLES, **more)
    return Figures(scored.estimates, checked.objection if checked and config.fail_if_different else None)


def _checked(config: Config, stored: _Stored, scored: Scored, into: RunDir) -> CrossCheck:
    """Ask the other harness about the same replies, and keep what it says."""
    made = scored.estimates[0].protocol
    own = [score for score in scored.scores if score.metric == made["benchmark"]]
    checked = cross_check(
        Both(stored.samples, stored.predictions, own, scored.rows),
        benchmark=made["benchmark"],
        profile=made["profile"],
        python=config.cross_check_python,
    )
    into.write(CROSSCHECK, checked.model_dump_json(indent=2) + "\n")
    log.info(checked.summary)
    return checked


def score_predictions(samples: Sequence[Sample], predictions: Sequence[Prediction] | Mapping[str, Prediction], *,
                      dialect: Dialect, scoring: Scoring, protocol: Mapping[str, str]) -> Scored:  # fmt: skip
    """Decode, score and estimate: the one path from replies to figures, pure. `protocol` says how the replies were made.

    Raises InputError when a sample has no prediction: a figure over the rest would not be a figure of this benchmark.
    """
    by_id = predictions if isinstance(predictions, Mapping) else {p.sample_id: p for p in predictions}
    if missing := [s.id for s in samples if s.id not in by_id]:
        raise InputError(
            f"{len(missing)} of {len(samples)} samples have no prediction, the first is {missing[0]!r}",
            hint="repeat the same `ocrtune evaluate` command: it resumes and reads only what is missing",
        )
    if not samples:
        raise InputError("there is nothing to score: the split is empty", hint="choose another --split")
    rows = [Read(s, by_id[s.id], decode(by_id[s.id], dialect)) for s in samples]
    metrics: list[Metric] = [METRICS.get(name)() for name in scoring.metrics]
    benchmark = chosen(scoring)
    profile = None if benchmark is None else scoring.profile or benchmark.profiles[0]
    work = Work(metrics=scoring.metrics, normalisation=scoring.normalisation, benchmark=scoring.benchmark, profile=profile)
    each = scores_of(rows, work)
    scores = [score for found in each for score in found[-len(metrics) :]]
    made = {"dialect": dialect.name, **protocol, "normalisation": scoring.normalisation, "scorer": f"ocrtune {__version__}"}
    made |= dependencies(metrics)
    published = None if benchmark is None else _published(rows, [found[0] for found in each], benchmark, profile or "")
    if published is not None:
        made |= published.protocol
    counts = count(rows, made.get("prompt"))
    sliced = measured(attributed(samples, scoring.attributes))
    found = Found(sliced, benchmark_digest(samples), made, counts, doubts(counts, len(rows), scoring.limits))
    plan = Plan(scoring.resamples, scoring.seed)
    own = [] if published is None else [estimate(published.scores, Rule(published.name, "higher", "macro"), found, plan)]
    own_scores, aggregates = ([], []) if published is None else (published.scores, published.rows)
    tabled = [row for metric in metrics if isinstance(metric, Tabled) for row in metric.table(rows)]
    exported = gemma_result(rows, made) if scoring.export else None
    return Scored([*own_scores, *scores], [*own, *figures(metrics, scores, found, plan)], [*tabled, *aggregates], exported)


class _Published(NamedTuple):
    """What a benchmark's own rule says."""

    name: str
    scores: list[Score]
    rows: list[Row]
    protocol: dict[str, str]


def _published(rows: Sequence[Read], scores: list[Score], benchmark: Benchmark, profile: str) -> _Published:
    made = {"benchmark": benchmark.name, "profile": profile, "revision": _revision(rows)}
    protocol = {**made, **benchmark.describe(profile)}
    return _Published(benchmark.name, scores, benchmark.table([s for s, _, _ in rows], scores, profile), protocol)


def _revision(rows: Sequence[Read]) -> str:
    """What the hub called the dataset when the samples were loaded from there; it stays with them."""
    return ", ".join(sorted({row.sample.tags.get("revision", "unknown") for row in rows}))


def chosen(scoring: Scoring) -> Benchmark | None:
    """The benchmark that the options name. Raises ConfigError for a profile that it has not."""
    if scoring.benchmark is None:
        return None
    benchmark = BENCHMARKS.get(scoring.benchmark)()
    if scoring.profile is not None and scoring.profile not in benchmark.profiles:
        raise ConfigError(
            f"{benchmark.name} has no profile {scoring.profile!r}", hint=f"profiles: {', '.join(benchmark.profiles)}"
        )
    return benchmark


def record(into: RunDir, samples: Sequence[Sample], scored: Scored) -> None:
    """Write scores, estimates and the samples themselves, which `compare` and a later `score` need."""
    into.write(SAMPLES, samples)
    into.write(SCORES, scored.scores)
    into.write(ESTIMATE, _Estimates.dump_json(scored.estimates, indent=2) + b"\n")
    for sentence in speechless(scored.scores):
        log.warning(sentence)
    if scored.export is not None:
        into.write(GEMMA, scored.export)
    if scored.rows:
        into.write(TABLE, json.dumps([row._asdict() for row in scored.rows], ensure_ascii=False, indent=2) + "\n")
        log.info("\n".join([*_doubts(scored.estimates[0]), *(_aggregate(row) for row in scored.rows)]))


def _aggregate(row: Row) -> str:
    value = "none" if row.value is None else f"{row.value:.4g}"
    return f"{row.name:<44}{value:>10}{row.n:>8}"


def _doubts(estimate: Estimate) -> list[str]:
    return [f"SUSPECT: {doubt}" for doubt in estimate.doubts]


def table(estimates: Sequence[Estimate]) -> str:
    """The figures with their intervals, and beside them what must be known to believe them."""
    first = estimates[0]
    rows = _doubts(first)
    width = max(16, *(len(e.metric) + 1 for e in estimates))
    rows.append(f"{'metric':<{width}}{'score':>8}   {'95 % interval':<18}{'samples':>8}{'documents':>11}")
    for e in estimates:
        mean = "none" if e.mean is None else f"{e.mean:.4f}"
        interval = "none" if e.low is None or e.high is None else f"{e.low:.4f} to {e.high:.4f}"
        rows.append(f"{e.metric:<{width}}{mean:>8}   {interval:<18}{e.n:>8}{e.groups:>11}")
    counts = [f"{name} {getattr(first, name)}" for name in ("failed", "truncated", "looped", "empty", "unscored")]
    counts += [f"duplicate pictures {first.duplicates}", f"prompt in the answer {first.echoed}"]
    return "\n".join([*rows, " · ".join(counts)])


def attributed(samples: Sequence[Sample], file: Path | None) -> list[Sample]:
    """The samples with the tags that `file` has for their pictures. What does not match is counted, and named in part."""
    if file is None:
        return list(samples)
    found = joined(samples, read_attributes(file))
    for what, names in (
        ("samples are not in it", found.without),
        ("samples have a file name that stands there more than once", found.ambiguous),
        ("of its pictures belong to no sample", found.unused),
    ):
        if names:
            log.warning("%s: %d %s: %s%s", file, len(names), what, ", ".join(names[:5]), " …" if len(names) > 5 else "")
    return found.samples


def read_estimates(folder: Path) -> list[Estimate]:
    """The estimates of an evaluate or score run, the primary one first. Raises RunError."""
    file = folder / ESTIMATE
    try:
        return _Estimates.validate_json(file.read_bytes())
    except FileNotFoundError as cause:
        raise RunError(
            f"{folder} has no {ESTIMATE}: it was not finished", hint="repeat the command that made it: it resumes"
        ) from cause
    except ValidationError as cause:
        raise RunError(f"{file} cannot be read: {cause.errors()[0]['msg']}", hint="make it again with `ocrtune score`") from cause


def read_samples(run: RunDir) -> list[Sample]:
    """The samples that an evaluate or score run was about. Raises RunError / InputError."""
    if samples := run.read(SAMPLES, Sample):
        return samples
    options = _options(run)
    if (data := options.get("data")) is None:
        raise RunError(f"{run.path} does not say which dataset it is about", hint="score it again with --data")
    benchmark = BENCHMARKS.get(name)() if (name := options.get("benchmark")) else None
    asked = {p.sample_id for p in run.read(PREDICTIONS, Prediction)}
    return [s for s in loaded(str(data), str(options.get("split", "test")), benchmark, run) if s.id in asked]


class _Stored(NamedTuple):
    file: Path
    samples: list[Sample]
    predictions: dict[str, Prediction]
    dialect: str
    protocol: dict[str, str]
    given: Brought | None = None  # with published answers come the scores that others gave them


def _stored(config: Config, into: RunDir) -> _Stored:
    file = Path(config.run)
    if is_folder(file):
        return _brought(config, into)
    if file.is_file() or (file.suffix.lower() in SUFFIXES and not file.is_dir()):
        if not file.is_file():
            raise InputError(f"no such file: {file}", hint="give run:<id>, a run's folder, or a file with answers")
        if file.suffix.lower() not in SUFFIXES:
            raise InputError(f"{file} holds no answers that can be read", hint=f"answers come as {', '.join(SUFFIXES)}")
        return _bare(config, into) if file.suffix == ".jsonl" and recognise(file) is None else _brought(config, into)
    source = RunDir.open(config.run, root=into.root)
    into.link(predictions=source.id)
    if not (file := source.path / source.manifest.outputs.get("predictions", PREDICTIONS)).is_file():
        raise RunError(f"{source.path} holds no predictions", hint="give a run of `ocrtune evaluate`")
    protocol = read_estimates(source.path)[0].protocol if (source.path / ESTIMATE).exists() else {}
    made = {k: v for k, v in protocol.items() if k not in OWN_PROTOCOL}
    dialect = config.dialect or str(_options(source).get("dialect") or protocol.get("dialect", "plain"))
    scoring = config.model_copy(update={"benchmark": config.benchmark or protocol.get("benchmark")})
    samples = linked(config.data, config.split, chosen(scoring), into) if config.data else read_samples(source)
    return _Stored(file.resolve(), samples, read_predictions(file), dialect, {**made, "dialect": dialect})


def _bare(config: Config, into: RunDir) -> _Stored:
    file = Path(config.run)
    if config.data is None:
        raise InputError(f"{file} does not say what it is about", hint="add --data <dataset> and --split <name>")
    into.link(predictions=str(file.resolve()))
    benchmark = chosen(config)
    samples = linked(config.data, config.split, benchmark, into)
    dialect = config.dialect or (benchmark.dialect if benchmark else "plain")
    return _Stored(file.resolve(), samples, read_predictions(file), dialect, {})


def _brought(config: Config, into: RunDir) -> _Stored:
    """Answers that another program published."""
    place, benchmark = Path(config.run), chosen(config)
    into.link(predictions=str(place.resolve()))
    known = linked(config.data, config.split, benchmark, into) if config.data else None
    if place.is_file():
        found = bring(place, benchmark, known, into)
    elif known is None:
        raise InputError(
            f"the Markdown in {place} does not say what it is about", hint="add --data, and --benchmark for its rules"
        )
    else:
        found = bring_folder(place, known, into)
    dialect = config.dialect or (benchmark.dialect if benchmark else "plain" if place.is_file() else "markdown")
    return _Stored(into.path / PREDICTIONS, found.samples, found.predictions, dialect, found.protocol, found)


def _options(run: RunDir) -> dict[str, Any]:
    file = run.path / "config.yaml"
    return read_yaml(file) if file.exists() else {}


def decode(prediction: Prediction, dialect: Dialect) -> Decoded:
    """The reply through its dialect; nothing at all for a failed request."""
    if prediction.text is None:
        return Decoded()
    return dialect.decode(prediction.text, sees=prediction.sees[0] if prediction.sees else None)
