"""Any OpenAI-compatible server: vLLM, SGLang, llama.cpp, `transformers serve`, or a hosted one. The key is $API_KEY."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue

import aiohttp

from ocrtune.core import Answer, Failure, Prompt, Size
from ocrtune.engines._asking import Asking, Body, Form, body_for
from ocrtune.engines._loop import LoopThread
from ocrtune.engines._meeting import meet, meet_plain, normalise_url, plain_url, sessions
from ocrtune.engines._pictures import Picture, Pictures
from ocrtune.engines._servers import Fleet, Server
from ocrtune.engines._sight import Sight
from ocrtune.engines.openai import CutOffError, FailedReplyError, FullError, Reply
from ocrtune.errors import ConfigError, EngineError, InputError
from ocrtune.options import EngineOptions

USED = ("model", "base_url", "processor", "send", "concurrency", "timeout", "temperature", "max_pixels", "min_pixels",
        "trust_remote_code", "api_mode", "live")  # fmt: skip
AHEAD = 4  # pictures are prepared for a quarter of the places beyond those in flight, and for this many at least
LATER = 3  # times that a request waits for another place before a refusal counts


class Http:
    """Streams answers, so that a model that runs in circles is cut off instead of paid for until `max_tokens`.

    `sees` of an answer are the pixel sizes that the model saw where its processor is known, else those that were sent.
    """

    name = "http"
    native: str | None = None

    def __init__(self, options: EngineOptions) -> None:
        options.only(self.name, *USED)
        if not options.base_url:
            raise ConfigError("the http engine needs the address of a server", hint="--base-url http://127.0.0.1:8000/v1")
        self.options = options
        self._plain = options.api_mode == "local"
        if options.live and options.api_mode != "stream":
            raise ConfigError(f"--api-mode {options.api_mode} brings replies in one piece", hint="--live goes with stream")
        if self._plain and options.send == "file":
            raise ConfigError("a plain OCR service takes pictures inside the request only", hint="leave --send out")
        address = plain_url if self._plain else normalise_url
        self.servers = [Server(url, options.concurrency) for url in dict.fromkeys(map(address, options.base_url))]
        self._key = os.environ.get("API_KEY")
        self._sight = Sight(options)
        self._pictures = Pictures(self._sight, options.send)
        self._asking = Asking(options, self._key)
        self._loop: LoopThread | None = None
        self._fleet: Fleet | None = None

    def describe(self) -> dict[str, str]:
        models = sorted({server.model for server in self.servers if server.model} or {self.options.model or ""})
        versions = sorted({server.version for server in self.servers if server.version})
        known = {"engine": self.name, "model": ", ".join(models), "server": ", ".join(versions),
                 "temperature": str(self.options.temperature), "max_pixels": str(self.options.max_pixels or "server's own"),
                 "min_pixels": str(self.options.min_pixels or "server's own"), "processor": self._sight.name or "",
                 "api_mode": self.options.api_mode}  # fmt: skip
        return {k: v for k, v in known.items() if v}

    def open(self) -> None:
        """Reach the servers and learn their models. Raises EngineError with what to look at."""
        if self._loop is not None:
            return
        self._loop = LoopThread()
        try:
            self._loop.submit(self._start()).result()
            self._sight.look(server.root for server in self.servers if server.root)
            self._pictures.open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._loop is None:
            return
        self._loop.stop(self._end())
        self._pictures.close()
        self._loop = self._fleet = None

    def sees(self, size: Size) -> Size | None:
        """What the model sees where its processor is known, else what is sent: a server may still resize it."""
        try:
            return self._sight.sees(size)
        except InputError:
            return None  # said when the picture is prepared

    def stream(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """Prompts are taken as there is room: those in flight, and some whose pictures are prepared meanwhile."""
        if self._loop is None:
            raise EngineError("the http engine is not open", hint="call open() first")
        loop, source = self._loop, iter(prompts)
        width = self.options.concurrency + max(AHEAD, self.options.concurrency // 4)
        landed: SimpleQueue[Future[Answer]] = SimpleQueue()
        flying: set[Future[Answer]] = set()
        try:
            while True:
                while len(flying) < width and (prompt := next(source, None)) is not None:
                    flying.add(future := loop.submit(self._answer(prompt)))
                    future.add_done_callback(landed.put)
                if not flying:
                    return
                flying.remove(future := landed.get())
                yield future.result()
        finally:
            for future in flying:
                future.cancel()

    async def _start(self) -> None:
        sessions(self.servers, self.options, self._key)
        self._fleet = Fleet(self.servers, self.options.concurrency, self._is_there)
        there = await self._meet(self.servers)
        for server in self.servers:
            if server not in there:
                self._fleet.lost(server)

    async def _is_there(self, server: Server) -> bool:
        return server in await self._meet([server])

    async def _meet(self, servers: list[Server]) -> list[Server]:
        if self._plain:
            return await meet_plain(servers, self.options.model)
        return await meet(servers, self.options.model, keyed=bool(self._key))

    async def _end(self) -> None:
        for server in self.servers:
            if server.session is not None:
                await server.session.close()
            server.session = None

    # --- one question -----------------------------------------------------------------------------------------------

    async def _answer(self, prompt: Prompt) -> Answer:
        """Never raises for what one sample can cause: timeouts, broken replies and unreadable images are its failure."""
        begun = time.monotonic()
        pictures: list[Picture] = []
        try:
            pictures = await self._pictures.prepared(prompt.images)
            reply, seconds = await self._converse(prompt, pictures)
            sees = tuple(picture.size for picture in pictures)
            return Answer(sample_id=prompt.sample_id, text=reply.text, finish=reply.finish, usage=reply.usage, sees=sees,
                          seconds=seconds)  # fmt: skip
        except FailedReplyError as failed:
            failure = failed.failure
        except InputError as error:
            failure = Failure(kind="unreadable image", message=str(error))
        except TimeoutError:
            message = f"no complete answer within {self.options.timeout:g} s (--timeout)"
            failure = Failure(kind="timeout", message=message, retryable=True)
        except aiohttp.ClientPayloadError as error:
            failure = Failure(
                kind="cut off", message=f"the connection ended in the middle of the answer ({error})", retryable=True
            )
        except (aiohttp.ClientError, OSError) as error:
            failure = Failure(kind="connection", message=str(error) or type(error).__name__, retryable=True)
        finally:
            self._pictures.forget(pictures)
        return Answer(
            sample_id=prompt.sample_id, finish="error", error=self._without_key(failure), seconds=time.monotonic() - begun
        )

    def _without_key(self, failure: Failure) -> Failure:
        """Servers echo headers in their error messages; the key must not end up in a run directory."""
        return failure.model_copy(update={"message": failure.message.replace(self._key, "***")}) if self._key else failure

    def _body(self, prompt: Prompt, pictures: list[Picture]) -> Body | Form:
        if not self._plain:
            stream, temperature = self.options.api_mode == "stream", self.options.temperature
            return body_for(prompt, pictures, prefix=self._sight.prefix, temperature=temperature, stream=stream)
        if len(pictures) != 1:
            raise InputError(f"a plain OCR service reads one picture at a time, and the sample has {len(pictures)}")
        return Form(pictures[0].content)

    async def _converse(self, prompt: Prompt, pictures: list[Picture]) -> tuple[Reply, float]:
        """At one server after the other while connections break and others are up, each of them once; and again, a few times,
        where a server that is busy with others of ours said "later"."""
        assert self._fleet is not None
        body = self._body(prompt, pictures)
        tried: frozenset[str] = frozenset()
        waits = LATER
        while True:
            server = await self._fleet.take(tried)
            begun = time.monotonic()
            try:
                if failure := self._sight.too_long(prompt, [picture.size for picture in pictures], server.context):
                    raise FailedReplyError(failure.kind, failure.message, retryable=False)
                return await self._asking.ask(server, body, self._fleet), time.monotonic() - begun
            except FullError:
                waits -= 1
                if waits < 0 or server.flying <= 1:
                    raise
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, CutOffError):
                self._fleet.lost(server)
                tried |= {server.url}
                if not self._fleet.others(tried):
                    raise
            finally:
                self._fleet.give(server)
