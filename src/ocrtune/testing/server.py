"""A model server without a model, in a process of its own: says what it is told to, as slowly and as badly as it is told to.

`with Served(Behaviour(...)) as server:` gives `server.url`; `server.stats()` tells what it saw. Run as a file it needs nothing
but Python's own library, so that it starts fast and its work does not weigh on what is measured.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
import urllib.request
import zlib
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Fault = Literal["drop", "stall", "500", "429", "truncate", "loop"]


@dataclass(frozen=True)
class Behaviour:
    """How it answers. `faults` are shares of the requests; which ones is decided by `seed`, what is asked, and how often it was
    asked before, not by the order in which requests come. `dies_after` so many requests the process ends."""

    reply: str = "It was a bright cold day in April, and the clocks were striking thirteen."
    replies: dict[str, str] = field(default_factory=dict)  # others, by words of the question
    seconds: float = 0.0  # from a request to the end of its answer
    events: int = 10  # pieces in which an answer comes
    places: int | None = None  # requests at a time; more are told to come back later
    faults: dict[Fault, float] = field(default_factory=dict)
    seed: int = 0
    models: tuple[str, ...] = ("mock",)
    root: str | None = None
    context: int | None = None
    owner: str = "ocrtune"
    version: str = "0"
    refuses: tuple[str, ...] = ()  # parameters of a request that it does not know
    dies_after: int | None = None
    full: int = 64  # requests in flight that keep it busy


class Served:
    """The server as a process, for `with`. Give `port` to come back at an address."""

    def __init__(self, behaviour: Behaviour, port: int = 0) -> None:
        self.behaviour = behaviour
        self.port = port
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Served:
        command = [sys.executable, "-S", "-E", __file__, str(self.port), json.dumps(asdict(self.behaviour))]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def stats(self) -> dict[str, Any]:
        """`requests`, `answered`, `peak` in flight, `asked` (how often each question came), `busy` (mean part of `full` that was
        in flight from the first to the last request), `filled` (part of that time with `full` in flight), `cpu` seconds."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats") as reply:
            found: dict[str, Any] = json.load(reply)
        return found


class Book:
    """What the server saw."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.asked: Counter[int] = Counter()
        self.faults: Counter[str] = Counter()
        self.requests = self.answered = self.flying = self.peak = self.bytes = 0
        self.area = self.filled = self.at = self.begun = 0.0
        self.last = (0.0, 0.0, 0.0)

    def move(self, step: int) -> None:
        now = time.monotonic()
        if self.flying or self.area:
            self.area += self.flying * (now - self.at)
            self.filled += (now - self.at) if self.flying >= self.behaviour.full else 0.0
        self.at = now
        self.flying += step
        self.peak = max(self.peak, self.flying)
        if step > 0:
            self.begun = self.begun or now
            self.last = (now - self.begun, self.area, self.filled)

    def fault(self, question: int) -> str | None:
        self.requests += 1
        self.asked[question] += 1
        dice = random.Random(f"{self.behaviour.seed} {question} {self.asked[question]}").random()
        for name, share in self.behaviour.faults.items():
            dice -= share
            if dice < 0:
                self.faults[name] += 1
                return name
        return None

    def report(self) -> dict[str, Any]:
        span, area, filled = self.last
        return {"requests": self.requests, "answered": self.answered, "peak": self.peak, "asked": list(self.asked.values()),
                "faults": dict(self.faults), "seconds": span, "bytes": self.bytes, "cpu": time.process_time(),
                "busy": area / span / self.behaviour.full if span else 0.0, "filled": filled / span if span else 0.0}  # fmt: skip


class Connection(asyncio.Protocol):
    """HTTP/1.1 as far as clients of model servers use it: one request after the other, bodies with a length."""

    def __init__(self, book: Book, answers: dict[bytes, list[bytes]]) -> None:
        self.book = book
        self.behaviour = book.behaviour
        self.answers = answers
        self.head = bytearray()
        self.missing = 0
        self.question = 0
        self.front = self.tail = b""
        self.flying = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(2**20)

    def connection_lost(self, exc: Exception | None) -> None:
        self.land()

    def land(self) -> None:
        if self.flying:
            self.flying = False
            self.book.move(-1)

    def data_received(self, data: bytes) -> None:
        if not self.missing:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            head, data = bytes(self.head[:end]), bytes(self.head[end + 4 :])
            self.head.clear()
            if not head.startswith(b"POST"):
                self.get(head.split(b" ", 2)[1].decode())
                return
            fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
            self.missing = int(fields[b"content-length"])
            self.question, self.front, self.tail = 0, b"", b""
            self.flying = True
            self.book.move(1)
        self.question = zlib.crc32(data, self.question)
        self.front = self.front or bytes(data[:4096])
        self.tail = (self.tail + data)[-65536:]
        self.missing -= len(data)
        self.book.bytes += len(data)
        if not self.missing:
            self.post()

    def get(self, path: str) -> None:
        b = self.behaviour
        if path == "/stats":
            self.say(200, self.book.report())
        elif path == "/version":
            self.say(200, {"version": b.version})
        else:
            card = {"object": "model", "owned_by": b.owner, "root": b.root, "max_model_len": b.context}
            self.say(200, {"object": "list", "data": [{"id": name, **card} for name in b.models]})

    def post(self) -> None:
        b, book = self.behaviour, self.book
        fault = book.fault(self.question)
        if b.dies_after is not None and book.requests > b.dies_after:
            os._exit(1)
        if (b.places is not None and book.flying > b.places) or fault == "429":
            self.say(429, {"error": {"message": "too many requests", "code": 429}}, "Retry-After: 0.2\r\n")
        elif (named := MODEL.search(self.front)) and named[1].decode() not in b.models:
            self.say(404, {"error": {"message": f"The model `{named[1].decode()}` does not exist.", "code": 404}})
        elif unknown := next((name for name in b.refuses if name.encode() in self.tail), None):
            self.say(400, {"error": {"message": f"Extra inputs are not permitted: {unknown}", "code": 400}})
        elif fault == "500":
            self.say(500, {"error": {"message": "EngineDeadError", "code": 500}})
        elif fault == "drop":
            self.transport.abort()
        elif fault != "stall":
            self.events = next(events for words, events in self.answers.items() if words in self.tail)
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            self.go_on(0, fault)

    def go_on(self, number: int, fault: str | None) -> None:
        """The next piece of an answer; a loop has no last one."""
        if self.transport.is_closing():
            return
        if fault == "truncate" and number > len(self.events) // 2:
            self.transport.close()
            return
        if fault == "loop":
            self.transport.write(LOOP)
        elif number == len(self.events) - 1:
            self.transport.write(self.events[number])
            self.book.answered += 1
            self.land()
            return
        else:
            self.transport.write(self.events[number])
        pause = self.behaviour.seconds / len(self.events)
        asyncio.get_running_loop().call_later(pause, self.go_on, number + 1, fault)

    def say(self, status: int, content: object, extra: str = "") -> None:
        body = json.dumps(content).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.land()


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def event(text: str, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": reason}
    said = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "mock", "choices": [choice]}
    return chunk(b"data: %s\n\n" % json.dumps(said).encode())


MODEL = re.compile(rb'"model": ?"([^"]*)"')
LOOP = event("<tr><td></td><td></td></tr>\n" * 4)


def pieces(reply: str, events: int) -> list[bytes]:
    size = -(-len(reply) // events)
    texts = [reply[start : start + size] for start in range(0, len(reply), size)]
    usage = {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": len(texts)}}
    end = event("", "stop") + chunk(b"data: %s\n\n" % json.dumps(usage).encode()) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    return [*(event(text) for text in texts), end]


async def serve(port: int, behaviour: Behaviour) -> None:
    book, said = Book(behaviour), {**behaviour.replies, "": behaviour.reply}
    answers = {words.encode(): pieces(reply, behaviour.events) for words, reply in said.items()}
    server = await asyncio.get_running_loop().create_server(lambda: Connection(book, answers), "127.0.0.1", port, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    given: dict[str, Any] = json.loads(sys.argv[2])
    asyncio.run(serve(int(sys.argv[1]), Behaviour(**given)))
