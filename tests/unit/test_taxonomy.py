"""Every edit has one kind, and the kinds are the right ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from ocrtune.taxonomy import LONGEST, Reply, mistakes, refuses, total

texts = st.text(alphabet="абв гд|<>\n你好", max_size=40)


@given(reference=texts, reading=texts, cut=st.booleans(), looped=st.booleans(), failed=st.booleans())
def test_the_kinds_add_up_to_the_edit_distance(reference: str, reading: str, cut: bool, looped: bool, failed: bool) -> None:
    found = mistakes(Reply(reference, reading, cut, looped, failed))
    assert sum(found.edits.values()) == Levenshtein.distance(reference, "" if failed else reading)
    assert all(count > 0 for count in found.edits.values())
    assert found.pairs.total() == found.edits.get("substitution", 0)


@pytest.mark.parametrize(
    ("reply", "kinds"),
    [
        (Reply("кот сидит", "код сидит"), {"substitution": 1}),
        (Reply("кот сидит тут", "кот тут"), {"omission": 6}),
        (Reply("кот сидит", "кот не сидит"), {"invention": 3}),
        (Reply("первый второй третий", "третий первый второй"), {"order": 14}),
        (Reply("итого сто рублей", ""), {"empty": 16}),
        (Reply("итого сто рублей", "итого", cut=True), {"truncation": 11}),
        (Reply("итого сто рублей", "итого"), {"omission": 11}),
        (Reply("abc", "abc" * 4, looped=True), {"loop": 9}),
        (Reply("abc", "", failed=True), {"failure": 3}),
        (Reply("<table><tr><td>7</td></tr></table>", "<table><tr><th>7</th></tr></table>"), {"table": 2}),
        (Reply("| a | b |", "| a  b |"), {"table": 1}),
        (Reply("", ""), {}),
        (Reply("a", "I'm sorry, I can't read this image."), {"refusal": 34}),
    ],
)
def test_what_a_reply_did_wrong_is_called_by_its_name(reply: Reply, kinds: dict[str, int]) -> None:
    assert mistakes(reply).edits == kinds


@pytest.mark.parametrize(
    "said", ["I cannot read the text.", "Извините, не могу распознать текст", "抱歉，我无法识别", "无法辨认图中文字"]
)
def test_refusals_are_known_in_three_languages_unless_the_page_says_so(said: str) -> None:
    assert refuses(said)
    assert not refuses(said, reference=f"{said} …")
    assert not refuses("Счёт № 5 от 1 марта") and not refuses("I see trees of green")


def test_moved_lines_are_an_order_mistake_even_when_they_are_misread() -> None:
    found = mistakes(Reply("альфа бета гамма дельта", "гамма дельте альфа бета"))
    assert found.edits["substitution"] == 1 and found.pairs[("а", "е")] == 1
    assert set(found.edits) == {"order", "substitution"}


def test_a_runaway_reply_costs_its_length_and_little_time() -> None:
    found = mistakes(Reply("abc", "abc " * LONGEST))
    assert set(found.edits) == {"loop"} and found.edits["loop"] == 4 * LONGEST - 3


def test_a_corpus_counts_edits_samples_and_the_most_frequent_pairs() -> None:
    whole = total(mistakes(Reply(a, b)) for a, b in [("ш1", "щ1"), ("ш2", "щ2"), ("0", "О"), ("ab", "a")])
    assert (whole.edits["substitution"], whole.samples["substitution"], whole.edits["omission"]) == (3, 3, 1)
    assert whole.pairs == [("ш", "щ", 2), ("0", "О", 1)]
    assert whole.share("omission") == 0.25 and whole.characters == 7 and whole.all_edits == 4
