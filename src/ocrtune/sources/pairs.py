"""Image + text pairs in JSON, JSONL, CSV, TSV and Parquet, under the usual column names.

Among them are exactly `[{"img_path", "ocr_results"}]` and `[{"image_path", "ocr_text"}]`. Paths are relative to the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import TextTarget
from ocrtune.errors import InputError
from ocrtune.options import SourceOptions
from ocrtune.sources.records import (
    GROUP_KEYS,
    IMAGE_KEYS,
    TEXT_KEYS,
    Record,
    column_names,
    document_of,
    first,
    image_file,
    looks_like_pairs,
    parquet_schema,
    read_records,
    single_image,
    spool,
    tags_of,
    text_of,
)


class Pairs:
    """One image and its text per record; `group` (or document, doc_id …) and tag columns are optional."""

    name = "pairs"

    def claims(self, path: Path) -> bool:
        return looks_like_pairs(column_names(path)) and not _holds_pictures(path)

    def read(self, path: Path, options: SourceOptions) -> Iterator[Draft | Rejected]:
        with spool() as keep:
            for record in read_records(path):
                yield record if isinstance(record, Rejected) else pair(record, path.parent, keep)


def _holds_pictures(path: Path) -> bool:
    """Parquet with the pictures inside belongs to `hf`."""
    schema = parquet_schema(path) if path.suffix.lower() == ".parquet" else None
    return schema is not None and any(str(field.type).startswith(("struct<bytes", "binary")) for field in schema)


def pair(record: Record, folder: Path, spool: Callable[[bytes], Path]) -> Draft | Rejected:
    """The draft of one record, or why there is none."""
    image, text = first(record.fields, IMAGE_KEYS), first(record.fields, TEXT_KEYS)
    if image is None:
        return Rejected(record.where, "a label without an image: no column " + ", ".join(IMAGE_KEYS[:4]) + " … has a value")
    label = text_of(record.fields[text]) if text else None
    if label is None or not label.strip():
        return Rejected(record.where, "an image without a label: no column " + ", ".join(TEXT_KEYS[:4]) + " … holds text")
    try:
        file = image_file(single_image(record.fields[image]), folder, spool)
    except InputError as cause:
        return Rejected(record.where, str(cause))
    group = first(record.fields, tuple(k for k in GROUP_KEYS if k not in (image, text)))
    name = str(record.fields[group]) if group else document_of(single_image(record.fields[image]), file)
    return Draft(file, TextTarget(text=label), name, record.where, tags=tags_of(record.fields))
