"""Drawn pages with the places of all their words, and what readers find in the PDFs made of them."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pypdfium2
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrtune.contracts import Exporter
from ocrtune.core import Box, Document, ImageRef, Page, Region, Word
from ocrtune.fonts import faces
from ocrtune.options import ExportOptions

LINES = {
    "en": ["The harbour master's report of 1911", "counts 4,012 ships, most of them small.", "Eighty-one were lost in winter."],
    "ru": ["Отчёт начальника порта за 1911 год:", "учтено 4012 судов, в основном малых.", "Восемьдесят одно погибло зимой."],
    "zh-Hant": ["港務長一九一一年報告書", "登記船隻四千零一十二艘，多為小船。", "冬季失事八十一艘。"],
}


class Scan(NamedTuple):
    image: Image.Image
    regions: tuple[Region, ...]
    text: str  # as people would type it


def drawn(language: str, size: tuple[int, int] = (1240, 877)) -> Scan:
    """A page of one paragraph; words are boxed as a line high, Chinese is boxed by the character."""
    image = Image.new("RGB", size, (250, 247, 240))
    pen = ImageDraw.Draw(image)
    face = faces(language)[0]
    font = ImageFont.truetype(str(face.regular), 40, index=face.number)
    words = []
    for number, line in enumerate(LINES[language]):
        top, at = 90 + 70 * number, 120.0
        for part in line if language == "zh-Hant" else line.split(" "):
            pen.text((at, top), part, font=font, fill=(20, 20, 30))
            end = at + font.getlength(part)
            words.append(Word(text=part, box=Box.from_pixels((at, top, end, top + 50), *size)))
            at = end + (0 if language == "zh-Hant" else font.getlength(" "))
    text = "\n".join(LINES[language])
    return Scan(image, (Region(text=text, words=tuple(words), box=Box(left=0, top=0, right=1, bottom=1)),), text)


def jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def as_document(path: Path, regions: tuple[Region, ...], size: tuple[int, int], **image: object) -> Document:
    ref = ImageRef(path=str(path), width=size[0], height=size[1], **image)  # type: ignore[arg-type]
    return Document(source=str(path), pages=(Page(number=1, width=size[0], height=size[1], image=ref, regions=regions),))


def exported(exporter: type[Exporter], document: Document, stem: str = "scan", **options: object) -> dict[str, bytes]:
    return {a.name: a.content for a in exporter(ExportOptions.model_validate(options)).export(document, stem)}


def pdfium_text(pdf: bytes) -> list[str]:
    """The text of each page, as it is copied out of Chrome."""
    document = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_range().replace("\r\n", "\n").strip("\n") for page in document]


def poppler_text(pdf: bytes, folder: Path) -> list[str]:
    """The text of each page, as pdftotext and the viewers of Linux see it."""
    if shutil.which("pdftotext") is None:
        pytest.skip("poppler's pdftotext is not installed")
    path = folder / "read-back.pdf"
    path.write_bytes(pdf)
    said = subprocess.run(["pdftotext", "-enc", "UTF-8", path, "-"], capture_output=True, check=True, timeout=60)
    assert not said.stderr
    return [page.strip("\n") for page in said.stdout.decode().split("\f")[:-1]]


def found(pdf: bytes, phrase: str, page: int = 0) -> list[tuple[float, float, float, float]]:
    """Where a search finds the phrase: left, top, right, bottom in fractions of the page as it is shown."""
    shown = pypdfium2.PdfDocument(pdf)[page]
    text = shown.get_textpage()
    hit = text.search(phrase).get_next()
    if hit is None:
        return []
    width, height = shown.get_size()
    corners = []
    for number in range(text.count_rects(*hit)):
        left, bottom, right, top = text.get_rect(number)
        points = [_device(shown, x, y) for x, y in ((left, top), (right, bottom))]
        xs, ys = sorted(p[0] for p in points), sorted(p[1] for p in points)
        corners.append((xs[0], ys[0], xs[1], ys[1]))
    assert width > 0 < height
    return corners


def _device(page: pypdfium2.PdfPage, x: float, y: float) -> tuple[float, float]:
    import ctypes

    across, down = ctypes.c_int(), ctypes.c_int()
    pypdfium2.raw.FPDF_PageToDevice(page, 0, 0, 1_000_000, 1_000_000, 0, x, y, across, down)
    return across.value / 1_000_000, down.value / 1_000_000


def pixels(pdf: bytes, page: int = 0, scale: float = 1.0) -> np.ndarray:
    return np.asarray(pypdfium2.PdfDocument(pdf)[page].render(scale=scale).to_pil().convert("RGB"))
