"""One question to one server: the request, the conversation, and what its outcome says about the server."""

from __future__ import annotations

import asyncio
import binascii
import json
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import aiohttp

from ocrtune.core import Prompt
from ocrtune.engines._live import Live
from ocrtune.engines._pictures import Picture
from ocrtune.engines._servers import Fleet, Outcome, Server
from ocrtune.engines._sight import REMEDY
from ocrtune.engines.openai import FailedReplyError, FullError, Reply, body_of, plain, refusal, streamed, whole
from ocrtune.errors import EngineError
from ocrtune.options import EngineOptions

MARK = secrets.token_hex(8)  # stands for pictures while the rest of a request becomes JSON
CONFIGURATION = ("http 401", "http 403", "http 404", "http 405")
CHUNK = 48 * 1024  # bytes of a picture that are encoded at a time, whole groups of three
ENOUGH = 3  # refusals before the first answer that say it is not the samples
CROWDED = ("context length", "max_model_len", "maximum model length", "maximum context", "exceed context")
GUARD = {"max_pattern_size": 64, "min_pattern_size": 8, "min_count": 24}  # tokens; a unit said 24 times over 192 tokens or more


class Request(NamedTuple):
    """What is posted, and where."""

    where: str
    data: Any
    headers: dict[str, str]


class Body(NamedTuple):
    """A request without the name of the model and what only some servers know: JSON, and the pictures that stand behind it."""

    head: dict[str, Any]
    parts: list[tuple[bytes, bytes]]

    def request(self, server: Server) -> Request:
        beginning = self.beginning(server)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(beginning) + self.length())}
        return Request(f"{server.url}/chat/completions", self.chunks(beginning), headers)

    def read(self, content: bytes) -> Reply:
        """The reply of a server that does not stream. Raises FailedReplyError."""
        return whole(content)

    def beginning(self, server: Server) -> bytes:
        own = {"model": server.model, **self.head, **({"repetition_detection": GUARD} if server.guards else {})}
        return json.dumps(own).encode()[:-1] + b', "messages": '

    def length(self) -> int:
        """Bytes behind the beginning."""
        return sum(len(words) + (len(picture) + 2) // 3 * 4 for words, picture in self.parts) + 1

    async def chunks(self, beginning: bytes) -> AsyncIterator[bytes]:
        """Pictures become base64 as they are sent: what is prepared and waits takes a quarter less memory."""
        rest = beginning
        for words, picture in self.parts:
            rest += words
            for start in range(0, len(picture), CHUNK):
                yield rest + binascii.b2a_base64(picture[start : start + CHUNK], newline=False)
                rest = b""
        yield rest + b"}"


class Form(NamedTuple):
    """A picture for a plain OCR service: one file in a form, its text back."""

    picture: bytes

    def request(self, server: Server) -> Request:
        form = aiohttp.FormData()
        png = self.picture[:1] == b"\x89"
        form.add_field(
            "file", self.picture, filename="image.png" if png else "image.jpg", content_type="image/png" if png else "image/jpeg"
        )
        return Request(server.url, form, {})

    def read(self, content: bytes) -> Reply:
        return plain(content)


def body_for(prompt: Prompt, pictures: Sequence[Picture], *, prefix: str, temperature: float, stream: bool = True) -> Body:
    """Image parts first, text last: with string-content templates the order decides where the image tokens go."""
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": MARK}} for _ in pictures]
    lead = prefix * len(pictures)
    if text := prompt.text if prompt.text.startswith(lead) else lead + prompt.text:
        parts.append({"type": "text", "text": text})
    between = json.dumps([{"role": "user", "content": parts}]).encode().split(MARK.encode())
    before = [words + picture.url for words, picture in zip(between, pictures, strict=False)]
    head = {
        "max_tokens": prompt.max_tokens,
        "temperature": temperature if prompt.temperature is None else prompt.temperature,
        **({"stream": True, "stream_options": {"include_usage": True}} if stream else {"stream": False}),
    }
    contents = [*(picture.content for picture in pictures), b""]
    return Body(head, list(zip([*before, between[-1]], contents, strict=True)))


class Asking:
    def __init__(self, options: EngineOptions, key: str | None) -> None:
        self.timeout = options.timeout
        self._key = key
        self._live = Live() if options.live else None

    async def ask(self, server: Server, body: Body | Form, fleet: Fleet) -> Reply:
        """Raises FailedReplyError, TimeoutError and aiohttp's errors; EngineError for what no sample will ever get past."""
        begun = time.monotonic()
        course = _Course()
        try:
            async with asyncio.timeout(self.timeout):
                reply = await self._exchange(server, body, course)
            course.outcome = "well"
            server.answered, server.broken = True, 0
            return reply
        except FailedReplyError as failed:
            self._weigh(server, failed, course, fleet)
            raise
        except TimeoutError:
            course.outcome = "overloaded"
            raise
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
            course.outcome = "lost"
            raise
        finally:
            if self._live:
                self._live.end(course)
            waited = (course.first or time.monotonic()) - begun
            server.learn(course.outcome, begun=begun, waited=waited, timeout=self.timeout)

    async def _exchange(self, server: Server, body: Body | Form, course: _Course) -> Reply:
        assert server.session is not None
        while True:
            where, data, headers = body.request(server)
            async with server.session.post(where, data=data, headers=headers, timeout=UNBOUND) as response:
                course.first = time.monotonic()
                if response.status == 200 and "text/event-stream" in response.headers.get("content-type", ""):
                    return await streamed(response, partial(self._live.hear, course)) if self._live else await streamed(response)
                content = await body_of(response)
                if response.status == 200:
                    return body.read(content)
                refused = refusal(response, content)
            if not (server.guards and response.status in (400, 422) and "repetition_detection" in refused.failure.message):
                raise refused
            server.guards = False  # it is older than it says

    def _weigh(self, server: Server, failed: FailedReplyError, course: _Course, fleet: Fleet) -> None:
        """What a refusal says about the server, beyond its sample."""
        failure = failed.failure
        if isinstance(failed, FullError):
            course.outcome = "refused"
            if failure.kind == "http 429" or failure.retry_after is not None:
                fleet.hold(server, failure.retry_after)
        elif failure.kind.startswith("http 5"):
            fleet.broken(server)
        if failure.kind == "http 400" and any(word in failure.message.lower() for word in CROWDED):
            failed.failure = failure.model_copy(update={"message": f"{failure.message} ({REMEDY})"})
        if failure.kind in CONFIGURATION and not server.answered:
            server.refusals += 1
            missing = failure.kind == "http 404" and "model" in failure.message.lower()
            if failure.kind in CONFIGURATION[:2] or missing or server.refusals >= ENOUGH:
                said = failure.message.replace(self._key, "***") if self._key else failure.message
                raise EngineError(
                    f"{server.url} refuses every question ({failure.kind}): {said}",
                    hint="put the server's key into the environment variable API_KEY, or look at the one that is there"
                    if failure.kind in CONFIGURATION[:2]
                    else f"it was asked for the model {server.model!r}; are --model and the path in --base-url right?",
                ) from failed


class _Course:
    """How a conversation went."""

    def __init__(self) -> None:
        self.outcome: Outcome = "other"
        self.first: float | None = None  # when the answer began


UNBOUND = aiohttp.ClientTimeout(total=None)  # the whole conversation has its own bound
