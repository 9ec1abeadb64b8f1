"""The files that a document was read from, opened to take parts of them over."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from ocrtune.core import ImageRef
from ocrtune.errors import InputError
from ocrtune.rendering import kind, password_of

log = logging.getLogger("ocrtune")

MOST_CONTENT = 1 << 28  # bytes of one decompressed stream; a page of text has some thousands


def is_pdf(ref: ImageRef) -> bool:
    """What the first bytes say; False where there is no such file."""
    try:
        return kind(Path(ref.path)) == "pdf"
    except InputError:
        return False


def opened(path: Path) -> Any:
    """A `pikepdf.Pdf`, or None where the file can be seen but not edited."""
    import pikepdf

    pikepdf.settings.set_qpdf_limits(flate_max_memory=MOST_CONTENT)
    try:
        return pikepdf.open(path, password=password_of(path) or "")
    except (pikepdf.PdfError, OSError, RuntimeError) as cause:
        log.info("%s: cannot be edited (%s); its pages are used as pictures", path, cause)
        return None
