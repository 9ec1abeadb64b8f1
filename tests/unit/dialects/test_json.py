"""The reader of JSON that models write: valid JSON exactly, broken JSON as far as it goes, in time linear in its length."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocrtune.dialects._json import DEEPEST, Reading, objects, read, write
from ocrtune.dialects._problems import Problems

CELL = '{"bbox": [1, 2, 30, 40], "category": "Text", "text": "one"}'
VALUE = {"bbox": [1, 2, 30, 40], "category": "Text", "text": "one"}
letters = st.text(st.characters(codec="utf-8", exclude_characters="\x08\x0c\t\r"))
scalars = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False) | letters
anything = st.recursive(scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(letters, v, max_size=4))
PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def reading(text: str) -> tuple[Reading, list[str]]:
    problems = Problems()
    found = read(text, problems, starts=("bbox",))
    return found, [problem.kind for problem in problems.listed()]


@PROPERTY
@given(st.lists(anything, max_size=4) | st.dictionaries(letters, anything, max_size=4), st.booleans(), st.sampled_from((None, 2)))
def test_valid_json_says_what_it_says(value: object, ascii_only: bool, indent: int | None) -> None:
    found, problems = reading(json.dumps(value, ensure_ascii=ascii_only, indent=indent))
    assert found.values == [value] and problems == []


@PROPERTY
@given(st.text())
def test_what_is_written_is_json_and_comes_back_with_every_control_character(text: str) -> None:
    assert json.loads(write([text])) == [text]
    found, problems = reading(write([text]))
    assert found.values == [[text]] and problems == []


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (r"\frac{a}{b}", r"\frac{a}{b}"),
        (r"\beta + \theta = \tau \times \rho \right)", r"\beta + \theta = \tau \times \rho \right)"),
        (r"\nabla \leq \nu", r"\nabla \leq \nu"),
        (r"\nabla\nnu", "\\nabla\nnu"),
        (r"a\nnot b", "a\nnot b"),
        (r"a\nb \alpha", "a\nb \\alpha"),
        (r"\underline{x}", r"\underline{x}"),
        (r"\u0416\ud83d\ude00", "Ж\U0001f600"),
        (r"\ud83d", "\ufffd"),
        (r"C:\\new \"q\" \/", 'C:\\new "q" /'),
        (r"\tabular", "\tabular"),
        (r"x^{2} \} ,", r"x^{2} \} ,"),
    ],
)
def test_backslashes_that_are_not_escaped_stay(said: str, meant: str) -> None:
    found, _ = reading('[{"text": "' + said + '"}]')
    assert found.values == [[{"text": meant}]]


BROKEN: dict[str, tuple[str, list[str]]] = {
    "a fence": (f"```json\n[{CELL}, {CELL}]\n```", ["fence"]),
    "a fence that is not closed": (f"```\n[{CELL}, {CELL}]", ["fence"]),
    "prose around": (f"Here it is [see 1]: [{CELL}, {CELL}] I hope it's fine", ["prose", "bad-syntax"]),
    "an object around": (f'{{"layout": [{CELL}, {CELL}]}}', []),
    "a list around": (f"[[{CELL}, {CELL}]]", []),
    "no list": (f"{CELL}\n{CELL}", []),
    "commas between": (f"{CELL}, {CELL}", ["bad-syntax"]),
    "no comma between": (f"[{CELL} {CELL}]", ["bad-syntax"]),
    "no comma between members": (f"[{CELL}, {CELL.replace(', ', ' ')}]".replace("[1 2 30 40]", "[1, 2, 30, 40]"), ["bad-syntax"]),
    "commas too many": (f"[{CELL},, {CELL},]", ["bad-syntax"]),
    "no closing brace": (f"[{CELL[:-1]}, {CELL}]", ["bad-syntax"]),
    "no braces between": (f"[{CELL[:-1]}, {CELL[1:]}]", ["bad-syntax"]),
    "no opening bracket": (f"{CELL}, {CELL}]", ["bad-syntax"]),
    "no closing bracket": (f"[{CELL}, {CELL}", ["truncated"]),
    "a box without its closing bracket": (f"[{CELL.replace(']', '')}, {CELL}]", ["bad-syntax"]),
    "a box without its opening bracket": (f"[{CELL.replace('[', '')}, {CELL}]", ["bad-syntax"]),
    "the wrong bracket": (f"[{CELL[:-1]}], {CELL}", ["bad-syntax"]),
    "brackets too many": (f"[{CELL}]}}], {CELL}]]", ["bad-syntax"]),
    "no colon": (f"[{CELL.replace(': [', ' [')}, {CELL}]", ["bad-syntax"]),
    "single quotes": (f"[{CELL}, {CELL}]".replace('"', "'"), ["bad-quote"]),
    "keys without quotes": (f"[{CELL}, {CELL}]".replace('"bbox"', "bbox").replace('"text"', "text"), ["bad-quote"]),
    "a string without its end": (f"[{CELL.replace('one' + chr(34), 'one')}, {CELL}]", ["bad-quote"]),
    "a kind without its end": (f"[{CELL.replace('Text' + chr(34), 'Text')}, {CELL}]", ["bad-quote"]),
    "garbage between members": (
        f"[{CELL}, {CELL.replace('Text' + chr(34) + ',', 'Text' + chr(34) + chr(92))}]",
        ["bad-quote", "bad-syntax"],
    ),
    "garbage behind": (f"[{CELL}, {CELL}] }}}} ]]] <|endoftext|>", ["prose"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_every_object_of_broken_json_is_found(name: str) -> None:
    text, problems = BROKEN[name]
    found, kinds = reading(text)
    assert [cell for cell in objects(found.values) if cell != {"layout": [VALUE, VALUE]}] == [VALUE, VALUE]
    assert kinds == problems


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ('he said "hi" to me', 'he said "hi" to me'),
        ('"all of it"', '"all of it"'),
        ('"a", and "b"', '"a", and "b"'),
        (r'$\\text{"a"}$', r'$\text{"a"}$'),
        ('5" x 7"', '5" x 7"'),
    ],
)
def test_quotes_within_a_text_stay(said: str, meant: str) -> None:
    found, problems = reading('[{"text": "' + said + '", "category": "Text"}, {"text": "b"}]')
    assert found.values == [[{"text": meant, "category": "Text"}, {"text": "b"}]] and problems == ["bad-quote"]


@pytest.mark.parametrize("text", ["[]", "{}", " [ ] ", '{"layout": []}'])
def test_a_blank_page_is_no_problem(text: str) -> None:
    assert reading(text)[1] == []


def test_what_the_end_cut_off_is_kept_and_named() -> None:
    found, problems = reading(f'[{CELL}, {{"bbox": [5, 6, 70, 80], "text": "two and a ha')
    assert found.values == [[VALUE, {"bbox": [5, 6, 70, 80], "text": "two and a ha"}]] and problems == ["truncated"]
    assert found.unfinished is found.values[0][1]  # type: ignore[index]
    assert reading(f"[{CELL}, ")[0].unfinished is None


def test_a_number_that_the_end_may_have_cut_is_left_out() -> None:
    assert reading('[{"bbox": [10, 20, 30, 4')[0].values == [[{"bbox": [10, 20, 30]}]]


def test_what_looks_like_json_within_a_text_stays_text() -> None:
    text = 'see [1], {"bbox": [1,2,3,4]}, } {"a'
    assert reading(write([{"text": text}, 1]))[0].values == [[{"text": text}, 1]]


def test_brackets_without_end_are_no_danger() -> None:
    found, problems = reading("[" * 5000 + "1" + "]" * 5000)
    assert problems == ["bad-syntax"]
    depth, value = 0, found.values[0]
    while value:
        depth, value = depth + 1, value[0]  # type: ignore[index, assignment]
        if not isinstance(value, list):
            break
    assert depth <= DEEPEST


@pytest.mark.parametrize("number", ["9" * 5000, "1e999", "-", "1.2.3", "0x10", "NaN"])
def test_what_is_no_number_is_text(number: str) -> None:
    assert reading(f"[{number}, 1]")[0].values == [[number, 1]]


GARBAGE = [
    '"', "[", "{", "]", "}[", "'", "\\", '"\\', '", "', '{"a":', '"a" "b" ', "[,", " ", '" ', "a:", '"{"', "```", "(", "[1,",
    '{"bbox": [1', "\\u12", '"x": "', '{"text": "a"b ', "<td>", "x\n",
]  # fmt: skip


@pytest.mark.parametrize("piece", GARBAGE)
def test_garbage_is_read_in_time_linear_in_its_length(piece: str) -> None:
    """Counted in steps of the interpreter, twice the text takes twice the steps."""
    short, long = (steps(lambda n=n: reading(piece * n)) for n in (150, 300))  # type: ignore[misc]
    assert long <= 2.2 * short + 200


def steps(call: Callable[[], object]) -> int:
    """How many lines of Python a call runs through."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count
