"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ocrtune.errors import InputError
from ocrtune.imaging import file_size

Kind = Literal["pdf", "tiff", "picture"]

TAIL = 4096  # bytes at the end of a file in which its end mark stands, whatever was appended to it
HEADER = 1024  # a PDF may begin with other bytes: readers look this far
TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PICTURES = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"BM",
    *(b"P%d" % n for n in range(1, 7)),
    b"\0\0\0\x0cjP  ",
    b"\xff\x4f\xff\x51",
)
OTHERS = {
    b"PK\x03\x04": "an office document or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an office document of the old kind",
    b"{\\rtf": "a rich-text document",
    b"%!PS": "PostScript",
    b"AT&T": "a DjVu document",
    b"<!": "a web page",
    b"<h": "a web page",
    b"<H": "a web page",
    b"<?xml": "XML",
    b"<svg": "an SVG drawing",
}


def kind(path: Path) -> Kind:
    """Raises InputError for what is missing, empty, or neither a PDF nor a picture, saying what it is where that can be told."""
    if file_size(path) == 0:
        raise InputError(f"{path}: the file is empty (0 bytes)", hint="copy it again from where it came from")
    try:
        with path.open("rb") as file:
            head = file.read(HEADER)
    except OSError as cause:
        raise InputError(f"{path}: cannot be read ({cause.strerror})") from cause
    if head.startswith(TIFFS):
        return "tiff"
    if head.startswith(PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[4:8] == b"ftyp":
        return "picture"
    if b"%PDF-" in head:
        return "pdf"
    known = next((name for start, name in OTHERS.items() if head.lstrip().startswith(start)), None)
    raise InputError(
        f"{path}: {known or 'neither a PDF nor a picture'}",
        hint="convert it to PDF first" if known else "PDF, PNG, JPEG, TIFF, WebP, BMP, GIF and HEIC files can be read",
    )


def lacks_end(path: Path) -> bool:
    """Whether a PDF or JPEG seems to have been cut off: its end mark is not where it should be."""
    with path.open("rb") as file:
        head = file.read(5)
        mark = b"%%EOF" if head == b"%PDF-" else b"\xff\xd9" if head.startswith(b"\xff\xd8\xff") else None
        if mark is None:
            return False
        file.seek(max(path.stat().st_size - TAIL, 0))
        return mark not in file.read()
