"""Regions as JSON: everything comes back, and of a damaged reply whatever is whole."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ocrtune.contracts import Dialect
from ocrtune.core import AnswersTarget, Box, Decoded, Region, RegionsTarget, Target, TextTarget, Word
from ocrtune.dialects.regions import Regions
from ocrtune.errors import InputError
from ocrtune.testing.dialect import RegionDialectContract, boxes, texts

PAGE = RegionsTarget(
    regions=(
        Region(
            kind="title",
            text="Отчёт 2024",
            box=Box(left=0.1, top=0.05, right=0.9, bottom=0.1),
            confidence=0.97,
            words=(
                Word(text="Отчёт", box=Box(left=0.1, top=0.05, right=0.5, bottom=0.1), confidence=0.99),
                Word(text="2024", box=Box(left=0.6, top=0.05, right=0.9, bottom=0.1), placed="interpolated"),
            ),
        ),
        Region(kind="picture", box=Box(left=0, top=0.2, right=1, bottom=0.5)),
        Region(kind="table", text="<table></table>", markup="html", flag="uncertain", words=()),
    )
)


def shares() -> SearchStrategy[float | None]:
    return st.none() | st.floats(0, 1)


def outlined() -> SearchStrategy[Box]:
    points = st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2)), max_size=5).map(tuple)
    return st.builds(lambda box, polygon: box.model_copy(update={"polygon": polygon}), boxes(least=0), st.none() | points)


class TestRegions(RegionDialectContract):
    sees = None

    @pytest.fixture
    def dialect(self) -> Dialect:
        return Regions()

    def regions(self) -> SearchStrategy[Region]:
        placed = st.sampled_from(("read", "aligned", "interpolated"))
        words = st.lists(st.builds(Word, text=texts(least=0), box=outlined(), confidence=shares(), placed=placed), max_size=4)
        return st.builds(
            Region,
            kind=texts(),
            text=texts(least=0),
            markup=st.sampled_from(("plain", "markdown", "html", "latex")),
            box=st.none() | outlined(),
            confidence=shares(),
            words=st.none() | words.map(tuple),
            flag=st.sampled_from((None, "omitted", "invented", "uncertain")),
        )

    def check(self, dialect: Dialect, target: Target, decoded: Decoded) -> None:
        assert isinstance(target, RegionsTarget)
        assert decoded.regions == target.regions


def test_it_is_read_by_people_too() -> None:
    said = Regions().encode(PAGE)
    assert said.startswith(
        '[{"text": "Отчёт 2024", "kind": "title", "box": [0.1, 0.05, 0.9, 0.1], "confidence": 0.97, "words": '
        '[["Отчёт", [0.1, 0.05, 0.5, 0.1], 0.99], ["2024", [0.6, 0.05, 0.9, 0.1], null, "interpolated"]]}, '
    )


def test_of_a_cut_region_the_finished_words_are_kept() -> None:
    said = Regions().encode(PAGE)
    decoded = Regions().decode(said[: said.index('["2024"') + 12])
    assert [(r.text, r.confidence, r.words) for r in decoded.regions] == [
        ("Отчёт 2024", 0.97, PAGE.regions[0].words[:1] if PAGE.regions[0].words else None)
    ]
    assert "truncated" in [problem.kind for problem in decoded.problems]


def test_what_cannot_be_true_is_left_out_and_named() -> None:
    decoded = Regions().decode(
        '[{"text": "a", "box": [0, 0, 2, 1], "confidence": 7, "flag": "lost", "words": [["b", [0, 0, 1]], 3]}]'
    )
    assert decoded.regions == (Region(text="a", words=()),)
    assert {p.kind for p in decoded.problems} == {"outside", "bad-value", "bad-box", "bad-word"}


def test_a_text_alone_is_one_region() -> None:
    assert Regions().decode(Regions().encode(TextTarget(text="a\nb"))).regions == (Region(text="a\nb"),)


def test_a_reply_without_json_is_kept_as_it_is() -> None:
    decoded = Regions().decode("Sorry, I cannot.")
    assert decoded.text == "Sorry, I cannot." and "not-json" in {p.kind for p in decoded.problems}


def test_a_blank_page_is_no_problem() -> None:
    assert Regions().decode("[]") == Decoded()


def test_targets_without_regions_are_refused() -> None:
    with pytest.raises(InputError, match="regions"):
        Regions().encode(AnswersTarget(answers=("yes",)))
