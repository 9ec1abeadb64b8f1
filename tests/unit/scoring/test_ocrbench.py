"""OCRBench v1: four profiles, the same answers, two totals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.scoring import ocrbench

from .conftest import rows

FORMULA = ocrbench.FORMULA_TYPE


@pytest.mark.parametrize(
    ("profile", "total"), [("lmms_legacy", 560), ("official", 570), ("vlmevalkit", 570), ("lmms_current", 570)]
)
def test_a_thousand_published_answers_give_the_total_of_the_profile(golden: Path, profile: ocrbench.Profile, total: int) -> None:
    assert _table(golden, profile)[-1].score == total


def test_every_category_of_the_published_run_agrees(golden: Path) -> None:
    published = (golden / "ocrbench_dots" / "base_results.txt").read_text()
    wanted = {
        line.split("(Total")[0]: int(line.rsplit(":", 1)[1])
        for line in published.splitlines()
        if "(Total" in line and ":" in line
    }
    found = {row.name: row.score for row in _table(golden, "lmms_legacy")}
    assert len(wanted) == 12
    assert found == wanted


def test_every_published_answer_has_its_published_score(golden: Path) -> None:
    for truth, sample in _answers(golden):
        score = ocrbench.score(truth["answers"], sample["filtered_resps"][0], formula=_formula(truth), profile="lmms_legacy")
        assert score == sample["ocrbench_accuracy"]["score"], truth


def _answers(golden: Path) -> list[tuple[dict[str, str], dict[str, object]]]:
    folder = golden / "ocrbench_dots"
    return list(zip(json.loads((folder / "OCRBench.json").read_text()), rows(folder / "base_samples.jsonl"), strict=True))


def _formula(truth: dict[str, str]) -> bool:
    return ocrbench.is_formula(truth["dataset_name"], truth["type"])


def _table(golden: Path, profile: ocrbench.Profile) -> list[ocrbench.Row]:
    scores = [
        (truth["type"], ocrbench.score(truth["answers"], sample["filtered_resps"][0], formula=_formula(truth), profile=profile))
        for truth, sample in _answers(golden)
    ]
    return ocrbench.table(ocrbench.totals(scores))


@pytest.mark.parametrize(
    ("profile", "reference", "answer", "score"),
    [
        ("official", r"\cos C", r"\cos C", 1),
        ("lmms_legacy", r"\cos C", r"\cos C", 0),  # a reference with a capital is out of reach
        ("lmms_legacy", r"\cos c", r"\cos C", 1),
        ("lmms_current", r"\cos c", r"\cos C", 0),
        ("official", r"\frac {1} {2}", "x =\\frac{1}\n{2}", 1),
    ],
)
def test_formulas_differ_by_profile_in_case_only(profile: ocrbench.Profile, reference: str, answer: str, score: int) -> None:
    assert ocrbench.score(reference, answer, formula=True, profile=profile) == score


def test_only_the_current_profile_folds_full_width_letters_and_not_in_formulas() -> None:
    found = {profile: ocrbench.score("AB 1", "ＡＢ\u3000１", formula=False, profile=profile) for profile in ocrbench.PROFILES}
    assert found == {"official": 0, "vlmevalkit": 0, "lmms_legacy": 0, "lmms_current": 1}
    assert ocrbench.score("A", "Ａ", formula=True, profile="lmms_current") == 0


def test_there_are_no_word_boundaries_and_an_empty_reference_is_in_everything() -> None:
    assert ocrbench.score(["5"], "15", formula=False) == 1
    assert ocrbench.score(["", "x"], "no", formula=False) == 1


def test_an_absent_answer_scores_nothing_but_vlmevalkit_reads_nan() -> None:
    assert ocrbench.score("nan", None, formula=False) == 0
    assert ocrbench.score("", None, formula=False) == 0
    assert ocrbench.score("nan", None, formula=False, profile="vlmevalkit") == 1


def test_a_number_is_an_answer_but_zero_is_none_to_the_official_script() -> None:
    assert [ocrbench.score(["0"], number, formula=False) for number in (0, 10)] == [0, 1]
    assert ocrbench.score(["0"], 0, formula=False, profile="vlmevalkit") == 1
    assert ocrbench.score(["nan"], float("nan"), formula=False, profile="vlmevalkit") == 1


@given(text=st.text(), formula=st.booleans(), profile=st.sampled_from(("official", "vlmevalkit", "lmms_current")))
def test_the_reference_itself_is_a_right_answer(text: str, formula: bool, profile: ocrbench.Profile) -> None:
    assert ocrbench.score(text, text, formula=formula, profile=profile) == 1


@given(st.lists(st.tuples(st.sampled_from(sorted(ocrbench.TYPES)), st.sampled_from((0, 1))), max_size=60))
def test_the_final_score_is_the_number_of_right_answers(scores: list[tuple[str, int]]) -> None:
    assert ocrbench.table(ocrbench.totals(scores))[-1].score == sum(score for _, score in scores)
