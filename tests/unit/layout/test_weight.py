"""Bold lines are told from the picture."""

from pathlib import Path

import matplotlib
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ocrtune.core import Size
from ocrtune.layout import Span, analyse, weighed

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
BOLD = {5, 11}


def page(size: int, *, dark: bool = False) -> tuple[Image.Image, list[Span]]:
    paper, ink = ("black", "white") if dark else ("white", "black")
    image = Image.new("RGB", (40 * size, 60 * size), paper)
    draw = ImageDraw.Draw(image)
    spans = []
    for number in range(16):
        font = ImageFont.truetype(str(FONTS / ("DejaVuSerif-Bold.ttf" if number in BOLD else "DejaVuSerif.ttf")), size)
        text = "Terms of payment" if number in BOLD else "The quick brown fox jumps over the lazy dog, and goes home"
        at = (2 * size, size * (2 + 2 * number))
        draw.text(at, text, font=font, fill=ink)
        spans.append(Span(text, draw.textbbox(at, text, font=font), float(size), confidence=0.9))
    return image, spans


@pytest.mark.parametrize("size", [18, 28, 44])
@pytest.mark.parametrize("dark", [False, True])
def test_bold_lines_are_told_at_any_size_and_on_dark_paper(size: int, dark: bool) -> None:
    image, spans = page(size, dark=dark)
    assert {i for i, span in enumerate(weighed(image, spans)) if span.bold} == BOLD


def test_heights_that_were_measured_unevenly_do_not_matter() -> None:
    image, spans = page(28)
    uneven = [span._replace(size=span.size * (1.12 if i in BOLD else 1 - 0.1 * (i % 2))) for i, span in enumerate(spans)]
    assert {i for i, span in enumerate(weighed(image, uneven)) if span.bold} == BOLD


def test_blur_makes_no_line_bold() -> None:
    image, spans = page(28)
    assert {i for i, s in enumerate(weighed(image.filter(ImageFilter.GaussianBlur(2)), spans)) if s.bold} <= BOLD


def test_a_page_of_a_few_words_says_nothing() -> None:
    image, spans = page(28)
    assert all(span.bold is None for span in weighed(image, spans[:2]))


def test_a_bold_line_of_usual_size_is_a_heading_of_a_scan() -> None:
    image, spans = page(28)
    kinds = {region.text: region.kind for region in analyse(weighed(image, spans), Size(*image.size))}
    assert kinds["Terms of payment"] == "section-header"
