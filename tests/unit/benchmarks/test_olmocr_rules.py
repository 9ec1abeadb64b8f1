"""olmOCR-bench: what each kind of test says of small pages, and which rows are no tests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.benchmarks._olm_rules import complaint, normalise, passes, starts
from ocrtune.benchmarks._olm_tables import tables_in

from .olmocr_cases import TABLES, TEXTS


@pytest.mark.parametrize(("rule", "page", "passed"), [*TEXTS, *TABLES])
def test_a_page_passes_or_fails(rule: dict[str, Any], page: str, passed: bool) -> None:
    assert passes(rule, page, None) is passed


def test_a_formula_is_not_judged_without_anything_that_draws() -> None:
    assert passes({"type": "math", "math": "x"}, "$x$", None) is None


def test_marks_of_italics_and_bold_are_no_text() -> None:
    assert normalise("**a** __b__ <b>c</b>\n *d*<br/>e") == "a b c d e"


@given(st.text("ab ", min_size=1, max_size=5), st.text("ab ", max_size=12))
def test_without_edits_a_piece_is_found_wherever_it_stands(part: str, text: str) -> None:
    assert starts(part, text, 0) == [at for at in range(len(text)) if text.startswith(part, at)]


@pytest.mark.parametrize(
    ("part", "text", "most", "found"),
    [
        ("bab", "ababababcbabb", 1, [1]),  # they overlap in a chain; of equals the first
        ("abab", "ababab", 1, [0]),
        ("title", "the tilte and the title", 2, [4, 18]),
        ("ab", "", 1, []),
    ],
)
def test_of_pieces_that_overlap_the_best_one_counts(part: str, text: str, most: int, found: list[int]) -> None:
    assert starts(part, text, most) == found


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"type": "color"}, "no such type"),
        ({"type": "present", "text": "****"}, "needs text"),
        ({"type": "order", "before": "a"}, "needs after"),
        ({"type": "order", "before": "abc", "after": "abcd", "max_diffs": 2}, "half"),
        ({"type": "table", "cell": ""}, None),
        ({"type": "table"}, "needs cell"),
        ({"type": "format", "text": "a", "format": "red"}, "no such format"),
        ({"type": "footnote", "marker": "**"}, None),
        ({"type": "math", "math": " "}, "needs math"),
        ({"type": "present", "text": "a", "max_diffs": -1}, "max_diffs"),
        ({"type": "baseline"}, None),
    ],
)
def test_a_row_that_is_no_test_is_named(rule: dict[str, Any], said: str | None) -> None:
    found = complaint(rule)
    assert (said is None and found is None) or (said is not None and said in str(found))


def test_a_cell_that_reaches_down_ends_where_another_one_is_laid_over_it() -> None:
    (table,) = tables_in(
        "<table><tr><td>a</td><td rowspan=3>b</td></tr><tr><td colspan=2>c</td></tr><tr><td>d</td><td>e</td></tr></table>"
    )
    texts = [cell.text for cell in table.cells]
    assert texts == ["a", "b", "c", "d", "e"]
    assert [texts[at] for at in table.related(4, "up")] == ["c"]


def test_a_table_that_runs_wild_is_not_laid_out() -> None:
    assert tables_in("<table>" + "<tr><td rowspan=1000 colspan=1000>x</td></tr>" * 400 + "</table>") == []
