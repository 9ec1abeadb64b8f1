"""The entry point: which command, and one handler for everything that goes wrong. Imports nothing heavy by itself."""

from __future__ import annotations

import difflib
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Callable
from typing import NamedTuple

from ocrtune import __version__
from ocrtune.errors import ConfigError, OcrtuneError
from ocrtune.verbs import VERBS

COMMANDS = {
    "runs": ("list, show, trace and clean up runs", "ocrtune.cli.runs:command"),
    "schema": ("print the options of verbs as JSON Schema", "ocrtune.cli.catalogue:schema"),
    "plugins": ("list what is on the shelves: sources, engines, metrics …", "ocrtune.cli.catalogue:plugins"),
}
VERB_COMMAND = "ocrtune.cli.verb:command"
INTERRUPTED, BROKEN_PIPE, BUG = 130, 141, 70


class Trouble(NamedTuple):
    """An error as the user sees it."""

    message: str
    hint: str | None
    exit_code: int


def main(argv: list[str] | None = None) -> int:
    """Run one command line; the return value is the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more can be flushed at exit
        return BROKEN_PIPE
    except KeyboardInterrupt:
        print("\nstopped; the same command resumes what was finished", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  the one handler
        if "--traceback" in arguments:
            traceback.print_exc()
        trouble = explain(error)
        print(f"error: {trouble.message}", file=sys.stderr)
        if trouble.hint:
            print(f"hint: {trouble.hint}", file=sys.stderr)
        return trouble.exit_code


def explain(error: BaseException) -> Trouble:
    """Message, hint and exit code for any exception."""
    if isinstance(error, OcrtuneError):
        return Trouble(str(error), error.hint, error.exit_code)
    if isinstance(error, MemoryError):
        return Trouble("memory ran out", "use smaller batches, fewer workers or smaller images", 7)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" while writing {error.filename}" if error.filename else ""
        return Trouble(f"the disk is full{where}", "free some space; the same command resumes what was finished", 7)
    return Trouble(f"unexpected {type(error).__name__}: {error}", "this is a bug; --traceback shows where it happened", BUG)


def _dispatch(arguments: list[str]) -> int:
    name, rest = (arguments[0], arguments[1:]) if arguments else ("--help", [])
    if name in ("--help", "-h", "help"):
        print(overview())
        return 0
    if name in ("--version", "-V"):
        print(f"ocrtune {__version__}")
        return 0
    if name in COMMANDS:
        return _load(COMMANDS[name][1])(rest)
    if name not in VERBS:
        near = difflib.get_close_matches(name, [*VERBS, *COMMANDS], n=1)
        raise ConfigError(
            f"there is no command {name!r}" + (f" (did you mean {near[0]}?)" if near else ""), hint="ocrtune --help lists them"
        )
    return _load(VERB_COMMAND)([name, *rest])


def _load(place: str) -> Callable[[list[str]], int]:
    """The function at "module:function": loaded by name so that `--help` needs none of it."""
    module, _, name = place.partition(":")
    found: Callable[[list[str]], int] = getattr(importlib.import_module(module), name)
    return found


def overview() -> str:
    """`ocrtune --help`: everything there is, one line each."""
    rows = {**VERBS, **{name: summary for name, (summary, _) in COMMANDS.items()}}
    width = max(map(len, rows))

    def lines(names: list[str]) -> str:
        return "\n".join(f"  {name:<{width}}  {rows[name]}" for name in names)

    return (
        "usage: ocrtune COMMAND [options]\n\n"
        f"From a pile of documents to a better OCR model, with a verdict.\n\nVerbs\n{lines(list(VERBS))}\n\n"
        f"Around them\n{lines(list(COMMANDS))}\n\n"
        "`ocrtune COMMAND --help` lists its options with examples; `--dry-run` shows what would happen."
    )


if __name__ == "__main__":
    sys.exit(main())
