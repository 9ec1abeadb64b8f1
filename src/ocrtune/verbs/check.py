"""Look over labelled data before anything is made of it: broken boxes, missing pictures, odd units.

Nothing is written. `prepare` names the same defects while it reads; this answers sooner and in one place. With --strict the
exit code says whether anything was found.

Examples:
  ocrtune check annotations/
  ocrtune check train.jsonl boxes/*.xml --strict
  ocrtune check data/receipts --strict --allow one-box-per-picture,no-objects
  ocrtune check run:prepare-1a2b3c4d
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field
from tqdm import tqdm

from ocrtune.config import Names
from ocrtune.contracts import Draft, Rejected
from ocrtune.core import Noun
from ocrtune.errors import InputError
from ocrtune.labelling import Finding, LabelReport, Tally
from ocrtune.options import SourceOptions
from ocrtune.plugins import SOURCES
from ocrtune.runs import RunDir
from ocrtune.sourcing import find_jobs

LISTED = 5


class Config(SourceOptions):
    """What is looked over."""

    sources: Names = Field(min_length=1, description="files, folders, globs or run:<id> of any kind that `ocrtune` reads")
    strict: bool = Field(False, description="fail when there is any defect or a record that cannot be read")
    allow: tuple[str, ...] = Field((), description="kinds of defects that --strict lets pass, e.g. one-box-per-picture")


class Refusal(Noun):
    """Records that cannot become samples for one reason, which holds `where` first."""

    why: str
    count: int
    where: str


class Checked(Noun):
    """`usable` records would become samples; `rejected` would not, by reason."""

    usable: int
    by_source: dict[str, int]
    labels: LabelReport
    rejected: tuple[Refusal, ...] = ()
    ignored_files: dict[str, int] = {}

    def __str__(self) -> str:
        read = ", ".join(f"{name} {count}" for name, count in self.by_source.items()) or "none"
        lines = [f"{self.usable} usable records ({read}), {sum(r.count for r in self.rejected)} that are not"]
        lines += [f"- {r.count} × {r.why}\n    {r.where}" for r in self.rejected[:LISTED]]
        if len(self.rejected) > LISTED:
            lines.append(f"- {sum(r.count for r in self.rejected[LISTED:])} for {len(self.rejected) - LISTED} other reasons")
        if self.ignored_files:
            lines.append("not read: " + ", ".join(f"{count} {suffix}" for suffix, count in self.ignored_files.items()))
        return "\n".join([*lines, "", str(self.labels)])


def run(config: Config, *, runs: Path = Path("runs")) -> Checked:
    """Read everything and tell. `runs` is where `run:<id>` is looked for. Raises InputError with `strict` when something was
    found."""
    plan = find_jobs(config.sources, lambda name: _path(name, runs))
    options = SourceOptions(**{name: getattr(config, name) for name in SourceOptions.model_fields})
    tally, usable, rejected = Tally(), Counter[str](), list(plan.rejected)
    for job in tqdm(plan.jobs, desc="check", unit="source", mininterval=0.5):
        for record in SOURCES.get(job.source)().read(job.path, options):
            target = record.target if isinstance(record, Draft) else None
            tally.add(record.where, problems=record.problems, labels=record.labels, target=target, picture=_picture(record))
            if isinstance(record, Draft):
                usable[job.source] += 1
            else:
                rejected.append(record)
    checked = Checked(
        usable=usable.total(),
        by_source=dict(usable),
        labels=tally.report(),
        rejected=tuple(_reasons(rejected)),
        ignored_files=dict(plan.ignored.most_common(LISTED)),
    )
    if config.strict:
        _refuse(checked, config.allow)
    return checked


def _path(name: str, runs: Path) -> Path:
    return RunDir.open(name, root=runs).resolve(name, "dataset") if name.startswith("run:") else Path(name)


def _picture(record: Draft | Rejected) -> str | None:
    """What tells pictures apart: the file, or the record where the picture is no file."""
    return str(record.image) if isinstance(record, Draft) and isinstance(record.image, Path) else None


def _reasons(rejected: Sequence[Rejected]) -> list[Refusal]:
    """Reasons without the names in them, commonest first."""
    groups: dict[str, list[Rejected]] = {}
    for record in rejected:
        groups.setdefault(record.why.partition(": ")[0], []).append(record)
    found = [Refusal(why=why, count=len(some), where=f"{some[0].where}: {some[0].why}") for why, some in groups.items()]
    return sorted(found, key=lambda refusal: -refusal.count)


def _refuse(checked: Checked, allow: Sequence[str]) -> None:
    found: list[Finding] = [finding for finding in checked.labels.findings if finding.kind not in allow]
    told = [finding.kind for finding in found] + (["rejected records"] if checked.rejected else [])
    if told:
        raise InputError(
            f"{checked}\n\nfound: {', '.join(told)}", hint="without --strict this is a report; --allow lets kinds pass"
        )
    if checked.usable == 0:
        raise InputError(f"{checked}\n\nnothing usable", hint="check the paths; `ocrtune plugins` lists the sources")
