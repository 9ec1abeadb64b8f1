"""STEDS: the tree edit distance against a plain recursion, and the trees of both benchmarks."""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from ocrtune.scoring.outline import Node, labelled, numbered, outline_distance, steds

lines = st.lists(st.sampled_from(["# A", "# B", "## A", "text", "", "  ", "- x", "#", "# ROOT", "TITLE", "* a"]), max_size=7)


@given(one=lines, two=lines)
def test_the_distance_is_that_of_the_definition(one: list[str], two: list[str]) -> None:
    left, right = labelled("\n".join(one)), labelled("\n".join(two))
    assert outline_distance(left, right) == _slow((_frozen(left),), (_frozen(right),))


Tree = tuple[bool, tuple["Tree", ...]]  # is the label blank?, children


def _frozen(node: Node) -> Tree:
    return not node.label.split(), tuple(map(_frozen, node.children))


def _size(forest: tuple[Tree, ...]) -> int:
    return sum(1 + _size(children) for _, children in forest)


@cache
def _slow(one: tuple[Tree, ...], two: tuple[Tree, ...]) -> int:
    if not one or not two:
        return _size(one) + _size(two)
    (blank_one, below_one), (blank_two, below_two) = one[-1], two[-1]
    return min(
        _slow((*one[:-1], *below_one), two) + 1,
        _slow(one, (*two[:-1], *below_two)) + 1,
        _slow(one[:-1], two[:-1]) + _slow(below_one, below_two) + (blank_one or blank_two),
    )


@given(text=st.lists(st.sampled_from(["# A", "text", "- x", "## Б"])).map("\n".join))
def test_a_document_without_blank_lines_is_like_itself(text: str) -> None:
    assert steds(text, text, numbered) == 1
    assert steds(text, text) == (1 if text else 1 - 1 / 3)


def test_a_blank_line_is_unlike_itself_in_ocrbench_v2_and_absent_in_mws() -> None:
    text = "# A\n\nb"
    assert steds(text, text) == 1 - 1 / 5
    assert steds(text, text, numbered) == 1


def test_text_does_not_count() -> None:
    assert steds("# A\nb\nc", "# x\ny\nz") == steds("# A\nb\nc", "# x\ny\nz", numbered) == 1


def test_a_repeated_heading_leads_to_the_first_of_its_name() -> None:
    root = labelled("# A\n1\n# B\n# A\n2")
    assert [[child.label for child in node.children] for node in root.children] == [[], ["1", "2"], [], []]
    assert [len(node.children) for node in numbered("# A\n1\n# B\n# A\n2").children] == [1, 0, 1]


def test_lines_before_a_heading_stand_under_title_or_root() -> None:
    assert [child.label for child in labelled("x").children[0].children] == ["x"]
    assert [child.label for child in numbered("x").children] == ["x"]
