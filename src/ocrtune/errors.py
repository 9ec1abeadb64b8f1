"""The one error tree. Every error that reaches a user says what, where and what to do next (`hint`).

A sample that fails is data (`Prediction.error`); a run that cannot go on raises one of these. The command line turns
them into one message and `exit_code`; the Python API lets them through.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator


class OcrtuneError(Exception):
    """Base of all errors of this package. `hint` is the next thing to try, one sentence."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(OcrtuneError):
    """Options that do not exist, do not fit their type or contradict each other; `problems` lists all of them."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class InputError(OcrtuneError):
    """A source, dataset or file that cannot be read as what it claims to be."""

    exit_code = 3


class MissingExtraError(OcrtuneError):
    """An optional dependency is not installed; the hint is the pip command."""

    exit_code = 4


class ModelError(OcrtuneError):
    """A checkpoint, adapter or processor that cannot be loaded, or does not do what it must."""

    exit_code = 5


class EngineError(OcrtuneError):
    """An engine that cannot be reached or started at all (a single failing sample is data instead)."""

    exit_code = 6


class ResourceError(OcrtuneError):
    """Disk, memory or device memory ran out."""

    exit_code = 7


class RunError(OcrtuneError):
    """A run directory that is missing, in use, or made by other options."""

    exit_code = 8


class ComparisonError(OcrtuneError):
    """Two results that must not be compared, such as results on different benchmarks."""

    exit_code = 9


class GateError(OcrtuneError):
    """A comparison ended as a gate was told not to let pass; everything about it was written before. (10 is a partial run.)"""

    exit_code = 11


@contextlib.contextmanager
def extra(name: str) -> Iterator[None]:
    """Turn a missing optional import into `pip install "ocrtune[name]"`.

    >>> with extra("train"):
    ...     import json
    """
    try:
        yield
    except ModuleNotFoundError as cause:
        if (cause.name or "").startswith("ocrtune"):
            raise
        raise MissingExtraError(
            f"this needs the Python package {cause.name!r}, which is not installed",
            hint=f'pip install "ocrtune[{name}]"',
        ) from cause


@contextlib.contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Map a full disk or a read-only place while writing `what` to a ResourceError."""
    try:
        yield
    except OSError as cause:
        if cause.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError(
                f"the disk is full while writing {what}",
                hint="free some space, or put runs elsewhere with --runs; the same command resumes what was finished",
            ) from cause
        if cause.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
            raise ResourceError(
                f"cannot write {what}: a file stands where a folder should be, or a folder in place of the file",
                hint="choose another folder with --runs or --into",
            ) from cause
        if cause.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise ResourceError(
                f"cannot write {what}: {cause.strerror}", hint="choose another folder with --runs or --into"
            ) from cause
        raise


@contextlib.contextmanager
def memory_errors(what: str, hint: str) -> Iterator[None]:
    """Map memory that ran out while doing `what`, on a device or on the host, to a ResourceError."""
    try:
        yield
    except (RuntimeError, MemoryError) as cause:
        if not out_of_memory(cause):
            raise
        raise ResourceError(
            f"memory ran out while {what}: {str(cause).splitlines()[0] if str(cause) else 'no detail'}", hint=hint
        ) from cause


def out_of_memory(error: BaseException) -> bool:
    """Whether a foreign exception means that memory ran out (CUDA, MPS and CPU allocators each say it differently)."""
    text = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (
            isinstance(error, RuntimeError)
            and any(s in text for s in ("out of memory", "not enough memory", "can't allocate memory"))
        )
    )
