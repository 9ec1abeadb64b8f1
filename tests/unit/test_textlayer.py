"""Merging glyphs into lines and blocks, without a PDF."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocrtune.core import Size
from ocrtune.textlayer import Glyph, build_blocks, build_lines, layer_problem

WIDTH, HEIGHT = 6.0, 12.0


def typed(text: str, left: float, top: float, *, height: float = HEIGHT) -> list[Glyph]:
    """A typewriter: every letter half as wide as the line is high; a space is the one made up by pdfium."""
    glyphs = []
    for index, letter in enumerate(text):
        x = left + index * height / 2
        box = (x + 0.5, top + 0.2 * height, x + height / 2 - 0.5, top + 0.8 * height)
        glyphs.append(Glyph(" ") if letter == " " else Glyph(letter, box, (x, top, x + height / 2, top + height), True))
    return glyphs


words = st.lists(st.text("abcdefgжцю0123", min_size=1, max_size=8), min_size=1, max_size=6).map(" ".join)


@given(st.lists(words, min_size=1, max_size=6))
def test_lines_come_back_as_they_were_typed(lines: list[str]) -> None:
    glyphs = [g for row, text in enumerate(lines) for g in typed(text, 10, 20 * row)]
    assert [line.text for line in build_lines(glyphs)] == lines


@given(st.lists(st.tuples(words, words), min_size=1, max_size=5))
def test_columns_stay_apart_in_any_writing_order(rows: list[tuple[str, str]]) -> None:
    glyphs = [
        g for row, cells in enumerate(rows) for x, text in zip((0, 400), cells, strict=True) for g in typed(text, x, 20 * row)
    ]
    assert [line.text for line in build_lines(glyphs)] == [text for cells in rows for text in cells]


def test_every_glyph_is_in_exactly_one_line() -> None:
    glyphs = typed("one", 0, 0) + typed("two", 300, 0) + typed("three", 0, 20) + [Glyph("\n")] + typed("four", 0, 40)
    assert sorted(g for line in build_lines(glyphs) for g in line.glyphs) == sorted(glyphs[:-5] + glyphs[-4:])


def test_a_superscript_stays_in_its_line() -> None:
    glyphs = typed("cm", 0, 10) + typed("3", 12, 8, height=7) + [Glyph(" ")] + typed("of", 20, 10)
    assert [line.text for line in build_lines(glyphs)] == ["cm3 of"]


def test_a_drop_capital_is_a_line_of_its_own() -> None:
    glyphs = typed("L", 0, 0, height=40) + typed("orem ipsum", 24, 2) + typed("dolor sit", 24, 18)
    assert [line.text for line in build_lines(glyphs)] == ["L", "orem ipsum", "dolor sit"]


def test_a_gap_like_the_other_spaces_is_a_space() -> None:
    glyphs = typed("a bc de fgh", 0, 0)
    lost = [g for i, g in enumerate(glyphs) if i != 4]  # the one after "bc"
    assert [line.text for line in build_lines(lost)] == ["a bc de fgh"]


def test_pieces_that_touch_are_one_word_and_pieces_a_space_apart_are_two() -> None:
    touching = [*typed("foot", 0, 0), Glyph("\n"), *typed("ball", 24, 0)]
    apart = [*typed("foot", 0, 0), Glyph("\n"), *typed("ball", 28, 0)]
    assert [line.text for line in build_lines(touching)] == ["football"]
    assert [line.text for line in build_lines(apart)] == ["foot ball"]


def test_vertical_writing_is_one_vertical_line() -> None:
    glyphs = [g for row, letter in enumerate("高雄醫學") for g in typed(letter, 50, 13 * row)]
    (line,) = build_lines(glyphs)
    assert (line.text, line.vertical) == ("高雄醫學", True)


def test_arabic_runs_backwards_without_breaking() -> None:
    glyphs = [typed(letter, 100 - WIDTH * i, 0)[0] for i, letter in enumerate("سلام")]
    assert [line.text for line in build_lines(glyphs)] == ["سلام"]


def test_blocks_break_at_wide_leading_and_at_letter_size() -> None:
    glyphs = typed("Title", 0, 0, height=20) + typed("one", 0, 30) + typed("two", 0, 45) + typed("far", 0, 90)
    assert [(b.kind, b.text) for b in build_blocks(build_lines(glyphs))] == [
        ("title", "Title"),
        ("text", "one\ntwo"),
        ("text", "far"),
    ]


def test_pages_are_judged_by_shares() -> None:
    page, good = Size(600, 800), typed("x" * 97, 0, 0)
    spoilt = [g._replace(text="\ufffd", garbage=True) for g in typed("xxx", 0, 20)]
    assert layer_problem(good, page, hidden_text=False) is None
    assert "no Unicode" in (layer_problem(good + spoilt, page, hidden_text=False) or "")
    hidden = [g._replace(hidden=True) for g in good]
    assert "invisible" in (layer_problem(hidden, page, hidden_text=False) or "")
    assert layer_problem(hidden, page, hidden_text=True) is None
    outside = typed("x" * 200, 0, 900)
    assert layer_problem(good + outside, page, hidden_text=False) is None
    assert "outside" in (layer_problem(outside, page, hidden_text=False) or "")
    assert "no text layer" in (layer_problem([Glyph(" ")], page, hidden_text=False) or "")


def test_lines_in_fonts_of_one_size_are_of_one_height() -> None:
    text = [g._replace(size=10.0) for g in typed("words of the text", 0, 0)]
    high = [g._replace(size=10.0) for g in typed("in a font with high cells", 0, 40, height=18)]
    large = [g._replace(size=20.0) for g in typed("heading", 0, 80, height=24)]
    unknown = typed("nobody knows", 0, 120, height=15)
    lines = build_lines([*text, Glyph("\n"), *high, Glyph("\n"), *large, Glyph("\n"), *unknown])
    assert [line.height for line in lines] == [18.0, 18.0, 36.0, 15.0]
