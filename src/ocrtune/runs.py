"""A run is a directory: what was asked, what ran, what came out, and its status, all written so that a kill loses nothing.

Layout: `run.json` · `request.yaml` · `config.yaml` · `events.jsonl` · files of the verb · `artifacts/`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ocrtune.config import Section, config_digest, to_yaml
from ocrtune.core import Noun, RunManifest, Status, digest
from ocrtune.errors import ConfigError, InputError, RunError, disk_errors

N = TypeVar("N", bound=Noun)
VERSIONED = ("ocrtune", "torch", "transformers", "peft", "numpy", "pydantic", "pypdfium2", "rapidfuzz", "pillow")
PAPERS = frozenset({"run.json", "request.yaml", "config.yaml", "result.json", "events.jsonl", "log.txt"})  # of a run itself
READ_WHOLE = 64 * 2**20  # bytes of an input; of a larger one only sizes and times are looked at


LOCK = ".lock"


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a temporary file beside `path`, flush it to disk, rename: readers see the old file or the new one."""
    with disk_errors(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise


_APPENDING = threading.Lock()


def append_line(path: Path, line: str) -> None:
    """Append one line, one thread at a time. A line that a kill cut short is dropped by `read_lines`."""
    with _APPENDING, disk_errors(str(path)), path.open("ab") as file:
        if file.tell() and not _ends_with_newline(path):
            file.write(b"\n")
        file.write(line.encode() + b"\n")


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def read_lines(path: Path, noun: type[N]) -> Iterator[N]:
    """The records of a JSONL file in order; lines that are not whole are skipped (they were never finished)."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.strip():
                with contextlib.suppress(ValidationError):
                    yield noun.parse_line(line)


class RunDir:
    """One run on disk. Make it with `create` (new or resumed) or `open` (existing)."""

    def __init__(self, path: Path, manifest: RunManifest, root: Path) -> None:
        self.path = path
        self.manifest = manifest
        self.root = root
        self._lock: int | None = None

    @property
    def id(self) -> str:
        return self.manifest.id

    @property
    def artifacts(self) -> Path:
        folder = self.path / "artifacts"
        folder.mkdir(exist_ok=True)
        return folder

    @classmethod
    def place(cls, verb: str, config: Section, *, root: Path, into: Path | None = None) -> Path:
        """Where `create` puts the run of these options."""
        return into or root / f"{verb}-{config_digest(config)[:8]}"

    @classmethod
    def create(cls, verb: str, config: Section, *, root: Path, into: Path | None = None, asked: Mapping[str, Any] | None = None,
               fresh: bool = False) -> RunDir:  # fmt: skip
        """The directory for these options: the same options give the same directory, so the same command resumes.

        Without `into` it is `root/<verb>-<digest of the options>`. Raises RunError when `into` holds a run of other
        options, something that is no run, a run that another live process works on, or one whose inputs have changed.
        """
        wanted = config_digest(config)
        path = cls.place(verb, config, root=root, into=into)
        if fresh and (path / "run.json").exists():
            _refuse_live(_read_manifest(path), path)
            shutil.rmtree(path)
        if (path / "run.json").exists():
            old = _read_manifest(path)
            if old.config_digest != wanted or old.verb != verb:
                raise RunError(
                    f"{path} holds a run of {old.verb} with other options", hint="give another --into, or --fresh to start over"
                )
            _refuse_live(old, path)
            run = cls(path, old, root)
            run._refuse_changed_inputs()
            if old.status != "done":
                run._hold()
                run._replace(status="running", finished=None, pid=os.getpid(), message=None, environment=_environment())
                run._explain(config, asked)
            return run
        if path.is_dir() and any(not file.name.startswith((LOCK, ".run.json.")) for file in path.iterdir()):
            raise RunError(f"{path} is not empty and holds no run", hint="give an empty or new folder with --into")
        with disk_errors(str(path)):
            path.mkdir(parents=True, exist_ok=True)
        manifest = RunManifest(id=path.name, verb=verb, started=datetime.now(UTC), config_digest=wanted, pid=os.getpid(),
                               environment=_environment(), versions=_versions())  # fmt: skip
        run = cls(path, manifest, root)
        run._hold()
        run._replace()  # first: without it the folder is nobody's, and the same command could not go on in it
        run._explain(config, asked)
        return run

    @classmethod
    def open(cls, name: str | Path, *, root: Path) -> RunDir:
        """An existing run by `run:<id>` (a unique beginning of the id is enough) or by its folder."""
        text = str(name)
        if not text.startswith("run:"):
            return cls(Path(name), _read_manifest(Path(name)), root)
        wanted = text.removeprefix("run:")
        found = [p.parent for p in root.glob("*/run.json") if p.parent.name == wanted] or [
            p.parent for p in sorted(root.glob("*/run.json")) if p.parent.name.startswith(wanted)
        ]
        if len(found) != 1:
            what = "no run" if not found else f"{len(found)} runs"
            raise RunError(f"{what} called {wanted!r} under {root}", hint="ocrtune runs list")
        return cls(found[0], _read_manifest(found[0]), root)

    @classmethod
    def every(cls, root: Path) -> list[RunDir]:
        """All runs under `root`, oldest first; folders with a broken run.json are left out."""
        runs = []
        for file in root.glob("*/run.json"):
            with contextlib.suppress(RunError):
                runs.append(cls(file.parent, _read_manifest(file.parent), root))
        return sorted(runs, key=lambda r: r.manifest.started)

    def resolve(self, name: str, *roles: str) -> Path:
        """A path as it is, or for `run:<id>` the first of that run's outputs among `roles` (the run's folder if none)."""
        if not name.startswith("run:"):
            return Path(name)
        other = RunDir.open(name, root=self.root)
        for role in roles:
            if (output := other.manifest.outputs.get(role)) is not None:
                return other.path / output
        if roles:
            made = ", ".join(other.manifest.outputs) or "nothing yet"
            raise RunError(f"{name} ({other.manifest.verb}, {other.status}) has no {' or '.join(roles)}; it has {made}")
        return other.path

    @property
    def status(self) -> Status:
        """As recorded, but `stopped` when the process that was working on it is gone."""
        if self.manifest.status == "running" and not _alive(self.manifest, self.path):
            return "stopped"
        return self.manifest.status

    def link(self, **inputs: str) -> None:
        """Record what this run was made from (a run id or a path, by role), and what that holds now."""
        digests = {role: found for role, name in inputs.items() if (found := self._content(name)) is not None}
        old = self.manifest
        self._replace(inputs={**old.inputs, **inputs}, input_digests={**old.input_digests, **digests})

    def _content(self, name: str) -> str | None:
        """Digest of the files of an input, or None when it is not on this disk."""
        with contextlib.suppress(RunError, OSError):
            place = self.resolve(name)
            files = [place] if place.is_file() else sorted(f for f in place.iterdir() if f.is_file() and f.name not in PAPERS)
            small = sum(f.stat().st_size for f in files) <= READ_WHOLE
            return digest([[f.name, _fingerprint(f, read=small)] for f in files])
        return None

    def _refuse_changed_inputs(self) -> None:
        for role, recorded in self.manifest.input_digests.items():
            name = self.manifest.inputs[role]
            if (now := self._content(name)) is not None and now != recorded:
                raise RunError(
                    f"{self.path} was made from another content of its {role}: {name} has changed since",
                    hint="--fresh makes the run anew; another --into keeps the old one",
                )

    def event(self, kind: str, **fields: Any) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        append_line(
            self.path / "events.jsonl", json.dumps({"time": stamp, "event": kind, **fields}, ensure_ascii=False, default=str)
        )

    def append(self, name: str, record: Noun) -> None:
        append_line(self.path / name, record.line())

    def read(self, name: str, noun: type[N]) -> list[N]:
        return list(read_lines(self.path / name, noun))

    def write(self, name: str, content: str | bytes | Noun | Iterable[Noun]) -> Path:
        """Write a whole file atomically: text, bytes, one noun as JSON, or many as JSONL."""
        path = self.path / name
        if isinstance(content, Noun):
            content = content.model_dump_json(indent=2) + "\n"
        elif not isinstance(content, str | bytes):
            content = "".join(f"{noun.line()}\n" for noun in content)
        write_atomic(path, content)
        return path

    def finish(self, status: Status = "done", *, message: str | None = None, **outputs: str) -> None:
        self._replace(status=status, finished=datetime.now(UTC), pid=None, message=message,
                      outputs={**self.manifest.outputs, **outputs})  # fmt: skip
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextlib.contextmanager
    def guard(self) -> Iterator[RunDir]:
        """Record how the work inside ended when it did not end well: stopped (Ctrl-C) or failed (any error)."""
        try:
            yield self
        except KeyboardInterrupt:
            self.finish("stopped", message="interrupted")
            raise
        except BaseException as error:
            with contextlib.suppress(Exception):
                self.finish("failed", message=f"{type(error).__name__}: {error}")
                if isinstance(error, ConfigError | InputError) and not self._begun():
                    shutil.rmtree(self.path)  # the corrected command is to find its place free
            raise

    def _begun(self) -> bool:
        """Whether there is more than what was asked for."""
        return any(file.name not in PAPERS - {"events.jsonl"} | {LOCK} for file in self.path.iterdir())

    def _hold(self) -> None:
        """Take the run's lock, which the system frees however this process ends."""
        with disk_errors(str(self.path)):
            self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        with contextlib.suppress(OSError):  # a file system without locks: `_alive` goes by the process id there
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _explain(self, config: Section, asked: Mapping[str, Any] | None) -> None:
        """What was asked and what runs, unless an earlier start wrote it."""
        for name, content in (("request.yaml", dict(asked or {})), ("config.yaml", config.model_dump(mode="json"))):
            if not (self.path / name).exists():
                write_atomic(self.path / name, to_yaml(content))

    def _replace(self, **changes: Any) -> None:
        self.manifest = self.manifest.model_copy(update=changes)
        write_atomic(self.path / "run.json", self.manifest.model_dump_json(indent=2) + "\n")


class Follower(RunDir):
    """A run as the other processes of a distributed job see it: the first process writes, they only read."""

    @classmethod
    def of(cls, path: Path, *, root: Path, fresh: bool = False, patience: float = 600.0) -> Follower:
        """The run at `path` as soon as the first process works on it, or found it done. Raises RunError when that does not
        happen within `patience` seconds, or when it failed there."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            with contextlib.suppress(RunError):
                run = cls(path, _read_manifest(path), root)
                if run.status == "running" or (run.status == "done" and not fresh):
                    return run
            time.sleep(0.1)
        raise RunError(f"the first process did not begin {path} within {patience:.0f} s", hint="its own messages say why")

    def link(self, **inputs: str) -> None: ...

    def event(self, kind: str, **fields: Any) -> None: ...

    def append(self, name: str, record: Noun) -> None: ...

    def write(self, name: str, content: str | bytes | Noun | Iterable[Noun]) -> Path:
        return self.path / name

    def finish(self, status: Status = "done", *, message: str | None = None, **outputs: str) -> None: ...


def _fingerprint(file: Path, *, read: bool) -> str:
    """SHA-256 of a file, or its size and time of change where reading everything would take too long."""
    if not read:
        return f"{file.stat().st_size} {file.stat().st_mtime_ns}"
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _read_manifest(path: Path) -> RunManifest:
    try:
        return RunManifest.model_validate_json((path / "run.json").read_text("utf-8"))
    except FileNotFoundError as cause:
        raise RunError(f"{path} is not a run: it has no run.json", hint="ocrtune runs list") from cause
    except (OSError, ValidationError, UnicodeDecodeError) as cause:
        raise RunError(f"{path / 'run.json'} cannot be read: {cause}") from cause


def _alive(manifest: RunManifest, path: Path) -> bool:
    """Whether a process works on the run. It holds the lock; one of this host must also live, because children of a killed
    process keep its lock for a while. A process id alone says little: it may be a zombie's, taken anew, or another host's."""
    if manifest.pid is None or not _locked(path):
        return False
    if manifest.environment.get("host") != platform.node():
        return True
    try:
        os.kill(manifest.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _locked(path: Path) -> bool:
    """Whether somebody has the lock, or nobody can tell."""
    try:
        handle = os.open(path / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _refuse_live(manifest: RunManifest, path: Path) -> None:
    mine = manifest.pid == os.getpid() and manifest.environment.get("host") == platform.node()
    if manifest.status == "running" and not mine and _alive(manifest, path):
        raise RunError(f"process {manifest.pid} is working on {path}", hint="wait for it, stop it, or give another --into")


def _environment() -> dict[str, str]:
    return {"host": platform.node(), "system": platform.platform(), "python": platform.python_version(),
            "cpus": str(os.cpu_count()), "command": " ".join(sys.argv)}  # fmt: skip


def _versions() -> dict[str, str]:
    found = {}
    for name in VERSIONED:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
