"""How large the pages of a document are on paper."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ocrtune.core import Document, ImageRef, Page
from ocrtune.errors import InputError
from ocrtune.exporters._raster import A4_LONG, POINTS, measured
from ocrtune.exporters._source import is_pdf
from ocrtune.rendering import pages

A4 = (595.0, 842.0)


class Paper(NamedTuple):
    """Points."""

    width: float
    height: float


def papers(document: Document) -> Iterator[tuple[Page, Paper]]:
    """Each page with its size: as its PDF says, else by the dpi of its picture, else so that it is about as long as A4."""
    stated: dict[str, list[ImageRef]] = {}
    for page in document.pages:
        yield page, _paper(page, stated)


def _paper(page: Page, stated: dict[str, list[ImageRef]]) -> Paper:
    ref = page.image
    if ref is not None:
        with contextlib.suppress(InputError, IndexError):
            width, height = _in_pdf(ref, stated) if is_pdf(ref) else measured(Path(ref.path), (ref.page or 1) - 1)
            return Paper(height, width) if ref.turn % 180 else Paper(width, height)
    size: Any = ref.size if ref is not None and ref.size is not None else (page.width or A4[0], page.height or A4[1])
    scale = A4_LONG * POINTS / max(size)
    return Paper(size[0] * scale, size[1] * scale)


def _in_pdf(ref: ImageRef, stated: dict[str, list[ImageRef]]) -> tuple[float, float]:
    if ref.path not in stated:
        stated[ref.path] = pages(Path(ref.path), dpi=POINTS * 4)
    found = stated[ref.path][(ref.page or 1) - 1]
    if found.size is None:
        raise InputError(f"{ref.path}: page {ref.page} has no size")
    return found.size.width / 4, found.size.height / 4
