"""A few worker processes that can be killed: a page that hangs, crashes or eats memory costs itself and nothing else.

Threads of this process feed the workers, one each; both are started when they are first needed.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, BinaryIO, NamedTuple, TypeVar, cast

from ocrtune.errors import InputError
from ocrtune.rendering._shelf import Shelf
from ocrtune.rendering._wire import Message, receive, send
from ocrtune.rendering._worker import attempt

T = TypeVar("T")
LOG = logging.getLogger("ocrtune")

BOOT = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from ocrtune.rendering._worker import serve
serve(int(sys.argv[2]))
"""
START = 120.0  # seconds that a worker may take to start: minutes are for machines that are swapping
MOST_WORKERS = 8
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
HINT = "open it in a viewer and print that page to a new PDF"


class Limits(NamedTuple):
    """`seconds` of one page, `memory` of one worker in bytes."""

    seconds: float = 60.0
    memory: int = 3 << 30
    workers: int = 0  # 0: as many as there are cores, up to MOST_WORKERS

    @property
    def most(self) -> int:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self.workers or min(cores, MOST_WORKERS)


class _Lost(NamedTuple):
    """A worker that did not answer, and why."""

    why: str
    again: bool  # whether a fresh one may do better: it died, and had done other pages before, which may have been the cause


class Worker:
    """One process. `ask` is for one thread at a time."""

    def __init__(self, limits: Limits) -> None:
        """Raises OSError where no process can be started."""
        self._limits = limits
        self._answers = 0
        command = [sys.executable, "-c", BOOT, json.dumps([os.fspath(p) for p in sys.path]), str(limits.memory)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | ONE_THREAD,
            start_new_session=True,  # Ctrl-C is for the process that asks; it would kill a worker that is just starting
        )
        reply = self._exchange(None, START)
        if isinstance(reply, _Lost):
            raise ChildProcessError(f"a worker process cannot be started: {reply.why}")

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: Message) -> Message | _Lost:
        """The reply; a worker that gives none is dead afterwards."""
        request.header["seconds"] = int(self._limits.seconds) + 1
        reply = self._exchange(request, self._limits.seconds)
        self._answers += 1
        return reply

    def _exchange(self, request: Message | None, seconds: float) -> Message | _Lost:
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        watch = threading.Timer(seconds, end)
        watch.daemon = True
        watch.start()
        try:
            if request is not None:
                send(cast(BinaryIO, self._process.stdin), request)
            reply = receive(cast(BinaryIO, self._process.stdout))
        except (EOFError, OSError, ValueError):
            self._end()
            if late.is_set():
                return _Lost(f"it took more than {seconds:g} seconds", again=False)
            return _Lost(self._death(), again=self._answers > 0)
        finally:
            watch.cancel()
        if late.is_set():  # it answered in its last moment
            self.close()
        return reply

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def _death(self) -> str:
        code = self._process.returncode
        name = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        return f"the process that read it died ({name}): it is damaged, or needs more memory than a page may take"

    def _end(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)  # of its own death, if it is dying, so that its cause is known
        self.close()

    def close(self) -> None:
        """Nothing is lost with a worker: it only reads."""
        self._process.kill()
        with contextlib.suppress(OSError):
            cast(BinaryIO, self._process.stdin).close()
        self._process.wait()
        with contextlib.suppress(OSError):
            cast(BinaryIO, self._process.stdout).close()


class _Job(NamedTuple):
    request: Message
    finish: Callable[[Message], Any]
    future: Future[Any]


class Pool:
    """Requests in the order of asking, on as many workers as `limits` says. For any number of threads."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open = 0  # jobs that are waiting or under way
        self._threads = 0
        self._workers: dict[int, Worker] = {}  # by thread
        self._alone: Shelf | None = None  # where no process can be started, this process reads
        self._alone_lock = threading.Lock()
        self._closed = False

    def submit(self, request: Message, finish: Callable[[Message], T]) -> Future[T]:
        """`finish` makes the result of a good reply, in another thread; the future raises InputError for a bad one."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            self._open += 1
            start = self._threads < min(self._open, self.limits.most)
            self._threads += start
            number = self._threads
        self._jobs.put(_Job(request, finish, future))
        if start:
            threading.Thread(target=self._serve, args=(number,), name=f"pages-{number}", daemon=True).start()
        return future

    def pids(self) -> list[int]:
        with self._lock:
            return [worker.pid for worker in self._workers.values()]

    def close(self) -> None:
        """End all workers at once. Jobs that are not done are cancelled."""
        with self._lock:
            self._closed = True
            workers = list(self._workers.values())
            self._workers.clear()
            threads = self._threads
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    job.future.cancel()
        for _ in range(threads):
            self._jobs.put(None)
        for worker in workers:
            worker.close()

    def _serve(self, number: int) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self._do(job, number)
            finally:
                with self._lock:
                    self._open -= 1

    def _do(self, job: _Job, number: int) -> None:
        if not job.future.set_running_or_notify_cancel():
            return
        try:
            result = job.finish(self._answer(job.request, number))
        except BaseException as error:  # noqa: BLE001 - it is the future's to raise
            job.future.set_exception(error)
        else:
            job.future.set_result(result)

    def _answer(self, request: Message, number: int) -> Message:
        """A good reply. What a worn worker fails at, a fresh one tries once more."""
        reply = self._ask(request, number)
        if (isinstance(reply, _Lost) and reply.again) or _is_short(reply):
            reply = self._ask(request, number)
        if isinstance(reply, _Lost):
            page = request.header.get("page")
            raise InputError(f"{request.header['path']}{f', page {page}' if page else ''}: {reply.why}", hint=HINT)
        if "error" in reply.header:
            raise InputError(reply.header["error"], hint=reply.header.get("hint") or HINT)
        return reply

    def _ask(self, request: Message, number: int) -> Message | _Lost:
        worker = self._worker(number)
        if worker is None:
            with self._alone_lock:
                self._alone = self._alone or Shelf()
                return attempt(dict(request.header), self._alone)
        reply = worker.ask(request)
        if isinstance(reply, _Lost) or _is_short(reply):
            worker.close()
            with self._lock:
                self._workers.pop(number, None)
        return reply

    def _worker(self, number: int) -> Worker | None:
        """This thread's worker; None where none can be started."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            worker = self._workers.get(number)
        if self._alone is not None:
            return None
        if worker is not None and worker.is_alive:
            return worker
        if worker is not None:
            worker.close()
        try:
            worker = Worker(self.limits)
        except OSError as cause:
            LOG.warning("pages are read in this process, where a hostile one cannot be stopped (%s)", cause)
            with self._alone_lock:
                self._alone = self._alone or Shelf()
            return None
        with self._lock:
            if not self._closed:
                self._workers[number] = worker
                return worker
        worker.close()
        raise RuntimeError("the pool is closed")


def _is_short(reply: Message | _Lost) -> bool:
    return isinstance(reply, Message) and bool(reply.header.get("memory"))


class _Shared:
    """The pool of this process. A forked child starts its own."""

    def __init__(self) -> None:
        self._pool: Pool | None = None
        self._lock = threading.Lock()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)

    def get(self) -> Pool:
        with self._lock:
            if self._pool is None:
                self._pool = Pool()
            return self._pool

    def forget(self) -> None:
        """The workers are the parent's."""
        self._pool, self._lock = None, threading.Lock()

    def close(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()


SHARED = _Shared()
