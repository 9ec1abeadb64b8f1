"""Hugging Face datasets on disk, read with pyarrow alone: folders of `save_to_disk`, and Parquet with pictures inside.

A saved dataset is a folder with `state.json` (its Arrow stream files in order) and `dataset_info.json`; a `DatasetDict` is a
folder of such folders. Pictures are structs {bytes, path}, or bare binary columns.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import TextTarget
from ocrtune.errors import InputError
from ocrtune.options import SourceOptions
from ocrtune.sources.records import (
    GROUP_KEYS,
    QUERY_KEYS,
    REPLY_KEYS,
    TEXT_KEYS,
    Record,
    document_of,
    first,
    image_file,
    parquet_schema,
    read_records,
    single_image,
    spool,
    tags_of,
    text_of,
)

STATE = "state.json"


class HuggingFace:
    """One sample per row with a picture and a text column; rows with the same picture are one
    document unless a group column says otherwise."""

    name = "hf"

    def claims(self, path: Path) -> bool:
        if path.is_dir():
            return (path / STATE).is_file() and any(path.glob("*.arrow"))
        if path.suffix.lower() == ".arrow" or path.name in (STATE, "dataset_info.json"):
            return path.suffix.lower() == ".arrow" and (path.parent / STATE).is_file()
        schema = parquet_schema(path) if path.suffix.lower() == ".parquet" and path.is_file() else None
        return schema is not None and _picture_column(schema) is not None

    def read(self, path: Path, options: SourceOptions) -> Iterator[Draft | Rejected]:
        with spool() as keep:
            split = {"split": path.name} if path.is_dir() and (path.parent / "dataset_dict.json").is_file() else {}
            base = path if path.is_dir() else path.parent
            column = None
            for record in _rows(path):
                if isinstance(record, Rejected):
                    yield record
                    continue
                column = column or _picture_field(record.fields)
                yield _draft(record, column, base, keep, split)


def _picture_column(schema: Any) -> str | None:
    return next((str(f.name) for f in schema if str(f.type).startswith(("struct<bytes: binary", "binary", "large_binary"))), None)


def _picture_field(fields: Mapping[str, Any]) -> str | None:
    """The column with pictures, judged by the values of a row."""
    inside = (k for k, v in fields.items() if isinstance(v, bytes) or (isinstance(v, Mapping) and "bytes" in v))
    return next(inside, None) or first(fields, ("image", "images", "img", "picture", "page_image", "image_path", "file_name"))


def _rows(path: Path) -> Iterator[Record | Rejected]:
    if path.suffix.lower() == ".parquet":
        yield from read_records(path)
    elif path.is_dir():
        try:
            names = [str(entry["filename"]) for entry in json.loads((path / STATE).read_text("utf-8"))["_data_files"]]
        except (OSError, ValueError, KeyError, TypeError) as cause:
            yield Rejected(str(path / STATE), f"not the state of a saved dataset ({cause})")
            return
        for name in names:
            yield from _arrow_rows(path / name)
    else:
        yield from _arrow_rows(path)


def _arrow_rows(file: Path) -> Iterator[Record | Rejected]:
    """Rows of an Arrow stream file, a few at a time: memory holds one slice."""
    import pyarrow
    import pyarrow.ipc

    numbers = itertools.count(1)
    try:
        with pyarrow.memory_map(str(file)) as mapped, pyarrow.ipc.open_stream(mapped) as stream:
            for batch in stream:
                for start in range(0, batch.num_rows, 32):
                    for row in batch.slice(start, 32).to_pylist():
                        yield Record(f"{file} row {next(numbers)}", row)
    except (pyarrow.ArrowException, OSError) as cause:
        yield Rejected(str(file), f"not an Arrow file, or a broken one ({cause})")


def _draft(
    record: Record, column: str | None, folder: Path, spool: Callable[[bytes], Path], split: Mapping[str, str]
) -> Draft | Rejected:
    fields = record.fields
    names = {str(name).lower() for name in fields}
    asks = bool(names & set(QUERY_KEYS) and names & set(REPLY_KEYS))
    text = first(fields, (*REPLY_KEYS, *TEXT_KEYS) if asks else (*TEXT_KEYS, *REPLY_KEYS))
    label = text_of(fields[text]) if text and text != column else None
    if label is None or not label.strip():
        return Rejected(record.where, f"an image without a label; the columns are {', '.join(map(str, fields))}")
    if column is None:
        return Rejected(record.where, f"a label without an image; the columns are {', '.join(map(str, fields))}")
    try:
        file = image_file(single_image(fields[column]), folder, spool)
    except InputError as cause:
        return Rejected(record.where, str(cause))
    named = first(fields, tuple(k for k in GROUP_KEYS if k not in (text, column)))
    group = str(fields[named]) if named else document_of(single_image(fields[column]), file)
    asked = first(fields, QUERY_KEYS) if asks else None
    return Draft(file, TextTarget(text=label), group, record.where, question=str(fields[asked]) if asked else None,
                 tags={**split, **tags_of(fields)})  # fmt: skip
