"""Documents of the synthesiser: tidy pages, exact truth, the same from the same seed."""

from __future__ import annotations

import html
import io
import itertools
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune import chromium, fonts
from ocrtune.contracts import Generator, Made, Order
from ocrtune.core import Region
from ocrtune.errors import ConfigError, EngineError, InputError, OcrtuneError, ResourceError
from ocrtune.fonts import faces
from ocrtune.plugins import GENERATORS
from ocrtune.sources.synth.degrade import degrade
from ocrtune.sources.synth.flow import break_lines
from ocrtune.sources.synth.scan import scanned
from ocrtune.sources.synth.templates import TEMPLATES, compose, tongue
from ocrtune.sources.synth.truth import fold, locate

PORTABLE = ("DejaVu Sans", "DejaVu Serif")


@pytest.fixture(scope="module")
def generator() -> Iterator[Generator]:
    made = GENERATORS.get("fpdf2")(PORTABLE)
    made.open(("ru", "en"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Generator]:
    made = GENERATORS.get("chromium")(PORTABLE)
    if (lacking := made.missing()) is not None:
        pytest.skip(f"{lacking} is not installed")
    made.open(("ru", "en"))
    yield made
    made.close()


def tidy(made: Made) -> None:
    """Nothing leaves the page, nothing lies on anything else."""
    for page in made.truth.pages:
        assert len(page.regions) > 3
        for region in page.regions:
            assert region.box is not None
            assert 0.03 < region.box.left < region.box.right < 0.97, region
            assert 0.01 < region.box.top < region.box.bottom < 0.99, region
        for one, two in itertools.combinations(page.regions, 2):
            a, b = one.box, two.box
            assert a and b
            across, down = min(a.right, b.right) - max(a.left, b.left), min(a.bottom, b.bottom) - max(a.top, b.top)
            assert across < 0.002 or down < 0.004, (one, two)


def texts(made: Made) -> list[tuple[str, str]]:
    return [(r.kind, r.text) for page in made.truth.pages for r in page.regions if not r.kind.startswith("page-")]


def bounded_text(pdf: bytes, page: int, region: Region) -> str:
    """What any reader finds inside the region's box."""
    import pypdfium2

    with pypdfium2.PdfDocument(pdf) as document:
        sheet = document[page]
        width, height = sheet.get_size()
        assert region.box
        left, top, right, bottom = region.box.to_pixels(width, height)
        layer = sheet.get_textpage()
        found = layer.get_text_bounded(left - 1, height - bottom - 1, right + 1, height - top + 1)
        layer.close()
        sheet.close()
    return readable(str(found))


def readable(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def check_truth(made: Made) -> None:
    for number, page in enumerate(made.truth.pages):
        for region in page.regions:
            if region.kind in ("text", "list-item", "section-header", "title"):
                assert bounded_text(made.pdf, number, region) == readable(region.text)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("language", ["ru", "en"])
def test_pages_are_tidy_and_read_back_as_their_truth(generator: Generator, language: str, template: str) -> None:
    made = generator.make(Order(language, template, 3, seed=11, pages=2))
    tidy(made)
    check_truth(made)


@pytest.mark.parametrize("template", TEMPLATES)
def test_chromium_prints_the_same_truth_as_fpdf2(generator: Generator, browser: Generator, template: str) -> None:
    order = Order("ru", template, 5, seed=2)
    printed = browser.make(order)
    tidy(printed)
    check_truth(printed)
    assert texts(printed) == texts(generator.make(order))


def test_a_seed_decides_every_byte(generator: Generator) -> None:
    order = Order("ru", "invoice", 1, seed=4)
    first = generator.make(order)
    assert generator.make(order) == first
    assert texts(generator.make(order._replace(seed=5))) != texts(first)
    assert texts(generator.make(order._replace(number=2))) != texts(first)


def test_the_sums_of_an_invoice_add_up(generator: Generator) -> None:
    made = generator.make(Order("ru", "invoice", 0))
    table = next(text for kind, text in texts(made) if kind == "table" and "<th>" in text)
    rows = [
        [html.unescape(cell) for cell in re.findall(r"<t[dh]>(.*?)</t[dh]>", row)] for row in re.findall(r"<tr>(.*?)</tr>", table)
    ]
    cents = [int(re.sub(r"\D", "", row[-1])) for row in rows[1:]]
    *items, net, tax, gross = cents
    assert sum(items) == net
    assert net * 20 // 100 == tax
    assert net + tax == gross
    for row in rows[1:-3]:
        assert int(row[2]) * int(re.sub(r"\D", "", row[4])) == int(re.sub(r"\D", "", row[5]))


def test_longer_documents_have_more_pages_and_number_them(generator: Generator) -> None:
    made = generator.make(Order("en", "report", 6, pages=5))
    assert len(made.truth.pages) >= 4
    for number, page in enumerate(made.truth.pages, start=1):
        assert str(number) in page.regions[-1].text
        assert page.regions[-1].kind == "page-footer"


def test_forty_russian_documents_hold_a_thousand_lines(generator: Generator) -> None:
    import pypdfium2

    lines = 0
    for number in range(10):
        pdf = generator.make(Order("ru", list(TEMPLATES)[number % 5], number)).pdf
        with pypdfium2.PdfDocument(pdf) as document:
            for page in document:
                lines += sum(len(line) > 12 for line in page.get_textpage().get_text_range().splitlines())
    assert lines >= 250


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant"])
def test_chinese_reads_back_as_its_truth(language: str) -> None:
    made = GENERATORS.get("fpdf2")()
    try:
        made.open((language,))
    except ResourceError as error:
        pytest.skip(str(error))
    document = made.make(Order(language, "letter", 1))
    tidy(document)
    for page in document.truth.pages:
        assert all(c < "\u2e80" or c > "\u2fdf" for r in page.regions for c in r.text), "radicals instead of characters"


def test_chinese_without_a_font_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fonts, "_files", lambda: {"DejaVuSans.ttf": tmp_path, "DejaVuSans-Bold.ttf": tmp_path})
    with pytest.raises(ResourceError, match="no font for zh-Hant") as caught:
        faces("zh-Hant")
    assert "fonts-noto-cjk" in str(caught.value.hint)


def test_an_unknown_font_names_those_that_are_there() -> None:
    with pytest.raises(ConfigError, match="Comic") as caught:
        faces("ru", ("Comic Neue",))
    assert "DejaVu Sans" in str(caught.value.hint)


@pytest.mark.parametrize(("language", "template"), [("ru", "leter"), ("rus", "letter")])
def test_unknown_names_are_refused_with_a_suggestion(language: str, template: str) -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        compose(tongue(language), template, 0, seed=0)


def test_a_block_that_is_not_in_the_pdf_is_an_error(generator: Generator) -> None:
    pdf = generator.make(Order("ru", "letter", 0)).pdf
    with pytest.raises(InputError, match=r"ru-letter-0001: the .* is not in the text layer"):
        locate(pdf, compose(tongue("ru"), "letter", 1, seed=0))


def test_no_browser_is_an_error_that_names_the_other_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium, "program", lambda: None)
    made = GENERATORS.get("chromium")(PORTABLE)
    assert made.missing() is not None
    with pytest.raises(EngineError) as caught:
        made.open(("en",))
    assert "--renderer fpdf2" in str(caught.value.hint)
    assert isinstance(caught.value, OcrtuneError)


@given(st.text(alphabet="абв гд,её.", max_size=80), st.integers(3, 30))
def test_broken_lines_hold_all_letters_and_fit(text: str, width: int) -> None:
    lines = break_lines(text, width, len)
    assert fold("".join(lines)) == fold(text)
    assert all(len(line) <= width for line in lines)


def test_chinese_lines_do_not_begin_with_a_full_stop() -> None:
    text = "甲方应在交付后付款。乙方负责维修，甲方负责验收。"
    for width in range(4, 12):
        lines = break_lines(text, width, len)
        assert "".join(lines) == text
        assert not any(line[0] in "，。" for line in lines)


def test_a_scan_shows_a_picture_and_keeps_the_text_in_its_place(generator: Generator) -> None:
    import pypdfium2
    import pypdfium2.raw as c

    clean = generator.make(Order("ru", "columns", 2))
    scan = generator.make(Order("ru", "columns", 2, scan=0.8))
    assert texts(scan) == texts(clean)
    assert scan.tags["scan"] == "0.8"
    with pypdfium2.PdfDocument(scan.pdf) as document:
        page = document[0]
        assert max(o.get_bounds()[2] for o in page.get_objects(filter=[c.FPDF_PAGEOBJ_IMAGE])) == pytest.approx(page.get_width())
        picture = np.asarray(page.render(scale=2).to_pil().convert("L")).astype(float)
        page.close()
    assert 100 < np.median(picture) < 253, "paper is not white"
    for region in scan.truth.pages[0].regions:
        assert region.box is not None
        left, top, right, bottom = (round(v) for v in region.box.to_pixels(picture.shape[1], picture.shape[0]))
        ink = picture[top:bottom, left:right]
        assert ink.min() < np.median(picture) - 60, region


def test_scans_repeat_with_their_seed(generator: Generator) -> None:
    pdf = generator.make(Order("en", "letter", 1)).pdf
    assert scanned(pdf, 3, 0.5, dpi=72) == scanned(pdf, 3, 0.5, dpi=72)
    assert scanned(pdf, 3, 0.5, dpi=72) != scanned(pdf, 4, 0.5, dpi=72)


@given(st.integers(20, 90), st.integers(20, 90), st.integers(0, 2**32 - 1), st.floats(0.01, 1))
def test_degrading_keeps_the_size_and_repeats(height: int, width: int, seed: int, strength: float) -> None:
    image = np.full((height, width, 3), 255, np.uint8)
    image[height // 3 : height // 2, 5:-5] = 0
    one, two = (degrade(image, np.random.default_rng(seed), strength) for _ in range(2))
    assert one.shape == image.shape
    assert one.dtype == np.uint8
    assert np.array_equal(one, two)


def test_strength_is_what_it_says() -> None:
    image = np.full((200, 300, 3), 255, np.uint8)
    image[40:60, 20:280] = 0
    assert np.array_equal(degrade(image, np.random.default_rng(0), 0.0), image)
    loss = [
        np.mean([np.abs(degrade(image, np.random.default_rng(s), k).astype(float) - image).mean() for s in range(12)])
        for k in (0.1, 0.4, 1.0)
    ]
    assert loss[0] < loss[1] < loss[2]


def test_a_pdf_of_the_generator_is_a_pdf(generator: Generator) -> None:
    assert io.BytesIO(generator.make(Order("en", "contract", 0)).pdf).read(5) == b"%PDF-"
