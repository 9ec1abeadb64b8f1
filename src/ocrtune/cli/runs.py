"""`ocrtune runs list|show|tree|gc`: the runs on disk, where they came from, and which of them may go."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from pydantic import Field

from ocrtune.cli.command import serve
from ocrtune.cli.console import print_json, table, tint
from ocrtune.cli.face import Face
from ocrtune.cli.flags import complain
from ocrtune.config import Section, closest
from ocrtune.errors import ConfigError
from ocrtune.runs import RunDir

COLOURS = {"done": 32, "partial": 33, "running": 36, "stopped": 33, "failed": 31}
AGE = re.compile(r"(\d+)\s*([smhdw])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class ListOptions(Section):
    """Which runs."""

    verb: str | None = Field(None, description="only runs of this verb")
    status: str | None = Field(None, description="only runs with this status: done, partial, running, stopped, failed")


class ShowOptions(Section):
    """Which run."""

    run: str = Field(description="run id (its beginning is enough) or folder")


class TreeOptions(Section):
    """All runs, by descent."""


class GcOptions(Section):
    """Which unfinished runs may go."""

    yes: bool = Field(False, description="remove without asking")
    keep_last: int = Field(0, ge=0, description="keep this many of the newest that could go")
    older_than: str | None = Field(None, description="only runs that ended longer ago than this: 12h, 7d, 2w")


def command(argv: list[str]) -> int:
    """One of the actions; `list` when none is named."""
    name = argv[0] if argv and not argv[0].startswith("-") else "list"
    rest = argv[1:] if argv and argv[0] == name else argv
    if name not in ACTIONS:
        raise ConfigError(f"there is no `runs {name}`{closest(name, list(ACTIONS))}", hint=f"runs {'|'.join(ACTIONS)}")
    return ACTIONS[name](rest)


def _list(options: ListOptions, face: Face) -> None:
    """List all runs, oldest first. (Also: `runs show RUN`, `runs tree`, `runs gc`.)

    Examples:
      ocrtune runs list
      ocrtune runs list --verb train --status done --json
    """
    runs = [
        run
        for run in RunDir.every(face.root)
        if options.verb in (None, run.manifest.verb) and options.status in (None, run.status)
    ]
    if face.as_json:
        print_json([_record(run) for run in runs])
    elif not runs:
        print(f"no runs under {face.root}")
    else:
        rows = [(r.id, r.status, f"{r.manifest.started:%Y-%m-%d %H:%M}", _took(r), ", ".join(r.manifest.outputs)) for r in runs]
        print(table(("run", "status", "started (UTC)", "took", "made"), rows))


def _show(options: ShowOptions, face: Face) -> None:
    """Show one run: what it was asked, what it was made from, what it made, how it ended.

    Examples:
      ocrtune runs show train-3f2a
      ocrtune runs show runs/train-3f2a9c41 --json
    """
    run = _open(options.run, face)
    if face.as_json:
        print_json(_record(run))
        return
    manifest = run.manifest
    rows = [("run", run.id), ("folder", str(run.path)), ("verb", manifest.verb), ("status", run.status), ("took", _took(run))]
    rows += [("message", manifest.message)] if manifest.message else []
    rows += [(f"input {role}", name) for role, name in manifest.inputs.items()]
    rows += [(f"output {role}", str(run.path / name)) for role, name in manifest.outputs.items()]
    rows += [(f"version {name}", number) for name, number in manifest.versions.items()]
    print(table(("what", ""), rows))
    print("\n" + (run.path / "config.yaml").read_text("utf-8").rstrip())


def _tree(options: TreeOptions, face: Face) -> None:
    """Show which run was made from which. A run made from several stands under the youngest of them.

    Examples:
      ocrtune runs tree
    """
    runs = {run.id: run for run in RunDir.every(face.root)}
    order = {name: position for position, name in enumerate(runs)}
    parents = {
        name: sorted((p for p in _parents(run, runs) if order[p] < order[name]), key=order.__getitem__)
        for name, run in runs.items()
    }
    if face.as_json:
        print_json(parents)
        return
    for name in runs:
        if not parents[name]:
            print("\n".join(_branch(name, runs, parents, 0)))


def _gc(options: GcOptions, face: Face) -> None:
    """Remove failed and stopped runs that no other run was made from. Finished runs are never touched.

    Examples:
      ocrtune runs gc
      ocrtune runs gc --older-than 7d --keep-last 3 --yes
    """
    leaving = _removable(options, face)
    if not leaving:
        print("nothing to remove")
        return
    for run in leaving:
        print(f"{run.id}  {run.status}  {run.manifest.message or ''}".rstrip())
    if not options.yes and not _confirmed(len(leaving)):
        print("kept everything")
        return
    for run in leaving:
        shutil.rmtree(run.path)
    print(f"removed {len(leaving)} run{'s' * (len(leaving) > 1)}")


def _removable(options: GcOptions, face: Face) -> list[RunDir]:
    runs = RunDir.every(face.root)
    by_id = {run.id: run for run in runs}
    needed = {parent for run in runs for parent in _parents(run, by_id) if parent != run.id}
    before = datetime.now(UTC) - (_age(options.older_than) if options.older_than else timedelta())
    able = [run for run in runs if run.status in ("failed", "stopped") and run.id not in needed and _ended(run) <= before]
    return able[: len(able) - options.keep_last] if options.keep_last else able


def _confirmed(count: int) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError(f"{count} runs could go, but nobody is here to ask", hint="add --yes to remove them")
    return input(f"remove {count}? [y/N] ").strip().lower() in ("y", "yes")


def _parents(run: RunDir, runs: Mapping[str, RunDir]) -> list[str]:
    """Ids of the runs among the inputs of `run`, which name them as `run:<id>`, a bare id or a path inside one."""
    found = []
    for name in run.manifest.inputs.values():
        wanted = name.removeprefix("run:")
        parts = wanted.replace("\\", "/").split("/")
        match = next((part for part in parts if part in runs), None)
        if match is None and name.startswith("run:"):
            match = next((other for other in runs if other.startswith(wanted)), None)
        if match is not None and match not in found:
            found.append(match)
    return found


def _branch(name: str, runs: Mapping[str, RunDir], parents: Mapping[str, list[str]], depth: int) -> Iterator[str]:
    """Lines for a run and all below it. Parents are older than their children, so this ends."""
    also = f"  (also from {', '.join(parents[name][:-1])})" if len(parents[name]) > 1 else ""
    status = runs[name].status
    yield "   " * depth + ("└─ " if depth else "") + f"{name}  {tint(status, COLOURS[status])}{also}"
    for child in runs:
        if parents[child] and parents[child][-1] == name:
            yield from _branch(child, runs, parents, depth + 1)


def _open(name: str, face: Face) -> RunDir:
    if name.startswith("run:") or "/" in name:
        return RunDir.open(name, root=face.root)
    return RunDir.open(f"run:{name}", root=face.root)


def _record(run: RunDir) -> dict[str, object]:
    return {**run.manifest.model_dump(mode="json"), "status": run.status, "path": str(run.path)}


def _ended(run: RunDir) -> datetime:
    return run.manifest.finished or run.manifest.started


def _took(run: RunDir) -> str:
    """How long a finished run took; nothing is known of one that was killed."""
    if run.manifest.finished is None:
        return "-"
    seconds = int((run.manifest.finished - run.manifest.started).total_seconds())
    return str(timedelta(seconds=seconds))


def _age(text: str) -> timedelta:
    found = AGE.fullmatch(text.strip())
    if not found:
        raise complain([f"older_than: must look like 12h, 7d or 2w, got {text!r}"])
    return timedelta(**{UNITS[found[2]]: int(found[1])})


ACTIONS: dict[str, Callable[[list[str]], int]] = {
    "list": lambda argv: serve("runs list", ListOptions, _list, argv),
    "show": lambda argv: serve("runs show", ShowOptions, _show, argv),
    "tree": lambda argv: serve("runs tree", TreeOptions, _tree, argv),
    "gc": lambda argv: serve("runs gc", GcOptions, _gc, argv),
}
