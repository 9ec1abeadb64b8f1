from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrtune.core import Region, Size
from ocrtune.layout import Rect, Span, analyse, formulas_in, marks_in, rules_in
from ocrtune.layout.ink import connected

SIZE = 26
SENTENCE = "The harbour was quiet and the letters had not yet come over the"


class Sheet:
    """A page that is drawn, and what recognition made of it."""

    def __init__(self) -> None:
        self.image = Image.new("L", (1240, 1000), "white")
        self.pen = ImageDraw.Draw(self.image)
        self.spans: list[Span] = []

    def drawn(self, text: str, left: float, top: float, size: int = SIZE) -> Rect:
        font = ImageFont.load_default(size)
        self.pen.text((left, top), text, fill="black", font=font)
        return self.pen.textbbox((left, top), text, font=font)

    def read(self, text: str, left: float, top: float, *, sure: float = 0.95, said: str | None = None) -> Rect:
        box = self.drawn(text, left, top)
        self.spans.append(Span(said or text, box, float(SIZE), confidence=sure))
        return box

    def lines(self, top: float, count: int = 3) -> None:
        for at in range(count):
            self.read(SENTENCE, 150, top + 36 * at)

    def bar(self, left: float, right: float, y: float) -> None:
        self.pen.rectangle((left, y, right, y + 1), fill="black")

    def equal(self, left: float, y: float) -> None:
        self.bar(left, left + 18, y - 5)
        self.bar(left, left + 18, y + 5)

    def fraction(self, left: float = 500, y: float = 300) -> Rect:
        """Z = (a + b) / c - d, of which nobody said a word."""
        first = self.drawn("Z", left, y - 16)
        self.equal(left + 30, y)
        self.drawn("a + b", left + 70, y - 38)
        self.bar(left + 64, left + 140, y)
        low = self.drawn("c", left + 95, y + 4)
        last = self.drawn("d", left + 185, y - 16)
        self.bar(left + 155, left + 170, y)
        return (first[0], y - 38, last[2], low[3])

    def found(self) -> list[Rect]:
        return formulas_in(self.spans, marks_in(self.image))

    def regions(self) -> tuple[Region, ...]:
        return analyse(self.spans, Size(*self.image.size), formulas=self.found())


@pytest.fixture
def sheet() -> Sheet:
    """Three lines of text, room, three lines of text."""
    sheet = Sheet()
    sheet.lines(80)
    sheet.lines(400)
    return sheet


def holds(outer: Rect, inner: Rect, slack: float = 8) -> bool:
    return (
        outer[0] <= inner[0] + slack
        and outer[1] <= inner[1] + slack
        and outer[2] >= inner[2] - slack
        and outer[3] >= inner[3] - slack
    )


def test_a_formula_that_nobody_read_is_found_whole(sheet: Sheet) -> None:
    ink = sheet.fraction()
    (box,) = sheet.found()
    assert holds(box, ink)
    assert holds((ink[0] - 12, ink[1] - 12, ink[2] + 12, ink[3] + 12), box)


def test_no_ink_of_it_is_cut_and_none_of_the_lines_around_is_in_it(sheet: Sheet) -> None:
    sheet.fraction()
    (box,) = sheet.found()
    cut = [m for m in marks_in(sheet.image) if m[0] < box[2] and m[2] > box[0] and m[1] < box[3] and m[3] > box[1]]
    assert cut
    assert all(box[0] <= m[0] and box[1] <= m[1] and m[2] <= box[2] and m[3] <= box[3] for m in cut)
    assert not any(box[1] < s.box[3] and s.box[1] < box[3] for s in sheet.spans)


@pytest.mark.parametrize("sure", [0.3, 0.95])
def test_scattered_signs_become_one_region_without_text_however_sure_they_were(sheet: Sheet, sure: float) -> None:
    ink = sheet.fraction()
    sheet.spans += [
        Span("Z=", (ink[0], 284, 550, 314), 26.0, confidence=sure),
        Span("atb", (565, 262, 640, 295), 26.0, confidence=sure),
        Span("c-d", (590, 284, ink[2], ink[3]), 26.0, confidence=sure),
    ]
    regions = sheet.regions()
    assert [r.kind for r in regions] == ["text", "formula", "text"]
    formula = regions[1]
    assert (formula.text, formula.markup, formula.words, formula.confidence) == ("", "plain", None, None)
    assert formula.box is not None
    assert holds(formula.box.to_pixels(*sheet.image.size), ink)


def test_its_number_stays_text_beside_it(sheet: Sheet) -> None:
    sheet.fraction()
    sheet.read("(12)", 900, 284)
    assert [(r.kind, r.text) for r in sheet.regions()][1:3] == [("formula", ""), ("text", "(12)")]


def test_a_line_that_was_read_surely_stays_text(sheet: Sheet) -> None:
    sheet.drawn("F", 500, 284)
    sheet.equal(530, 300)
    sheet.drawn("q v B", 570, 284)
    sheet.spans.append(Span("F = q v B", (500, 284, 650, 316), 26.0, confidence=0.95))
    assert "F = q v B" in [r.text for r in sheet.regions()]


def test_raised_letters_are_not_believed_even_when_read_surely(sheet: Sheet) -> None:
    sheet.drawn("E", 500, 284)
    sheet.equal(530, 302)
    sheet.drawn("mc", 560, 284)
    sheet.drawn("2", 602, 278, 17)
    sheet.spans.append(Span("E = mc?", (500, 278, 620, 316), 26.0, confidence=0.75))
    assert [r.kind for r in sheet.regions()] == ["text", "formula", "text"]


def test_a_fraction_in_a_line_of_text_stays_in_its_line(sheet: Sheet) -> None:
    sheet.read("where the ratio", 150, 284)
    sheet.fraction(left=380)
    sheet.read("is always larger than one and", 620, 284)
    assert sheet.found() == []


@pytest.mark.parametrize(
    "text", ["Total: 45.00 EUR", "12 Baker Street, London", "Tel. (030) 123-45", "1.2", "J. R. Smithson", "17", "x", "a) b) c)"]
)
def test_short_lines_that_stand_alone_stay(sheet: Sheet, text: str) -> None:
    sheet.read(text, 500, 284, sure=0.5)
    assert sheet.found() == []
    assert any(text in r.text for r in sheet.regions())


def test_a_sum_below_a_line_is_no_fraction(sheet: Sheet) -> None:
    sheet.read("1 234.50", 900, 262)
    sheet.bar(890, 1010, 298)
    sheet.read("2 345.60", 900, 304)
    assert sheet.found() == []


def test_a_line_to_sign_on_is_no_fraction(sheet: Sheet) -> None:
    sheet.pen.line([(700, 290), (730, 250), (740, 295), (770, 260), (820, 280)], fill="black", width=3)
    sheet.bar(690, 900, 300)
    sheet.read("Director", 750, 306)
    assert sheet.found() == []


def test_items_with_fractions_stay_items(sheet: Sheet) -> None:
    for top, mark in ((250, "a) "), (320, "b) ")):
        sheet.read(mark + "x = 2", 190, top, sure=0.6)
    assert sheet.found() == []


def test_a_script_that_was_not_recognised_is_no_mathematics(sheet: Sheet) -> None:
    sheet.fraction()
    garbage = [s._replace(text="Wak Haig KR> =8 ЛS фY zq", confidence=0.4) for s in sheet.spans]
    assert formulas_in(garbage, marks_in(sheet.image)) == []


def test_text_with_no_confidence_was_not_recognised_in_a_picture(sheet: Sheet) -> None:
    sheet.fraction()
    assert formulas_in([s._replace(confidence=None) for s in sheet.spans], marks_in(sheet.image)) == []


def test_a_formula_in_a_ruled_table_stays_in_its_cell(sheet: Sheet) -> None:
    for x in (140, 460, 700, 1100):
        sheet.pen.line((x, 200, x, 350), fill="black", width=2)
    for y in (200, 240, 350):
        sheet.pen.line((140, y, 1100, y), fill="black", width=2)
    for left, name in ((160, "name"), (480, "value"), (800, "unit")):
        sheet.read(name, left, 206)
    sheet.read("mean value", 160, 284)
    sheet.spans.append(Span("Z = at", (480, 262, 690, 330), 26.0, confidence=0.4))
    sheet.read("per year", 800, 284)
    regions = analyse(sheet.spans, Size(*sheet.image.size), rules=rules_in(sheet.image), formulas=[(480.0, 255.0, 690.0, 335.0)])
    assert "formula" not in [r.kind for r in regions]


def test_what_was_taken_for_a_picture_is_part_of_the_formula(sheet: Sheet) -> None:
    ink = sheet.fraction()
    (box,) = sheet.found()
    regions = analyse(sheet.spans, Size(*sheet.image.size), pictures=[(560, 262, ink[2], ink[3])], formulas=[box])
    assert [r.kind for r in regions] == ["text", "formula", "text"]


def test_labels_of_a_drawing_are_none(sheet: Sheet) -> None:
    sheet.fraction()
    assert formulas_in(sheet.spans, marks_in(sheet.image), [(300.0, 230.0, 1000.0, 380.0)]) == []


def test_an_empty_page_has_none() -> None:
    assert formulas_in([], []) == []
    assert formulas_in([Span("word", (0, 0, 50, 20), 20.0, confidence=0.9)], []) == []


def test_pieces_of_ink_are_counted_beyond_what_short_labels_hold() -> None:
    dots = np.zeros((600, 600), np.uint8)
    dots[::2, ::2] = 255
    assert len(connected(dots)) == 90_000
    assert connected(dots[:3, :3]).tolist() == [[0, 0, 1, 1, 1], [2, 0, 1, 1, 1], [0, 2, 1, 1, 1], [2, 2, 1, 1, 1]]
