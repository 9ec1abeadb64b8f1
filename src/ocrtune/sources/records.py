"""Records of JSON, JSONL, CSV, TSV and Parquet files, and what pairs, chats and Hugging Face datasets have in common.

A record is a flat mapping with the place it came from. What cannot be read is a `Rejected` with file and line.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import csv
import itertools
import json
import math
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ocrtune.contracts import Rejected
from ocrtune.errors import InputError
from ocrtune.imaging import sha256

HEAD = 1 << 16  # bytes that decide what a file is
MAX_FIELD = 1 << 27  # characters in one CSV field: a page as base64 has about 10⁷
SUFFIXES = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet"})

IMAGE_KEYS = ("img_path", "image_path", "image", "images", "img", "image_file", "file_name", "filename", "file", "path")
TEXT_KEYS = ("ocr_results", "ocr_text", "text", "transcription", "ground_truth", "gt", "label", "labels", "target",
             "output", "caption", "content")  # fmt: skip
GROUP_KEYS = ("group", "document", "document_id", "doc_id", "doc")
TAG_KEYS = ("language", "lang", "script", "template", "category", "quality", "type", "split")
CHAT_KEYS = ("messages", "conversations", "conversation")
QUERY_KEYS = ("query", "instruction", "question", "prompt", "input", "problem")
REPLY_KEYS = ("response", "output", "answer", "completion", "solution", "answers")


class Record(NamedTuple):
    """One row and where it stands."""

    where: str
    fields: Mapping[str, Any]


def first(fields: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """The first of `keys` (by lower-case name) that the record has with a value."""
    lower = {str(name).lower(): name for name in fields}
    return next((str(lower[k]) for k in keys if k in lower and fields[lower[k]] not in (None, "")), None)


def looks_like_chat(names: set[str]) -> bool:
    """By column names: messages, or a query with its reply."""
    return bool(names & set(CHAT_KEYS)) or bool(names & set(QUERY_KEYS) and names & set(REPLY_KEYS))


def looks_like_pairs(names: set[str]) -> bool:
    return not looks_like_chat(names) and bool(names & set(IMAGE_KEYS) and names & set(TEXT_KEYS))


def column_names(path: Path) -> set[str]:
    """Lower-case names of the columns or keys at the beginning of a data file; empty when it is none."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES or not path.is_file() or path.stat().st_size == 0:
        return set()
    if suffix == ".parquet":
        schema = parquet_schema(path)
        return set() if schema is None else {str(name).lower() for name in schema.names}
    with path.open("rb") as file:
        head = file.read(HEAD).decode("utf-8-sig", errors="replace")
    return _csv_names(head, suffix) if suffix in (".csv", ".tsv") else _json_names(head)


def _csv_names(head: str, suffix: str) -> set[str]:
    """Lines may end in \\n, \\r\\n or, from old spreadsheets, in \\r alone."""
    try:
        cells = next(csv.reader(head.splitlines()[:1], delimiter=_delimiter(suffix, head)), [])
    except csv.Error:
        return set()
    return {cell.strip().lower() for cell in cells}


def _json_names(head: str) -> set[str]:
    body = head.lstrip().removeprefix("[").lstrip()
    try:
        found, _ = json.JSONDecoder().raw_decode(body)
    except (ValueError, RecursionError):
        return {name.lower() for name in re.findall(r'"([A-Za-z_]+)"\s*:', body)}  # the first record is longer than the head
    return {str(name).lower() for name in found} if isinstance(found, dict) else set()


def _delimiter(suffix: str, head: str) -> str:
    line = next(iter(head.splitlines()), "")
    return "\t" if suffix == ".tsv" else max(",;\t", key=line.count)


def parquet_schema(path: Path) -> Any:
    """The Arrow schema of a Parquet file, None when it is broken."""
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_schema(path)
    except (pyarrow.ArrowException, OSError):
        return None


def read_records(path: Path) -> Iterator[Record | Rejected]:
    """All records in file order."""
    suffix = path.suffix.lower()
    if path.stat().st_size == 0:
        yield Rejected(str(path), "the file is empty (0 bytes)")
        return
    if suffix == ".parquet":
        yield from _read_parquet(path)
        return
    reader = {".csv": _read_csv, ".tsv": _read_csv, ".json": _read_json}.get(suffix, _read_jsonl)
    try:
        yield from reader(path)
    except UnicodeDecodeError as cause:
        yield Rejected(str(path), f"not UTF-8 text (byte {cause.start}): save it as UTF-8")


def _read_jsonl(path: Path) -> Iterator[Record | Rejected]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            where = f"{path} line {number}"
            try:
                yield _record(where, json.loads(line))
            except (ValueError, RecursionError) as cause:
                yield Rejected(where, f"not JSON ({cause})")


def _read_json(path: Path) -> Iterator[Record | Rejected]:
    """An array of records, or one record; the records before a broken one are kept. (Several lines of JSONL pass, too.)"""
    text = path.read_text("utf-8-sig")
    decoder, at, number = json.JSONDecoder(), 0, 0
    skip = re.compile(r"[\s,\[]*") if text.lstrip().startswith("[") else re.compile(r"\s*")
    while True:
        at = skip.match(text, at).end()  # type: ignore[union-attr]
        if at >= len(text) or text[at] == "]":
            return
        number += 1
        where = f"{path} line {text.count(chr(10), 0, at) + 1}"
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as cause:
            yield Rejected(where, f"not JSON ({cause}); the rest of the file is not read")
            return
        yield _record(where, value)


def _record(where: str, value: Any) -> Record | Rejected:
    return (
        Record(where, value)
        if isinstance(value, dict)
        else Rejected(where, f"a record must be an object, not {type(value).__name__}")
    )


def _read_csv(path: Path) -> Iterator[Record | Rejected]:
    csv.field_size_limit(MAX_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()  # ends at \n, \r\n or \r
        file.seek(0)
        rows = csv.DictReader(file, delimiter=_delimiter(path.suffix.lower(), header))
        try:
            for row in rows:
                where = f"{path} line {rows.line_num}"
                if None in row or None in row.values():
                    yield Rejected(where, f"the row does not have {len(rows.fieldnames or ())} columns like the header")
                else:
                    yield Record(where, row)
        except csv.Error as cause:
            yield Rejected(f"{path} line {rows.line_num}", f"not a table ({cause}); the rest of the file is not read")


def _read_parquet(path: Path) -> Iterator[Record | Rejected]:
    import pyarrow
    import pyarrow.parquet

    numbers = itertools.count(1)
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=32):
                for row in batch.to_pylist():
                    yield Record(f"{path} row {next(numbers)}", row)
    except (pyarrow.ArrowException, OSError) as cause:
        yield Rejected(str(path), f"not a Parquet file, or a broken one ({cause})")


# --- fields -------------------------------------------------------------------------------------------------------------


def text_of(value: Any) -> str | None:
    """The text of a field: a string, or a list of lines; None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):  # NaN is pandas' empty cell
        return str(value)
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        return "\n".join(value)
    return None


def tags_of(fields: Mapping[str, Any]) -> dict[str, str]:
    """Slices of a record: an object `tags`, columns `tag_*` and a few well-known names."""
    found = {str(k): str(v) for k, v in fields["tags"].items()} if isinstance(fields.get("tags"), Mapping) else {}
    for name, value in fields.items():
        key = str(name).lower()
        if isinstance(value, str | int | bool) and value != "" and (key in TAG_KEYS or key.startswith("tag_")):
            found[{"lang": "language"}.get(key, key.removeprefix("tag_"))] = str(value)
    return found


def single_image(value: Any) -> Any:
    """The only image of a field that may hold a list. Raises InputError for none or several."""
    if not isinstance(value, list | tuple):
        return value
    if len(value) != 1:
        raise InputError(f"{len(value)} images in one record; a sample shows exactly one")
    return value[0]


def image_file(value: Any, folder: Path, spool: Callable[[bytes], Path]) -> Path:
    """A file for an image field: a path, a file:// or data: address, bytes, or an object of {bytes, path, url}.

    Paths are relative to `folder` or its images/; an absolute path that leads nowhere here, as data sets of other machines have
    them, is looked for there by its last part. `spool` keeps bytes in a temporary file.
    Raises InputError saying why there is no picture.
    """
    if isinstance(value, Mapping):
        value = next((value[k] for k in ("bytes", "path", "url", "image") if value.get(k)), None)
    if isinstance(value, bytes):
        return spool(value)
    if not isinstance(value, str) or not value.strip():
        raise InputError("the record names no image")
    if value.startswith("data:"):
        return spool(_data_uri(value))
    if value.startswith(("http://", "https://")):
        raise InputError(f"the image is on the network ({value[:80]}): download it first")
    file = Path(unquote(urlsplit(value).path) if value.startswith("file://") else value.replace("\\", "/"))
    beside = Path(file.name) if file.is_absolute() else file
    places = [file] if file.is_absolute() else []
    places += [folder / beside, folder / "images" / beside]
    try:
        found = next((place for place in places if place.is_file()), None)
    except OSError as cause:  # most often a picture as bare base64 text, far too long for a name
        raise InputError(
            f"no such image: {value[:40]}… ({cause.strerror}; pictures as text begin with data:image/…;base64,)"
        ) from cause
    if found is None:
        raise InputError(f"no such image: {places[0]}")
    return found


def document_of(value: Any, file: Path) -> str:
    """The group of a record without one: the picture's path as given, or its content where it came without a path.

    Several questions about one picture thus stay in one split.
    """
    if isinstance(value, str) and not value.startswith("data:"):
        return value
    return f"picture {sha256(file.read_bytes())[:16]}"


def _data_uri(value: str) -> bytes:
    head, _, body = value.partition(",")
    try:
        return base64.b64decode(body, validate=True) if head.endswith(";base64") else unquote(body).encode("latin-1")
    except (binascii.Error, ValueError) as cause:
        raise InputError(f"the data: address cannot be decoded ({cause})") from cause


@contextlib.contextmanager
def spool() -> Iterator[Callable[[bytes], Path]]:
    """A function that keeps the bytes of one picture at a time in a file and says where; the file goes with the block."""
    with tempfile.TemporaryDirectory(prefix="ocrtune-") as folder:
        file = Path(folder) / "image"

        def keep(content: bytes) -> Path:
            file.write_bytes(content)
            return file

        yield keep
