"""The doubtful blocks of parsed documents as a list to correct: pictures with texts that `prepare` reads as training data."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocrtune.core import Box, Document, Page, Region
from ocrtune.errors import InputError
from ocrtune.rendering import picture
from ocrtune.runs import RunDir

if TYPE_CHECKING:
    from PIL.Image import Image

REVIEW = "review"
LIST = f"{REVIEW}/review.jsonl"
MARGIN = 0.004  # of the page, around a block


def write_review(documents: Mapping[str, Document], into: RunDir) -> Path | None:
    """`review/review.jsonl` with a crop of the clean page for each flagged block; None where no block is doubtful.

    `text` is the text as it was read: correct it, delete the lines that are beyond help, and give the folder to `prepare`.
    """
    rows = [row for name, document in documents.items() for page in document.pages for row in _rows(name, page, into)]
    return into.write(LIST, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)) if rows else None


def _rows(document: str, page: Page, into: RunDir) -> Iterator[dict[str, Any]]:
    doubtful = [region for region in (*page.regions, *page.missed) if region.flag is not None and region.box is not None]
    if not doubtful or page.image is None:
        return
    try:
        sheet = picture(page.image)
    except InputError:
        return  # the page is marked already
    for number, region in enumerate(doubtful, 1):
        name = f"{document}-{page.number:04d}-{number}.png"
        into.write(f"{REVIEW}/{name}", _crop(sheet, region))
        yield {"image": name, "text": region.text, "group": document, "type": region.flag, "page": page.number,
               "kind": region.kind, "confidence": region.confidence}  # fmt: skip


def _crop(sheet: Image, region: Region) -> bytes:
    assert region.box is not None
    b = region.box
    wide = Box(left=max(0.0, b.left - MARGIN), top=max(0.0, b.top - MARGIN),
               right=min(1.0, b.right + MARGIN), bottom=min(1.0, b.bottom + MARGIN))  # fmt: skip
    left, top, right, bottom = (round(value) for value in wide.to_pixels(*sheet.size))
    buffer = io.BytesIO()
    sheet.crop((left, top, max(right, left + 1), max(bottom, top + 1))).save(buffer, "PNG")
    return buffer.getvalue()
