"""OmniDocBench: published clean-ups, edits and averages; formulas and reading order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ocrtune.scoring import formulas, omnidocbench
from ocrtune.scoring.omnidocbench import Pair, averages, normalise_table, normalise_text
from ocrtune.scoring.order import Block, block_order_edits, order_edit


def _result(folder: Path, name: str) -> Any:
    return json.loads((folder / f"end2end_quick_match_{name}.json").read_text("utf-8"))


def test_published_texts_are_cleaned_alike(omnidocbench_run: Path) -> None:
    for pair in _result(omnidocbench_run, "text_block_result"):
        for side in ("gt", "pred"):
            if not pair[side].startswith("\\["):  # a display formula matched with text is cleaned by the matcher as a formula
                assert normalise_text(pair[side]) == pair[f"norm_{side}"]


def test_published_tables_are_cleaned_alike(omnidocbench_run: Path) -> None:
    for pair in _result(omnidocbench_run, "table_result"):
        for side in ("gt", "pred"):
            assert normalise_table(pair[side]) == pair[f"norm_{side}"]


def test_published_averages_agree(omnidocbench_run: Path) -> None:
    pairs = [
        Pair(one["image_name"], one["norm_gt"] or one["gt"], one["norm_pred"] or one["pred"])
        for one in _result(omnidocbench_run, "text_block_result")
    ]
    found = averages(pairs)
    published = _result(omnidocbench_run, "metric_result")["text_block"]["all"]["Edit_dist"]
    assert found is not None
    assert [*found[:3]] == [published[name] for name in ("ALL_page_avg", "edit_whole", "edit_sample_avg")]
    assert found.per_page == _result(omnidocbench_run, "text_block_per_page_edit")


def test_published_formulas_agree_where_the_matcher_left_them_whole(omnidocbench_run: Path) -> None:
    results = [one for one in _result(omnidocbench_run, "display_formula_result") if "array" not in one["gt"] + one["pred"]]
    assert len(results) >= 10
    for one in results:
        assert formulas.formula_edits(one["gt"], one["pred"]) == (one["Edit_num"], one["upper_len"])


def test_published_reading_orders_agree(omnidocbench_run: Path) -> None:
    for page in _result(omnidocbench_run, "reading_order_result"):
        assert order_edit(page["gt"], page["pred"]) == page["edit"]


def test_fonts_spacing_and_capitals_of_a_formula_do_not_count() -> None:
    assert formulas.normalise("$$ \\mathbf{X} \\quad = \\left( Y \\right) \\tag{1}. $$") == "{x}=(y)."
    assert formulas.normalise("\\[ \\Pi_{ab} \\]") == "\\pi_{ab}"
    assert formulas.formula_edit("\\Pi", "$\\pi$") == 0
    assert formulas.formula_edit("ab", "") == 1
    assert formulas.formula_edit("\\quad", "\\quad") == 0


@given(one=st.text(max_size=30), two=st.text(max_size=30))
def test_formula_edit_is_symmetric_and_bounded(one: str, two: str) -> None:
    assert formulas.formula_edit(one, two) == formulas.formula_edit(two, one)
    assert 0 <= formulas.formula_edit(one, two) <= 1
    assert formulas.formula_edit(one, one) == 0


@given(order=st.permutations(range(6)))
def test_only_the_true_order_costs_nothing(order: list[int]) -> None:
    assert (order_edit(list(range(6)), order) == 0) == (order == list(range(6)))


def test_lost_blocks_cost_their_places_and_ignored_ones_nothing() -> None:
    blocks = [Block((1,), 5), Block((2, 3), 0), Block((4, 0), None)]
    assert block_order_edits(blocks) == (2, 4)  # 1 2 3 4 was read as 2 3 1
    assert block_order_edits([]).rate == 0


def test_inline_formulas_become_unicode_and_punctuation_vanishes() -> None:
    assert normalise_text("Let $x^2$ be \\(\\alpha\\), (a_b)!\n") == "Letx2beαa_b"
    assert normalise_text("price $5 and $6") == "price5and6"


def test_a_page_average_weighs_blocks_by_length_and_the_corpus_average_pages_equally() -> None:
    found = averages([Pair("a", "abcd", "abcd"), Pair("a", "xy", ""), Pair("b", "q", "q"), Pair("b", "", "")])
    assert found == omnidocbench.Averages((2 / 6) / 2, 2 / 7, 1 / 3, {"a": 2 / 6, "b": 0.0})
    assert averages([]) is None
