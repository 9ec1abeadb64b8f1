"""What people name on a command line, as files to read: folders, patterns, addresses, page numbers."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ocrtune.errors import ConfigError, InputError
from ocrtune.imaging import IMAGE_SUFFIXES

SUFFIXES = IMAGE_SUFFIXES | {".pdf"}
LONGEST_NAME = 100  # characters of a document's name; file systems allow 255 bytes, and names get suffixes
RANGE = re.compile(r"(-?\d+)?\s*(-|\.\.)\s*(-?\d+)?\Z|(-?\d+)\Z")


def find(inputs: Sequence[str], *, fetch_into: Path | None = None) -> list[Path]:
    """Files in the order given, folders and patterns sorted, each once; addresses are fetched into a folder where one is
    given. Raises InputError for what is not there."""
    found: dict[Path, None] = {}
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        elif path.is_file():
            files = [path]
        else:
            matches = glob.glob(text, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute patterns
            files = sorted(p for p in map(Path, matches) if p.is_file())
        if not files:
            known = ", ".join(sorted(SUFFIXES))
            raise InputError(f"nothing to read at {text}", hint=f"give files ({known}), folders or patterns")
        found |= dict.fromkeys(files)
    return list(found)


def named(files: Sequence[Path]) -> dict[str, Path]:
    """File names without suffix, as names of documents that are safe as names of folders; repeated ones are numbered."""
    seen: Counter[str] = Counter()
    taken: dict[str, Path] = {}
    for file in files:
        stem = _safe(file.stem)
        name = stem
        while name in taken:
            seen[stem] += 1
            name = f"{stem}-{seen[stem] + 1}"
        taken[name] = file
    return taken


def select(text: str, count: int) -> list[int]:
    """Page numbers from 1 of a document with `count` pages: `1-3,7`, `5-` to the end, `-1` is the last page. In the order
    given, each once, those beyond the end left out. Raises ConfigError for what is no list of pages, InputError where nothing
    is left."""
    numbers: dict[int, None] = {}
    for part in text.split(","):
        numbers |= dict.fromkeys(_range(part.strip(), count, text))
    if not numbers:
        raise InputError(f"none of the pages {text} exists: the document has {count}")
    return list(numbers)


def _range(part: str, count: int, text: str) -> range:
    match = RANGE.match(part)
    if match is None:
        raise ConfigError(f"{text!r} is no list of pages", hint="pages are counted from 1: --pages 1-3,7,-1")
    if match[4] is not None:
        number = int(match[4])
        first = last = number if number > 0 else count + 1 + number
    else:
        first, last = int(match[1] or 1), int(match[3] or count)
    return range(max(first, 1), min(last, count) + 1)


def _safe(stem: str) -> str:
    """No separators, control characters or leading dots; never empty."""
    name = re.sub(r'[\x00-\x1f<>:"/\\|?*]+', "_", stem).strip(" .")[:LONGEST_NAME].rstrip(" .")
    return name or "document"
