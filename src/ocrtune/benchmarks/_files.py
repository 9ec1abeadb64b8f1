"""The forms in which benchmarks are published: Parquet of the hub, original JSON, VLMEvalKit's TSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ocrtune.errors import InputError, extra

SUFFIXES = (".parquet", ".json", ".jsonl", ".tsv", ".csv")
MAX_FIELD = 1 << 27  # characters in one cell: a page as base64 has about 10⁷

Fields = Mapping[str, Any]


class Origin(NamedTuple):
    """Where a benchmark's rows are: a dataset at Hugging Face, its configuration and split; `patterns` are the files of it that
    are needed where they are not the split's Parquet; `files` are the names that its authors give the data elsewhere."""

    hub: str
    split: str = "test"
    config: str | None = None
    revision: str | None = None
    patterns: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def wanted(self) -> list[str]:
        return list(self.patterns) or [f"{self.config}/*{self.split}*.parquet" if self.config else f"*{self.split}*.parquet"]


def fetched(origin: Origin, revision: str | None = None) -> Path:
    """The folder of the dataset in the hub's cache, called by its commit, downloaded as far as it is not there. `revision` is a
    branch, tag or commit in place of the origin's. Raises InputError."""
    with extra("scores"):
        from huggingface_hub import snapshot_download
    asked = revision or origin.revision
    try:
        return Path(snapshot_download(origin.hub, repo_type="dataset", revision=asked, allow_patterns=origin.wanted))
    except Exception as cause:  # what it raises besides its own depends on the HTTP library that its version uses
        raise _lost(origin.hub, asked, cause) from cause


def _lost(hub: str, revision: str | None, cause: Exception) -> InputError:
    """What to do about a dataset that the hub does not give."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    where = f"{constants.ENDPOINT}/datasets/{hub}"
    if isinstance(cause, GatedRepoError):
        return InputError(f"{where} has terms of use that you have not accepted",
                          hint="accept them on that page, then `hf auth login` with a token of the same account")  # fmt: skip
    if isinstance(cause, RevisionNotFoundError):
        return InputError(f"{where} has no revision {revision!r}", hint="give a branch, a tag or a whole commit: hub@main")
    if isinstance(cause, RepositoryNotFoundError):
        return InputError(f"{where} is not there, or not for everybody",
                          hint="`hf auth login` if it is private; a mirror ($HF_ENDPOINT) may not have it")  # fmt: skip
    said = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
    return InputError(
        f"the dataset {hub} cannot be fetched from {constants.ENDPOINT}: {said}",
        hint="the same command goes on with what is there; without a network, copy its files here and give their folder instead",
    )


def data_files(place: Path, origin: Origin) -> list[Path]:
    """The data files at a local place: the file itself, or those of a folder. Raises InputError where it is not clear."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise InputError(f"no such file or folder: {place}", hint="give the benchmark's data file or folder, or `hub`")
    if parquet := _of_split(sorted(place.rglob("*.parquet")), origin):
        return parquet
    for name in origin.files:
        if found := sorted(place.rglob(name), key=lambda file: (len(file.parts), file.name)):
            return found[:1]
    there = sorted(file for file in place.iterdir() if file.suffix.lower() in SUFFIXES)
    if len(there) != 1:
        names = ", ".join(file.name for file in there[:5]) or "none"
        raise InputError(
            f"{place} should hold one data file of {origin.hub} ({', '.join(SUFFIXES)}); there are: {names}",
            hint="give the file itself",
        )
    return there


def _of_split(files: list[Path], origin: Origin) -> list[Path]:
    """Those of the configuration and the split, as far as the names tell."""
    if origin.config:
        files = [file for file in files if origin.config in file.parts] or files
    return [file for file in files if file.name.startswith(origin.split)] or files


def read_rows(file: Path) -> Iterator[Fields]:
    """The rows of one file, in order. Raises InputError naming the line."""
    suffix = file.suffix.lower()
    reader = {".parquet": _parquet, ".json": _json, ".jsonl": _jsonl, ".tsv": _table, ".csv": _table}.get(suffix)
    if reader is None:
        raise InputError(f"{file}: benchmarks are read from {', '.join(SUFFIXES)}")
    try:
        yield from reader(file)
    except (OSError, UnicodeDecodeError) as cause:
        raise InputError(f"{file} cannot be read ({cause})") from cause


def _parquet(file: Path) -> Iterator[Fields]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as opened:
            for batch in opened.iter_batches(batch_size=32):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as cause:
        raise InputError(f"{file} is no Parquet file, or a broken one ({cause})") from cause


def _json(file: Path) -> Iterator[Fields]:
    """A list of objects, or an object whose only list (under whatever name) holds them."""
    text = file.read_text("utf-8-sig")
    try:
        value = json.loads(text)
    except ValueError as cause:
        if "\n{" in text.strip():  # JSON lines under another name
            yield from _jsonl(file)
            return
        raise InputError(f"{file}: not JSON ({cause})") from cause
    if isinstance(value, dict):
        value = next((inner for inner in value.values() if isinstance(inner, list)), [value])
    yield from _objects(value, file)


def _objects(value: Any, file: Path) -> Iterator[Fields]:
    for number, row in enumerate(value if isinstance(value, list) else [], start=1):
        if not isinstance(row, dict):
            raise InputError(f"{file} entry {number}: a row must be an object, not {type(row).__name__}")
        yield row


def _jsonl(file: Path) -> Iterator[Fields]:
    with file.open(encoding="utf-8-sig", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as cause:
                raise InputError(f"{file} line {number}: not JSON ({cause})") from cause
            yield from _objects([row], file)


def _table(file: Path) -> Iterator[Fields]:
    csv.field_size_limit(MAX_FIELD)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t" if file.suffix.lower() == ".tsv" else ",")
        for row in rows:
            if None in row or None in row.values():
                raise InputError(f"{file} line {rows.line_num}: the row does not have the columns of the header")
            yield row
