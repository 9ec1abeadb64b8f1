"""Conversations about images: ms-swift, ShareGPT, OpenAI messages, Anthropic blocks, Alpaca; JSON, JSONL, CSV or Parquet.

Each user turn with its reply is a sample: the user's words become the question, `<image>` tags are stripped, the system
prompt is left out. Replies made of grounding tokens are rejected: they hold boxes, not text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import TextTarget
from ocrtune.errors import InputError
from ocrtune.options import SourceOptions
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
IMAGE_TAG = re.compile(r"\s*<image>\s*|\s*<\|image_pad\|>\s*")
GROUNDING = re.compile(r"<bbox>|<box>|<\|box_start\|>|<ref-object>")
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
        with spool() as keep:
            for record in read_records(path):
                if isinstance(record, Rejected):
                    yield record
                    continue
                try:
                    yield from _drafts(record, path.parent, keep)
                except InputError as cause:
                    yield Rejected(record.where, str(cause))


def _drafts(record: Record, folder: Path, spool: Callable[[bytes], Path]) -> Iterator[Draft]:
    turns = list(_turns(record.fields))
    exchanges = [(ask, reply) for ask, reply in pairwise(turns) if (ask.role, reply.role) == ("user", "assistant")]
    if not exchanges:
        raise InputError("no user turn with a reply of the assistant")
    image = _image(record.fields, turns)
    file = image_file(image, folder, spool)
    named = first(record.fields, GROUP_KEYS)
    group = str(record.fields[named]) if named else document_of(image, file)
    for number, (ask, reply) in enumerate(exchanges, start=1):
        if GROUNDING.search(reply.text):
            raise InputError("the reply holds grounding tokens (boxes), not text")
        if not reply.text.strip():
            raise InputError("the reply is empty")
        where = record.where if len(exchanges) == 1 else f"{record.where} turn {number}"
        question = IMAGE_TAG.sub(" ", ask.text).strip() or None
        yield Draft(file, TextTarget(text=reply.text), group, where, question=question, tags=tags_of(record.fields))


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
