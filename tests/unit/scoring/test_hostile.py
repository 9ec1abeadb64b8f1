"""Answers made to break a scorer: each gets a score, soon, and none takes the interpreter with it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrtune.scoring import formulas, mws, ocrbench_v2, omnidocbench, outline, tables
from ocrtune.scoring.literals import fenced, read_literal
from ocrtune.scoring.ocrbench_v2 import Item

LONG = 100_000
SOON = 20.0  # seconds of CPU; the slow ways of the published code take minutes or hours
PIECES = (
    "```\na",
    "[",
    "(1,",
    "'a':'b',",
    "x y z ",
    "\\(",
    "\\tag{",
    "\\[",
    "<td><b>",
    "<table>",
    "#a\n",
    "9",
    "-",
    "<think>",
    "\ud800",
)


def _item(name: str) -> Item:
    answers: object = [1, 2, 3, 4] if name == "text grounding en" else ["{'a': 'b'}"]
    method = "regression" if name == "text counting en" else None
    boxes = [[1, 2, 3, 4]] if name == "text spotting en" else [1, 2, 3, 4]
    return Item(name, "html", answers, method, boxes, ["a"])  # type: ignore[arg-type]


@pytest.mark.parametrize("piece", PIECES)
def test_a_hundred_thousand_characters_of_anything_are_scored_soon(piece: str) -> None:
    answer = piece * (LONG // len(piece))
    rules: list[Callable[[], object]] = [
        *(lambda name=name: ocrbench_v2.score(_item(name), answer) for name in ocrbench_v2.TYPES),  # type: ignore[misc]
        *(lambda task=task: mws.score(task, ["{'a': 'b'}"], answer) for task in mws.CATEGORIES),  # type: ignore[misc]
        lambda: mws.fraud("edited", ["a b c d e f"], answer),
        lambda: omnidocbench.normalise_text(answer),
        lambda: formulas.normalise(answer),
    ]
    begun = time.process_time()
    for rule in rules:
        rule()
    assert time.process_time() - begun < SOON


@pytest.mark.parametrize(
    "text", ["[" * 1_000_000, "-" * 1_000_000 + "1", "a" + "()" * 100_000, "1" + "+1" * 100_000, "{1:" * 100_000]
)
def test_literals_nested_a_million_deep_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a Python literal"):
        read_literal(text)


def test_a_table_of_two_thousand_cells_against_garbage_is_scored_soon() -> None:
    whole = tables.from_rows([[f"{row} {column}" for column in range(20)] for row in range(100)])
    garbage = "<table>" + "<tr><td>x<td colspan=2>y</tr><th>" * 700 + "</table>"
    begun = time.process_time()
    assert -1 <= tables.teds(whole, garbage) < 1
    assert time.process_time() - begun < SOON


def test_outlines_thousands_of_levels_deep_are_compared() -> None:
    deep = "".join(f"l{at}\n#l{at}\n" for at in range(2000))
    assert outline.steds(deep, deep) == 1 - 1 / 4003  # the blank last line costs 1
    assert 0 <= outline.steds("# a\nb", deep) <= 1


fences = st.text(alphabet=st.sampled_from("`\nab"), max_size=40).map(lambda text: text.replace("b", "```json\n"))


@given(text=fences)
def test_fences_are_what_the_published_pattern_finds(text: str) -> None:
    assert list(fenced(text)) == re.findall(r"```(?:python|json)?\n(.*?)\n```", text, re.DOTALL | re.IGNORECASE)


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
answers = values | st.recursive(
    values, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=8
).map(repr)


@settings(max_examples=300)
@given(
    name=st.sampled_from(sorted(ocrbench_v2.TYPES)),
    answer=answers,
    references=st.lists(values, max_size=3) | st.text(max_size=20),
    profile=st.sampled_from(ocrbench_v2.PROFILES),
)
def test_any_answer_to_any_reference_has_a_score(
    name: str, answer: str | float | None, references: list[object] | str, profile: ocrbench_v2.Profile
) -> None:
    method = "exact match" if name == "text counting en" else None
    found = ocrbench_v2.score(Item(name, "html", references, method, [1, 2, 3, 4]), answer, profile=profile)
    assert found.value <= 1


@settings(max_examples=200)
@given(task=st.sampled_from(sorted(mws.CATEGORIES)), answer=answers, references=st.lists(values, max_size=3))
def test_any_answer_to_any_russian_reference_has_a_score(task: str, answer: str | float | None, references: list[object]) -> None:
    assert mws.score(task, references, answer) <= 1
