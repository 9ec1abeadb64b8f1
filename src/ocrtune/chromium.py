"""Headless Chromium over the DevTools pipe: one browser process prints any number of pages to PDF, or measures them."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ocrtune.errors import EngineError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
MAC_PROGRAMS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
# The browser reads commands from descriptor 3 and writes replies to descriptor 4; copies of 10 and above come between, so
# that making one of them cannot overwrite the other.
LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3), os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
INCH = 25.4


def program() -> str | None:
    """Where a Chromium is installed, if one is."""
    found = (shutil.which(name) for name in PROGRAMS)
    return next(filter(None, found), None) or next((path for path in MAC_PROGRAMS if Path(path).exists()), None)


class Browser:
    """A context manager. Raises EngineError when the browser is absent, dies, or does not answer within `patience` s."""

    def __init__(self, patience: float = 60.0) -> None:
        self.patience = patience
        self._sent = 0
        self._unread = b""

    def __enter__(self) -> Self:
        found = program()
        if found is None:
            raise EngineError(
                "no Chromium or Chrome is installed",
                hint="install one (Debian, Ubuntu: apt install chromium), or use the pip-only renderer: --renderer fpdf2",
            )
        self._home = tempfile.TemporaryDirectory(prefix="ocrtune-chromium-", ignore_cleanup_errors=True)
        (to_read, self._write), (self._read, to_write) = os.pipe(), os.pipe()
        theirs = (to_read, to_write)
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # it cannot be had as root
        profile = f"--user-data-dir={self._home.name}/profile"
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", LAUNCH, *map(str, theirs), found, *FLAGS, *sandbox, profile, "about:blank"],
            pass_fds=theirs,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for end in theirs:
            os.close(end)
        try:
            target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
            self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
            self._call("Page.enable", {}, self._session)
            self._call("Emulation.setScriptExecutionDisabled", {"value": True}, self._session)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, EngineError):  # it hangs, or is gone
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            with contextlib.suppress(OSError, EngineError):
                self._call("Browser.close", {})
        for end in (self._write, self._read):
            with contextlib.suppress(OSError):
                os.close(end)
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._home.cleanup()

    def show(self, page: str, size: tuple[int, int] | None = None) -> None:
        """Load `page`, whose scripts do not run, into a window of `size` CSS pixels."""
        if size is not None:
            window = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
            self._call("Emulation.setDeviceMetricsOverride", window, self._session)
        file = Path(self._home.name) / "page.html"
        file.write_text(page, "utf-8")
        self._call("Page.navigate", {"url": file.as_uri()}, self._session)
        self._await_event("Page.loadEventFired")

    def evaluate(self, script: str, seconds: float) -> Any:
        """The value, which must fit into JSON, of JavaScript of our own on the page that is shown. Raises EngineError where it
        throws, and when it runs for longer."""
        wanted = {"expression": script, "returnByValue": True, "timeout": seconds * 1000}
        reply = self._call("Runtime.evaluate", wanted, self._session)
        if (thrown := reply.get("exceptionDetails")) is not None:
            said = thrown.get("exception", {}).get("description") or thrown.get("text")
            raise EngineError(f"a script in Chromium failed: {str(said).splitlines()[0]}")
        return reply["result"].get("value")

    def print_pdf(self, page: str, size: tuple[float, float], margins: tuple[float, float], running: tuple[str, str]) -> bytes:
        """`page` as PDF, with its headings as bookmarks; scripts in it do not run. `size` is width and height, `margins` side
        and top in millimetres, `running` header and footer."""
        self.show(page)
        side, top = (length / INCH for length in margins)
        printed = self._call(
            "Page.printToPDF",
            {
                "paperWidth": size[0] / INCH,
                "paperHeight": size[1] / INCH,
                "marginLeft": side,
                "marginRight": side,
                "marginTop": top,
                "marginBottom": top,
                "printBackground": True,
                "displayHeaderFooter": True,
                "headerTemplate": running[0],
                "footerTemplate": running[1],
                "generateTaggedPDF": True,
                "generateDocumentOutline": True,
            },
            self._session,
        )
        return base64.b64decode(printed["data"])

    def _call(self, method: str, params: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": params, **({"sessionId": session} if session else {})}
        try:
            os.write(self._write, json.dumps(message).encode() + b"\0")
        except OSError as cause:
            raise EngineError(f"Chromium ended before {method}", hint="the pip-only renderer: --renderer fpdf2") from cause
        while (reply := self._receive(method)).get("id") != self._sent:
            pass
        if "error" in reply:
            raise EngineError(f"Chromium refused {method}: {reply['error'].get('message')}")
        result: dict[str, Any] = reply["result"]
        return result

    def _await_event(self, name: str) -> None:
        while self._receive(name).get("method") != name:
            pass

    def _receive(self, waiting_for: str) -> dict[str, Any]:
        """The next message of the browser."""
        deadline = time.monotonic() + self.patience
        while b"\0" not in self._unread:
            left = deadline - time.monotonic()
            ready = select.select([self._read], [], [], max(0.0, left))[0]
            part = os.read(self._read, 1 << 20) if ready else b""
            if not part:
                what = "ended" if ready else f"did not answer within {self.patience:.0f} s"
                raise EngineError(
                    f"Chromium {what} while waiting for {waiting_for}", hint="the pip-only renderer: --renderer fpdf2"
                )
            self._unread += part
        raw, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        return message
