"""The few documents that a worker keeps open: a PDF of thousands of pages is not opened thousands of times."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ocrtune.imaging import load_pdf

LENGTH = 4
USES = 200  # pages after which a document is opened anew: pdfium keeps what it read of every page until a document is closed

Key = tuple[str, str | None, int, int]


class _Open(NamedTuple):
    document: Any
    uses: int


class Shelf:
    """Open PDFs, the most recently used last. A file that changed on disk is another one."""

    def __init__(self) -> None:
        self._open: dict[Key, _Open] = {}

    def pdf(self, path: Path, password: str | None) -> Any:
        """The document, which stays the shelf's. Raises InputError like `load_pdf`."""
        try:
            status = path.stat()
            key = (str(path), password, status.st_size, status.st_mtime_ns)
        except OSError:
            return load_pdf(path, password)  # raises what is to be said
        known = self._open.pop(key, None)
        if known is not None and known.uses >= USES:
            known.document.close()
            known = None
        if known is None:
            while len(self._open) >= LENGTH:
                self._open.pop(next(iter(self._open))).document.close()
            known = _Open(load_pdf(path, password), 0)
            known.document.init_forms()
        self._open[key] = _Open(known.document, known.uses + 1)
        return known.document

    def clear(self) -> None:
        for document, _ in self._open.values():
            document.close()
        self._open.clear()
