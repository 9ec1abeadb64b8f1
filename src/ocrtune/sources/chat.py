"""Conversations about images: ms-swift, ShareGPT, OpenAI messages, Anthropic blocks, Alpaca; JSON, JSONL, CSV or Parquet.

Each user turn with its reply is a sample: the user's words become the question, `<image>` tags are stripped, the system
prompt is left out. A reply with boxes becomes a sample of the task "detect": from ms-swift's `objects` (`<ref-object>`,
`<bbox>`), or written out as `<ref>…</ref><box>[[…]]</box>` or `<|box_start|>…` in thousandths of the picture's sides. A box in
the question is the part of the picture that is asked about.

Files whose written-out boxes go beyond 1000 hold raw pixels, whatever was meant: all their boxes are read as pixels.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import Problem, TextTarget
from ocrtune.errors import InputError
from ocrtune.options import SourceOptions
from ocrtune.sources._grounding import (
    GROUNDING,
    PLACEHOLDER,
    Objects,
    Said,
    above_thousand,
    fill,
    inline_marks,
    objects_of,
)
from ocrtune.sources._objects import FRACTIONS, THOUSANDTHS, Labelled, Plane, asked_box, boxes
from ocrtune.sources.records import (
    CHAT_KEYS,
    GROUP_KEYS,
    QUERY_KEYS,
    REPLY_KEYS,
    Record,
    column_names,
    document_of,
    first,
    image_file,
    looks_like_chat,
    read_records,
    single_image,
    spool,
    tags_of,
    text_of,
)

ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "bot": "assistant", "model": "assistant",
         "system": "system", "tool": "tool"}  # fmt: skip
ASKED = ("user", "assistant")
IMAGE_TAG = re.compile(r"\s*<image>\s*|\s*<\|image_pad\|>\s*")
RAW_SHARE = 0.01  # of the records with boxes: fewer beyond 1000 are slips, not another unit
IMAGE_COLUMNS = ("images", "image", "image_path", "img_path", "image_file")


class Turn(NamedTuple):
    """What one side says; `images` are those of content blocks."""

    role: str
    text: str
    images: tuple[Any, ...] = ()


class Chat:
    """One sample per user turn and reply; each picture is a document of its own unless `group` says otherwise."""

    name = "chat"

    def claims(self, path: Path) -> bool:
        return looks_like_chat(column_names(path))

    def read(self, path: Path, options: SourceOptions) -> Iterator[Draft | Rejected]:
        pixels: bool | None = None  # what written-out boxes mean, asked of the whole file once one has them
        with spool() as keep:
            for record in read_records(path):
                if isinstance(record, Rejected):
                    yield record
                    continue
                try:
                    exchanges = list(_exchanges(record))
                    if pixels is None and any(GROUNDING.search(exchange.reply.text) for exchange in exchanges):
                        pixels = _holds_pixels(path)
                    for exchange in exchanges:
                        yield _draft(record, exchange, _Place(path.parent, keep, bool(pixels)))
                except InputError as cause:
                    yield Rejected(record.where, str(cause))


class _Exchange(NamedTuple):
    """A question with its reply, placeholders filled; `image` is what the record names."""

    where: str
    image: Any
    ask: Said
    reply: Said
    objects: Objects | None


class _Place(NamedTuple):
    """Where pictures are looked for and kept, and whether written-out boxes are pixels."""

    folder: Path
    keep: Callable[[bytes], Path]
    pixels: bool


def _exchanges(record: Record) -> Iterator[_Exchange]:
    turns = list(_turns(record.fields))
    objects = objects_of(record.fields)
    texts = [turn.text for turn in turns]
    said = fill(texts, objects) if objects else [Said(text, ()) for text in texts]
    pairs = [(one, two) for (a, one), (b, two) in pairwise(zip(turns, said, strict=True)) if (a.role, b.role) == ASKED]
    if not pairs:
        raise InputError("no user turn with a reply of the assistant")
    image = _image(record.fields, turns)
    for number, (ask, reply) in enumerate(pairs, start=1):
        where = record.where if len(pairs) == 1 else f"{record.where} turn {number}"
        if PLACEHOLDER.search(reply.text):
            raise InputError("the reply has placeholders for boxes, and the record has no objects")
        if not objects and GROUNDING.search(reply.text):
            reply = Said(reply.text, inline_marks(reply.text))
        yield _Exchange(where, image, ask, reply, objects)


def _holds_pixels(path: Path) -> bool:
    """Whether the written-out boxes of the whole file go beyond 1000 too often for thousandths."""
    boxed = beyond = 0
    for record in read_records(path):
        if isinstance(record, Rejected):
            continue
        with contextlib.suppress(InputError):
            marks = [mark for exchange in _exchanges(record) if not exchange.objects for mark in exchange.reply.marks]
            boxed += bool(marks)
            beyond += above_thousand(marks) is not None
    return beyond > RAW_SHARE * boxed


def _draft(record: Record, exchange: _Exchange, place: _Place) -> Draft | Rejected:
    if not exchange.reply.text.strip():
        raise InputError("the reply is empty")
    question = IMAGE_TAG.sub(" ", exchange.ask.text).strip() or None
    named = first(record.fields, GROUP_KEYS)
    try:
        file = image_file(exchange.image, place.folder, place.keep)
        group = str(record.fields[named]) if named else document_of(exchange.image, file)
    except InputError:
        if not exchange.reply.marks:
            raise
        file, group = Path(str(exchange.image)[:200]), str(exchange.image)[:200]  # the labels are judged all the same
    given = Labelled(exchange.where, file, exchange.reply.marks, _units(exchange, place.pixels), group=group, question=question,
                     tags=tags_of(record.fields), problems=_told(exchange))  # fmt: skip
    if exchange.reply.marks:
        return boxes(given)
    if GROUNDING.search(exchange.reply.text):
        raise InputError("the reply has grounding tokens, and no box between them")
    box = asked_box(given._replace(marks=exchange.ask.marks)) if exchange.ask.marks else None
    return Draft(file, TextTarget(text=exchange.reply.text), group, exchange.where, question=question, tags=given.tags, box=box)


def _units(exchange: _Exchange, pixels: bool) -> Plane | None:
    """None is pixels of the picture."""
    if exchange.objects is not None:
        return FRACTIONS if exchange.objects.fractions else exchange.objects.units
    return None if pixels else THOUSANDTHS


def _told(exchange: _Exchange) -> tuple[Problem, ...]:
    if exchange.objects is not None:
        return (Problem(kind="fractions", detail="bbox_type is real"),) if exchange.objects.fractions else ()
    most = above_thousand(exchange.reply.marks)
    return (Problem(kind="raw-pixels", detail=f"values up to {most:g}"),) if most else ()


def _image(fields: Mapping[str, Any], turns: list[Turn]) -> Any:
    inline = [image for turn in turns for image in turn.images]
    column = first(fields, IMAGE_COLUMNS)
    if column is None and not inline:
        raise InputError("a conversation without an image")
    return single_image(inline or _parsed(fields[column or ""]))


def _parsed(value: Any) -> Any:
    """Lists come as JSON text in CSV files."""
    if isinstance(value, str) and value.startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _turns(fields: Mapping[str, Any]) -> Iterator[Turn]:
    column = first(fields, CHAT_KEYS)
    messages = _parsed(fields[column]) if column else None
    if column is None:
        yield from _single_exchange(fields)
        return
    if not isinstance(messages, list):
        raise InputError(f"{column} must be a list of turns")
    for message in messages:
        if not isinstance(message, Mapping):
            raise InputError(f"a turn of {column} must be an object")
        if {"human", "assistant"} <= set(message):  # ms-swift's `conversation`
            yield Turn("user", str(message["human"]))
            yield Turn("assistant", str(message["assistant"]))
            continue
        role = ROLES.get(str(message.get("role", message.get("from", ""))))
        if role is None:
            raise InputError(f"a turn of {column} has no known role: {str(message)[:80]}")
        yield _turn(role, message.get("content", message.get("value")))


def _turn(role: str, content: Any) -> Turn:
    """A turn of plain text or of content blocks (OpenAI, Anthropic, transformers)."""
    if not isinstance(content, list):
        return Turn(role, str(content or ""))
    texts, images = [], []
    for block in content:
        if not isinstance(block, Mapping):
            texts.append(str(block))
            continue
        found = block.get("image_url", block.get("image", block.get("source")))
        if isinstance(found, Mapping) and found.get("type") == "base64":
            found = f"data:{found.get('media_type', '')};base64,{found.get('data', '')}"
        if found is not None:
            images.append(found)
        elif block.get("text") is not None:
            texts.append(str(block["text"]))
    return Turn(role, "\n".join(texts), tuple(images))


def _single_exchange(fields: Mapping[str, Any]) -> Iterator[Turn]:
    """Query and reply in columns; Alpaca has an `input` beside its `instruction`."""
    query = first(fields, QUERY_KEYS)
    reply = first(fields, REPLY_KEYS)
    if reply is None:
        raise InputError("the reply is empty")
    asked = [fields[query]] if query else []
    if query and query.lower() == "instruction" and fields.get("input"):
        asked.append(fields["input"])
    answer = fields[reply]
    text = text_of(answer[0] if isinstance(answer, list) and answer else answer)
    if text is None:
        raise InputError(f"{reply} holds no text")
    yield Turn("user", "\n".join(map(str, asked)))
    yield Turn("assistant", text)
