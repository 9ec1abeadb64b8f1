"""Pages become documents, and documents files, beside the reading."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, overload
from urllib.parse import quote

from ocrtune.contracts import Exporter
from ocrtune.core import Document, Leaf, Ledger, Page
from ocrtune.errors import OcrtuneError
from ocrtune.runs import RunDir
from ocrtune.verbs._pages import STANDS_IN, Sheet

log = logging.getLogger("ocrtune")

DOCUMENTS = "documents"
LEAVES = "pages.jsonl"
INDEX = "index.md"
NOT_READ = "not read"


class Note(NamedTuple):
    """What is remembered of a page that was read."""

    document: str
    number: int
    engine: str
    failed: bool
    problems: tuple[str, ...]
    borrowed: bool = False  # from the second reading, as the model said nothing for a reason that may pass


class StoredPages(Sequence[Page]):
    """Pages in `pages.jsonl`, read when they are looked at: the words of a book of thousands of pages take gigabytes."""

    def __init__(self, file: Path, places: Sequence[int]) -> None:
        self._file = file
        self._places = tuple(places)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Page: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Page]: ...
    def __getitem__(self, index: int | slice) -> Page | Sequence[Page]:
        if isinstance(index, slice):
            return StoredPages(self._file, self._places[index])
        with self._file.open("rb") as lines:
            lines.seek(self._places[index])
            return Leaf.parse_line(lines.readline().decode()).page


class Bindery:
    """Keeps pages on disk as they come; when a document is whole, it is written in a thread beside the reading."""

    def __init__(self, exporters: Sequence[Exporter], sheets: Sequence[Sheet], into: RunDir) -> None:
        self._exporters = exporters
        self._into = into
        self._file = into.path / LEAVES
        self._file.unlink(missing_ok=True)
        self._places: dict[str, dict[int, int | None]] = {}
        for sheet in sheets:
            self._places.setdefault(sheet.document, {})[sheet.number] = None
        self.sources = {sheet.document: str(sheet.source) for sheet in sheets}
        self._jobs: list[Future[list[Path]]] = []
        self._press: ThreadPoolExecutor | None = None
        self.provenance: dict[str, str] = {}
        self.documents: dict[str, Document] = {}
        self.notes: list[Note] = []
        self.files: list[Path] = []
        self.unwritten = 0  # documents in a format

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        with ThreadPoolExecutor(1, thread_name_prefix="ocrtune-export") as self._press:
            yield
            self.files = [file for job in self._jobs for file in job.result()]
        self.documents = {name: self.documents[name] for name in self._places}

    def take(self, leaf: Leaf) -> None:
        places, ledger = self._places[leaf.document], leaf.page.ledger
        places[leaf.page.number] = self._file.stat().st_size if self._file.exists() else 0
        self._into.append(LEAVES, leaf)
        failed = ledger is None or ledger.finish == "error"
        engine = NOT_READ if ledger is None or failed else ledger.engine
        borrowed = ledger is not None and _is_borrowed(ledger)
        self.notes.append(Note(leaf.document, leaf.page.number, engine, failed, leaf.page.problems, borrowed))
        known = [place for place in places.values() if place is not None]
        if len(known) == len(places):
            pages: Any = StoredPages(self._file, known)
            document = Document.model_construct(source=self.sources[leaf.document], pages=pages, provenance=self.provenance)
            self.documents[leaf.document] = document
            assert self._press is not None
            self._jobs.append(self._press.submit(self._write, leaf.document, document))

    def _write(self, stem: str, document: Document) -> list[Path]:
        """A format that cannot be written here is named, and the others are written."""
        files = []
        for exporter in self._exporters:
            try:
                for artefact in exporter.export(document, stem):
                    files.append(self._into.write(f"{DOCUMENTS}/{stem}/{artefact.name}", artefact.content))
            except OcrtuneError as error:
                hint = f" ({error.hint})" if error.hint else ""
                log.warning("%s was not written as %s: %s%s", stem, exporter.name, error, hint)
                self.unwritten += 1
            except Exception as error:  # the other formats and documents are worth more
                log.warning("%s was not written as %s: unexpected %s: %s", stem, exporter.name, type(error).__name__, error,
                            exc_info=error)  # fmt: skip
                self.unwritten += 1
        return files


def _is_borrowed(ledger: Ledger) -> bool:
    if not ledger.attempts or not (ledger.attempts[-1].step or "").startswith(STANDS_IN):
        return False
    errors = [attempt.error for attempt in ledger.attempts[:-1]]
    return None not in errors and (not errors or any(error.retryable for error in errors if error))


def read_by(notes: Sequence[Note]) -> str:
    """Who read how many pages; those that nobody could read stand last."""
    counts = Counter(note.engine for note in notes)
    failed = counts.pop(NOT_READ, 0)
    said = ", ".join(f"{engine}: {count}" for engine, count in counts.items())
    return "; ".join(part for part in (said, f"{NOT_READ}: {failed}" if failed else "") if part)


def write_index(bindery: Bindery, into: RunDir) -> str:
    """A table of the documents for people, and its name: which file each one was, and where it is now."""
    notes: dict[str, list[Note]] = {name: [] for name in bindery.documents}
    for note in bindery.notes:
        notes[note.document].append(note)
    rows = ["| document | read from | pages | read by |", "| --- | --- | --- | --- |"]
    for name, own in notes.items():
        place = f"[{_cell(name)}]({quote(f'{DOCUMENTS}/{name}/')})"
        rows.append(f"| {place} | {_cell(bindery.sources[name])} | {len(own)} | {_cell(read_by(own))} |")
    failed = [note for note in bindery.notes if note.failed]
    lines = [f"- {_cell(note.document)}, page {note.number}: {_cell('; '.join(note.problems))}" for note in failed]
    into.write(INDEX, "\n".join([*rows, *(["", "## Pages that were not read", "", *lines] if lines else []), ""]))
    return INDEX


def _cell(text: str) -> str:
    """One line that ends no cell and starts no markup."""
    plain = "".join("\\" + letter if letter in "\\|<>[]*`" else letter for letter in text)
    return " ".join(plain.split())
