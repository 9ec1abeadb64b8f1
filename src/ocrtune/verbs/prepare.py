"""Turn PDFs, images and labels into a dataset with leak-free splits.

Examples:
  ocrtune prepare invoices/ --unit line --val 0.1 --test 0.1
  ocrtune prepare 'scans/*.pdf' labels.jsonl --into data/bills --max-chars 2000
  ocrtune prepare run:synth-1a2b3c4d --unit line --test 500 --leaks drop
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator
from tqdm import tqdm

from ocrtune import inventory
from ocrtune.config import Names
from ocrtune.contracts import Draft, Rejected
from ocrtune.core import ImageRef, Noun, Problem, RegionsTarget, Sample, Size, Target, target_text
from ocrtune.errors import InputError
from ocrtune.imaging import open_image, perceptual_hash, sha256, store_image
from ocrtune.labelling import LabelReport, Tally
from ocrtune.models import family_for, model_ref
from ocrtune.options import SourceOptions
from ocrtune.plugins import FAMILIES, SOURCES
from ocrtune.runs import RunDir, read_lines
from ocrtune.sampling import (
    DatasetManifest,
    Filters,
    Hashed,
    LeakReport,
    Shares,
    count_split,
    drop_duplicates,
    far_off,
    find_leaks,
    leak_report,
    split_groups,
)
from ocrtune.sourcing import Job, Plan, find_jobs

log = logging.getLogger("ocrtune")
JOURNAL = "journal.jsonl"


class Options(SourceOptions):
    """How a dataset is made of its sources. The same filters apply to all splits."""

    val: float = Field(0.1, ge=0, description="validation split: below 1 a share of the samples, from 1 on their number")
    test: float = Field(0.1, ge=0, description="test split: below 1 a share of the samples, from 1 on their number")
    seed: int = Field(0, description="decides which documents go to which split")
    group_by: str = Field("document", description='what stays in one split: "document", "sample", or the name of a tag')
    min_chars: int = Field(1, ge=0, description="shortest text kept, characters")
    max_chars: int | None = Field(None, ge=1, description="longest text kept, characters")
    max_pixels: int | None = Field(None, ge=1, description="largest picture kept, pixels")
    drop_duplicates: bool = Field(True, description="keep one of several samples with the same picture and text")
    leaks: Literal["report", "drop"] = Field(
        "report", description="near-duplicates across splits: list them, or drop the one that is not held out"
    )
    tags: dict[str, str] = Field({}, description="tags for all samples, e.g. language: ru")
    model: str | None = Field(None, description="checkpoint whose visual tokens are counted; 28×28 pixels a token when absent")
    family: str | None = Field(None, description="how to load that model; found by itself when absent")
    strict: bool = Field(False, description="stop at the first bad record instead of listing it")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, share in (("val", self.val), ("test", self.test)):
            if share >= 1 and share != int(share):
                raise ValueError(f"{name}: give a share below 1 or a whole number of samples, not {share:g}")
        if (self.val if self.val < 1 else 0) + (self.test if self.test < 1 else 0) >= 1:
            raise ValueError(f"val {self.val:g} and test {self.test:g} leave nothing to train on")
        if self.max_chars is not None and self.max_chars < self.min_chars:
            raise ValueError(f"max_chars {self.max_chars} is below min_chars {self.min_chars}")
        if self.family is not None and self.model is None:
            raise ValueError("family says how to load the model: give model, too")
        return self


class Config(Options):
    """What a dataset is made of, and how."""

    sources: Names = Field(min_length=1, description="files, folders, globs or run:<id>, of any kind that `ocrtune` reads")


class Entry(Noun):
    """One line of the journal: a sample, a rejected or dropped record, or the end of a job. Written after its picture."""

    job: str
    sample: Sample | None = None
    picture: str | None = None
    where: str | None = None
    rejected: str | None = None
    dropped: str | None = None
    problems: tuple[Problem, ...] = ()
    labels: tuple[str, ...] | None = None
    end: bool = False


class Collected(NamedTuple):
    samples: list[Hashed]
    rejected: list[Rejected]
    dropped: Counter[str]
    sources: Counter[str]
    labels: LabelReport


def run(config: Config, into: RunDir) -> DatasetManifest:
    """Read all sources into `into`, split, check for leaks and write the dataset; a second call resumes the first."""
    tokens = _visual_tokens(config, into)  # a model that cannot be loaded is said before anything is read
    plan = find_jobs(config.sources, lambda name: into.resolve(name, "dataset", "documents"), own=(into.path, into.root))
    into.link(**{f"source_{i}": name for i, name in enumerate(config.sources[:20], start=1)})
    for rejected in plan.rejected:
        _refuse_if_strict(config, rejected)
    read_jobs(config, plan.jobs, into)
    collected = collect(config, plan, into)
    splits, leaks = split(config, collected.samples)
    manifest = _manifest(config, splits, collected, leaks)
    _write(splits, manifest, collected, tokens, into)
    _announce(config, manifest, collected.labels, into)
    into.finish("done", dataset=".")
    return manifest


# --- reading --------------------------------------------------------------------------------------------------------------


def read_jobs(config: Config, jobs: Sequence[Job], into: RunDir) -> None:
    """Every record of every job into the journal; records that an interrupted run wrote are skipped, not done again."""
    for cut_short in (into.path / "images").glob(".*"):
        cut_short.unlink()
    known: Counter[str] = Counter()
    ended = set()
    for entry in read_lines(into.path / JOURNAL, Entry):
        known[entry.job] += not entry.end
        if entry.end:
            ended.add(entry.job)
    with tqdm(total=len(jobs), unit="source", desc="prepare", mininterval=0.5) as bar:
        counts = Counter(samples=sum(known[j.key] for j in jobs))
        for job in jobs:
            if job.key not in ended:
                for entry in _read_job(config, job, known[job.key], into):
                    into.append(JOURNAL, entry)
                    counts["samples" if entry.sample else "rejected"] += 1
                    bar.set_postfix(counts, refresh=False)
                    bar.update(0)
                into.append(JOURNAL, Entry(job=job.key, end=True))
            bar.update(1)


def _read_job(config: Config, job: Job, skip: int, into: RunDir) -> Iterator[Entry]:
    options = SourceOptions(**{name: getattr(config, name) for name in SourceOptions.model_fields})
    filters = _filters(config)
    for record in islice(SOURCES.get(job.source)().read(job.path, options), skip, None):
        kept = _keep(record, config, filters, job, into) if isinstance(record, Draft) else record
        if isinstance(kept, Rejected):
            _refuse_if_strict(config, kept)
            kept = Entry(job=job.key, where=kept.where, rejected=kept.why, problems=kept.problems, labels=kept.labels)
        yield kept


def _refuse_if_strict(config: Config, record: Rejected) -> None:
    if config.strict:
        raise InputError(f"{record.where}: {record.why}", hint="without --strict the record is listed and the rest goes on")


def _keep(draft: Draft, config: Config, filters: Filters, job: Job, into: RunDir) -> Entry | Rejected:
    """The draft as a sample with its picture in `images/`, or why not."""
    try:
        content, image = _picture(draft)
    except InputError as cause:
        return Rejected(draft.where, str(cause), draft.problems, draft.labels)
    text = _own_text(draft.target)
    if (filter_name := filters.verdict(text, image.width * image.height)) is not None:
        return Entry(job=job.key, where=draft.where, dropped=filter_name, problems=draft.problems, labels=draft.labels)
    name = store_image(into.path / "images", content)
    tags = {**_script_tag(text), **draft.tags, **config.tags}
    ref = ImageRef(path=f"images/{name}", sha256=sha256(content), width=image.width, height=image.height)
    sample = Sample(id=_sample_id(draft.where), group=draft.group, images=(ref,), task=draft.task, question=draft.question,
                    box=draft.box, target=draft.target, tags=tags)  # fmt: skip
    return Entry(job=job.key, where=draft.where, sample=sample, picture=f"{perceptual_hash(image):016x}",
                 problems=draft.problems, labels=draft.labels)  # fmt: skip


def _own_text(target: Target) -> str | None:
    """What the length filters judge; None for a layout whose regions carry boxes and no text."""
    text = target_text(target)
    return None if text == "" and isinstance(target, RegionsTarget) and target.regions else text


def _picture(draft: Draft) -> tuple[bytes, Any]:
    """The bytes to store and the decoded picture: files are kept as they are, pixels become PNG."""
    if isinstance(draft.image, Path):
        image = open_image(draft.image)  # first: it says why a file cannot be read
        return draft.image.read_bytes(), image
    out = io.BytesIO()
    draft.image.save(out, format="PNG", compress_level=6)
    return out.getvalue(), draft.image


def _script_tag(text: str | None) -> dict[str, str]:
    script = inventory.script_of(text or "")
    return {"script": script} if script else {}


def _sample_id(where: str) -> str:
    return re.sub(r"[^\w.]+", "-", Path(where).name).strip("-")


def _filters(config: Config) -> Filters:
    return Filters(config.min_chars, config.max_chars, config.max_pixels)


# --- splitting ------------------------------------------------------------------------------------------------------------


def collect(config: Config, plan: Plan, into: RunDir) -> Collected:
    """What the journal holds of these jobs, in their order, ids made unique. Raises InputError when no sample is left."""
    by_job: dict[str, list[Entry]] = {job.key: [] for job in plan.jobs}
    for entry in read_lines(into.path / JOURNAL, Entry):
        if entry.job in by_job and not entry.end:
            by_job[entry.job].append(entry)
    entries = [(job, entry) for job in plan.jobs for entry in by_job[job.key]]
    rejected = [*plan.rejected, *(Rejected(e.where or "", e.rejected, e.problems, e.labels) for _, e in entries if e.rejected)]
    tally = Tally()
    for _, entry in entries:
        kept = entry.sample
        target, picture = (kept.target, kept.images[0].sha256) if kept else (None, None)
        tally.add(entry.where or "", problems=entry.problems, labels=entry.labels, target=target, picture=picture)
    dropped = Counter(e.dropped for _, e in entries if e.dropped)
    samples = _unique_ids(Hashed(e.sample, int(e.picture or "0", 16)) for _, e in entries if e.sample)
    sources = Counter(job.source for job, e in entries if e.sample)
    if config.drop_duplicates:
        samples, count = drop_duplicates(samples)
        dropped.update({"duplicates": count} if count else {})
    if not samples:
        raise _nothing_usable(plan, rejected, dropped)
    return Collected(samples, rejected, dropped, sources, tally.report())


def _unique_ids(samples: Iterable[Hashed]) -> list[Hashed]:
    seen: Counter[str] = Counter()
    out = []
    for item in samples:
        name = item.sample.id
        seen[name] += 1
        if seen[name] > 1:
            item = item._replace(sample=item.sample.model_copy(update={"id": f"{name}~{seen[name]}"}))
        out.append(item)
    return out


def _nothing_usable(plan: Plan, rejected: Sequence[Rejected], dropped: Counter[str]) -> InputError:
    reasons = Counter(r.why for r in rejected).most_common(3)
    parts = [f"{count} × {why}" for why, count in reasons] + [f"{count} dropped by {name}" for name, count in dropped.items()]
    if plan.ignored:
        parts.append("files of no known kind: " + ", ".join(f"{count} {suffix}" for suffix, count in plan.ignored.most_common(5)))
    where = f", e.g. {rejected[0].where}" if rejected else ""
    return InputError(
        f"nothing usable in the sources: {'; '.join(parts) or 'they are empty'}{where}",
        hint="give PDFs with a text layer, x.png + x.txt, or a JSON, CSV or Parquet file with image and text columns",
    )


def split(config: Config, samples: Sequence[Hashed]) -> tuple[dict[str, list[Sample]], LeakReport]:
    """The splits, and the proof that they do not leak (or what leaks)."""
    picture = {item.sample.id: item for item in samples}
    splits = split_groups([i.sample for i in samples], Shares(config.val, config.test), seed=config.seed, by=config.group_by)
    hashed = {name: [picture[s.id] for s in members] for name, members in splits.items()}
    leaks = find_leaks(hashed, progress=lambda items: tqdm(items, desc="leak check", unit="sample", leave=False))
    doomed = {leak.other for leak in leaks} if config.leaks == "drop" else set()
    kept = {name: [s for s in members if s.id not in doomed] for name, members in splits.items()}
    return kept, leak_report(leaks, dropped=len(doomed))


# --- writing --------------------------------------------------------------------------------------------------------------


def _manifest(config: Config, splits: dict[str, list[Sample]], collected: Collected, leaks: LeakReport) -> DatasetManifest:
    return DatasetManifest(
        splits={name: count_split(samples) for name, samples in splits.items()},
        seed=config.seed,
        group_by=config.group_by,
        filters=_filters(config).described(),
        dropped=dict(collected.dropped),
        rejected=len(collected.rejected),
        sources=dict(collected.sources),
        leaks=leaks,
        problems={finding.kind: finding.count for finding in collected.labels.findings},
    )


Splits = dict[str, list[Sample]]


def _write(splits: Splits, manifest: DatasetManifest, collected: Collected, tokens: inventory.Tokens,
           into: RunDir) -> None:  # fmt: skip
    for name, samples in splits.items():
        into.write(f"{name}.jsonl", samples)
    rows = [{"where": r.where, "why": r.why} for r in collected.rejected]
    into.write("rejected.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    if collected.labels.objects is not None:
        into.write("labels.md", str(collected.labels) + "\n")
    notes = {"seed": str(manifest.seed), "split by": manifest.group_by, **manifest.filters,
             **{f"dropped by {name}": str(count) for name, count in manifest.dropped.items()}, "rejected": str(manifest.rejected),
             **{f"labels: {kind}": str(count) for kind, count in manifest.problems.items()},
             "exact leaks": str(manifest.leaks.exact), "near leaks": str(manifest.leaks.near)}  # fmt: skip
    into.write("stats.md", inventory.table(splits, tokens, notes))
    into.write("stats.png", inventory.charts(splits, tokens))
    into.write("examples.png", inventory.examples(splits, lambda path: str(into.path / path)))
    into.write("dataset.json", manifest)


def _visual_tokens(config: Config, into: RunDir) -> inventory.Tokens:
    if config.model is None:
        return inventory.patch_tokens
    ref = model_ref(into.resolve(config.model, "model"))
    family = FAMILIES.get(config.family)() if config.family else family_for(ref)
    processor = family.load_processor(ref)
    known: dict[Size, int] = {}

    def count(size: Size) -> int:
        if size not in known:
            known[size] = family.visual_tokens(processor, family.sees(processor, size))
        return known[size]

    return count


def _announce(config: Config, manifest: DatasetManifest, labels: LabelReport, into: RunDir) -> None:
    log.info("filters, the same for all splits: %s", ", ".join(f"{k} {v}" for k, v in manifest.filters.items()))
    for name, count in manifest.dropped.items():
        log.info("dropped by %s: %d", name, count)
    for finding in labels.findings:
        log.warning("labels: %s", finding)
    found = manifest.leaks
    if found.exact + found.near:
        log.warning("%d exact and %d near duplicates across splits (dataset.json lists them)%s", found.exact, found.near,
                    f"; {found.dropped} samples dropped" if found.dropped else "; --leaks drop removes them")  # fmt: skip
    for line in far_off({name: c.samples for name, c in manifest.splits.items()}, Shares(config.val, config.test)):
        log.warning(line)
    splits = ", ".join(f"{name} {c.samples} of {c.groups} documents" for name, c in manifest.splits.items())
    why = into.path / "rejected.jsonl"
    rejected = f"{manifest.rejected} records rejected (why: {why})" if manifest.rejected else "nothing rejected"
    log.info("%s; %s", splits, rejected)
