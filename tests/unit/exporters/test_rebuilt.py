"""PDFs that are set anew: in place, and as running text."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pikepdf
import pypdfium2
import pytest
from fpdf import FPDF
from PIL import Image
from scans import LINES, as_document, drawn, exported, found, pdfium_text, pixels, poppler_text

from ocrtune import chromium
from ocrtune.core import Box, Document, ImageRef, Page, Region, Word
from ocrtune.errors import ResourceError
from ocrtune.exporters._formulas import drawing, readable
from ocrtune.exporters.flow import FlowPdf
from ocrtune.exporters.rebuilt import Rebuilt
from ocrtune.fonts import covering, faces, ideographs

TABLE = (
    "<table><tr><th>Ship</th><th>Tons</th></tr><tr><td rowspan=2>Alma</td><td>410</td></tr><tr><td>412</td></tr>"
    "<tr><td colspan=2>none was lost</td></tr></table>"
)


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    file = tmp_path / "scan.png"
    Image.new("RGB", (1000, 1400), "white").save(file, dpi=(120, 120))
    return file


def rebuilt(document: Document) -> bytes:
    return exported(Rebuilt, document)["scan.rebuilt.pdf"]


def flow(document: Document, **options: object) -> bytes:
    return exported(FlowPdf, document, **options)["scan.flow.pdf"]


@pytest.fixture(params=["browser", "alone"])
def printer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "alone":
        monkeypatch.setattr(chromium, "program", lambda: None)
    elif chromium.program() is None:
        pytest.skip("no Chromium or Chrome is installed")
    return str(request.param)


# --- in place ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LINES)
def test_words_are_set_visibly_where_they_were_read(language: str, tmp_path: Path) -> None:
    if language == "zh-Hant":
        try:
            faces(language)
        except ResourceError as absent:
            pytest.skip(str(absent))
    scan = drawn(language)
    file = tmp_path / "scan.png"
    scan.image.save(file, dpi=(150, 150))
    made = rebuilt(as_document(file, scan.regions, scan.image.size))
    assert ["".join(text.split()) for text in pdfium_text(made)] == ["".join(scan.text.split())]
    assert "".join(poppler_text(made, tmp_path)[0].split()) == "".join(scan.text.split())
    shown = pypdfium2.PdfDocument(made)[0]
    assert shown.get_size() == pytest.approx((1240 / 150 * 72, 877 / 150 * 72), abs=0.5)
    page = np.asarray(shown.render(scale=1240 / shown.get_width()).to_pil().convert("L"))
    ink = page < 128
    for word in scan.regions[0].words or ():
        left, top, right, bottom = (round(v) for v in word.box.to_pixels(1240, 877))
        assert ink[top:bottom, left:right].any(), word.text
    for line in range(3):
        assert not ink[90 + 70 * line + 54 : 90 + 70 * line + 66].any()


def test_text_without_words_fits_its_box_and_looks_alike_on_the_page(blank: Path) -> None:
    text = "It was the best of times, it was the worst of times, it was the age of wisdom. " * 4
    boxes = [Box(left=0.1, top=0.1, right=0.5, bottom=0.35), Box(left=0.55, top=0.1, right=0.95, bottom=0.6)]
    made = rebuilt(as_document(blank, tuple(Region(text=text, box=box) for box in boxes), (1000, 1400)))
    assert pdfium_text(made)[0].split() == (text * 2).split()
    ink = np.argwhere(pixels(made).min(axis=2) < 128) / pixels(made).shape[:2]
    assert all(any(b.top - 0.01 <= y <= b.bottom + 0.01 and b.left - 0.01 <= x <= b.right + 0.01 for b in boxes) for y, x in ink)
    page = pypdfium2.PdfDocument(made)[0]
    sizes = {round(item.get_font_size(), 1) for item in page.get_objects() if isinstance(item, pypdfium2.PdfTextObj)}
    assert len(sizes) == 1


def test_tables_are_ruled_and_their_spans_kept(blank: Path) -> None:
    box = Box(left=0.1, top=0.2, right=0.9, bottom=0.4)
    made = rebuilt(as_document(blank, (Region(kind="table", text=TABLE, markup="html", box=box),), (1000, 1400)))
    assert pdfium_text(made)[0].split() == ["Ship", "Tons", "Alma", "410", "412", "none", "was", "lost"]
    assert found(made, "410")[0][0] > found(made, "Alma")[0][2]
    assert found(made, "410")[0][1] < found(made, "Alma")[0][1] + 0.02 < found(made, "412")[0][3]
    dark = pixels(made, scale=2).mean(axis=2) < 190
    rows = np.flatnonzero(dark[:, int(0.12 * dark.shape[1]) : int(0.3 * dark.shape[1])].mean(axis=1) > 0.9) / dark.shape[0]
    groups = np.split(rows, np.flatnonzero(np.diff(rows) > 0.01) + 1)
    assert len(groups) == 4  # above, below the head, below Alma, at the foot: none through Alma
    assert groups[0][0] == pytest.approx(0.2, abs=0.005)
    assert groups[-1][-1] == pytest.approx(0.4, abs=0.005)


def test_formulas_are_drawn_and_figures_placed(tmp_path: Path) -> None:
    image = Image.new("RGB", (1000, 1000), "white")
    image.paste((200, 30, 30), (100, 600, 500, 900))
    image.paste((30, 200, 30), (600, 600, 900, 700))
    file = tmp_path / "scan.png"
    image.save(file)
    regions = (
        Region(
            kind="formula",
            text=r"$$\frac{a_1}{b^2} = \sum_{i} x_i$$",
            markup="latex",
            box=Box(left=0.3, top=0.1, right=0.7, bottom=0.2),
        ),
        Region(kind="picture", box=Box(left=0.1, top=0.6, right=0.5, bottom=0.9)),
        Region(
            kind="formula",
            text=r"\begin{pmatrix} a & б \end{pmatrix}",
            markup="latex",
            box=Box(left=0.6, top=0.6, right=0.9, bottom=0.7),
        ),
    )
    shown = pixels(rebuilt(as_document(file, regions, (1000, 1000))))
    height, width = shown.shape[:2]
    assert (shown[int(0.1 * height) : int(0.2 * height), int(0.3 * width) : int(0.7 * width)].min(axis=2) < 100).any()
    assert np.abs(shown[int(0.75 * height), int(0.3 * width)].astype(int) - (200, 30, 30)).max() < 8
    assert np.abs(shown[int(0.65 * height), int(0.75 * width)].astype(int) - (30, 200, 30)).max() < 8  # as it looks in the scan


def test_text_within_a_picture_is_not_seen_twice(tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.new("RGB", (1000, 1000), (20, 20, 20)).save(file)
    regions = (
        Region(text="caption", box=Box(left=0.3, top=0.5, right=0.6, bottom=0.55)),
        Region(kind="picture", box=Box(left=0, top=0, right=1, bottom=1)),
    )
    shown = pixels(rebuilt(as_document(file, regions, (1000, 1000))))
    height, width = shown.shape[:2]
    assert shown[int(0.2 * height), int(0.5 * width)].max() < 40
    words = shown[int(0.505 * height) : int(0.545 * height), int(0.31 * width) : int(0.59 * width)]
    assert words.max() == 255
    assert words.min() < 100


def test_vertical_text_runs_downwards(blank: Path) -> None:
    words = tuple(
        Word(text=c, box=Box.from_pixels((500, 100 + 70 * n, 560, 160 + 70 * n), 1000, 1400)) for n, c in enumerate("春眠不覺曉")
    )
    made = rebuilt(as_document(blank, (Region(words=words, box=Box(left=0, top=0, right=1, bottom=1)),), (1000, 1400)))
    assert "".join(pdfium_text(made)[0].split()) == "春眠不覺曉"
    ink = np.argwhere(pixels(made, scale=2).min(axis=2) < 128) / pixels(made, scale=2).shape[:2]
    assert 0.49 < ink[:, 1].min() < ink[:, 1].max() < 0.57
    assert ink[:, 0].max() > 0.29


def test_a_page_that_failed_is_shown_as_it_was_with_its_problem(tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.new("RGB", (500, 700), (90, 160, 90)).save(file)
    document = as_document(file, (), (500, 700))
    page = document.pages[0].model_copy(update={"problems": ("the server hung up",)})
    made = rebuilt(document.model_copy(update={"pages": (page,)}))
    assert "the server hung up" in pdfium_text(made)[0]
    height, width = pixels(made).shape[:2]
    assert np.abs(pixels(made)[height // 2, width // 2].astype(int) - (90, 160, 90)).max() < 6


def test_pages_have_the_size_of_the_pdf_pages_turned_as_they_were_read(tmp_path: Path) -> None:
    file = tmp_path / "x.pdf"
    pdf = FPDF(unit="pt", format=(300, 500))
    pdf.add_page()
    pdf.add_page(format=(700, 200))
    pdf.output(str(file))
    refs = [
        ImageRef(path=str(file), page=1, width=600, height=1000),
        ImageRef(path=str(file), page=2, turn=90, width=400, height=1400),
    ]
    pages = [Page(number=n, image=ref, regions=(Region(text="x"),)) for n, ref in enumerate(refs, 1)]
    made = pypdfium2.PdfDocument(rebuilt(Document(source="x", pages=tuple(pages))))
    assert [page.get_size() for page in made] == [pytest.approx((300, 500), abs=0.5), pytest.approx((200, 700), abs=0.5)]


# --- running text --------------------------------------------------------------------------------------------------------


def test_running_text_has_all_of_it_in_reading_order(printer: str, blank: Path) -> None:
    regions = (
        Region(kind="page-header", text="running head"),
        Region(kind="title", text="A report — отчёт"),
        Region(text="First line of a paragraph that was\nbroken by the page."),
        Region(kind="list-item", text="- one thing"),
        Region(kind="table", text=TABLE, markup="html"),
        Region(kind="formula", text=r"\frac{a}{b}", markup="latex"),
        Region(text="Последний абзац. 最後一段。"),
    )
    document = as_document(blank, regions, (1000, 1400))
    text = " ".join(pdfium_text(flow(document))[0].split())
    assert "running head" not in text
    places = [
        text.find(part)
        for part in ("A report — отчёт", "that was broken", "one thing", "Ship", "412", "Последний абзац.", "最後一段")
    ]
    assert -1 not in places
    assert places == sorted(places)
    assert "running head" in pdfium_text(flow(document, headers=True))[0]


def test_running_text_goes_over_as_many_pages_as_it_needs(printer: str, blank: Path) -> None:
    rows = "".join(f"<tr><td>row {n}</td><td>{n * n}</td></tr>" for n in range(120))
    regions = (Region(text="word " * 3000), Region(kind="table", text=f"<table>{rows}</table>", markup="html"))
    pages = pdfium_text(flow(as_document(blank, regions, (1000, 1400))))
    assert len(pages) > 5
    assert "row 119" in pages[-1]
    assert sum(page.split().count("word") for page in pages) == 3000


def test_figures_and_problems_are_in_the_running_text(printer: str, tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.new("RGB", (500, 500), (200, 30, 30)).save(file)
    document = as_document(file, (Region(kind="picture", box=Box(left=0, top=0, right=1, bottom=1)),), (500, 500))
    failed = Page(number=2, problems=("the reply was cut short",))
    made = flow(document.model_copy(update={"pages": (*document.pages, failed)}))
    assert "the reply was cut short" in pdfium_text(made)[0]
    red = (np.abs(pixels(made).astype(int) - (200, 30, 30)).max(axis=2) < 10).mean()
    assert red > 0.05


def test_markup_of_a_model_cannot_run_or_load_anything(blank: Path, tmp_path: Path) -> None:
    if chromium.program() is None:
        pytest.skip("no Chromium or Chrome is installed")
    secret = tmp_path / "secret.txt"
    secret.write_text("do not show this")
    evil = f"<script>document.body.innerText='owned'</script><iframe src='{secret.as_uri()}'></iframe>"
    text = pdfium_text(
        flow(
            as_document(
                blank, (Region(kind="table", text=f"{evil}<table><tr><td>kept</td></tr></table>", markup="html"),), (1000, 1400)
            )
        )
    )[0]
    assert "kept" in text
    assert "owned" not in text
    assert "do not show" not in text


@pytest.mark.parametrize("kind", [Rebuilt, FlowPdf])
def test_odd_documents_are_set_all_the_same(kind: type, monkeypatch: pytest.MonkeyPatch, blank: Path) -> None:
    monkeypatch.setattr(chromium, "program", lambda: None)
    speck = Box(left=0.5, top=0.5, right=0.5, bottom=0.5)
    regions = [
        Region(text="\x00\x1b[31m ﷽ 👩‍👩‍👧 \u202e عربي \ue000", box=speck),
        Region(text="unbreakable" * 60, box=Box(left=0.1, top=0.1, right=0.2, bottom=0.11)),
        Region(kind="table", text="<table><tr><td rowspan=9999 colspan=9999>x", markup="html", box=speck),
        Region(kind="table", text="<table></table>", markup="html", box=speck),
        Region(kind="formula", text="\\frac{" * 400, markup="latex", box=speck),
        Region(kind="formula", text="", markup="latex", box=speck),
        Region(kind="picture", box=speck),
        Region(kind="made-up", text="# [x](javascript:1) ![](file:///etc/passwd)", markup="markdown"),
    ]
    (made,) = exported(kind, as_document(blank, tuple(regions), (1000, 1400))).values()
    assert "unbreakable" in "".join(pdfium_text(made)[0].split())
    (empty,) = exported(kind, Document(source="x", pages=(Page(number=1),))).values()
    assert len(pdfium_text(empty)) == 1


def test_fonts_are_embedded_as_small_subsets(tmp_path: Path) -> None:
    scan = drawn("zh-Hant")
    file = tmp_path / "scan.png"
    scan.image.save(file)
    made = rebuilt(as_document(file, scan.regions, scan.image.size))
    assert len(made) < 60_000
    with pikepdf.open(io.BytesIO(made)) as pdf:
        fonts = pdf.pages[0].resources.Font.values()
        assert all("FontDescriptor" in str(font.DescendantFonts[0].keys()) for font in fonts)


# --- what both build on --------------------------------------------------------------------------------------------------


def test_formulas_within_a_sentence_become_letters() -> None:
    assert readable("Put $Q = x_{1}^{2}+\\cdots+x_{n}$; it costs $5 or $6.") == "Put Q = x₁²+⋯+xₙ; it costs $5 or $6."
    assert readable(r"\(\frac{a}{b+1}\) and $\alpha^{\beta y}$") == "a/(b+1) and α^(βy)"


@pytest.mark.parametrize(
    "latex", [r"\frac {q l}{2 t _ {1}} \leqslant f _ {1}", r"\begin {aligned} a &= b \\ &= c \end {aligned}"]
)
def test_spellings_of_models_are_drawn(latex: str) -> None:
    made = drawing(latex)
    assert made is not None
    assert made.width > 15 < made.height
    assert made.svg.count(b"<use") + made.svg.count(b"<path") > 4


def test_fonts_are_chosen_by_the_scripts_of_the_text() -> None:
    assert [ideographs(text) for text in ("abc", "港務長報告書", "港务长报告书", "こんにちは世界", "안녕")] == [
        None,
        "zh-Hant",
        "zh-Hans",
        "ja",
        "ko",
    ]
    assert covering("abc")[0].family == covering("где")[0].family
    assert any(face.family in ("DejaVu Sans",) for face in covering("∮"))
