"""What OpenAI-compatible servers say, read defensively: server-sent events, whole replies, errors, waits."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx
from pydantic import BaseModel, ValidationError

from ocrtune.core import Failure, Finish, Usage
from ocrtune.inference import looping

RETRYABLE = frozenset({408, 409, 425, 429})  # of the 4xx; every 5xx is
LARGEST = 32 * 2**20  # bytes of one reply; a page of text takes some ten thousand, as events some millions
LOOK_EVERY = 256  # characters between two looks for a loop while an answer grows


class Reply(NamedTuple):
    text: str
    finish: Finish
    usage: Usage | None


class FailedReplyError(Exception):
    """A reply that is a failure of its sample."""

    def __init__(self, kind: str, message: str, *, retryable: bool = True, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.failure = Failure(kind=kind, message=message, retryable=retryable, retry_after=retry_after)


class _Message(BaseModel):
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """Text, or the texts of a list of parts."""
        if isinstance(self.content, list):
            return "".join(str(part.get("text") or "") for part in self.content)
        return self.content or ""


class _Choice(BaseModel):
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None


class _Chunk(BaseModel):
    choices: list[_Choice] | None = None
    usage: Usage | None = None
    error: Any = None


async def streamed(response: httpx.Response) -> Reply:
    """Server-sent events until `[DONE]`, a finish reason and the end, or a loop. Raises FailedReplyError."""
    pieces: list[str] = []
    length = looked = 0
    reason: str | None = None
    usage: Usage | None = None
    async for data in _events(response):
        if data == b"[DONE]":
            reason = reason or "stop"
            break
        chunk = _read(data)
        usage = chunk.usage or usage
        for choice in chunk.choices or ():
            pieces.append(choice.delta.text if choice.delta else "")
            length += len(pieces[-1])
            reason = choice.finish_reason or reason
        if length - looked >= LOOK_EVERY:
            looked = length
            if looping(text := "".join(pieces)):
                return Reply(text, "loop", usage)
    if reason is None:
        raise FailedReplyError("cut off", f"the connection ended in the middle of the answer, after {length} characters")
    return Reply("".join(pieces), _finish(reason), usage)


def whole(body: bytes) -> Reply:
    """The reply of a server that does not stream. Raises FailedReplyError."""
    chunk = _read(body)
    choice = chunk.choices[0] if chunk.choices else None
    if choice is None or choice.message is None or choice.message.content is None:
        raise FailedReplyError("bad reply", f"no answer in the reply: {_beginning(body)}")
    return Reply(choice.message.text, _finish(choice.finish_reason or "stop"), chunk.usage)


async def blocks(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as it comes. Raises FailedReplyError once it is larger than any answer."""
    size = 0
    async for block in response.aiter_bytes():
        size += len(block)
        if size > LARGEST:
            raise FailedReplyError("too large", f"the reply is larger than {LARGEST // 2**20} MiB", retryable=False)
        yield block


async def _events(response: httpx.Response) -> AsyncIterator[bytes]:
    """The data of the events. Lines end at newlines only: httpx's own line reader also splits at U+2028 and U+0085,
    which servers send as they are inside JSON strings."""
    rest = b""
    async for block in blocks(response):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
    if rest.startswith(b"data:"):
        yield rest[5:].strip()


def _read(body: bytes) -> _Chunk:
    try:
        content = json.loads(body)
        if isinstance(content, dict) and isinstance(content.get("usage"), dict):
            content["usage"] = {name: content["usage"].get(name) for name in Usage.model_fields}
        chunk = _Chunk.model_validate(content)
    except (ValidationError, ValueError, RecursionError) as cause:
        raise FailedReplyError("bad reply", f"not a chat completion: {_beginning(body)}") from cause
    if chunk.error:
        code = chunk.error.get("code") if isinstance(chunk.error, dict) else None
        final = isinstance(code, int) and 400 <= code < 500 and code not in RETRYABLE
        raise FailedReplyError("server error", error_message(body), retryable=not final)
    return chunk


def _finish(reason: str) -> Finish:
    """`length` and its synonyms are a truncation; a filtered answer is no answer."""
    if reason in ("length", "max_tokens", "model_length"):
        return "length"
    if reason == "content_filter":
        raise FailedReplyError("content filter", "the server withheld the answer", retryable=False)
    return "stop"


def model_names(reply: httpx.Response) -> list[str]:
    """What `/v1/models` lists; nothing where it is an error or something else."""
    if reply.status_code != 200:
        return []
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        return [str(model["id"]) for model in reply.json().get("data") or () if "id" in model]
    return []


def refusal(response: httpx.Response, body: bytes) -> FailedReplyError:
    """An HTTP status other than 200 as the failure of its sample."""
    status = response.status_code
    return FailedReplyError(
        f"http {status}",
        error_message(body) or response.reason_phrase,
        retryable=status in RETRYABLE or status >= 500,
        retry_after=_retry_after(response.headers.get("retry-after")),
    )


def error_message(body: bytes) -> str:
    """The message inside `{"error": {"message"}}`, `{"message"}` or `{"detail"}`, else the beginning of the body."""
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(body)
        while isinstance(content, dict):
            content = content.get("error") or content.get("message") or content.get("detail") or json.dumps(content)
        return str(content).strip()[:500]
    return _beginning(body)


def _beginning(body: bytes) -> str:
    return body[:500].decode("utf-8", "replace").strip()


def _retry_after(header: str | None) -> float | None:
    """Seconds, or an HTTP date."""
    if not header:
        return None
    with contextlib.suppress(ValueError):
        return max(0.0, float(header))
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    return None
