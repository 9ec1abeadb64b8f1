"""Pictures that an exporter writes: clean pages, overlays, figures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from fpdf import FPDF
from PIL import Image
from scans import as_document, drawn, exported, jpeg

from ocrtune.core import Box, Document, ImageRef, Page, Region
from ocrtune.exporters.figures import Figures
from ocrtune.exporters.images import COLOURS, Overlay, PageImages


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """White, with a blue square in the middle."""
    image = Image.new("RGB", (800, 600), "white")
    image.paste((30, 60, 200), (300, 200, 500, 400))
    file = tmp_path / "photo.jpg"
    file.write_bytes(jpeg(image, subsampling=0))
    return file


MIDDLE = Box(left=300 / 800, top=200 / 600, right=500 / 800, bottom=400 / 600)


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_clean_pages_have_nothing_drawn_on_them(photo: Path) -> None:
    files = exported(PageImages, as_document(photo, (Region(kind="picture", box=MIDDLE),), (800, 600)))
    assert list(files) == ["pages/0001.jpg"]
    seen = np.asarray(opened(files["pages/0001.jpg"]).convert("RGB"), float)
    assert np.abs(seen - np.asarray(Image.open(photo), float)).mean() < 2


def test_overlays_show_each_kind_in_its_colour_and_keep_the_page_readable(tmp_path: Path) -> None:
    scan = drawn("en")
    file = tmp_path / "scan.png"
    scan.image.save(file)
    rows = [Box(left=0.1, top=0.4 + 0.05 * n, right=0.9, bottom=0.43 + 0.05 * n) for n in range(len(COLOURS))]
    regions = tuple(Region(kind=kind, box=box) for kind, box in zip(COLOURS, rows, strict=True))
    files = exported(Overlay, as_document(file, (*regions, Region(text="without a place")), scan.image.size))
    assert list(files) == ["overlays/0001.jpg"]
    shown = np.asarray(opened(files["overlays/0001.jpg"]).convert("RGB"), float)
    assert shown.shape[1::-1] == scan.image.size
    for kind, box in zip(COLOURS, rows, strict=True):
        x, y = int((box.left + box.right) / 2 * 1240), int((box.top + box.bottom) / 2 * 877)
        paper = np.array((250, 247, 240))
        assert np.abs(shown[y, x] - (0.78 * paper + 0.22 * np.array(COLOURS[kind]))).max() < 12, kind
    text = np.s_[90:280, 120:900]
    assert np.abs(shown[text] - np.asarray(scan.image, float)[text]).mean() < 4


def test_labels_of_neighbours_do_not_cover_one_another(tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.new("RGB", (1000, 1000), "white").save(file)
    boxes = [Box(left=0.4, top=0.1 + 0.02 * n, right=0.6, bottom=0.118 + 0.02 * n) for n in range(20)]
    labelled = exported(Overlay, as_document(file, tuple(Region(box=box) for box in boxes), (1000, 1000)))
    shown = np.asarray(opened(labelled["overlays/0001.jpg"]).convert("RGB"), int)
    beside = shown[100:500, 300:398]
    assert (beside.sum(axis=2) < 600).any(axis=1).mean() > 0.8  # a label beside every region
    assert (shown[105:115, 410:590] > 150).all()  # and none upon one


def test_problems_stand_on_the_overlay(photo: Path) -> None:
    document = as_document(photo, (), (800, 600))
    page = document.pages[0].model_copy(update={"problems": ("the reply was cut short",)})
    files = exported(Overlay, document.model_copy(update={"pages": (page,)}))
    red, green, blue = np.asarray(opened(files["overlays/0001.jpg"]).convert("RGB"), int)[3, 790]
    assert red > 120 > green + 40 and blue < 90


def test_figures_are_cut_from_the_file_at_its_own_size(photo: Path) -> None:
    regions = (Region(text="x"), Region(kind="picture"), Region(kind="picture", box=MIDDLE))
    files = exported(Figures, as_document(photo, regions, (400, 300)))  # the page was read at half its size
    assert list(files) == ["figures/0001-2.png"]
    figure = opened(files["figures/0001-2.png"]).convert("RGB")
    assert figure.size == (200, 200)
    assert np.abs(np.asarray(figure, float) - (30, 60, 200)).mean() < 6


def test_figures_of_a_pdf_are_as_fine_as_the_pictures_in_it(tmp_path: Path) -> None:
    fine = Image.effect_noise((600, 600), 90).convert("RGB")
    pdf = FPDF(unit="pt", format=(400, 400))
    pdf.add_page()
    pdf.image(io.BytesIO(jpeg(fine)), 100, 100, 200, 200)
    file = tmp_path / "x.pdf"
    pdf.output(str(file))
    box = Box(left=0.25, top=0.25, right=0.75, bottom=0.75)
    files = exported(Figures, as_document(file, (Region(kind="picture", box=box),), (500, 500), page=1))
    assert opened(files["figures/0001-1.png"]).width == pytest.approx(600, abs=2)


def test_a_page_that_cannot_be_seen_has_no_pictures_and_stops_nothing(photo: Path, tmp_path: Path) -> None:
    gone = ImageRef(path=str(tmp_path / "gone.png"), width=10, height=10)
    seen = ImageRef(path=str(photo), width=800, height=600)
    regions = (Region(kind="picture", box=MIDDLE),)
    pages = [Page(number=n, image=ref, regions=regions) for n, ref in enumerate((gone, seen, None), 1)]
    document = Document(source="x", pages=tuple(pages))
    assert list(exported(PageImages, document)) == ["pages/0002.jpg"]
    assert list(exported(Overlay, document)) == ["overlays/0002.jpg"]
    assert list(exported(Figures, document)) == ["figures/0002-1.png"]
