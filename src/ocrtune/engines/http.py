"""Any OpenAI-compatible server: vLLM, SGLang, llama.cpp, `transformers serve`, or a hosted one. The key is $API_KEY."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import ipaddress
import logging
import math
import os
import threading
import time
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx

from ocrtune.core import Answer, Failure, ImageRef, Prompt, Size
from ocrtune.engines.openai import FailedReplyError, Reply, blocks, model_names, refusal, streamed, whole
from ocrtune.errors import ConfigError, EngineError, InputError
from ocrtune.imaging import open_image
from ocrtune.inference import in_flight
from ocrtune.options import EngineOptions

log = logging.getLogger("ocrtune")
T = TypeVar("T")

USED = ("model", "base_url", "concurrency", "timeout", "temperature", "max_pixels", "min_pixels")
LONGEST_HOLD = 60.0  # seconds for which one 429 may hold back all requests


class Http:
    """Streams answers, so that a model that runs in circles is cut off instead of paid for until `max_tokens`.

    `sees` of an answer are the pixel sizes that were sent; a server may still resize.
    """

    name = "http"
    native: str | None = None

    def __init__(self, options: EngineOptions) -> None:
        options.only(self.name, *USED)
        if options.base_url is None:
            raise ConfigError("the http engine needs the address of a server", hint="--base-url http://127.0.0.1:8000/v1")
        self.options = options
        self.base_url = normalise_url(options.base_url)
        self._key = os.environ.get("API_KEY")
        self._model = options.model
        self._server: str | None = None
        self._loop: _LoopThread | None = None
        self._client: httpx.AsyncClient | None = None
        self._not_before = 0.0

    def describe(self) -> dict[str, str]:
        known = {"engine": self.name, "model": self._model, "server": self._server, "temperature": str(self.options.temperature)}
        bounds = {"max_pixels": self.options.max_pixels, "min_pixels": self.options.min_pixels}
        return {k: str(v) for k, v in {**known, **bounds}.items() if v is not None}

    def open(self) -> None:
        """Reach the server and learn its model. Raises EngineError with what to look at."""
        if self._loop is not None:
            return
        self._loop = _LoopThread()
        width = self.options.concurrency
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=self.options.timeout,
            limits=httpx.Limits(max_connections=width, max_keepalive_connections=width),
            trust_env=not _is_local(self.base_url),
        )
        try:
            self._loop.submit(self._meet()).result()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._loop is None:
            return
        if self._client is not None:
            self._loop.submit(self._client.aclose()).result()
        self._loop.stop()
        self._loop = self._client = None

    def sees(self, size: Size) -> Size | None:
        """What is sent; a server may still resize it."""
        return _bounded(size, self.options.min_pixels, self.options.max_pixels)

    def stream(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        if self._loop is None:
            raise EngineError("the http engine is not open", hint="call open() first")
        loop = self._loop
        return in_flight(prompts, lambda prompt: loop.submit(self._answer(prompt)), self.options.concurrency)

    # --- meeting the server -----------------------------------------------------------------------------------------

    async def _meet(self) -> None:
        assert self._client is not None
        try:
            reply = await self._client.get(f"{self.base_url}/models")
        except (httpx.HTTPError, httpx.InvalidURL) as cause:
            raise EngineError(
                f"no server answers at {self.base_url}: {_reason(cause)}",
                hint="is it running, and does --base-url name its host, port and path (usually ending in /v1)?",
            ) from cause
        if reply.status_code in (401, 403):
            raise EngineError(
                f"{self.base_url} refuses access (http {reply.status_code})",
                hint="put the server's key into the environment variable API_KEY" if not self._key else "is $API_KEY right?",
            )
        self._choose(model_names(reply), reply.status_code)
        self._server = await self._version(reply)

    def _choose(self, served: list[str], status: int) -> None:
        """Some servers list nothing, or a cache, so a given name is only compared, never refused."""
        if self._model is not None:
            if served and self._model not in served:
                log.warning("%s lists %s, not the model %r; asking for it all the same", self.base_url, served, self._model)
        elif len(served) == 1:
            self._model = served[0]
        else:
            what = f"serves {len(served)} models: {', '.join(served)}" if served else f"does not list its models (http {status})"
            raise EngineError(f"{self.base_url} {what}", hint="name one with --model")

    async def _version(self, reply: httpx.Response) -> str | None:
        """vLLM and others say it at /version; else the header, which may name the web framework only."""
        assert self._client is not None
        with contextlib.suppress(httpx.HTTPError, ValueError, AttributeError):
            found = await self._client.get(f"{self.base_url.rsplit('/v', 1)[0]}/version")
            if found.status_code == 200 and (version := found.json().get("version")):
                return str(version)
        header = reply.headers.get("server")
        return None if header is None else str(header)

    # --- one question -----------------------------------------------------------------------------------------------

    async def _answer(self, prompt: Prompt) -> Answer:
        """Never raises for what one sample can cause: timeouts, broken replies and unreadable images are its failure."""
        begun = time.monotonic()
        try:
            pictures = [await asyncio.to_thread(self._picture, image) for image in prompt.images]
            await self._hold()
            begun = time.monotonic()
            async with asyncio.timeout(self.options.timeout):
                reply = await self._converse(self._request(prompt, pictures))
            sees = tuple(p.size for p in pictures)
            answer = Answer(sample_id=prompt.sample_id, text=reply.text, finish=reply.finish, usage=reply.usage, sees=sees)
        except FailedReplyError as failed:
            answer = Answer(sample_id=prompt.sample_id, finish="error", error=failed.failure)
        except InputError as error:
            answer = _failed(prompt, "unreadable image", str(error), retryable=False)
        except (TimeoutError, httpx.TimeoutException):
            answer = _failed(prompt, "timeout", f"no complete answer within {self.options.timeout:g} s")
        except httpx.HTTPError as error:
            answer = _failed(prompt, "connection", _reason(error))
        return answer.model_copy(update={"seconds": time.monotonic() - begun, "error": self._without_key(answer.error)})

    def _without_key(self, error: Failure | None) -> Failure | None:
        """Servers echo headers in their error messages; the key must not end up in a run directory."""
        if error is None or not self._key:
            return error
        return error.model_copy(update={"message": error.message.replace(self._key, "***")})

    async def _hold(self) -> None:
        while (rest := self._not_before - time.monotonic()) > 0:
            await asyncio.sleep(rest)

    def _picture(self, image: ImageRef) -> _Picture:
        return _picture(image.path, self.options.min_pixels, self.options.max_pixels)

    def _request(self, prompt: Prompt, pictures: list[_Picture]) -> dict[str, Any]:
        """Image parts first, text last: with string-content templates the order decides where the image tokens go."""
        parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": p.data_uri}} for p in pictures]
        if prompt.text:
            parts.append({"type": "text", "text": prompt.text})
        return {
            "model": self._model,
            "messages": [{"role": "user", "content": parts}],
            "max_tokens": prompt.max_tokens,
            "temperature": self.options.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    async def _converse(self, request: dict[str, Any]) -> Reply:
        assert self._client is not None
        async with self._client.stream("POST", f"{self.base_url}/chat/completions", json=request) as response:
            if response.status_code == 200 and "text/event-stream" in response.headers.get("content-type", ""):
                return await streamed(response)
            body = b"".join([block async for block in blocks(response)])
            if response.status_code == 200:
                return whole(body)
            refused = refusal(response, body)
            self._heed(refused)
            raise refused

    def _heed(self, refused: FailedReplyError) -> None:
        """One "not now" speaks for all requests: without holding, the rest of the queue would burn its attempts."""
        kind, after = refused.failure.kind, refused.failure.retry_after
        if kind == "http 429" or (kind == "http 503" and after is not None):
            self._not_before = max(self._not_before, time.monotonic() + min(LONGEST_HOLD, 1.0 if after is None else after))


class _Picture(NamedTuple):
    data_uri: str
    size: Size


class _LoopThread:
    """An event loop in a thread of its own, so that synchronous code can ask and wait."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ocrtune-http", daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        self.submit(self._cancel_rest()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _cancel_rest(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


# --- addresses and pictures -------------------------------------------------------------------------------------------


def normalise_url(text: str) -> str:
    """`host:port`, with or without scheme, /v1, /chat/completions and slashes → the base ending in its version."""
    url = text.strip().rstrip("/")
    url = url if "://" in url else f"http://{url}"
    for tail in ("/chat/completions", "/completions", "/models"):
        url = url.removesuffix(tail)
    url = url.rstrip("/")
    last = url.rsplit("/", 1)[1]
    return url if last[:1] == "v" and last[1:2].isdigit() else f"{url}/v1"


def _failed(prompt: Prompt, kind: str, message: str, *, retryable: bool = True) -> Answer:
    return Answer(sample_id=prompt.sample_id, finish="error", error=Failure(kind=kind, message=message, retryable=retryable))


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _is_local(url: str) -> bool:
    """Proxies of the environment are for the network, not for a server on this machine."""
    host = httpx.URL(url).host
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _picture(path: str, min_pixels: int | None, max_pixels: int | None) -> _Picture:
    """The file's own bytes where they show just what we see; a lossless PNG where it had to be turned, blended or resized."""
    image = open_image(path)
    size = _bounded(Size(*image.size), min_pixels, max_pixels)
    if size == image.size and (kind := _sendable(path, size)) is not None:
        return _Picture(f"data:image/{kind};base64,{base64.b64encode(Path(path).read_bytes()).decode()}", size)
    buffer = io.BytesIO()
    (image if size == image.size else image.resize(size)).save(buffer, "PNG")
    return _Picture(f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}", size)


def _bounded(size: Size, least: int | None, most: int | None) -> Size:
    pixels = size.width * size.height
    if most is not None and pixels > most:
        scale = math.sqrt(most / pixels)
        return Size(max(1, math.floor(size.width * scale)), max(1, math.floor(size.height * scale)))
    if least is not None and pixels < least:
        scale = math.sqrt(least / pixels)
        return Size(math.ceil(size.width * scale), math.ceil(size.height * scale))
    return size


def _sendable(path: str, size: Size) -> str | None:
    from PIL import Image

    with Image.open(path) as image:
        plain = image.mode in ("RGB", "L") and image.size == size and image.getexif().get(0x0112, 1) == 1
        return {"PNG": "png", "JPEG": "jpeg"}.get(image.format or "") if plain else None
