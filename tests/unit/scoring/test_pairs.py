"""Key-value pairs as OCRBench v2 reads them, boxes in text, and key information F1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.scoring.boxes import Word, iou, last_box, read_words
from ocrtune.scoring.fields import field_counts, field_similarity, flat, pooled
from ocrtune.scoring.literals import read_literal
from ocrtune.scoring.pairs import accepted_values, pair_score, read_pairs

names = st.text(alphabet="abcd", min_size=1, max_size=3)
records = st.dictionaries(names, st.text(alphabet="xyz1", min_size=1, max_size=4), max_size=4)


@pytest.mark.parametrize(
    ("answer", "pairs"),
    [
        ('{"a": 1, "b": null}', {"a": "1", "b": "None"}),
        ("{'a': 'x', }", {"a": "x"}),
        ('Here:\n```json\n{"a": " x "}\n``` and {"b": 1}', {"a": "x"}),
        ("a: x\nb = 'y'", {"a": "x", "b": "y"}),
        ('{"a": "x"', {"a": "x"}),
        ("{1: 'x'}", {}),
        ('["a", "b"]', {}),
        ("nothing here", {}),
        ("'\\d'", {}),
    ],
)
def test_an_answer_is_json_then_a_literal_then_whatever_looks_like_a_pair(answer: str, pairs: dict[str, str]) -> None:
    assert read_pairs(answer) == pairs


@pytest.mark.parametrize("answer", ["a" * 200_000, "a " * 100_000, "(" + " " * 100_000, "(" + "1" * 100_000, "a:" * 50_000])
def test_a_looping_answer_is_read_in_no_time(answer: str) -> None:
    """The published patterns go over each of these in minutes or hours; the test would run into its time limit."""
    assert len(read_pairs(answer)) <= 1
    assert read_words(answer) == []
    assert last_box(answer, limit=2048, decimals=True) is None


def test_a_bare_text_of_a_dictionary_is_taken_apart_into_characters() -> None:
    assert accepted_values('{"a": "xy", "b": ["p", "q"]}') == {"a": ["xy"], "b": ["p", "q"]}
    assert accepted_values({"a": "xy"}) == {"a": ["x", "y"]}
    with pytest.raises(ValueError, match="no dictionary"):
        accepted_values("[1]")
    with pytest.raises(ValueError, match="not a Python literal"):
        accepted_values("not a dict")
    with pytest.raises(ValueError, match="value of 'a'"):
        accepted_values({"a": 5})


def test_the_score_is_the_share_of_all_keys_with_an_accepted_value() -> None:
    accepted = {"a": ["x", "Y z"], "b": ["12"]}
    assert pair_score(accepted, '{"a": "yZ", "b": 12}') == 1
    assert pair_score(accepted, '{"a": "y z", "c": "1"}') == 1 / 3
    assert pair_score(accepted, "") == 0
    assert pair_score({}, "{}") == 0
    assert pair_score({"a": ["x"], "b": [None, "y"]}, '{"a": "x"}') == 1
    assert pair_score({"a": [5]}, '{"a": 5}') == 0


@given(record=records)
def test_naming_every_value_is_perfect(record: dict[str, str]) -> None:
    assert pair_score({name: [value] for name, value in record.items()}, repr(record)) == (1 if record else 0)


def test_a_literal_that_is_none_is_an_error_whatever_is_wrong_with_it() -> None:
    for text in ("{", "f(x)", "(" * 500, "{[]: 1}", "\x00"):
        with pytest.raises(ValueError, match="not a Python literal"):
            read_literal(text)


def test_the_last_group_of_four_numbers_within_the_limit_is_the_box() -> None:
    assert last_box("[1,2,3,4] (5, 6,7 ,8) [9,9,9,1001]", limit=1000) == (5, 6, 7, 8)
    assert last_box("[1.5,2,3,4]", limit=1000) is None
    assert last_box("[1.5,2.,3,4]", limit=1000, decimals=True) == (1.5, 2, 3, 4)
    assert last_box("[-1,2,3,4] 1,2,3,4 [[1,2],[3,4]]", limit=1000) is None


coordinates = st.integers(0, 50)
boxes = st.tuples(coordinates, coordinates, st.integers(1, 20), st.integers(1, 20)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


@given(one=boxes, two=boxes)
def test_iou_is_symmetric_bounded_and_one_only_for_the_same_box(one: tuple[int, ...], two: tuple[int, ...]) -> None:
    assert iou(one, two) == iou(two, one)
    assert 0 <= iou(one, two) <= 1
    assert (iou(one, two) == 1) == (one == two)


def test_iou_of_what_is_no_box_is_nothing() -> None:
    assert iou([0, 0, 0, 0], [0, 0, 0, 0]) == iou(["a", 0, 1, 1], [0, 0, 1, 1]) == iou([], [0, 0, 1, 1]) == 0


def test_words_with_boxes_are_read_from_a_literal_or_from_brackets() -> None:
    word = Word(1, 2, 3, 4, "a,b")
    assert read_words("[[1, 2, 3, 4, 'a,b'], (1,2,3,4,'a,b'), [1,2,3,1001,'x'], [1,2,3,4], 'x']") == [word]
    assert read_words('found (1, 2, 3, 4, "a,b") and [1,2,3,4.0,c]') == [word]
    assert read_words("5") == read_words("") == []


@given(record=records)
def test_field_f1_of_the_same_fields_is_one(record: dict[str, str]) -> None:
    assert field_counts(record, record).f1 == field_similarity(record, record) == 1


@given(one=records, two=records)
def test_field_f1_is_symmetric_and_between_zero_and_one(one: dict[str, str], two: dict[str, str]) -> None:
    counts = field_counts(one, two)
    assert counts.f1 == field_counts(two, one).f1
    assert 0 <= counts.f1 <= 1
    assert field_similarity(one, two) == pytest.approx(field_similarity(two, one))


def test_each_value_of_a_field_is_found_once() -> None:
    counts = field_counts({"item": ["tea", "tea"], "total": "5"}, {"item": ["Tea", "cake"], "sum": "5"})
    assert counts == (1, 3, 3)
    assert (counts.precision, counts.recall) == (1 / 3, 1 / 3)
    assert pooled([counts, field_counts({"a": "1"}, {"a": "1"})]) == (2, 4, 4)
    assert pooled([]).f1 == 1
    assert field_counts({}, {"a": "1"}).f1 == field_counts({"a": "1"}, {}).precision == 0


def test_nested_fields_are_flattened_under_dotted_names() -> None:
    record = {"seller": {"name": "A", "inn": 12}, "lines": [{"sum": 1}, "x"], "paid": True, "note": None, "blank": ""}
    assert flat(record) == {"seller.name": ["A"], "seller.inn": ["12"], "lines": ["sum: 1", "x"], "paid": ["true"]}
