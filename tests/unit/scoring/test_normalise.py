"""Named pipelines: what each keeps and what it folds."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.errors import ConfigError
from ocrtune.scoring.normalise import PIPELINES, STEPS, normalise

texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60)


@given(text=texts, pipeline=st.sampled_from(sorted(PIPELINES)))
def test_normalising_twice_changes_nothing_more(text: str, pipeline: str) -> None:
    once = normalise(text, pipeline)
    assert normalise(once, pipeline) == once


@given(text=texts)
def test_default_does_not_care_how_a_letter_is_composed(text: str) -> None:
    assert normalise(unicodedata.normalize("NFD", text), "default") == normalise(unicodedata.normalize("NFC", text), "default")


@pytest.mark.parametrize(
    ("pipeline", "text", "expected"),
    [
        ("none", " a\n b ", " a\n b "),
        ("nfc", "и\u0306", "й"),
        ("default", " Счёт \n\t № 5 ", "Счёт № 5"),
        ("default", "“Quoted” — Ａ", "“Quoted” — Ａ"),
        ("relaxed", "«Да» — “no” ‘x’ Ａ１ ﬁ", '"Да" - "no" \'x\' A1 fi'),
        ("relaxed", "5″ Ёй", '5" Ёй'),
        ("caseless", "Straße ИЙ", "strasse ий"),
        ("nospace", "發 票\n號 碼", "發票號碼"),
        ("gemma", "檔 號：\n保存年限：", "檔號保存年限"),
        ("gemma", "《書名》、【注釋】︱﹁引﹂、''單''", "書名注釋引單"),
        ("gemma", "“引號”…ё︲", "“引號”ё︲"),
    ],
)
def test_each_pipeline_folds_what_its_line_says(pipeline: str, text: str, expected: str) -> None:
    assert normalise(text, pipeline) == expected


def test_marks_that_make_a_letter_another_one_always_stay() -> None:
    for pipeline in PIPELINES:
        assert normalise("й", pipeline) != normalise("и", pipeline)
        assert normalise("ё", pipeline) != normalise("е", pipeline)


def test_an_unknown_pipeline_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(ConfigError, match=r"'relxed' \(did you mean relaxed\?\)"):
        normalise("x", "relxed")


@pytest.mark.parametrize(
    ("steps", "text", "expected"),
    [
        ("width", "Ａ１　①ﬁ½", "A1 ①ﬁ½"),
        ("nfkc", "Ａ１ ①ﬁ", "A1 1fi"),
        ("nopunct", "“a”, (b) — c。d_$", "a b  cd$"),
        ("yo", "Ёж, е\u0308ж, й", "Еж, еж, й"),
        ("casefold+space", " ИЙ\n Straße ", "ий strasse"),
        ("simplified", "臺灣發票號碼", "台湾发票号码"),
        ("simplified-tw", "裡面的臺灣", "里面的台湾"),
        ("nfc+width+simplified+nospace", "發 票：Ａ", "发票:A"),
    ],
)
def test_steps_are_done_in_the_order_of_the_name(steps: str, text: str, expected: str) -> None:
    assert normalise(text, steps) == expected


@given(text=texts, step=st.sampled_from(sorted(set(STEPS) - {"casefold", "simplified", "simplified-tw"})))
def test_a_step_done_twice_changes_nothing_more(text: str, step: str) -> None:
    once = normalise(text, step)
    assert normalise(once, step) == once


def test_the_order_of_steps_matters_and_is_kept() -> None:
    assert normalise("…", "nfkc+nopunct") == ""
    assert normalise("½", "width+nfkc") == "1⁄2" != normalise("½", "width")


def test_an_unknown_step_is_named() -> None:
    with pytest.raises(ConfigError, match="'widht'"):
        normalise("x", "nfc+widht")
