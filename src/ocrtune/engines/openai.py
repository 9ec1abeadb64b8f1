"""What OpenAI-compatible servers say, read defensively: server-sent events, whole replies, errors, waits."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import aiohttp

from ocrtune.core import Failure, Finish, Usage
from ocrtune.repetition import looping

RETRYABLE = frozenset({408, 409, 425, 429})  # of the 4xx; every 5xx is
LARGEST = 32 * 2**20  # bytes of one reply; a page of text takes some ten thousand, as events some millions
LOOK_EVERY = 256  # characters between two looks for a loop while an answer grows
LOOK_BACK = 24_000  # characters of it that are looked at


class Reply(NamedTuple):
    text: str
    finish: Finish
    usage: Usage | None


class Card(NamedTuple):
    """A model as `/v1/models` lists it: `root` is where the server has it from, `context` its longest sequence in tokens."""

    name: str
    root: str | None = None
    context: int | None = None
    owner: str | None = None


class FailedReplyError(Exception):
    """A reply that is a failure of its sample."""

    def __init__(self, kind: str, message: str, *, retryable: bool = True, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.failure = Failure(kind=kind, message=message, retryable=retryable, retry_after=retry_after)


class CutOffError(FailedReplyError):
    """The connection ended in the middle of an answer."""


class FullError(FailedReplyError):
    """The server has no room now."""


class _Piece(NamedTuple):
    """What one event, or a whole reply, adds to the answer."""

    text: str | None
    reason: str | None
    usage: Usage | None


async def streamed(response: aiohttp.ClientResponse, hear: Callable[[str], object] = id) -> Reply:
    """Server-sent events until `[DONE]`, a finish reason and the end, or a loop. `hear` is told each piece of the text. Raises
    FailedReplyError."""
    text = _Growing()
    reason: str | None = None
    usage: Usage | None = None
    async for events in _events(response):
        for data in events:
            if data == b"[DONE]":
                return Reply(text.whole(), _finish(reason or "stop"), usage)
            said, ended, used = _read(data, "delta")
            usage = used or usage
            reason = ended or reason
            hear(said or "")
            if said and text.add(said):
                return Reply(text.whole(), "loop", usage)
    if reason is None:
        raise CutOffError("cut off", f"the connection ended in the middle of the answer, after {text.length} characters")
    return Reply(text.whole(), _finish(reason), usage)


def whole(body: bytes) -> Reply:
    """The reply of a server that does not stream. Raises FailedReplyError."""
    text, reason, usage = _read(body, "message")
    if text is None:
        raise FailedReplyError("bad reply", f"no answer in the reply: {_beginning(body)}")
    return Reply(text, _finish(reason or "stop"), usage)


def plain(body: bytes) -> Reply:
    """The reply of a plain OCR service: JSON with a `text`, a JSON string, or the text itself. Raises FailedReplyError."""
    said = body.decode("utf-8", "replace")
    try:
        value = json.loads(said)
    except ValueError:
        return Reply(said, "stop", None)
    text = value.get("text") if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise FailedReplyError("bad reply", f"no field `text` in the reply: {_beginning(body)}")
    return Reply(text, "stop", None)


async def body_of(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([block async for block in _blocks(response)])


class _Growing:
    """An answer in pieces, looked at for loops as it grows."""

    def __init__(self) -> None:
        self.length = 0
        self._pieces: list[str] = []
        self._unseen = 0

    def add(self, piece: str) -> bool:
        """Whether it now runs in circles."""
        self._pieces.append(piece)
        self.length += len(piece)
        self._unseen += len(piece)
        if self._unseen < LOOK_EVERY:
            return False
        self._unseen = 0
        return looping(self.whole()[-LOOK_BACK:])

    def whole(self) -> str:
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]


async def _blocks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body as it comes. Raises FailedReplyError once it is larger than any answer."""
    size = 0
    async for block in response.content.iter_any():
        size += len(block)
        if size > LARGEST:
            raise FailedReplyError("too large", f"the reply is larger than {LARGEST // 2**20} MiB", retryable=False)
        yield block


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[list[bytes]]:
    """The data of the events that came together. Lines end at newlines only: U+2028 and U+0085, which servers send as they are
    inside JSON strings, end none."""
    rest = b""
    async for block in _blocks(response):
        *lines, rest = (rest + block).split(b"\n")
        yield [line[5:].strip() for line in lines if line.startswith(b"data:")]
    if rest.startswith(b"data:"):
        yield [rest[5:].strip()]


def _read(body: bytes, place: str) -> _Piece:
    """`place` is where the text of a choice is: "delta" in an event, "message" in a whole reply."""
    try:
        content = json.loads(body.decode())
        if error := content.get("error"):
            raise _server_error(error, body)
        text: str | None = None
        reason: str | None = None
        for choice in content.get("choices") or ():
            text = _joined(text, (choice.get(place) or {}).get("content"))
            reason = choice.get("finish_reason") or reason
        usage = content.get("usage")
        return _Piece(text, reason, _usage(usage) if usage else None)
    except (ValueError, TypeError, AttributeError, RecursionError) as cause:
        raise FailedReplyError("bad reply", f"not a chat completion: {_beginning(body)}") from cause


def _joined(before: str | None, content: Any) -> str | None:
    """Text, or the texts of a list of parts, behind what was there."""
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content)
    if content is None:
        return before
    if not isinstance(content, str):
        raise TypeError(f"content is {type(content).__name__}")
    return content if before is None else before + content


def _usage(counts: dict[str, Any]) -> Usage:
    return Usage.model_validate({name: counts.get(name) for name in Usage.model_fields})


def _server_error(error: Any, body: bytes) -> FailedReplyError:
    code = error.get("code") if isinstance(error, dict) else None
    final = isinstance(code, int) and 400 <= code < 500 and code not in RETRYABLE
    return FailedReplyError("server error", error_message(body), retryable=not final)


def _finish(reason: str) -> Finish:
    """`length` and its synonyms are a truncation; a filtered or aborted answer is none. "repetition" is vLLM's own guard."""
    if reason in ("length", "max_tokens", "model_length"):
        return "length"
    if reason == "repetition":
        return "loop"
    if reason == "content_filter":
        raise FailedReplyError("content filter", "the server withheld the answer", retryable=False)
    if reason in ("abort", "error"):
        raise FailedReplyError("server error", f"the server gave the answer up (finish reason {reason!r})")
    return "stop"


def model_cards(status: int, body: bytes) -> list[Card]:
    """What `/v1/models` lists; nothing where it is an error or something else."""
    if status != 200:
        return []
    with contextlib.suppress(ValueError, AttributeError, TypeError, RecursionError):
        return [_card(model) for model in json.loads(body).get("data") or () if "id" in model]
    return []


def _card(model: dict[str, Any]) -> Card:
    context = model.get("max_model_len")
    texts = (model.get(name) for name in ("root", "owned_by"))
    root, owner = (text if isinstance(text, str) else None for text in texts)
    return Card(str(model["id"]), root, context if isinstance(context, int) and context > 0 else None, owner)


def refusal(response: aiohttp.ClientResponse, body: bytes) -> FailedReplyError:
    """An HTTP status other than 200 as the failure of its sample."""
    status = response.status
    kind = FullError if status in (429, 503) else FailedReplyError
    return kind(
        f"http {status}",
        error_message(body) or response.reason or "no reason given",
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
