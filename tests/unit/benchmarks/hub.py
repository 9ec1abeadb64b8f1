"""A server on this machine that speaks as much of the hub's HTTP as downloads of a dataset need: what a revision is, its tree in
pages, files with their etags, large ones behind a redirect, parts of files, and the hub's errors."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = 2000  # bytes; from here on files live elsewhere, as with the hub's LFS
PAGE = 2  # entries of a tree in one answer


@dataclass
class Hub:
    """`files` by name, by revision; `names` are branches and tags; `cut` bytes of a file are sent before the line drops, once; a
    `refused` file is not given. `asked` is what was asked for: method and path."""

    address: str
    repository: str
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    refused: set[str] = field(default_factory=set)
    cut: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def commit(self, files: Mapping[str, bytes], *names: str) -> str:
        """Publish files under branches or tags; their commit."""
        found = hashlib.sha1(json.dumps(sorted(files)).encode() + b"".join(files[name] for name in sorted(files))).hexdigest()
        self.files[found] = dict(files)
        self.names |= dict.fromkeys(names, found)
        return found

    @property
    def sent(self) -> list[str]:
        """The files that were asked for, in that order."""
        paths = [path for method, path in self.asked if method == "GET" and "/resolve/" in path]
        return [path.partition("/resolve/")[2].partition("/")[2] for path in paths]


@contextmanager
def serving(repository: str) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    hub = Hub(f"http://127.0.0.1:{server.server_address[1]}", repository)
    server.hub = hub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    @property
    def hub(self) -> Hub:
        hub = self.server.hub  # type: ignore[attr-defined]
        assert isinstance(hub, Hub)
        return hub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        address = urlsplit(self.path)
        path = unquote(address.path)
        self.hub.asked.append((self.command, path))
        for start, kind in ((f"/api/datasets/{self.hub.repository}", self._api), (f"/datasets/{self.hub.repository}", self._file),
                            ("/elsewhere", self._file)):  # fmt: skip
            if path.startswith(start):
                kind(path.removeprefix(start).strip("/").split("/"), parse_qs(address.query))
                return
        self._refuse(401, "RepoNotFound", "Repository not found")

    def _api(self, parts: list[str], query: Mapping[str, list[str]]) -> None:
        what, revision = (parts[0], parts[1]) if len(parts) > 1 else ("revision", "main")
        commit = self.hub.names.get(revision, revision)
        if commit not in self.hub.files:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif what == "revision":
            files = [{"rfilename": name} for name in self.hub.files[commit]]
            self._json({"id": self.hub.repository, "sha": commit, "private": False, "gated": self.hub.gated, "siblings": files})
        else:
            self._tree(commit, int(query.get("cursor", ["0"])[0]))

    def _tree(self, commit: str, start: int) -> None:
        entries = [_entry(name, content) for name, content in sorted(self.hub.files[commit].items())]
        path = f"/api/datasets/{self.hub.repository}/tree/{commit}?recursive=True&cursor={start + PAGE}"
        more = {"Link": f'<{self.hub.address}{path}>; rel="next"'} if start + PAGE < len(entries) else {}
        self._json(entries[start : start + PAGE], **more)

    def _file(self, parts: list[str], _: Mapping[str, list[str]]) -> None:
        revision, name = parts[1], "/".join(parts[2:])
        commit = self.hub.names.get(revision, revision)
        if self.hub.gated or name in self.hub.refused:
            self._refuse(403, "GatedRepo", "Access to this dataset is restricted and you are not in the authorized list.")
            return
        content = self.hub.files.get(commit, {}).get(name)
        if content is None:
            self._refuse(404, "EntryNotFound", "Entry not found")
            return
        facts = {"X-Repo-Commit": commit, "ETag": f'"{_oid(content)}"', "Accept-Ranges": "bytes"}
        if len(content) >= LARGE and self.path.startswith("/datasets"):
            linked = {"X-Linked-ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Linked-Size": str(len(content))}
            self._send(302, b"", **facts, **linked, Location=f"{self.hub.address}/elsewhere/{parts[0]}/{commit}/{name}")
            return
        self._part(name, content, facts)

    def _part(self, name: str, content: bytes, facts: Mapping[str, str]) -> None:
        wanted = self.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        span = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if wanted else {}
        cut = self.hub.cut.pop(name, None) if self.command == "GET" else None
        self._send(206 if wanted else 200, content[start:], cut=cut, **facts, **span)

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._send(status, json.dumps({"error": message}).encode(), **{"X-Error-Code": code, "X-Error-Message": message})

    def _json(self, value: Any, **headers: str) -> None:
        self._send(200, json.dumps(value).encode(), **{"Content-Type": "application/json", **headers})

    def _send(self, status: int, content: bytes, *, cut: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content if cut is None else content[:cut])
        if cut is not None:
            self.close_connection = True


def _oid(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def _entry(name: str, content: bytes) -> dict[str, Any]:
    kept = {"type": "file", "path": name, "size": len(content), "oid": _oid(content)}
    if len(content) < LARGE:
        return kept
    return {**kept, "lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}}
