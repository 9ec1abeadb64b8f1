"""Answers that other programs published, read so that they can be scored again without a model.

| kind         | what                                                                                            |
|--------------|-------------------------------------------------------------------------------------------------|
| `lmms-eval`  | its sample log: JSON lines with `doc_id` and `filtered_resps`, or an older JSON with `logs`      |
| `vlmevalkit` | its prediction table: XLSX, TSV or CSV with `index` and `prediction`                             |
| `gemma-ocr`  | the result of vlm-sft-ocr: JSON with `samples`, each with `label` and `prediction`; a checkpoint |
"""

from __future__ import annotations

import contextlib
import csv
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ocrtune.errors import InputError, extra
from ocrtune.scoring.literals import read_literal

Kind = Literal["lmms-eval", "vlmevalkit", "gemma-ocr"]

SUFFIXES = (".jsonl", ".json", ".xlsx", ".tsv", ".csv")
FAILED = ("Failed to obtain answer via API", "Failed to obtain answer")  # what VLMEvalKit writes for a failed request
PICTURES = ("image_path", "image", "img_path")
BASE64 = 400  # characters; a longer "path" is the picture itself
OWN = ("score", "prediction")  # what a log adds to the published columns


class Reply(NamedTuple):
    """One published answer. `text` is None for a failed request; `fields` are the benchmark's own columns as far as the file
    has them, `answers` what it says is right; `named`: the picture's name is the file's, not made up."""

    id: str
    text: str | None
    question: str | None
    answers: Any
    image: str
    fields: Mapping[str, Any]
    seconds: float = 0.0
    score: float | None = None
    named: bool = True


class Imported(NamedTuple):
    """All answers of a file, in its order; `model` as the file names it, else the file's own name."""

    kind: Kind
    replies: list[Reply]
    model: str


def recognise(file: Path) -> Kind | None:
    """What wrote the file, None for none of the known programs. Raises InputError when it cannot be read."""
    suffix = file.suffix.lower()
    if suffix == ".jsonl":
        return "lmms-eval" if _is_log(next(_lines(file), None)) else None
    if suffix in (".xlsx", ".tsv", ".csv"):
        return "vlmevalkit" if {"index", "prediction"} <= next(_table(file), {}).keys() else None
    if suffix != ".json":
        return None
    content = _json(file)
    if _is_log(next(iter(_under(content, "logs")), None)):
        return "lmms-eval"
    first = next(iter(_under(content, "samples", "results")), None)
    return "gemma-ocr" if isinstance(first, dict) and "prediction" in first and _label(first) is not None else None


def read_answers(file: Path) -> Imported:
    """Raises InputError for a file of an unknown kind, or one with answers to the same question twice."""
    kind = recognise(file)
    if kind is None:
        raise InputError(
            f"{file} is no answer file that is known",
            hint="sample logs of lmms-eval, prediction tables of VLMEvalKit and results of vlm-sft-ocr are read",
        )
    if kind == "lmms-eval":
        rows: Any = _lines(file) if file.suffix.lower() == ".jsonl" else _under(_json(file), "logs")
        found, model = [_logged(row, f"{file} line {n}") for n, row in enumerate(rows, start=1)], file.stem
    elif kind == "vlmevalkit":
        found, model = [_tabled(number, row) for number, row in enumerate(_table(file))], file.stem
    else:
        content = _json(file)
        found = [_gemma(row, f"{file} sample {n}") for n, row in enumerate(_under(content, "samples", "results"), start=1)]
        model = str(content.get("model_name") or file.stem)
    ids = [reply.id for reply in found]
    if len(set(ids)) != len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise InputError(f"{file} answers {twice!r} more than once", hint="keep one answer to each question")
    return Imported(kind, found, model)


def _is_log(row: Any) -> bool:
    return isinstance(row, dict) and "doc_id" in row and ("filtered_resps" in row or "resps" in row)


def _logged(row: Any, where: str) -> Reply:
    if not _is_log(row):
        raise InputError(f"{where}: no answer of lmms-eval (doc_id, filtered_resps)")
    fields: dict[str, Any] = {}
    for value in row.values():  # what a task keeps for its own aggregation holds columns of the question, too
        if isinstance(value, dict):
            fields |= {k: v for k, v in value.items() if k not in OWN}
    fields |= row["doc"] if isinstance(row.get("doc"), dict) else {}
    answers = next((fields[k] for k in ("answers", "answer", "ground_truth") if fields.get(k) not in (None, "")), None)
    answers = literal(row.get("target")) if answers is None else answers
    question = fields.get("question") or row.get("input")
    text = _first(row.get("filtered_resps")) if row.get("filtered_resps") else _first(row.get("resps"))
    named = _image(fields)
    image = named or f"{row['doc_id']}.png"
    said = "" if text is None else str(text)
    return Reply(str(row["doc_id"]), said, _text(question), answers, image, fields, score=_scored(row), named=named is not None)


def _scored(row: Mapping[str, Any]) -> float | None:
    """What the task gave: the `score` that it keeps for its aggregation, else the only number of the row besides its id."""
    kept = [value["score"] for value in row.values() if isinstance(value, dict) and _is_number(value.get("score"))]
    plain = [value for name, value in row.items() if name != "doc_id" and _is_number(value)]
    found = kept or plain
    return float(found[0]) if len(found) == 1 else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _first(value: Any) -> Any:
    """lmms-eval keeps a list of answers to a list of requests."""
    while isinstance(value, list):
        value = value[0] if value else None
    return value


def _tabled(number: int, row: Mapping[str, Any]) -> Reply:
    text = "" if row.get("prediction") is None else str(row["prediction"])
    fields = {k: v for k, v in row.items() if k != "prediction" and k not in PICTURES and v is not None}
    answers = literal(row.get("answer"))
    named = _image(row)
    image = named or f"{row.get('index', number)}.png"
    said = None if text.startswith(FAILED) else text
    given = next((row[name] for name in ("hit", "score") if _is_number(row.get(name))), None)
    return Reply(str(number), said, _text(row.get("question")), answers, image, fields, score=given, named=named is not None)


def _gemma(row: Any, where: str) -> Reply:
    label = _label(row) if isinstance(row, dict) else None
    if label is None:
        raise InputError(f"{where}: no sample of vlm-sft-ocr (image_path, label, prediction)")
    text, image = row.get("prediction"), _image(row) or where
    seconds = row.get("inference_time")
    took = float(seconds) if isinstance(seconds, int | float) and seconds >= 0 else 0.0
    given = row["cer_score"] if _is_number(row.get("cer_score")) else None
    return Reply(image, None if text is None else str(text), None, label, image, {}, took, given)


def _label(row: Mapping[str, Any]) -> str | None:
    return next((row[k] for k in ("label", "ground_truth", "ocr_text") if isinstance(row.get(k), str)), None)


def literal(value: Any) -> Any:
    """A list that was written as text, as the list; anything else as it is."""
    if not isinstance(value, str) or not value.strip().startswith("["):
        return value
    try:
        return read_literal(value)
    except ValueError:
        return value


def _image(fields: Mapping[str, Any]) -> str | None:
    for name in PICTURES:
        value = fields.get(name)
        if isinstance(value, str) and 0 < len(value) <= BASE64:
            return value
    return None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _lines(file: Path) -> Iterator[Any]:
    with _readable(file), file.open(encoding="utf-8-sig", newline="\n") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _json(file: Path) -> Any:
    with _readable(file):
        return json.loads(file.read_text("utf-8-sig"))


def _under(content: Any, *keys: str) -> list[Any]:
    if not isinstance(content, dict):
        return []
    return next((content[key] for key in keys if isinstance(content.get(key), list)), [])


def _table(file: Path) -> Iterator[dict[str, Any]]:
    if file.suffix.lower() == ".xlsx":
        yield from _sheet(file)
        return
    csv.field_size_limit(1 << 27)  # a picture as base64 may stand in a cell
    with _readable(file), file.open(encoding="utf-8-sig", newline="") as lines:
        yield from csv.DictReader(lines, delimiter="\t" if file.suffix.lower() == ".tsv" else ",")


def _sheet(file: Path) -> Iterator[dict[str, Any]]:
    with extra("export"):
        import openpyxl
    with _readable(file):
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        try:
            rows = book.worksheets[0].iter_rows(values_only=True)
            head = [str(name) for name in next(rows, ())]
            for row in rows:
                if any(cell is not None for cell in row):
                    yield dict(zip(head, row, strict=False))
        finally:
            book.close()


@contextlib.contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Whatever is wrong with a file's content is an InputError that names it."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, csv.Error, zipfile.BadZipFile) as cause:
        raise InputError(f"{file}: the answers cannot be read ({type(cause).__name__}: {cause})") from cause
