"""Workers that can be killed: what one page costs, nothing else pays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from fpdf import FPDF

from ocrtune.errors import InputError
from ocrtune.rendering._pool import Limits, Pool
from ocrtune.rendering._wire import Message, receive, send

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the tests stop processes by POSIX signals")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    pdf = FPDF(unit="pt", format=(200, 100))
    for number in range(30):
        pdf.add_page()
        pdf.set_font("helvetica", size=20)
        pdf.text(10, 50, f"page {number + 1}")
    path = tmp_path / "a.pdf"
    pdf.output(str(path))
    return path


@pytest.fixture
def pool() -> Iterator[Pool]:
    running = Pool(Limits(seconds=20, workers=2))
    yield running
    running.close()


def ask(pool: Pool, file: Path, page: int | None = 1) -> Future[Message]:
    header = {"task": "encoded", "path": str(file), "page": page, "turn": 0, "size": [200, 100], "password": None}
    return pool.submit(Message(header), lambda reply: reply)


def gone(pid: int) -> bool:
    """Neither running nor a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_workers_are_started_when_needed_and_no_more_than_allowed(pool: Pool, file: Path) -> None:
    assert pool.pids() == []
    ask(pool, file).result()
    assert len(pool.pids()) == 1
    for reply in [ask(pool, file, page) for page in range(1, 31)]:
        assert reply.result().header["size"] == [200, 100]
    assert len(pool.pids()) == 2


def test_any_number_of_threads_get_their_own_answers(pool: Pool, file: Path) -> None:
    def content(page: int) -> bytes:
        return bytes(ask(pool, file, page).result().parts[0])

    once = [content(page) for page in range(1, 31)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(content, range(1, 31))) == once
    assert len(set(once)) == 30


def test_a_worker_that_stands_still_is_killed_and_replaced(file: Path) -> None:
    pool = Pool(Limits(seconds=1, workers=1))
    try:
        ask(pool, file).result()
        [pid] = pool.pids()
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(InputError, match=r"a.pdf, page 2: it took more than 1 seconds") as caught:
            ask(pool, file, 2).result()
        assert caught.value.hint and gone(pid)
        assert ask(pool, file, 3).result().header["size"] == [200, 100]
    finally:
        pool.close()


def test_a_page_is_tried_again_when_its_worker_had_been_killed(pool: Pool, file: Path) -> None:
    ask(pool, file).result()
    for pid in pool.pids():
        os.kill(pid, signal.SIGKILL)
    assert ask(pool, file, 2).result().header["size"] == [200, 100]


def test_a_bad_page_is_an_error_and_the_worker_stays(pool: Pool, file: Path) -> None:
    ask(pool, file).result()
    pids = pool.pids()
    with pytest.raises(InputError, match="no page 31, the PDF has 30"):
        ask(pool, file, 31).result()
    ask(pool, file).result()
    assert pool.pids() == pids


def test_a_future_may_be_cancelled_while_it_waits(file: Path) -> None:
    pool = Pool(Limits(seconds=20, workers=1))
    try:
        ask(pool, file).result()
        [pid] = pool.pids()
        os.kill(pid, signal.SIGSTOP)
        first, second, third = (ask(pool, file, page) for page in (1, 2, 3))
        assert second.cancel()
        os.kill(pid, signal.SIGCONT)
        assert first.result() and third.result() and second.cancelled()
    finally:
        pool.close()


def test_closing_ends_idle_and_busy_workers_at_once(file: Path) -> None:
    pool = Pool(Limits(seconds=60, workers=2))
    for reply in [ask(pool, file) for _ in range(8)]:
        reply.result()
    pids = pool.pids()
    os.kill(pids[0], signal.SIGSTOP)
    waiting = [ask(pool, file) for _ in range(4)]
    start = time.monotonic()
    pool.close()
    assert time.monotonic() - start < 5 and all(gone(pid) for pid in pids)
    for reply in waiting:
        assert reply.cancelled() or reply.exception(timeout=10) is not None or reply.result()
    with pytest.raises(RuntimeError, match="closed"):
        ask(pool, file)


def test_a_file_that_changes_is_read_anew(pool: Pool, file: Path) -> None:
    before = ask(pool, file).result().parts[0]
    pdf = FPDF(unit="pt", format=(200, 100))
    pdf.add_page()
    pdf.rect(0, 0, 200, 100, style="F")
    pdf.output(str(file))
    assert ask(pool, file).result().parts[0] != before


SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from ocrtune.core import ImageRef
from ocrtune.rendering import encoded, submit
from ocrtune.rendering._pool import SHARED

encoded(ImageRef(path={file!r}, page=1))
print(*SHARED.get().pids(), flush=True)
{then}
"""


def script(file: Path, then: str) -> subprocess.Popen[str]:
    code = textwrap.dedent(SCRIPT).format(file=str(file), then=then)
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    ("then", "code"),
    [
        ("pass", 0),
        ("futures = [submit(ImageRef(path={file!r}, page=n)) for n in range(1, 31)]", 0),
        ("os.kill(SHARED.get().pids()[0], signal.SIGSTOP); late = submit(ImageRef(path={file!r}, page=2))", 0),
        ("raise SystemExit(3)", 3),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9),
    ],
    ids=["idle", "busy", "stuck", "exit", "killed"],
)
def test_no_worker_outlives_its_process_and_nothing_is_said(then: str, code: int, file: Path) -> None:
    """No import guard is needed around a script, and no warning comes of leaving without a word."""
    with script(file, then.format(file=str(file))) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, "")
    [pid] = map(int, out.split())
    deadline = time.monotonic() + 10
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert gone(pid)


def test_a_forked_child_starts_its_own_workers(file: Path) -> None:
    then = f"""
child = os.fork()
if child == 0:
    encoded(ImageRef(path={str(file)!r}, page=2))
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
encoded(ImageRef(path={str(file)!r}, page=3))
"""
    with script(file, then) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


def test_where_no_process_can_be_started_this_one_reads(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    pool = Pool(Limits(workers=2))
    try:
        assert tuple(ask(pool, file).result().header["size"]) == (200, 100) and pool.pids() == []
        with pytest.raises(InputError, match="no page 31"):
            ask(pool, file, 31).result()
    finally:
        pool.close()


def test_messages_come_out_as_they_went_in() -> None:
    reading, writing = os.pipe()
    sent = Message({"a": "é", "b": [1, None]}, (b"", b"x" * 300_000))
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb") as sink:
        thread = threading.Thread(target=send, args=(sink, sent))
        thread.start()
        got = receive(source)
        thread.join()
        assert (got.header, [bytes(part) for part in got.parts]) == (sent.header, list(sent.parts))
        sink.close()
        with pytest.raises(EOFError):
            receive(source)


def test_nonsense_from_a_worker_is_no_message() -> None:
    for nonsense in (b"\xff\xff\xff\xff", b"\x02\0\0\0[]", b'\x10\0\0\0{"parts":[-1]}  '):
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb") as sink:
            sink.write(nonsense)
            sink.close()
            with pytest.raises((ValueError, EOFError)):
                receive(source)
