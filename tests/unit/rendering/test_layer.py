"""What a page says of its own text, and when it cannot be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pikepdf
import pytest
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name, Pdf, Stream
from PIL import Image, ImageDraw

from ocrtune.core import ImageRef
from ocrtune.rendering import TextLayer, pages, text_layer
from ocrtune.rendering._layer import packed, unpacked
from ocrtune.rendering._trust import implausible
from ocrtune.textlayer import Glyph, Line

PROSE = """The quick brown fox jumps over the lazy dog and goes home. Nobody saw where it went that evening,
for the fields were dark and the village slept. In the morning the farmer counted his hens
and found that none of them was missing, which pleased him more than he cared to say."""
FORM = "/F Do"


@pytest.fixture
def sheet() -> FPDF:
    pdf = FPDF(unit="pt", format=(612, 792))
    pdf.add_page()
    pdf.set_font("helvetica", size=11)
    return pdf


def written(pdf: FPDF, top: float = 60, text: str = PROSE) -> FPDF:
    for row, line in enumerate(text.splitlines()):
        pdf.text(60, top + 16 * row, line)
    return pdf


def layer_of(pdf: FPDF | Pdf, path: Path, *, dpi: float = 72, turn: Any = 0, hidden: bool = False) -> TextLayer:
    pdf.output(str(path)) if isinstance(pdf, FPDF) else pdf.save(path)
    ref = pages(path, dpi=dpi)[0]
    if turn:
        ref = ImageRef(path=str(path), page=1, turn=turn)
    found = text_layer(ref, hidden=hidden)
    assert found is not None
    return found


def near(box: tuple[float, ...], other: tuple[float, ...], by: float = 1.0) -> bool:
    return all(abs(one - two) <= by for one, two in zip(box, other, strict=True))


def test_a_born_digital_page_is_trusted_and_its_lines_are_where_they_are_drawn(sheet: FPDF, tmp_path: Path) -> None:
    found = layer_of(written(sheet), tmp_path / "a.pdf", dpi=144)
    assert found.problem is None and [line.text for line in found.lines] == PROSE.splitlines()
    first = found.lines[0]
    assert near(first.box[:2], (121, 104), 4) and first.box[3] == pytest.approx(124, abs=4)
    assert "".join(glyph.text for glyph in first.glyphs) == first.text and first.upright


def test_pictures_have_no_text_layer(tmp_path: Path) -> None:
    Image.new("L", (10, 10)).save(tmp_path / "x.png")
    assert text_layer(ImageRef(path=str(tmp_path / "x.png"))) is None


# --- rules and pictures -------------------------------------------------------------------------------------------------


def drawn(content: bytes, *, inside: bytes | None = None) -> Pdf:
    """A page of 612 × 792 points; `inside` is the content of a form that is drawn at twice its size, 100 to the right."""
    pdf = Pdf.new()
    pdf.add_blank_page(page_size=(612, 792))
    dot = Stream(pdf, b"\0", Type=Name.XObject, Subtype=Name.Image, Width=1, Height=1, BitsPerComponent=8)
    dot["/ColorSpace"] = Name.DeviceGray
    resources = Dictionary(XObject=Dictionary(I=pdf.make_indirect(dot)))
    if inside is not None:
        form = Stream(pdf, inside, Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 612, 792]))
        form["/Resources"] = Dictionary(XObject=Dictionary(I=resources["/XObject"]["/I"]))
        resources["/XObject"]["/F"] = pdf.make_indirect(form)
        content += b" q 2 0 0 2 100 0 cm /F Do Q"
    pdf.pages[0].obj["/Resources"] = resources
    pdf.pages[0].obj["/Contents"] = Stream(pdf, content)
    return pdf


@pytest.mark.parametrize(
    ("content", "rules"),
    [
        (b"1 w 100 700 m 300 700 l S", [(100, 91.5, 300, 92.5)]),
        (b"100 700 200 2 re f", [(100, 90, 300, 92)]),
        (b"2 w 100 600 100 50 re S", [(100, 191, 200, 193), (199, 142, 201, 192), (100, 141, 200, 143), (99, 142, 101, 192)]),
        (b"1 w 100 700 m 300 720 l S", []),
        (b"100 600 200 50 re f", []),
        (b"1 g 100 700 200 2 re f", []),
        (b"100 700 3 1 re f", []),
    ],
    ids=["a line", "a thin bar", "a frame", "slanted", "a box", "white", "a dot"],
)
def test_rules_are_straight_lines_and_thin_bars_that_can_be_seen(
    content: bytes, rules: list[tuple[float, ...]], tmp_path: Path
) -> None:
    found = layer_of(drawn(content), tmp_path / "a.pdf").rules
    assert len(found) == len(rules)
    assert all(any(near(box, rule, 0.6) for box in found) for rule in rules)


def test_forms_place_what_is_in_them(tmp_path: Path) -> None:
    pdf = drawn(b"q 50 0 0 40 10 700 cm /I Do Q", inside=b"1 w 10 300 m 110 300 l S q 20 0 0 30 10 10 cm /I Do Q")
    found = layer_of(pdf, tmp_path / "a.pdf")
    assert len(found.rules) == 1 and near(found.rules[0], (120, 191, 320, 193))
    assert len(found.pictures) == 2
    assert near(found.pictures[0], (10, 52, 60, 92)) and near(found.pictures[1], (120, 712, 160, 772))


def dotted(sheet: FPDF, dots: tuple[tuple[float, float], ...], path: Path, style: str = "ellipse") -> list[str]:
    """Lines of a page with three paragraphs and dots, given by left edge and middle."""
    for row, text in enumerate(("Revenue grew by 12 %", "Costs fell by 3 %", "mostly of energy")):
        sheet.text(100 + 30 * (row == 2), 100 + 20 * row, text)
    for left, middle in dots:
        (sheet.ellipse if style == "ellipse" else sheet.rect)(left, middle - 2, 4, 4, "F")
    return [line.text for line in layer_of(sheet, path).lines]


@pytest.mark.parametrize("style", ["ellipse", "rect"])
def test_bullets_drawn_as_shapes_begin_their_lines(style: str, sheet: FPDF, tmp_path: Path) -> None:
    lines = dotted(sheet, ((88, 96), (88, 116), (118, 136)), tmp_path / "a.pdf", style)
    assert lines == ["• Revenue grew by 12 %", "• Costs fell by 3 %", "• mostly of energy"]


def test_a_list_of_one_item_has_the_only_dot_of_its_page(sheet: FPDF, tmp_path: Path) -> None:
    assert dotted(sheet, ((88, 96),), tmp_path / "a.pdf")[0] == "• Revenue grew by 12 %"


@pytest.mark.parametrize(
    "dots",
    [
        ((88, 96), (300, 400)),
        ((88, 96), (60, 116)),
        tuple((88 - 7 * n, y) for n in range(5) for y in (96, 116)),
        ((30, 96), (30, 116)),
    ],
    ids=["one of two", "out of line", "in rows", "far off"],
)
def test_other_dots_are_no_bullets(dots: tuple[tuple[float, float], ...], sheet: FPDF, tmp_path: Path) -> None:
    assert not any("•" in text for text in dotted(sheet, dots, tmp_path / "a.pdf"))


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_text_rules_and_pictures_turn_with_the_page(sheet: FPDF, turn: int, tmp_path: Path) -> None:
    sheet.line(60, 300, 400, 300)
    upright = layer_of(written(sheet), tmp_path / "a.pdf", dpi=150)
    with Pdf.open(tmp_path / "a.pdf") as pdf:
        pdf.pages[0].rotate(360 - turn, relative=False)
        pdf.save(tmp_path / "lying.pdf")
    found = text_layer(ImageRef(path=str(tmp_path / "lying.pdf"), page=1, turn=turn, width=1275, height=1650))
    assert found is not None and [line.text for line in found.lines] == [line.text for line in upright.lines]
    assert all(near(one.box, two.box, 0.5) and one.upright for one, two in zip(found.lines, upright.lines, strict=True))
    assert near(found.rules[0], upright.rules[0], 0.5) and found.problem is None


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_that_lies_says_how_to_turn_it(sheet: FPDF, turn: int, tmp_path: Path) -> None:
    written(sheet).output(str(tmp_path / "a.pdf"))
    with Pdf.open(tmp_path / "a.pdf") as pdf:
        pdf.pages[0].rotate(360 - turn, relative=False)
        pdf.save(tmp_path / "lying.pdf")
    found = text_layer(pages(tmp_path / "lying.pdf", dpi=72)[0])
    assert found is not None and (found.turn, found.problem) == (turn, None)


def test_what_a_crop_leaves_of_a_page_is_its_text(sheet: FPDF, tmp_path: Path) -> None:
    written(written(sheet), 500, "Below the cut\nthere is more").output(str(tmp_path / "a.pdf"))
    with Pdf.open(tmp_path / "a.pdf") as pdf:
        pdf.pages[0].cropbox = [0, 0, 612, 400]
        pdf.save(tmp_path / "half.pdf")
    found = text_layer(pages(tmp_path / "half.pdf", dpi=72)[0])
    assert found is not None and found.problem is None
    assert [line.text for line in found.lines] == ["Below the cut", "there is more"]


# --- trust --------------------------------------------------------------------------------------------------------------


def scan_of_text(size: tuple[int, int] = (612, 792)) -> Image.Image:
    image = Image.new("L", size, 235)
    draw = ImageDraw.Draw(image)
    for row in range(40):
        draw.text((40, 40 + 17 * row), PROSE.splitlines()[row % 3][:70], fill=40, font_size=13)
    return image


def test_a_scan_under_a_stamp_of_text_is_no_text_layer(sheet: FPDF, tmp_path: Path) -> None:
    sheet.image(scan_of_text(), 0, 0, 612, 792)
    written(sheet, 760, "Downloaded from the library of the town")
    assert "a scan with a partial text layer" in str(layer_of(sheet, tmp_path / "a.pdf").problem)


def test_a_photograph_beside_text_is_no_reason_to_distrust_it(sheet: FPDF, tmp_path: Path) -> None:
    photo = Image.effect_mandelbrot((400, 500), (-2, -1.5, 1, 1.5), 60).convert("RGB")
    sheet.image(photo, 60, 200, 500, 560)
    assert layer_of(written(sheet), tmp_path / "a.pdf").problem is None


def test_an_invisible_layer_is_named_and_trusted_only_when_asked(sheet: FPDF, tmp_path: Path) -> None:
    sheet.image(scan_of_text(), 0, 0, 612, 792)
    sheet.text_mode = 3  # type: ignore[assignment]
    for row in range(40):
        sheet.text(40, 52 + 17 * row, PROSE.splitlines()[row % 3][:70])
    found = layer_of(sheet, tmp_path / "a.pdf")
    assert "invisible (an OCR layer)" in str(found.problem) and found.lines == ()
    trusted = layer_of(sheet, tmp_path / "b.pdf", hidden=True)
    assert trusted.problem is None and len(trusted.lines) == 40 and trusted.lines[0].glyphs[0].hidden


def test_letters_drawn_as_outlines_are_no_text_layer(sheet: FPDF, tmp_path: Path) -> None:
    written(sheet, 60, "Page 1 of a letter")
    with sheet.new_path() as path:
        path.style.fill_color, path.style.stroke_color = "#000000", None
        for row in range(20):
            for column in range(50):
                x, y = 60 + 9 * column, 100 + 20 * row
                path.move_to(x, y)
                for dx, dy in ((3, -8), (6, 0), (5, 0), (4, -3), (2, -3), (1, 0)):
                    path.line_to(x + dx, y + dy)
                path.close()
    assert "letters drawn as outlines" in str(layer_of(sheet, tmp_path / "a.pdf").problem)


def test_an_empty_page_has_all_its_text_and_one_with_a_picture_has_not(sheet: FPDF, tmp_path: Path) -> None:
    assert layer_of(sheet, tmp_path / "empty.pdf") == TextLayer(())
    Image.Image.save(scan_of_text(), tmp_path / "scan.pdf")
    [ref] = pages(tmp_path / "scan.pdf", dpi=72)
    scan = text_layer(ref)
    assert scan is not None and "no text layer" in str(scan.problem)


def test_a_drawing_with_labels_is_trusted(sheet: FPDF, tmp_path: Path) -> None:
    sheet.line(80, 700, 80, 200)
    sheet.line(80, 700, 560, 700)
    for curve in range(6):
        points = [(80 + 5 * step, 700 - (curve + 1) * step * 0.8 - (step % 7)) for step in range(96)]
        sheet.polyline(points)
    written(sheet, 730, "Time in seconds")
    assert layer_of(written(sheet), tmp_path / "a.pdf").problem is None


def test_filled_form_fields_are_not_in_the_text_layer(sheet: FPDF, tmp_path: Path) -> None:
    written(sheet).output(str(tmp_path / "a.pdf"))
    with pikepdf.open(tmp_path / "a.pdf") as pdf:
        field = pdf.make_indirect(
            Dictionary(
                Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T="name", V="Ada Lovelace", Rect=Array([60, 300, 300, 320])
            )
        )
        pdf.pages[0].obj["/Annots"] = Array([field])
        pdf.Root["/AcroForm"] = Dictionary(Fields=Array([field]))
        assert "1 form fields" in str(layer_of(pdf, tmp_path / "filled.pdf").problem)
        field["/V"] = pikepdf.String("")
        assert layer_of(pdf, tmp_path / "empty.pdf").problem is None


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 4,
        "Strč prst skrz krk. Příliš žluťoučký kůň úpěl ďábelské ódy. " * 4,
        "床前明月光，疑是地上霜。举头望明月，低头思故乡。" * 8,
        "for index in range(10): print(index, file=sys.stderr) # see config.py and https://example.org/a?b=c " * 5,
        "NASA ISBN HTML XML PDF GPU CPU RAM ROM USB DNS TCP UDP FTP SSH SQL CSS PNG JPG GIF BMP",
        "12 450,50 EUR 3.14 2024-05-01 A4 B5 10:45 " * 10,
        "Tôi đã đọc những quyển sách ấy từ lâu lắm rồi, nhưng vẫn còn nhớ được nhiều điều thú vị trong đó. " * 4,
        "Die Straßenverkehrsordnung schreibt vor, dass Fußgänger den Gehweg benutzen müssen, wo er angelegt ist. " * 4,
        "Chrząszcz brzmi w trzcinie w Szczebrzeszynie, strząsa skrzydła z dżdżu i trzmiel w zaroślach brzęczy. " * 4,
        "ذهب الولد إلى المدرسة في الصباح الباكر " * 6,
    ],
    ids=["en", "ru", "cs", "zh", "code", "capitals", "numbers", "vi", "de", "pl", "ar"],
)
def test_words_of_any_language_are_plausible(text: str) -> None:
    assert implausible(text) is None


def rotated(text: str, by: int) -> str:
    lower = "abcdefghijklmnopqrstuvwxyz"
    return text.translate(str.maketrans(lower + lower.upper(), 2 * (lower[by:] + lower[:by])))


@pytest.mark.parametrize(
    "text",
    [
        *(rotated(PROSE, by) for by in (3, 10)),
        "".join(chr(ord(letter) - 29) if letter.isalpha() else letter for letter in PROSE),
        ("Съешь же ещё этих мягких французских булок, да выпей чаю. " * 6).encode("cp1251").decode("latin-1"),
    ],
    ids=["by 3", "by 10", "glyph numbers", "code page"],
)
def test_letters_that_are_mapped_to_others_are_not(text: str) -> None:
    assert "mapped wrongly" in str(implausible(text))


def test_homoglyphs_of_two_alphabets_are_not() -> None:
    mixed = PROSE.replace("e", "\u0435").replace("o", "\u043e")
    assert "mapped wrongly" in str(implausible(mixed))


boxes = st.tuples(*[st.floats(-10, 5000, width=32)] * 4)
glyphs = st.builds(
    Glyph,
    st.text(min_size=1, max_size=3),
    boxes,
    boxes,
    st.sampled_from([None, True, False]),
    st.booleans(),
    st.booleans(),
    size=st.floats(0, 100, width=32),
)
lines = st.builds(
    Line, st.text(), boxes, boxes, st.floats(0, 100, width=32), st.lists(glyphs).map(tuple), st.booleans(), st.booleans()
)
layers = st.builds(
    TextLayer,
    st.lists(lines, max_size=3).map(tuple),
    st.lists(boxes).map(tuple),
    st.lists(boxes).map(tuple),
    st.none() | st.text(),
)


@given(layers)
def test_a_layer_comes_out_of_a_worker_as_it_was(layer: TextLayer) -> None:
    assert unpacked(packed(layer)) == layer
