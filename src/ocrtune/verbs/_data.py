"""The samples that the options name: of a dataset, or of a public benchmark on this disk or at the hub."""

from __future__ import annotations

from ocrtune.contracts import Benchmark
from ocrtune.core import Sample
from ocrtune.options import Hub
from ocrtune.runs import RunDir
from ocrtune.sampling import load_split

HUB = "hub"


def loaded(data: str, split: str, benchmark: Benchmark | None, run: RunDir) -> list[Sample]:
    """What `data` names: a place, `run:<id>`, or for a benchmark `hub` or `hub@<revision>`, too. Raises InputError.

    A run that was begun with a commit of the hub goes on with it: answers to different revisions never mix.
    """
    if benchmark is not None and (hub := _hub(data)) is not None:
        name, _, commit = run.manifest.inputs.get("data", "").partition("@")
        return benchmark.load(Hub(commit) if commit and name == benchmark.hub else hub)
    place = run.resolve(data, "dataset")
    return load_split(place, split) if benchmark is None else benchmark.load(place)


def linked(data: str, split: str, benchmark: Benchmark | None, into: RunDir) -> list[Sample]:
    """The same, and the run `into` records what it was made from."""
    if benchmark is None or _hub(data) is None:
        into.link(data=data)
        return loaded(data, split, benchmark, into)
    samples = loaded(data, split, benchmark, into)
    if samples and (commit := samples[0].tags.get("revision", "")):
        into.link(data=f"{benchmark.hub}@{commit}")
    return samples


def _hub(data: str) -> Hub | None:
    """`hub`, or `hub@` and a branch, tag or commit; None for anything else."""
    name, at, revision = data.partition("@")
    return Hub(revision or None) if name == HUB and bool(at) == bool(revision) else None
