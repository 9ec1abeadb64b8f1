"""The text layer as an engine: exact words with places, and a stable refusal where there is nothing to trust."""

from __future__ import annotations

from pathlib import Path

import pytest
from fpdf import FPDF
from pikepdf import Pdf

from ocrtune.contracts import Engine
from ocrtune.core import Answer, ImageRef, Prompt
from ocrtune.dialects.regions import Regions
from ocrtune.engines.textlayer import TextLayerReader
from ocrtune.options import EngineOptions
from ocrtune.rendering import pages

LINES = ("The quarterly report", "Sales grew by twelve percent in the north", "and fell in the south of the country.")


@pytest.fixture
def born_digital(tmp_path: Path) -> Path:
    pdf = FPDF()
    pdf.add_page()
    for at, (line, size) in enumerate(zip(LINES, (24, 12, 12), strict=True)):
        pdf.set_font("Helvetica", size=size)
        pdf.text(20, 30 + 7 * at + 10 * (at > 0), line)
    pdf.output(str(file := tmp_path / "report.pdf"))
    return file


def read(engine: Engine, ref: ImageRef) -> Answer:
    engine.open()
    try:
        (answer,) = engine.stream([Prompt(sample_id="s", images=(ref,), text="", max_tokens=9)])
        return answer
    finally:
        engine.close()


def test_words_come_with_their_places(born_digital: Path) -> None:
    (ref,) = pages(born_digital, dpi=100)
    answer = read(TextLayerReader(EngineOptions(layout=True)), ref)
    decoded = Regions().decode(answer.text or "")
    assert decoded.text.split() == " ".join(LINES).split()
    assert decoded.regions[0].kind in ("title", "section-header")
    words = [word for region in decoded.regions for word in region.words or ()]
    assert [word.text for word in words] == " ".join(LINES).split()
    sales = next(word.box for word in words if word.text == "Sales")
    assert sales.left == pytest.approx(20 / 210, abs=0.005) and sales.bottom == pytest.approx(47 / 297, abs=0.01)


def test_a_page_that_lies_is_read_upright(born_digital: Path) -> None:
    with Pdf.open(born_digital, allow_overwriting_input=True) as pdf:
        pdf.pages[0].rotate(270, relative=False)
        pdf.save(born_digital)
    (ref,) = pages(born_digital, dpi=100)
    answer = read(TextLayerReader(EngineOptions(layout=True)), ref)
    assert (answer.turn, answer.sees) == (90, (ref.turned(90).size,))
    assert Regions().decode(answer.text or "").text.split() == " ".join(LINES).split()


def test_without_layout_it_says_the_lines(born_digital: Path) -> None:
    (ref,) = pages(born_digital, dpi=100)
    assert read(TextLayerReader(EngineOptions()), ref).text == "\n".join(LINES)


@pytest.mark.parametrize("layout", [True, False])
def test_pictures_and_pages_without_text_fail_for_good_and_say_why(layout: bool, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (80, 60), "white").save(tmp_path / "x.png")
    Image.new("RGB", (80, 60), "white").save(tmp_path / "x.pdf")
    for file in ("x.png", "x.pdf"):
        (ref,) = pages(tmp_path / file, dpi=72)
        error = read(TextLayerReader(EngineOptions(layout=layout)), ref).error
        assert error is not None and error.kind == "no text layer" and not error.retryable and "text layer" in error.message


def test_several_pictures_have_no_common_layout(born_digital: Path) -> None:
    (ref,) = pages(born_digital, dpi=100)
    engine = TextLayerReader(EngineOptions(layout=True))
    engine.open()
    (answer,) = engine.stream([Prompt(sample_id="s", images=(ref, ref), text="", max_tokens=9)])
    engine.close()
    assert answer.error is not None and answer.error.kind == "several pictures"
