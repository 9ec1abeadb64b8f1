"""Russian words that tesseract writes in Latin letters."""

import pytest

from ocrtune.engines._lookalikes import reads_both, respelled, respelled_spans
from ocrtune.layout import Span, SpanWord


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("СЧЁТ HA ОПЛАТУ", "СЧЁТ НА ОПЛАТУ"),
        ("Покупатель AO «Кабельсталь»", "Покупатель АО «Кабельсталь»"),
        ("Р/c по договору", "Р/с по договору"),
        ("Cчёт оплачен", "Счёт оплачен"),
    ],
)
def test_words_that_look_cyrillic_in_a_russian_line_are_cyrillic(read: str, meant: str) -> None:
    assert respelled(read) == meant


@pytest.mark.parametrize(
    "text", ["XX век и глава X", "файл README для Windows", "BMW и HTTP", "ACE KEPT A TOP HAT", "COM", "12 A", ""]
)
def test_latin_words_and_lines_stay_latin(text: str) -> None:
    assert respelled(text) == text


def test_places_of_words_are_kept() -> None:
    words = (SpanWord("Счёт", (0.0, 0.0, 40.0, 10.0), 0.9), SpanWord("HA", (50.0, 0.0, 70.0, 10.0), 0.8))
    (span,) = respelled_spans([Span("Счёт HA", (0.0, 0.0, 70.0, 10.0), 10.0, words=words)])
    assert span.text == "Счёт НА"
    assert [(w.text, w.box, w.confidence) for w in span.words] == [("Счёт", words[0].box, 0.9), ("НА", words[1].box, 0.8)]


def test_a_cell_of_which_one_cannot_tell_is_judged_by_its_page() -> None:
    assert respelled("P/c", "Почта и адрес") == "Р/с"
    assert respelled("P/c", "Post and address") == "P/c"
    assert respelled("P/c") == "P/c"


def test_only_data_of_both_scripts_makes_such_mistakes() -> None:
    assert reads_both("rus+eng")
    assert not reads_both("rus")
    assert not reads_both("eng+deu")
    assert not reads_both(None)
