"""Text over boxes: nothing is lost, nothing leaves its box."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.core import Box, Page, Region, Word
from ocrtune.exporters._glyphless import Glyphless, advance, searchable
from ocrtune.exporters._placing import lines, spread, wrap

TEXT = st.text(alphabet=st.sampled_from("ab я漢字。 \n\t🦊ก\u200dé"), max_size=120)
FRACTION = st.floats(0, 1)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    left, right = sorted((draw(FRACTION), draw(FRACTION)))
    top, bottom = sorted((draw(FRACTION), draw(FRACTION)))
    return Box(left=left, top=top, right=right, bottom=bottom)


@given(text=TEXT, box=boxes(), ratio=st.floats(0.2, 5))
def test_text_that_is_spread_over_a_box_is_all_there_and_stays_in_it(text: str, box: Box, ratio: float) -> None:
    placed = list(spread(text, box, ratio))
    if box.right > box.left and box.bottom > box.top:
        assert "".join(piece.text for line in placed for piece in line).replace(" ", "") == "".join(searchable(text).split())
    for line in placed:
        for piece in line:
            for x, y in (piece.start, piece.end, piece.upper):
                assert box.left - 1e-6 <= x <= box.right + 1e-6
                assert box.top - 1e-6 <= y <= box.bottom + 1e-6


@given(text=TEXT, room=st.floats(0.5, 40))
def test_lines_are_broken_without_losing_a_letter(text: str, room: float) -> None:
    broken = wrap(searchable(text), room)
    assert "".join(broken).replace(" ", "") == "".join(searchable(text).split())
    assert all(advance(line) <= room or len(line.split()) == 1 for line in broken)


@given(words=st.lists(st.tuples(TEXT, boxes()), max_size=12))
def test_words_that_were_placed_keep_their_order_wherever_they_are(words: list[tuple[str, Box]]) -> None:
    region = Region(words=tuple(Word(text=text, box=box) for text, box in words))
    said = "".join(piece.text for line in lines(Page(number=1, width=800, height=1000, regions=(region,))) for piece in line)
    solid = [text for text, box in words if box.right > box.left and box.bottom > box.top]
    assert said.replace(" ", "") == "".join("".join(searchable(text).split()) for text in solid)


def test_words_of_a_line_share_its_foot_and_height() -> None:
    tops = [(0.1, 0.14), (0.105, 0.135), (0.1, 0.145)]
    words = [
        Word(text="x" * 3, box=Box(left=0.1 + 0.2 * n, right=0.25 + 0.2 * n, top=t, bottom=b)) for n, (t, b) in enumerate(tops)
    ]
    (line,) = lines(Page(number=1, width=800, height=1000, regions=(Region(words=tuple(words)),)))
    assert {(piece.start[1], piece.upper[1]) for piece in line} == {(0.145, 0.1)}
    assert [piece.spaced for piece in line] == [True, True, False]


def test_boxes_that_end_with_the_ink_are_one_line_and_slanting_ones_are_not() -> None:
    def feet(*tops_and_feet: tuple[int, int]) -> set[float]:
        boxes = [Box(left=0.2 * n, right=0.2 * n + 0.15, top=t / 1000, bottom=f / 1000) for n, (t, f) in enumerate(tops_and_feet)]
        words = tuple(Word(text=f"word{n}", box=box) for n, box in enumerate(boxes))
        return {
            p.start[1] for line in lines(Page(number=1, width=800, height=1000, regions=(Region(words=words),))) for p in line
        }

    assert feet((788, 807), (795, 807), (795, 815), (795, 807)) == {0.815}  # "Но может возникнуть воп-"
    assert len(feet((700, 720), (707, 727), (714, 734), (721, 741))) == 4


def test_a_narrow_word_beside_others_lies_and_one_alone_stands() -> None:
    number = Word(text="1.", box=Box(left=0.10, top=0.10, right=0.11, bottom=0.12))
    title = Word(text="車站鑽孔", box=Box(left=0.13, top=0.10, right=0.21, bottom=0.12))
    label = Word(text="Potential", box=Box(left=0.10, top=0.05, right=0.12, bottom=0.25))

    def directions(*words: Word) -> list[str]:
        return [p.direction for line in lines(Page(number=1, regions=(Region(words=words),))) for p in line]

    assert directions(number, title) == ["right", "right"]
    assert directions(number) == ["up"]
    assert directions(label, title) == ["up", "right"]


def test_ideographs_and_words_are_told_apart_by_spaces_as_people_write() -> None:
    def spaced(one: str, other: str) -> bool:
        words = [
            Word(text=t, box=Box(left=0.1 + 0.3 * n, right=0.35 + 0.3 * n, top=0.1, bottom=0.15))
            for n, t in enumerate((one, other))
        ]
        (line,) = lines(Page(number=1, width=800, height=1000, regions=(Region(words=tuple(words)),)))
        return line[0].spaced

    assert not spaced("漢字", "仮名")
    assert not spaced("字", "。")
    assert spaced("漢字", "words")
    assert spaced("한국", "사람")
    assert spaced("🦊", "🦊")


@given(text=st.text(max_size=50))
def test_every_character_has_two_bytes_and_rare_ones_their_own(text: str) -> None:
    font = Glyphless()
    assert font.holds(text)
    codes = font.encode(text)
    assert len(codes) == 4 * len(text)
    by_character = dict(zip(text, (codes[start : start + 4] for start in range(0, len(codes), 4)), strict=True))
    whole = {c: code for c, code in by_character.items() if not 0xD800 <= ord(c) < 0xE000}
    assert len(set(whole.values())) == len(whole)


def test_wide_letters_take_twice_the_room() -> None:
    assert advance("漢") == 2 * advance("a") == pytest.approx(1.0)
    assert math.isclose(advance("aя漢"), 2.0)
