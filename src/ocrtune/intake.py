"""What to read: files, folders, patterns and addresses as a list of files, their names as documents, and page numbers."""

from __future__ import annotations

import glob
import hashlib
import json
import logging
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ocrtune.errors import ConfigError, InputError, disk_errors
from ocrtune.imaging import IMAGE_SUFFIXES

log = logging.getLogger("ocrtune")

SUFFIXES = IMAGE_SUFFIXES | {".pdf"}
MOST_BYTES = 1 << 30  # of what an address gives
PATIENCE = 30.0  # seconds without a byte
LONGEST_NAME = 80  # characters; file systems take 255 bytes, and a name gets suffixes
RESERVED = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"}
)  # Windows takes them for devices, with any suffix
UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]+')
ADDRESS = re.compile(r"https?://", re.IGNORECASE)
ITEM = re.compile(r"\s*(-?\d{1,9})\s*(?:(-)\s*(-?\d{1,9})?\s*)?")


def find(inputs: Sequence[str], *, fetch_into: Path | None = None) -> list[Path]:
    """Files in the order given, each once; those of folders and patterns as a person sorts them (page 2 before page 10).

    A named file is taken whatever its suffix, folders give their files with known ones in any case. Addresses are fetched where
    there is a folder for them. Raises InputError for what is not there and for addresses that give nothing.
    """
    found: dict[Path, None] = {}
    for text in inputs:
        if ADDRESS.match(text):
            found[_fetched(text, fetch_into)] = None
            continue
        files = _files(text)
        if not files:
            known = ", ".join(sorted(SUFFIXES))
            raise InputError(f"nothing to read at {text}", hint=f"give files ({known}), folders or patterns")
        found |= dict.fromkeys(files)
    return list(found)


def _files(text: str) -> list[Path]:
    path = Path(text)
    try:
        if path.is_file():
            return [path]
        if path.is_dir():
            return _inside(path)
    except (OSError, ValueError) as cause:  # a name too long, or with a zero in it
        raise InputError(f"nothing can be read at {text!r} ({cause})") from cause
    matches = (Path(match) for match in glob.glob(_any_case(text), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
    files = [file for match in matches for file in (_inside(match) if match.is_dir() else [match])]
    return sorted(dict.fromkeys(files), key=natural)


def _inside(folder: Path) -> list[Path]:
    """Files with known suffixes, at any depth; not what is hidden by a dot, and not what `parse` wrote in there before."""
    written = [run.parent for run in folder.rglob("run.json") if run.parent != folder and _is_parsed(run)]
    if written:
        log.info("%s: what an earlier run of parse wrote is left out (%s)", folder, ", ".join(map(str, sorted(written)[:3])))
    files = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    shown = (p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    return sorted((p for p in shown if not any(run in p.parents for run in written)), key=natural)


def _is_parsed(manifest: Path) -> bool:
    try:
        found = json.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("verb") == "parse"


def _any_case(pattern: str) -> str:
    """A pattern whose suffix may be in capitals: `*.pdf` finds `SCAN.PDF`."""
    start, dot, suffix = pattern.rpartition(".")
    if not dot or not suffix.isalnum() or not suffix.isascii():
        return pattern
    return start + dot + "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in suffix)


def natural(path: Path) -> list[tuple[int, int, str]]:
    """A key that sorts numbers in names by value."""
    parts = re.split(r"(\d+)", os.fspath(path).casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


# --- names --------------------------------------------------------------------------------------------------------------


def named(files: Sequence[Path]) -> dict[str, Path]:
    """Names of documents: those of the files without suffix, as every file system takes them; repeated ones are numbered.

    A name is one step of a path: no separator, no leading dot, no device, and never two that differ by case alone.
    """
    taken: set[str] = set()
    names: dict[str, Path] = {}
    for file in files:
        plain = name = safe_name(file.stem)
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.casefold())
        names[name] = file
    return names


def safe_name(text: str) -> str:
    """A file name close to the text; what is too long is cut and keeps a mark of the whole."""
    plain = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    name = UNSAFE.sub("_", plain).strip(" .")
    if len(name) > LONGEST_NAME or len(name.encode()) > 2 * LONGEST_NAME:
        mark = hashlib.sha256(plain.encode()).hexdigest()[:8]
        short = name[: LONGEST_NAME - 9].encode()[: 2 * LONGEST_NAME - 9].decode("utf-8", "ignore")
        name = f"{short.strip(' .')}-{mark}"
    if not name.strip("_- "):
        return f"document{name}" if name else "document"
    return f"{name}_" if name.partition(".")[0].strip().casefold() in RESERVED else name


# --- pages --------------------------------------------------------------------------------------------------------------


def select(text: str, count: int) -> list[int]:
    """Page numbers from 1 of a document of `count` pages, in the order of the text and each once.

    `1-3,7` are pages; `4-` goes to the end, and `-1` is the last page, `-3--1` the last three. Pages that are not there are left
    out. Raises ConfigError for what is no such list and InputError where none of the pages is there.
    """
    pages: dict[int, None] = {}
    for item in text.split(","):
        match = ITEM.fullmatch(item)
        if match is None or int(match[1]) == 0 or (match[3] is not None and int(match[3]) == 0):
            raise ConfigError(
                f"{item.strip()!r} in {text!r} is no page and no range of pages",
                hint="write pages from 1 and ranges, such as 1-3,7 or 4- or -1 for the last",
            )
        first = _from_start(int(match[1]), count)
        last = first if match[2] is None else count if match[3] is None else _from_start(int(match[3]), count)
        if match[2] and last < first <= count:
            raise ConfigError(f"the range {item.strip()!r} ends before it begins", hint="write the lower page first")
        pages |= dict.fromkeys(range(max(first, 1), min(last, count) + 1))
    if not pages:
        what = "1 page" if count == 1 else f"{count} pages"
        raise InputError(f"none of the pages {text} is there: the document has {what}", hint="ask for other --pages")
    return list(pages)


def _from_start(number: int, count: int) -> int:
    return number if number > 0 else count + 1 + number


# --- addresses ----------------------------------------------------------------------------------------------------------


def _fetched(address: str, folder: Path | None) -> Path:
    """The file that an address gives, kept in `folder`: what is there is not fetched again."""
    if folder is None:
        raise InputError(f"{address} is an address, and nothing is fetched unless that is asked for", hint="add --urls")
    path = folder / _file_name(address)
    if path.exists():
        return path
    beside = path.with_name(f".{path.name}")
    with disk_errors(str(path)):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                for piece in _received(address):
                    file.write(piece)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    return path


def _file_name(address: str) -> str:
    last = Path(unquote(urlsplit(address).path)).name
    suffix = Path(last).suffix.lower()
    mark = hashlib.sha256(address.encode()).hexdigest()[:8]
    return f"{safe_name(Path(last).stem)}-{mark}{suffix if suffix in SUFFIXES else ''}"


def _received(address: str) -> Iterator[bytes]:
    import httpx

    size = 0
    try:
        with httpx.stream("GET", address, follow_redirects=True, timeout=PATIENCE) as reply:
            if not reply.is_success:
                raise InputError(f"{address}: the server says {reply.status_code} {reply.reason_phrase}")
            for piece in reply.iter_bytes():
                size += len(piece)
                if size > MOST_BYTES:
                    raise InputError(f"{address}: more than {MOST_BYTES >> 20} MB", hint="fetch it yourself and give the file")
                yield piece
    except (httpx.HTTPError, httpx.InvalidURL) as cause:
        raise InputError(
            f"{address}: cannot be fetched ({cause or type(cause).__name__})", hint="see whether it opens in a browser"
        ) from cause
    if size == 0:
        raise InputError(f"{address}: the server sends nothing")
