"""TEDS: its definition, its odd corners, and agreement with the `apted` package to the last bit."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from apted import APTED, Config
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.scoring.tables import from_rows, teds, th_to_td, wrapped
from ocrtune.scoring.treedist import Shape, distance

cells = st.text(alphabet=st.sampled_from("ab1 é中"), max_size=6)
grids = st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1, max_size=5)


def test_published_tables_agree_bit_for_bit(omnidocbench_run: Path) -> None:
    tables = json.loads((omnidocbench_run / "end2end_quick_match_table_result.json").read_text("utf-8"))
    published = json.loads((omnidocbench_run / "end2end_quick_match_table_per_table_TEDS.json").read_text("utf-8"))
    assert len(tables) == 10
    for table in tables:
        reference, reading = (table[f"norm_{side}"] or table[side] for side in ("gt", "pred"))
        assert teds(reference, reading) == table["metric"]["TEDS"]
        structure = published[f"{table['img_id']}_{table['gt_idx']}"]["TEDS_structure_only"]
        assert teds(reference, reading, structure_only=True) == structure


@given(grid=grids)
def test_a_table_against_itself_is_perfect(grid: list[list[str]]) -> None:
    assert teds(from_rows(grid), from_rows(grid)) == 1


@given(one=grids, two=grids)
def test_teds_is_symmetric_and_structure_is_never_harder_than_text(one: list[list[str]], two: list[list[str]]) -> None:
    value, back = teds(from_rows(one), from_rows(two)), teds(from_rows(two), from_rows(one))
    assert -1 < value <= 1
    assert value == pytest.approx(back)
    assert teds(from_rows(one), from_rows(two), structure_only=True) >= value - 1e-12


def test_small_tables_can_fall_below_zero_since_the_outermost_node_is_not_counted() -> None:
    assert teds(from_rows([[""], [""]]), from_rows([["1", "1", "1"]])) == 1 - 5 / 4


def test_a_changed_cell_costs_its_share_of_characters() -> None:
    grid = [["a", "b"], ["cdef", "d"]]
    assert teds(from_rows(grid), from_rows([["a", "b"], ["cdxx", "d"]])) == 1 - 0.5 / 6
    assert teds(from_rows(grid), from_rows([["a", "b"], ["cdxx", "d"]]), structure_only=True) == 1


def test_an_inner_tag_is_one_token_and_counts_as_a_node_of_the_table() -> None:
    assert teds(from_rows([["<b>ab</b>"]]), from_rows([["ab"]])) == 1 - 2 / 4 / 3


def test_spans_count_as_structure() -> None:
    wide = wrapped('<table><tr><td colspan="2">a</td></tr></table>')
    assert teds(wide, from_rows([["a"]]), structure_only=True) == 0.5


def test_the_text_of_headings_counts_only_after_they_became_cells() -> None:
    one, two = (wrapped(f"<table><tr><th>{text}</th></tr></table>") for text in ("abc", "xyz"))
    assert teds(one, two) == 1
    assert teds(th_to_td(one), th_to_td(two)) == 0.5
    assert th_to_td("<thead><TH scope='col'>x</TH></thead>") == "<thead><td scope='col'>x</td></thead>"


def test_nothing_or_no_table_scores_nothing() -> None:
    table = from_rows([["a"]])
    assert teds(table, "") == teds("", table) == teds(table, "<html><body><p>a</p></body></html>") == 0


def test_what_cannot_be_scored_is_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        teds(from_rows([["a"]]), wrapped('<td colspan="two">a</td>'))
    with pytest.raises(ValueError, match="nothing to compare"):
        teds(from_rows([]), from_rows([]))


def test_missing_outer_tags_are_added() -> None:
    whole = "<html><body><table><tr><td>a</td></tr></table></body></html>"
    assert wrapped("<tr><td>a\n</td></tr>") == wrapped("<table><tr><td>a</td></tr>") == wrapped(whole) == whole


class _Node:
    def __init__(self, number: int) -> None:
        self.number = number
        self.children: list[_Node] = []


def _nodes(children: list[list[int]]) -> _Node:
    nodes = [_Node(number) for number in range(len(children))]
    for node, below in zip(nodes, children, strict=True):
        node.children = [nodes[child] for child in below]
    return nodes[0]


@st.composite
def shapes(draw: Any) -> list[list[int]]:
    """Any tree in preorder: each next node hangs below some node of the rightmost path."""
    children: list[list[int]] = [[]]
    path = [0]
    for level in draw(st.lists(st.integers(0, 4), max_size=14)):
        path = path[: level + 1]
        children.append([])
        children[path[-1]].append(len(children) - 1)
        path.append(len(children) - 1)
    return children


@given(one=shapes(), two=shapes(), labels=st.lists(st.integers(0, 3), min_size=30, max_size=30))
def test_tree_distances_equal_those_of_the_package_to_the_last_bit(
    one: list[list[int]], two: list[list[int]], labels: list[int]
) -> None:
    kinds = [[0.0, 1.0, 1 / 3, 0.7], [1.0, 0.0, 2 / 7, 0.1], [1 / 3, 2 / 7, 0.0, 1.0], [0.7, 0.1, 1.0, 0.0]]
    renames = [kinds[labels[a]][labels[-1 - b]] for a, b in product(range(len(one)), range(len(two)))]

    class Costs(Config):  # type: ignore[misc]
        def rename(self, left: _Node, right: _Node) -> float:
            return renames[left.number * len(two) + right.number]

    wanted = APTED(_nodes(one), _nodes(two), Costs()).compute_edit_distance()
    assert distance(Shape(one), Shape(two), renames) == wanted
