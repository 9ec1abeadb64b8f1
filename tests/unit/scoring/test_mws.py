"""MWS-Vision-Bench: the published vectors, the mean of five categories, the anti-fraud score."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrtune.scoring import mws

from .conftest import rows


def test_every_vector_of_the_official_code_agrees_bit_for_bit(golden: Path) -> None:
    vectors = rows(golden / "mws_official_vectors.jsonl")
    plain = [row for row in vectors if row["type"] != mws.ANTIFRAUD]
    assert {row["type"] for row in plain} == set(mws.CATEGORIES)
    assert not [row for row in plain if mws.score(row["type"], row["answers"], row["predict"]) != row["score"]]
    for row in vectors:
        if row["type"] == mws.ANTIFRAUD:
            found = mws.fraud(row["dataset_name"], row["answers"], row["predict"])
            assert (found.label, found.correct, found.reason) == (row["predicted_label"], row["correct"], row["reason_score"])


def test_the_overall_score_is_the_plain_mean_of_the_categories_that_have_samples() -> None:
    scores = [("full-page OCR ru", 1.0), ("full-page OCR ru", 0.0), ("reasoning VQA ru", 0.0), ("antifraud ru", 1.0)]
    assert mws.overall(scores) == {
        "image 2 text (text_recognition)": 0.5,
        "vqa (knowledge_reasoning)": 0.0,
        "overall": 0.25,
    }
    assert mws.overall([]) == {"overall": 0.0}


def test_a_failed_request_scores_nothing_even_where_its_text_would() -> None:
    assert mws.score("reasoning VQA ru", ["error"], "ERROR in getting response") == 0
    assert mws.score("reasoning VQA ru", ["error"], "error in getting response") == 1
    assert mws.score("full-page OCR ru", [""], None) == 0


def test_a_very_long_answer_is_cut_and_says_so() -> None:
    answer = "x" * 18_001 + "tail"
    assert mws.score("reasoning VQA ru", ["tail"], answer) == 0
    assert mws.score("reasoning VQA ru", ["[truncated]"], answer) == 1


def test_the_text_of_a_markdown_document_does_not_count_at_all() -> None:
    assert mws.score("document parsing ru", ["# Договор\nПункт 1\n\nПункт 2"], "# zzz\nq\nq") == 1


def test_grounding_takes_pixels_with_decimals() -> None:
    assert mws.score("text grounding ru", [0, 0, 10, 10], "[0.0, 0, 10.0, 10]") == 1
    assert mws.score("text grounding ru", [0, 0, 10], "[0, 0, 10, 10]") == 0


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="no type of MWS"):
        mws.score("text spotting ru", [], "x")


def test_antifraud_pays_for_balanced_accuracy_above_chance_and_for_reasons() -> None:
    right = mws.Fraud("edited", "дата", True, 1.0)
    wrong = mws.Fraud("original", "дата", False, 1.0)  # the reason counts although the label is wrong
    found = mws.antifraud([("edited", right), ("edited", wrong), ("original", mws.Fraud("original", "", True, 0.0))])
    assert found.recalls == {"ai_gen": 0.0, "edited": 0.5, "original": 1.0}
    assert found.score == pytest.approx(0.75 * (0.5 - 1 / 3) + 0.5)


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ('<think>{"label": "original"}</think>{"label": "edited"}', "edited"),
        ('```json\n{"label": " AI_GEN "}\n```', "ai_gen"),
        ('```\n{"label": "original"}', "original"),
        ('"edited"', None),
        ('{"label": "fake"}', None),
        ("", None),
    ],
)
def test_a_verdict_is_read_from_json_alone(answer: str, label: str | None) -> None:
    assert mws.fraud("edited", [], answer).label == label


def test_a_number_answers_a_question_and_nothing_else() -> None:
    assert mws.score("reasoning VQA ru", ["15"], 15) == 1
    assert mws.score("reasoning VQA ru", [["15"], 15.5], 15) == 0
    assert [mws.score(task, ["15"], 15) for task in mws.CATEGORIES if task != "reasoning VQA ru"] == [0, 0, 0, 0]
    assert mws.fraud("edited", ["дата"], 15).label is None


@pytest.mark.parametrize(
    "answer", ["{[1]: 2, 'дата': '1'}", "[" * 50_000, '{"дата": %s}' % ("9" * 5000), "-" * 9000 + "1, дата: 1"]
)
def test_answers_that_stop_the_published_parser_score_nothing(answer: str) -> None:
    assert mws.score("key information extraction ru", ['{"дата": "1"}'], answer) == 0
    assert mws.fraud("edited", ["дата"], answer).label is None


def test_the_overall_score_is_added_up_in_the_published_order() -> None:
    means = dict(zip(mws.CATEGORIES, (0.2, 0.4, 0.0, 0.2, 0.4), strict=True))
    assert mws.overall(means.items())["overall"] == (0.4 + 0.4 + 0.2 + 0.2 + 0.0) / 5 != sum(means.values()) / 5
