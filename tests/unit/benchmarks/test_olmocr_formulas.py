"""olmOCR-bench's formulas: found in a page, drawn by KaTeX in Chromium where both are installed, compared by their symbols."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune import katex
from ocrtune.benchmarks import _olm_drawing
from ocrtune.benchmarks._olm_drawing import Drawer, require_tools
from ocrtune.benchmarks._olm_formulas import Drawing, Symbol, formulas_in, within
from ocrtune.benchmarks._olm_rules import passes
from ocrtune.errors import ResourceError

from .olmocr_cases import MATH


@pytest.fixture(scope="module")
def draw() -> Iterator[Drawer]:
    try:
        require_tools()
    except ResourceError as missing:
        pytest.skip(f"formulas cannot be drawn here: {missing}")
    drawer = Drawer(patience=1.5)
    yield drawer
    drawer.close()


def _grid(*lines: str) -> Drawing:
    """A letter every 20 pixels, lines 30 pixels apart; no MathML."""
    symbols = [
        Symbol(letter, 20.0 * x, 30.0 * y) for y, line in enumerate(lines) for x, letter in enumerate(line) if letter != " "
    ]
    return Drawing("<none>" + "/".join(lines), tuple(symbols))


def test_formulas_are_found_by_kind_and_taken_out() -> None:
    page = "a \\(x\\) b $y$ c $$ z $$ d \\[\nw\n\\] e $u"
    assert formulas_in(page) == ["x", "w", "z", "y"]
    assert formulas_in(page, dollars=False) == ["x", "w"]


def test_a_dollar_of_a_price_opens_a_formula() -> None:
    assert formulas_in("costs $5, so $x$") == ["5, so"]


@given(st.text("$\\()[]x ", max_size=40))
def test_formulas_are_those_that_the_published_expressions_find(page: str) -> None:
    wanted, rest = [], page
    for pattern in (r"\\\((.+?)\\\)", r"\\\[(.+?)\\\]", r"\$\$(.+?)\$\$", r"\$(.+?)\$"):
        wanted += [found.strip() for found in re.findall(pattern, rest, re.DOTALL)]
        rest = re.sub(pattern, "", rest, flags=re.DOTALL)
    assert formulas_in(page) == wanted


@pytest.mark.parametrize(
    ("part", "whole", "found"),
    [
        (_grid("ab"), _grid("xaby"), True),
        (_grid("ab"), _grid("axb"), False),
        (_grid("ab", "cd"), _grid("xx ", "xab", "xcd"), True),
        (_grid("ab", "cd"), _grid("ab", "dc"), False),
        (_grid("a", "b"), _grid("ab"), False),
        (_grid("aa"), _grid("a"), False),
        (_grid("abab"), _grid("ababab"), True),
        (_grid(), _grid("a"), True),
        (_grid("a"), _grid(), False),
        (Drawing("<mi>a</mi>", ()), Drawing("<mrow><mi>a</mi></mrow>", ()), True),
    ],
)
def test_symbols_keep_their_nearest_neighbours(part: Drawing, whole: Drawing, found: bool) -> None:
    assert within(part, whole) is found


@given(st.lists(st.text("ab ", min_size=1, max_size=6), min_size=1, max_size=4))
def test_every_drawing_is_within_itself_and_within_itself_with_more_around(lines: list[str]) -> None:
    drawing = _grid(*lines)
    framed = _grid("z" * 8, *(f"z{line:<6}z" for line in lines), "z" * 8)
    assert within(drawing, drawing)
    assert within(drawing, framed)


def test_a_long_search_ends() -> None:
    part, whole = _grid("x" * 60 + "y", "x" * 60), _grid(*["x" * 90 + "z y"] * 3)
    assert within(part, whole) is False


@pytest.mark.parametrize(("rule", "page", "passed"), MATH)
def test_a_page_has_a_formula_or_not(rule: dict[str, Any], page: str, passed: bool, draw: Drawer) -> None:
    assert passes(rule, page, draw) is passed


def test_what_katex_cannot_read_is_not_drawn_and_stops_nothing(draw: Drawer) -> None:
    one, two, three = draw(["x", r"\foo", "y"])
    assert two is None
    assert one is not None and three is not None
    assert [symbol.text for symbol in one.symbols + three.symbols] == ["x", "y"]


@pytest.mark.parametrize(
    "latex", [r"\href{javascript:alert(1)}{x}", r"\includegraphics{http://127.0.0.1:9/x.png}", r"\htmlClass{a}{x}"]
)
def test_a_formula_reaches_nothing(latex: str, draw: Drawer) -> None:
    (drawn,) = draw([latex])
    assert drawn is None or not {"href", "src", "class="} & {word for word in ("href=", "src=") if word in drawn.mathml}


def test_a_formula_that_hangs_the_browser_costs_seconds_and_only_itself(draw: Drawer) -> None:
    hanging = r"\sqrt{" * 300 + "x" + "}" * 300
    endless = r"\def\x{\x\x}\x"
    drawn = draw([hanging, "a", endless, "b"])
    assert [one is None for one in drawn] == [True, False, True, False]


def test_prose_between_stray_dollars_is_not_drawn(draw: Drawer) -> None:
    assert draw(["x" * (_olm_drawing.LONGEST + 1)]) == [None]


def test_a_browser_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (katex.SCRIPT, katex.STYLE):
        (tmp_path / name).touch()
    monkeypatch.setenv("OCRTUNE_KATEX", str(tmp_path))
    monkeypatch.setattr(_olm_drawing.chromium, "program", lambda: None)
    with pytest.raises(ResourceError, match="Chromium"):
        Drawer()(["x"])


def test_a_script_that_is_not_katex_is_no_reason_to_find_nothing(
    draw: Drawer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in (katex.SCRIPT, katex.STYLE):
        (tmp_path / name).write_text("")
    monkeypatch.setenv("OCRTUNE_KATEX", str(tmp_path))
    with pytest.raises(ResourceError, match="is not KaTeX"):
        Drawer()(["x"])
