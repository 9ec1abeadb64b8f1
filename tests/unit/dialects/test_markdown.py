"""Markdown: regions as blocks, and blocks as regions."""

from __future__ import annotations

import pytest

from ocrtune.core import BoxesTarget, Decoded, Region, RegionsTarget, TextTarget
from ocrtune.dialects.markdown import Markdown
from ocrtune.errors import InputError


def read(text: str) -> list[tuple[str, str]]:
    return [(region.kind, region.text) for region in Markdown().decode(text).regions]


def kinds(decoded: Decoded) -> list[str]:
    return [problem.kind for problem in decoded.problems]


def said(*regions: Region) -> str:
    return Markdown().encode(RegionsTarget(regions=regions))


def test_a_page_is_written_as_people_would() -> None:
    page = said(
        Region(kind="title", text="Отчёт"), Region(kind="section-header", text="Итоги"), Region(text="two\nlines"),
        Region(kind="list-item", text="one"), Region(kind="list-item", text="2. two"), Region(kind="formula", text="x^{2}"),
        Region(kind="table", text="<table>\n</table>", markup="html"), Region(kind="picture"),
        Region(kind="caption", text="Fig. 1"),
    )  # fmt: skip
    assert page == ("# Отчёт\n\n## Итоги\n\ntwo\nlines\n\n- one\n2. two\n\n$$\nx^{2}\n$$\n\n<table>\n</table>\n\n![]()\n\nFig. 1")


def test_marks_that_a_text_brings_along_are_not_doubled() -> None:
    page = said(
        Region(kind="title", text="# A"), Region(kind="list-item", text="- b"), Region(kind="formula", text="$$\nc\n$$"),
        Region(kind="formula", text="\\[d\\]"),
    )  # fmt: skip
    assert page == "# A\n\n- b\n\n$$\nc\n$$\n\n$$\nd\n$$"


@pytest.mark.parametrize("line", ["# no title", "- no item", "1. no item", "1990. a year", "| no table", "$$", "<table>", "```",
                                  "![x]()", "\\# a backslash", "\\\\[", "+ 1"])  # fmt: skip
def test_plain_text_that_looks_like_a_block_stays_text(line: str) -> None:
    assert read(said(Region(text=line))) == [("text", line)]
    assert read(said(Region(text=f"first\n{line}\nlast"))) == [("text", f"first\n{line}\nlast")]


def test_a_year_within_a_paragraph_begins_no_list() -> None:
    assert read("It was in\n1990. Then") == [("text", "It was in\n1990. Then")]
    assert read("Items:\n- a\n- b\n  more\n\nend") == [
        ("text", "Items:"),
        ("list-item", "a"),
        ("list-item", "b\nmore"),
        ("text", "end"),
    ]


def test_formulas_are_read_in_every_spelling() -> None:
    assert read("$$\na\n\nb\n$$\n$$c$$\n\\[\nd\n\\]\n\\[e\\]") == [("formula", text) for text in ("a\n\nb", "c", "d", "e")]
    assert read("$$a$$ is no display") == [("text", "$$a$$ is no display")]


def test_pipe_tables_code_and_pictures_are_regions() -> None:
    page = "| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\n# no title\n```\n![a cat](cat.png)"
    assert read(page) == [("table", "| a | b |\n|---|---|\n| 1 | 2 |"), ("code", "# no title"), ("picture", "a cat")]


def test_a_fence_around_everything_is_taken_off_and_named() -> None:
    decoded = Markdown().decode("```markdown\n# A\n\nb\n```")
    assert [(r.kind, r.text) for r in decoded.regions] == [("title", "A"), ("text", "b")] and kinds(decoded) == ["fence"]


@pytest.mark.parametrize(
    ("reply", "last"),
    [
        ("a\n\n<table><tr><td>x", ("table", "<table><tr><td>x</td></tr></table>")),
        ("a\n\n$$\nx^{2", ("formula", "x^{2")),
        ("a\n\n```\nx = ", ("code", "x = ")),
    ],
)
def test_a_block_that_was_cut_off_is_kept_and_named(reply: str, last: tuple[str, str]) -> None:
    decoded = Markdown().decode(reply)
    assert read(reply) == [("text", "a"), last] and kinds(decoded) == ["truncated"]


def test_an_endless_table_is_cut_and_named() -> None:
    decoded = Markdown().decode("a\n\n<table>" + "<tr><td></td></tr>\n" * 200)
    assert decoded.regions[1].text.count("<tr>") <= 2 and kinds(decoded) == ["truncated", "repetition"]


def test_a_text_target_is_markdown_already() -> None:
    assert Markdown().encode(TextTarget(text="# a\n\n\n- b")) == "# a\n\n\n- b"


def test_boxes_alone_are_refused() -> None:
    with pytest.raises(InputError, match="'boxes' has no text"):
        Markdown().encode(BoxesTarget(boxes=()))
