"""What reaches the terminal: log lines on stderr beside progress bars, tables on stdout, no colour where none is wanted."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Sequence
from typing import Any

NOISY = ("transformers", "huggingface_hub", "datasets", "torch", "peft", "accelerate", "httpx", "httpcore", "PIL",
         "matplotlib", "fontTools", "fpdf", "RapidOCR", "tensorboard", "absl", "bitsandbytes", "kernels")  # fmt: skip


class _Lines(logging.Handler):
    """Records as plain lines above whatever progress bar is running."""

    def emit(self, record: logging.LogRecord) -> None:
        mark = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        line = mark + record.getMessage()
        bars = sys.modules.get("tqdm")  # only a loaded tqdm can have a bar on the screen
        if bars is None:
            print(line, file=sys.stderr, flush=True)
        else:
            bars.tqdm.write(line, file=sys.stderr)


def before_imports(argv: Sequence[str]) -> None:
    """What libraries read from the environment when they are imported: call it before a verb is loaded.

    Where nobody watches a terminal, bars become a line every ten seconds.
    """
    wanted = {}
    if "--quiet" in argv:
        wanted["TQDM_DISABLE"] = "1"
    elif not sys.stderr.isatty():
        wanted["TQDM_MININTERVAL"] = "10"
    if "--verbose" not in argv:
        wanted |= {"TRANSFORMERS_VERBOSITY": "error", "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
                   "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TOKENIZERS_PARALLELISM": "false"}  # fmt: skip
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def set_up(*, quiet: bool, verbose: bool) -> None:
    """Log lines of this package on stderr; other libraries silent unless `verbose`."""
    log = logging.getLogger("ocrtune")
    log.handlers = [_Lines()]
    log.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    log.handlers[0].setLevel(log.level)
    log.propagate = False
    if not verbose:
        warnings.simplefilter("ignore")
        for name in NOISY:
            logging.getLogger(name).setLevel(logging.ERROR)


def width() -> int:
    """Columns to write for; 100 at most, because long lines of prose are hard to read."""
    return min(shutil.get_terminal_size((100, 24)).columns, 100)


def coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if coloured() else text


def tint(text: str, colour: int) -> str:
    """`text` in one of the terminal's colours (31 red, 32 green, 33 yellow)."""
    return f"\033[{colour}m{text}\033[0m" if coloured() else text


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns; the last one runs free."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        return "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()

    return "\n".join([bold(line(head)), *(line(row) for row in rows)])


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))
