"""Text layers of scripts that are not written letter by letter from left to right."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pypdfium2
import pytest
from fpdf import FPDF

from ocrtune import chromium
from ocrtune.core import Size
from ocrtune.fonts import covering
from ocrtune.textlayer import Glyph, build_lines, read_glyphs

WIDTH, HEIGHT = 6.0, 12.0
ARABIC = (
    "ولد جميع الناس أحراراً متساوين في الكرامة والحقوق.",
    "صدر نظام Windows 10 (الإصدار 22H2) في عام 2022 وبلغ سعره 1,250.50 دولار.",
    "يبدأ العمل في 12/05/2024 الساعة 10:30، الهاتف 02-555-1234.",
    'استخدم "OCR engine v2.5" لقراءة [الصفحات] 3 و4 (انظر الشكل).',
    "وقد وهبوا عقلاً وضميراً ١٢٣ كتاباً في ٢٠٢٤",
)
HEBREW = (
    "הכרזה 1948",
    "גרסה 10 של Windows (מהדורה 22H2), כלומר 12% יותר.",
    "הפגישה ב-12/05/2024 בשעה 10:30, טלפון 02-555-1234.",
    "שָׁלוֹם עֲלֵיכֶם, בְּרֵאשִׁית בָּרָא",
)
HINDI = (
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में",
    "जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
)
CHINESE = ("第一條一切為了一天，一二三四。", "人人生而自由，在尊嚴和權利上一律平等。")


def seen(visual: str) -> list[Glyph]:
    """Letters from left to right as they stand, half as wide as high; a space is one that pdfium made up."""
    cells = [(at * WIDTH, 0.0, at * WIDTH + WIDTH, HEIGHT) for at in range(len(visual))]
    return [Glyph(letter, cell, cell, True) if letter != " " else Glyph(" ") for letter, cell in zip(visual, cells, strict=True)]


@pytest.mark.parametrize(
    ("visual", "read"),
    [
        ("1948 " + "הכרזה"[::-1], "הכרזה 1948"),
        ("12% Word 10 " + "גרסה של"[::-1], "גרסה של Word 10 12%"),
        (".1,250.50 " + "עולה"[::-1], "עולה 1,250.50."),
        ("2025-2024 " + "עام"[::-1], "עام 2024-2025"),
        (".(" + "שלום"[::-1] + ") abc (def) " + "אב"[::-1], "אב abc (def) (שלום)."),
        ("peace is " + "שלום עולם"[::-1] + " here", "peace is שלום עולם here"),
        ("abc (" + "שלום"[::-1] + ") in text", "abc (שלום) in text"),
        ("Peace (" + "שלום"[::-1] + "( in text f(x)", "Peace (שלום) in text f(x)"),
    ],
)
def test_a_row_is_read_from_the_right_but_for_latin_words_and_numbers(visual: str, read: str) -> None:
    assert [line.text for line in build_lines(seen(visual))] == [read]


def test_a_line_of_hebrew_in_a_latin_text_ends_at_the_right() -> None:
    lower = [g._replace(cell=(g.cell[0], 30.0, g.cell[2], 42.0)) if g.inked else g for g in seen("A word that means peace")]
    assert build_lines([*seen("שלום"[::-1] + "."), Glyph("\n"), *lower])[0].text == "שלום."


def test_the_order_in_which_glyphs_are_given_does_not_matter() -> None:
    visual, read = ".Windows 10 " + "שלום עולם"[::-1], "שלום עולם Windows 10."
    for seed in range(8):
        glyphs = [g for g in seen(visual) if g.inked]
        random.Random(seed).shuffle(glyphs)
        (line,) = build_lines([part for glyph in glyphs for part in (glyph, Glyph("\n"))])
        assert line.text == read and "".join(g.text for g in line.glyphs) == read


def test_letters_painted_twice_are_read_once() -> None:
    glyphs = seen("שלום עולם"[::-1])
    again = [g._replace(cell=(g.cell[0] + 1, 0.0, g.cell[2] + 1, HEIGHT)) if g.inked else g for g in glyphs]
    assert [line.text for line in build_lines([*glyphs, Glyph("\n"), *again])] == ["שלום עולם"]


def test_columns_of_arabic_stay_apart() -> None:
    left, right = seen("سلام"[::-1]), seen("كتاب"[::-1])
    moved = 4 * WIDTH + 0.8 * HEIGHT
    cells = [(glyph.cell[0] + moved, 0.0, glyph.cell[2] + moved, HEIGHT) for glyph in right]
    glyphs = [*left, *(glyph._replace(box=cell, cell=cell) for glyph, cell in zip(right, cells, strict=True))]
    assert [line.text for line in build_lines(glyphs)] == ["كتاب", "سلام"]


def test_commas_and_short_numbers_stay_in_a_vertical_line() -> None:
    letters = [*"一九〇五年，", "12", *"月——Ａ！"]
    glyphs = []
    for row, text in enumerate(letters):
        for at, letter in enumerate(text):
            width = 12 / len(text)
            box = (50 + width * at, 13.0 * row, 50 + width * at + width, 13.0 * row + 12)
            glyphs.append(Glyph(letter, (box[0], box[1] + 4, box[2], box[3] - 4), box, True))
    (line,) = build_lines(glyphs)
    assert (line.text, line.vertical) == ("".join(letters), True)


@pytest.mark.parametrize("joined", ["سلام عليكم 2024", "ﺳﻼﻡ ﻋﻠﻴﻜﻢ 2024"], ids=["letters", "forms"])
def test_letters_painted_from_left_to_right_are_read_from_the_right(joined: str, tmp_path: Path) -> None:
    pdf = FPDF(unit="pt", format=(400, 300))
    pdf.add_page()
    pdf.add_font("dejavu", "", str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"))
    pdf.set_font("dejavu", size=20)
    words, number = joined.rsplit(" ", 1)
    pdf.text(60, 60, f"{number} {words[::-1]}")
    pdf.output(str(path := tmp_path / "page.pdf"))
    assert read(path) == ["سلام عليكم 2024"]


# --- as a browser prints them -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Browser]:
    if chromium.program() is None:
        pytest.skip("no Chromium is installed")
    with chromium.Browser() as found:
        yield found


def lines_of(browser: chromium.Browser, body: str, path: Path) -> list[str]:
    page = f"<!doctype html><meta charset=utf-8><style>p {{ white-space: nowrap }}</style>{body}"
    path.write_bytes(browser.print_pdf(page, (250, 200), (10, 10), ("<i></i>", "<i></i>")))
    return read(path)


def read(path: Path) -> list[str]:
    pdf = pypdfium2.PdfDocument(path)
    try:
        return [line.text for line in build_lines(read_glyphs(pdf[0], Size(1400, 1100)))]
    finally:
        pdf.close()


@pytest.mark.parametrize(
    ("texts", "style"),
    [(ARABIC, "direction: rtl"), (HEBREW, "direction: rtl"), (HINDI, ""), (CHINESE, "")],
    ids=["ar", "he", "hi", "zh"],
)
def test_lines_that_a_browser_printed_are_read_as_they_were_written(
    texts: tuple[str, ...], style: str, browser: chromium.Browser, tmp_path: Path
) -> None:
    families = {face.family for face in covering("".join(t for text in texts for t in text if t.isalpha() and not t.isascii()))}
    if not families:
        pytest.skip("no font for this script is installed")
    for family in sorted(families):
        body = "".join(f"<p style=\"font: 14pt '{family}', serif; {style}\">{text}</p>" for text in texts)
        assert lines_of(browser, body, tmp_path / "page.pdf") == list(texts), family
