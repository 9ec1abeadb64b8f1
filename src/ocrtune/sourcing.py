"""What names on a command line stand for: files and folders, each with the source that reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from ocrtune.config import closest
from ocrtune.contracts import Rejected, Source
from ocrtune.errors import InputError
from ocrtune.plugins import SOURCES

READABLE = frozenset({".pdf", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".xml"})


class Job(NamedTuple):
    """One file or folder for one source. `key` changes when the file does."""

    key: str
    source: str
    path: Path


class Plan(NamedTuple):
    """What will be read, and what was found but cannot be."""

    jobs: list[Job]
    rejected: list[Rejected]
    ignored: Counter[str]


def find_jobs(names: Sequence[str], resolve: Callable[[str], Path] = Path, *, own: Iterable[Path] = ()) -> Plan:
    """What `names` stand for, in order; folders `own` hold results and are no sources.

    Raises InputError for names that match nothing.
    """
    readers = {name: SOURCES.get(name)() for name in SOURCES.names()}
    plan = Plan([], [], Counter())
    left_out = {folder.resolve() for folder in own}
    for name in names:
        for path in _paths(name, resolve(name)):
            _find(path, readers, plan, own=left_out)
    plan.jobs[:] = dict.fromkeys(plan.jobs)
    return plan


def job(source: str, path: Path) -> Job:
    state = path.stat()
    return Job(f"{source}:{path}:{state.st_size if path.is_file() else 0}:{state.st_mtime_ns}", source, path)


def _paths(name: str, path: Path) -> list[Path]:
    if path.exists():
        return [path]
    if any(mark in name for mark in "*?["):
        anchor = Path(path.anchor or ".")
        found = sorted(anchor.glob(str(path.relative_to(anchor) if path.anchor else path)))
        if found:
            return found
        raise InputError(f"no file matches {name!r}", hint="quote the pattern and check the folder it starts from")
    near = closest(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else f"; there is no {path.parent}"
    raise InputError(f"no such file or folder: {path}{near}", hint="sources are files, folders, 'globs' or run:<id>")


def _find(path: Path, readers: Mapping[str, Source], plan: Plan, *, own: Set[Path], asked: bool = True) -> None:
    """Folders are asked as a whole first; files that their owner does not cover, and folders
    below, are looked at one by one, except `own` folders."""
    owners = [name for name, reader in readers.items() if reader.claims(path)]
    if path.is_dir():
        plan.jobs.extend(job(name, path) for name in owners)
        for child in sorted(path.iterdir()):
            covered = child.is_file() and any(readers[name].claims(child) for name in owners)
            if not child.name.startswith(".") and not covered and child.resolve() not in own:
                _find(child, readers, plan, own=own, asked=False)
    elif owners:
        plan.jobs.append(job(owners[0], path))
    elif path.suffix.lower() in READABLE and path.stat().st_size == 0:
        plan.rejected.append(Rejected(str(path), "the file is empty (0 bytes)"))
    elif asked:
        plan.rejected.append(Rejected(str(path), f"none of the sources reads it ({', '.join(readers)})"))
    else:
        plan.ignored[path.suffix.lower() or path.name] += 1
