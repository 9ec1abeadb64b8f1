"""OCRBench v2: every published vector to the last bit, and the averages of the published runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.scoring import ocrbench_v2
from ocrtune.scoring.ocrbench_v2 import Item, Mean, Outcome, markup

from .conftest import rows

VQA = "math QA en"


def test_every_vector_of_the_official_code_agrees_bit_for_bit(golden: Path) -> None:
    vectors = rows(golden / "ocrbench_v2_official_vectors.jsonl")
    wrong = [row for row in vectors if _score(row) != Outcome(row["score"], ignored="ignore" in row)]
    assert len({row["type"] for row in vectors}) == 30
    assert not wrong


def _score(row: dict[str, Any]) -> Outcome:
    item = Item(row["type"], row["question"], row["answers"], row.get("eval"), row.get("bbox", ()), row.get("content", ()))
    return ocrbench_v2.score(item, row["predict"])


@pytest.mark.parametrize("run", ["base", "finetuned"])
def test_thirty_published_types_make_the_published_categories_and_totals(golden: Path, run: str) -> None:
    report = (golden / "ocrbench_dots" / f"{run}_v2_results.txt").read_text()
    types = {
        name: (float(value), int(n)) for name, n, value in re.findall(r"^(.+) \(sample number: (\d+)\): (.+)$", report, re.M)
    }
    assert set(types) == set(ocrbench_v2.TYPES)
    summary = ocrbench_v2.summarise(_outcomes(types), "lmms_legacy")
    for suffix, categories in (("En", summary.english), ("Cn", summary.chinese)):
        for name, mean in categories.items():
            line = re.search(rf"^{name.replace('_', ' ')} {suffix} \(Total (\d+)\): (.+)$", report, re.M | re.I)
            assert line is not None
            assert mean.n == int(line[1])
            assert mean.value == pytest.approx(float(line[2]), abs=0.0101)  # both sides are rounded to two digits
    totals = re.findall(r"^(?:Overall|Final).*: (.+)$", report, re.M)
    assert [summary.english_overall, summary.chinese_overall, summary.total] == pytest.approx([*map(float, totals)], abs=0.0101)


def _outcomes(types: dict[str, tuple[float, int]]) -> list[tuple[str, Outcome]]:
    return [(name, Outcome(value)) for name, (value, n) in types.items() for _ in range(n)]


def test_the_profiles_average_differently() -> None:
    outcomes = _outcomes({"text spotting en": (1, 10), "math QA en": (0, 90), "full-page OCR cn": (0.5, 100)})
    official, legacy, current = (ocrbench_v2.summarise(outcomes, p) for p in ("official", "lmms_legacy", "lmms_current"))
    assert (official.english_overall, official.chinese_overall, official.total) == (0.5, 0.5, None)
    # Seven of eight English categories and four of five Chinese ones are empty, and count.
    assert (legacy.english_overall, legacy.chinese_overall, legacy.total) == (1 / 8, 0.5 / 5, (1 / 8 + 0.5 / 5) / 2)
    assert (current.english_overall, current.total) == (0.1, 0.3)


def test_ignored_outcomes_stay_out_of_the_averages() -> None:
    assert ocrbench_v2.means([("a", Outcome(1.0)), ("a", Outcome(0, ignored=True))]) == {"a": Mean(1.0, 1)}


def test_every_type_belongs_to_one_category() -> None:
    listed = [name for language in ocrbench_v2.CATEGORIES.values() for names in language.values() for name in names]
    assert sorted(listed) == sorted(ocrbench_v2.TYPES)


def test_a_parseable_chart_is_perfect_only_in_the_old_lmms_profile() -> None:
    item = Item("chart parsing en", "", ["{'a': '1'}"])
    assert ocrbench_v2.score(item, "{'z': '9', 'y': '8'}", profile="lmms_legacy").value == 1
    assert ocrbench_v2.score(item, "{'z': '9', 'y': '8'}", profile="lmms_current").value < 0.5
    assert ocrbench_v2.score(item, "{'a': '1'}").value == 1


def test_lmms_strips_answers_before_scoring() -> None:
    item = Item("full-page OCR en", "", ["one two three four"])
    assert ocrbench_v2.score(item, " one two three four\n", profile="lmms_current").value == pytest.approx(0.998, abs=1e-3)
    assert ocrbench_v2.score(item, " one two three four\n").value < 0.99


def test_a_bare_reference_is_read_as_a_list_in_caseless_english_of_the_official_code_only() -> None:
    long = "one two three four five six"
    assert ocrbench_v2.score(Item(VQA, "", long), long).value == 1
    assert ocrbench_v2.score(Item(VQA, "", long), long, profile="vlmevalkit").value == 0
    assert ocrbench_v2.score(Item(VQA, "", long, "case sensitive"), long).value == 0
    assert ocrbench_v2.score(Item("reasoning VQA cn", "", "a,b,c,d"), "a,b,c,d").value == 0


def test_a_markdown_table_without_a_fence_loses_letters_of_the_word_at_its_ends() -> None:
    assert "<td>arm</td>" in markup.from_markdown("| arm |\n|-|\n| x |")
    assert markup.from_markdown("ward | x |") == markup.from_markdown(" | x |")


def test_a_chart_is_read_from_the_longest_fence_without_comments_and_tail() -> None:
    answer = "```json\n{}\n```\n```python\ndata = {'a': 1,  # one\n 'b': 2} # end\n```"
    assert markup.read_chart(answer) == {"a": 1, "b": 2}
    assert markup.read_chart("{'a': 1} and more") == {"a": 1}
    assert markup.read_chart("[1, 2]") == markup.read_chart("no chart") == {}


def test_spotting_ignores_illegible_words_and_forgives_an_outer_mark_of_the_truth() -> None:
    truth = [[0, 0, 10, 0, 10, 10, 0, 10], [20, 0, 30, 0, 30, 10, 20, 10]]
    item = Item("text spotting en", "", [], bbox=truth, content=["(STOP", "###"])
    assert ocrbench_v2.score(item, "[[0,0,10,10,'stop'],[20,0,30,10,'zz']]").value == 1
    assert ocrbench_v2.score(item, "(0,0,10,10,stop)").value == 1
    assert ocrbench_v2.score(item, "[[10,10,0,0,'stop']]").value == 0
    assert ocrbench_v2.score(item, "[[0,0,10,10,'stop'],[50,50,60,60,'more']]").value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("text", "said", "profile", "score"),
    [
        ("a\rb\n", "ab", "official", 1),  # the script's files hold a word a line, without carriage returns
        ("x\ny", "x", "official", 0),  # "y" is no line with a box: nothing of the picture is scored
        ("", "x", "official", 0.5),
        ("", "x", "lmms_current", 0),  # the script stumbles over an empty word that is found with a text
        ("", "", "lmms_current", 1),
    ],
)
def test_spotted_words_pass_through_the_files_of_the_published_script(
    text: str, said: str, profile: ocrbench_v2.Profile, score: float
) -> None:
    truth = [[0, 0, 10, 0, 10, 10, 0, 10], [50, 50, 60, 50, 60, 60, 50, 60]]
    item = Item("text spotting en", "", [], bbox=truth, content=[text, "other"])
    answer = repr([(0, 0, 10, 10, said), (50, 50, 60, 60, "other")])
    assert ocrbench_v2.score(item, answer, profile=profile) == Outcome(score)


@pytest.mark.parametrize(
    ("answer", "score"), [("4", 0.8), ("-4", 0.8), ("2", 0), ("10", 0), ("0", 0), ("none", 0), ("5.7", 1), ("٥", 1)]
)
def test_counting_keeps_one_minus_the_relative_error_above_a_half(answer: str, score: float) -> None:
    assert ocrbench_v2.score(Item("text counting en", "", ["5"], "regression"), answer).value == pytest.approx(score)


def test_no_answer_scores_nothing_in_any_type() -> None:
    for name in ocrbench_v2.TYPES:
        assert ocrbench_v2.score(Item(name, "", ["x"], bbox=[0, 0, 1, 1]), None) == Outcome(0)


def test_a_number_from_a_spreadsheet_is_an_answer_to_a_question_and_nothing_else() -> None:
    assert ocrbench_v2.score(Item(VQA, "", [7.5]), 7.5).value == 1
    assert ocrbench_v2.score(Item("text counting en", "", [7], "regression"), 7).value == 1
    assert ocrbench_v2.score(Item("full-page OCR en", "", ["7"]), 7).value == 0


def test_an_absent_answer_is_an_empty_one_to_the_harnesses_and_nothing_to_the_official_code() -> None:
    item = Item("document parsing en", "", ["# A"])
    assert ocrbench_v2.score(item, None).value == 0
    for profile in ("vlmevalkit", "lmms_legacy", "lmms_current"):
        assert ocrbench_v2.score(item, None, profile=profile) == ocrbench_v2.score(item, float("nan"), profile=profile)
        assert ocrbench_v2.score(item, None, profile=profile).value > 0
    assert ocrbench_v2.score(Item("full-page OCR en", "", ["7"]), 7, profile="vlmevalkit").value == 0.625


# What mutation of the published vectors against the published code turned up: (type, method, answers, answer, score).
TURNED_UP: list[tuple[str, str | None, Any, Any, float]] = [
    ("text counting en", "regression", ["1_0"], "10", 1),
    ("text counting en", "regression", [" +8 "], "8", 1),
    ("text counting en", "regression", ["3.0"], "3", 0),
    ("text counting en", "regression", ["3"], "9" * 5000, 0),
    ("text counting en", "exact match", "Ten", "so TEN", 1),
    ("text counting en", "exact match", ["Ten"], "so TEN", 0),
    ("text counting en", "exact match", ["nan"], float("nan"), 0),
    ("text counting en", "other", ["3"], "3", 0),
    ("math QA en", "multiple choice", ["True"], True, 0),
    ("math QA en", None, [["a"], {"a": 1}], "['a']", 0),
    ("key information extraction en", None, ['{"a": "x"}'], "{[1]: 2, 'a': 'x'}", 0),
    ("key information extraction en", None, ['{"a": "x"}'], "None # a: x", 0),
    ("key information extraction en", None, ['{"a": "x"}'], '{"b": %s}, a: x' % ("9" * 5000), 0),
    ("key information extraction en", None, ['{"a": "x"}'], "-" * 9000 + "1, a: x", 0),
    ("text grounding en", None, "1239", "[1, 2, 3, 9]", 1),
    ("full-page OCR en", None, "ab", "a", 0.625),
    ("text spotting en", None, [], "[[1, 2, 3, 9, 'a\rb']]", 1),
]


@pytest.mark.parametrize(("name", "method", "answers", "answer", "expected"), TURNED_UP)
def test_the_corners_of_the_official_code(name: str, method: str | None, answers: Any, answer: Any, expected: float) -> None:
    item = Item(name, "", answers, method, bbox=[[1, 2, 3, 9]], content=["AB"])
    assert ocrbench_v2.score(item, answer).value == expected


@pytest.mark.parametrize("box", ["{2, 1, 3, 9}", "'1239'", "(1.9, 2, 3, 9)", "{1: 0, 2: 0, 3: 0, 9: 0}"])
def test_a_box_may_be_anything_that_holds_four_numbers(box: str) -> None:
    item = Item("VQA with position en", "", ["x"], bbox=[1, 2, 3, 9])
    assert ocrbench_v2.score(item, f'{{"answer": "x", "bbox": "{box}"}}').value == 1


def test_a_question_that_is_none_leaves_a_table_out_of_the_averages() -> None:
    assert ocrbench_v2.score(Item("table parsing en", "", ["|a|"]), "|a|") == Outcome(0, ignored=True)


def test_a_category_is_added_up_in_the_order_of_the_data() -> None:
    kinds = ["text grounding en", "VQA with position en"] * 2
    outcomes = [(name, Outcome(value)) for name, value in zip(kinds, (0.0, 0.5, 0.9, 0.4), strict=True)]
    total = ocrbench_v2.summarise(outcomes).english["text_detection"].total
    assert total == 0.0 + 0.5 + 0.9 + 0.4 != (0.0 + 0.9) + (0.5 + 0.4)


def test_unknown_types_and_methods_are_refused() -> None:
    with pytest.raises(ValueError, match="no task type"):
        ocrbench_v2.score(Item("text spotting cn", "", []), "x")
    with pytest.raises(ValueError, match="no method"):
        ocrbench_v2.score(Item(VQA, "", ["x"], "regression"), "x")
    assert ocrbench_v2.score(Item(VQA, "", ["x"], "None"), "x").value == 1  # as the copy on the Hub writes an absent one


answers = st.text(alphabet=st.sampled_from("ab1 ,:{}[]()'\"|#\n`简。<>/td=\\"), max_size=60)


@given(name=st.sampled_from(sorted(ocrbench_v2.TYPES)), answer=answers, reference=answers)
def test_any_answer_to_any_type_scores_at_most_one_and_only_teds_falls_below_zero(name: str, answer: str, reference: str) -> None:
    method = "exact match" if name == "text counting en" else None
    boxes = [1, 2, 3, 4]
    item = Item(name, "html", boxes if name == "text grounding en" else [reference], method, boxes)
    least = -1 if "table" in name or "chart" in name else 0
    assert least <= ocrbench_v2.score(item, answer).value <= 1


PERFECT = ("APP agent en", "diagram QA en", "formula recognition en", "formula recognition cn", "reasoning VQA cn")


@given(name=st.sampled_from(PERFECT), text=st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60))
def test_the_reference_itself_is_a_perfect_answer(name: str, text: str) -> None:
    expected = 0 if name == "formula recognition cn" and text.lower() == "nan" else 1
    assert ocrbench_v2.score(Item(name, "", [text]), text).value == expected
