"""Loops are seen while they grow; what documents repeat is none."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ocrtune import repetition
from ocrtune.repetition import looping

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.mark.parametrize(
    "text",
    ["a" * 300, "ab " * 200, "Invoice\n" + "| 0 | 0 |\n" * 60, "x" + "многократно повторяемая строка текста. " * 12 + "многокр"],
)
def test_loops_are_seen(text: str) -> None:
    assert looping(text)


def test_rows_that_come_back_in_changing_order_are_a_loop() -> None:
    words = ["alpha", "beta", "gamma", "alpha", "gamma", "beta", "gamma", "beta", "alpha"]
    assert looping(" ".join(words[(i * i) % 3 + i % 7] for i in range(600)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        "Contents " + "." * 150 + " 7",
        "-" * 120,
        "| 0.00 | 0.00 | 0.00 |\n" * 8,
        "\n".join(f"{i}. item {i * 7919 % 1000} costs {i * 31 % 97}.{i % 10}0" for i in range(400)),
        "a" * 400 + " and then it went on",
    ],
)
def test_what_documents_really_show_is_no_loop(text: str) -> None:
    assert not looping(text)


ROW = "<tr><td>{}</td><td></td><td></td></tr>"
BLOCK = '{{"bbox": [{0}, {1}, {2}, {3}], "category": "Text", "text": "{4}"}}, '


@pytest.mark.parametrize(
    "text",
    [
        "<table>" + ROW.format("") * 61,
        "| a | b |\n|---|---|\n" + "|   |   |\n" * 61,
        "<table>" + "<tr><td>Total</td><td>0</td></tr>\n" * 21,
        "[" + BLOCK.format(1, 2, 3, 4, "one paragraph that is said again and again, word for word. " * 10) * 7,
        "[" + "".join(BLOCK.format(1, i * 30, 900, i * 30 + 20, "Page 1 of 1") for i in range(34)),
        "<table>" + "".join(ROW.format(i) for i in range(1, 123)),
        "".join(f"{i}.\n" for i in range(1, 125)),
    ],
    ids=[
        "empty rows",
        "empty Markdown rows",
        "equal rows",
        "long objects",
        "equal objects elsewhere",
        "counting rows",
        "counting",
    ],
)
def test_rows_and_objects_without_end_are_seen(text: str) -> None:
    assert looping(text)


@pytest.mark.parametrize(
    "text",
    [
        "<table>" + ROW.format("") * 40,
        "| a | b |\n|---|---|\n" + "|   |   |\n" * 40,
        "<table><tr>" + "<td></td>" * 32,
        "<table>" + "<tr><td>0</td><td>0</td><td>0</td></tr>" * 15,
        "<table>" + "".join(ROW.format(i) for i in range(1, 61)),
        "<table>" + "".join(f"<tr><td>{i}</td><td>{i * 7919 % 100}</td></tr>" for i in range(300)),
        "[" + "".join(BLOCK.format(1, i * 30, 900, i * 30 + 20, "☐") for i in range(20)),
        "[" + "".join(f'{{"bbox": [{i % 6}, {i // 6}, 9, 9], "category": "Picture"}}, ' for i in range(90)),
        "Mr. A. Smith\n1 High Street\nOld Town\n\n" * 16,
    ],
    ids=["blank form", "blank Markdown form", "a month", "zeros", "numbered form", "numbers", "tick boxes", "icons", "labels"],
)
def test_what_forms_and_tables_repeat_is_no_loop(text: str) -> None:
    assert not looping(text)


def test_no_beginning_of_a_real_table_is_a_loop() -> None:
    file = SHARED / "omnidocbench_demo" / "OmniDocBench_demo.json"
    if not file.exists():
        pytest.skip("shared/data is not beside the repository")
    tables = [b["html"] for page in json.loads(file.read_text("utf-8")) for b in page["layout_dets"] if b.get("html")]
    assert len(tables) > 5
    for table in tables:
        assert not any(looping(table[:end]) for end in range(300, len(table) + 256, 256))


@settings(max_examples=200, deadline=None)
@given(st.text("ab|\n", max_size=40), st.text("ab|\n<", min_size=1, max_size=40), st.integers(1, 90))
@example("", "a", 300)
def test_a_period_is_found_exactly_where_comparing_every_period_finds_it(head: str, unit: str, times: int) -> None:
    text = head + unit * times
    periods = range(1, len(text) // 6 + 1)
    ends = ((p, repetition._needed(text[-p:])) for p in periods)
    slow = any(n <= len(text) and text[len(text) - n : -p] == text[len(text) - n + p :] for p, n in ends)
    assert (len(text) >= repetition.FEWEST and repetition._periodic(text)) == slow


@given(st.text(max_size=299))
def test_short_texts_never_loop(text: str) -> None:
    assert not looping(text)
