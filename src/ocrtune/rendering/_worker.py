"""A worker process: opens documents and pictures that nobody vouches for, within its own memory, until its input ends."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from ocrtune.errors import InputError
from ocrtune.rendering._shelf import Shelf
from ocrtune.rendering._tasks import perform
from ocrtune.rendering._wire import Message, receive, send

GRACE = 5  # seconds after which a worker that should have been killed ends itself: nobody may be left to do it


def serve(memory: int) -> None:
    """Answer requests from standard input until it ends. `memory` is the bound of the process in bytes."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)  # libraries that print do not spoil a reply
    with contextlib.suppress(ValueError, OSError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asked
    _bound_memory(memory)
    shelf = Shelf()
    send(replies, Message({"ready": os.getpid()}))
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            request = receive(requests)
            _alarm(int(request.header.pop("seconds", 0)))
            reply = attempt(request.header, shelf)
            send(replies, reply)
            _alarm(None)


def attempt(request: dict[str, Any], shelf: Shelf, task: Callable[[dict[str, Any], Shelf], Message] = perform) -> Message:
    """The reply to a request; an error of any kind is a reply too."""
    name = f"{request['path']}, page {request['page']}" if request.get("page") else str(request["path"])
    try:
        return task(request, shelf)
    except InputError as error:
        return Message({"error": str(error), "hint": error.hint})
    except MemoryError:
        shelf.clear()
        return Message({"error": f"{name}: it needs more memory than a page may take", "memory": True})
    except Exception as error:  # noqa: BLE001 - the boundary of the process: what decoders raise on broken files is without end
        return Message({"error": f"{name}: cannot be read ({type(error).__name__}: {error})"})


def _bound_memory(limit: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        with contextlib.suppress(ValueError, OSError):  # macOS knows the names and refuses
            resource.setrlimit(kind, (limit, limit))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no image of the memory, which may hold a password


def _alarm(seconds: int | None) -> None:
    """The system ends this process, whatever it is doing, some seconds after it should have been done; None: it is done."""
    if hasattr(signal, "alarm"):
        signal.alarm(0 if seconds is None else seconds + GRACE)
