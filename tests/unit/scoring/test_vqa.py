"""Answers to questions: the vectors of two public harnesses, and what the rules say beyond them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.scoring import vqa
from ocrtune.scoring.vqa import CASED, CHINESE, MmeAnswer, contained_or_similar

from .conftest import rows

texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=40)


def test_every_published_vector_agrees(golden: Path) -> None:
    checks = {"anls": _anls, "relaxed": _relaxed, "mme_parse": _mme_parse, "mme_aggregate": _mme}
    vectors = rows(golden / "vqa_vectors.jsonl")
    assert {row["metric"] for row in vectors} == set(checks)
    assert not [row for row in vectors if not checks[row["metric"]](row)]


def _anls(row: dict[str, Any]) -> bool:
    return vqa.anls(row["references"], row["prediction"]) == row["lmms_eval"] == row["vlmevalkit"]


def _relaxed(row: dict[str, Any]) -> bool:
    raw, stripped = (vqa.relaxed(row["target"], text) for text in (row["prediction"], row["prediction"].strip()))
    return [raw, stripped, stripped] == [row["lmms_eval"], row["lmms_eval_after_framework_strip"], row["vlmevalkit"]]


def _mme_parse(row: dict[str, Any]) -> bool:
    return vqa.yes_or_no(row["prediction"]) == row["lmms_eval"]


def _mme(row: dict[str, Any]) -> bool:
    scores = vqa.mme(
        MmeAnswer(doc["category"], doc["question_id"], vqa.yes_or_no(doc["prediction"]) == doc["answer"].lower())
        for doc in row["docs"]
    )
    return (scores.perception, scores.cognition) == (row["perception"], row["cognition"])


@given(text=texts)
def test_anls_of_the_reference_itself_is_one(text: str) -> None:
    assert vqa.anls([text], text) == 1


@given(reference=texts, answer=texts)
def test_anls_is_zero_or_at_least_a_half(reference: str, answer: str) -> None:
    value = vqa.anls([reference], answer)
    assert value == 0 or 0.5 <= value <= 1
    assert vqa.anls([reference, answer], answer) == 1
    assert vqa.anls([answer], reference) == value


@given(number=st.floats(0.01, 1e6), share=st.floats(-0.2, 0.2))
def test_relaxed_accuracy_accepts_five_percent_and_no_more(number: float, share: float) -> None:
    if abs(abs(share) - 0.05) > 1e-6:
        assert vqa.relaxed(repr(number), repr(number * (1 + share))) == (abs(share) <= 0.05)


def test_relaxed_accuracy_has_the_published_corners() -> None:
    assert not vqa.relaxed("0", "0.0")
    assert not vqa.relaxed("45", "45%")
    assert not vqa.relaxed("1000", "1,000")
    assert vqa.relaxed("2019", "2000")
    assert vqa.relaxed("Blue", "blue")
    assert not vqa.relaxed("inf", "inf")


@pytest.mark.parametrize(
    ("answer", "lmms", "vlmevalkit"),
    [
        ("Yes.", "yes", "yes"),
        ("not sure", "no", "other"),
        ("the answer is no", "other", "no"),
        ("yes and no", "yes", "other"),
        ("(yes)", "yes", "yes"),
        ("Nope", "no", "other"),
        ("Yes,it is", "yes", "yes"),
        ("1. " * 32 + "yes.", "other", "yes"),
        (". " * 32 + "yes.", "other", "other"),
    ],
)
def test_the_harnesses_read_yes_and_no_differently(answer: str, lmms: str, vlmevalkit: str) -> None:
    assert (vqa.yes_or_no(answer), vqa.yes_or_no(answer, "vlmevalkit")) == (lmms, vlmevalkit)


def test_mme_gives_a_picture_a_hundred_more_when_both_answers_are_right() -> None:
    answers = [
        MmeAnswer("OCR", "a", True),
        MmeAnswer("OCR", "a", True),
        MmeAnswer("OCR", "b", True),
        MmeAnswer("OCR", "b", False),
    ]
    assert vqa.mme(answers) == ({"OCR": 125.0}, 125.0, 0)


def test_vlmevalkit_adds_mme_up_in_its_own_order() -> None:
    right = (True, True, True, False, False, False)
    answers = [MmeAnswer("OCR", str(at // 2), one) for at, one in enumerate(right)]
    assert vqa.mme(answers).perception == (200.0 + 50.0 + 0.0) / 3
    assert vqa.mme(answers, "vlmevalkit").perception == 3 / 6 * 100 + 1 / 3 * 100
    several = [MmeAnswer(name, "a", right) for name in ("scene", "count", "artwork") for right in (True, name == "count")]
    assert vqa.mme(several, "vlmevalkit") == vqa.mme(several) == ({"scene": 50, "count": 200, "artwork": 50}, 300, 0)


def test_a_short_reference_is_searched_for_and_a_long_one_compared() -> None:
    assert contained_or_similar(["5"], "15") == 1
    assert contained_or_similar(["one two three four five"], "so: one two three four five") == pytest.approx(1 - 4 / 27)
    assert contained_or_similar(["one two three four five"], "five") == 0
    assert contained_or_similar([None, ["x"], {"x": 1}, 7.5], "7.5 ₽") == 1
    assert contained_or_similar([["x"], {"x": 1}], "['x'] {'x': 1}") == 0
    assert contained_or_similar(["x"], None) == 0
    assert contained_or_similar([], "x") == 0


def test_case_and_spaces_count_as_the_reading_says() -> None:
    assert contained_or_similar(["AbC"], "abc") == 1
    assert contained_or_similar(["AbC"], "abc", CASED) == 0
    assert contained_or_similar(["北 京"], "在北京", CHINESE) == 1
    assert contained_or_similar(["甲,乙,丙,丁"], "甲,乙,丙,戊", CHINESE) == pytest.approx(6 / 7)


def test_a_bare_reference_keeps_the_slip_of_the_published_code() -> None:
    long = "one two three four five"
    assert contained_or_similar(long, long) == 0
    assert contained_or_similar("food", "fool") == 0.75


@given(references=st.lists(texts, max_size=4), answer=texts)
def test_another_reference_never_lowers_the_score(references: list[str], answer: str) -> None:
    with_more = contained_or_similar([*references, "x"], answer)
    assert 0 <= contained_or_similar(references, answer) <= with_more <= 1


def test_multiple_choice_wants_the_letters_and_nothing_else() -> None:
    assert [vqa.letters_equal("B", answer) for answer in ("B", "(B)", "B.", "B. Blue", "b")] == [1, 1, 1, 0, 0]
