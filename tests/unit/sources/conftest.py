"""Documents made on the spot, with fonts that matplotlib ships."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest
from fpdf import FPDF
from PIL import Image

DEJAVU = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@pytest.fixture
def sheet() -> FPDF:
    """An A4 page in points with DejaVu Sans 12 (Latin and Cyrillic), streams uncompressed so that tests can spoil them."""
    pdf = FPDF(unit="pt", format="A4")
    pdf.set_compression(False)
    pdf.add_font("dejavu", fname=str(DEJAVU))
    pdf.add_page()
    pdf.set_font("dejavu", size=12)
    return pdf


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "x.png"
    Image.new("RGB", (40, 20), "white").save(file)
    return file
