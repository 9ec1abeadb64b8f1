"""The ICDAR protocol: what the RRC script says of 250 images in three modes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.scoring import icdar
from ocrtune.scoring.icdar import Mode, Quad, score_image


@pytest.mark.parametrize("mode", ["detection", "e2e", "word_spotting"])
def test_every_published_image_agrees(golden: Path, mode: Mode) -> None:
    truth, found = _read(golden / "icdar" / "gt.zip", "gt_img_"), _read(golden / "icdar" / "submit.zip", "res_img_")
    published = json.loads((golden / "icdar" / "expected_images_1_to_250.json").read_text())[mode]["per_sample"]
    assert len(published) == 250
    for name, wanted in published.items():
        result = score_image(truth[name], found.get(name, []), mode=mode)
        assert (result.precision, result.recall, result.hmean) == (wanted["precision"], wanted["recall"], wanted["hmean"]), name
        assert (result.ignored_truth, result.ignored_found) == (wanted["gtDontCare"], wanted["detDontCare"]), name
        assert [list(pair) for pair in result.pairs] == wanted["pairs"], name


def _read(archive: Path, prefix: str) -> dict[str, list[Quad]]:
    with zipfile.ZipFile(archive) as files:
        names = files.namelist()
        return {n.removeprefix(prefix).removesuffix(".txt"): icdar.read_quads(files.read(n).decode("utf-8-sig")) for n in names}


def _square(left: int, top: int, size: int = 10, text: str = "word", confidence: float | None = None) -> Quad:
    return Quad((left, top, left + size, top, left + size, top + size, left, top + size), text, confidence)


corners = st.integers(0, 40)
quads = st.lists(
    st.builds(_square, corners, corners, st.integers(1, 20), st.sampled_from(["word", "Word!", "ab", "###"])), max_size=6
)


@given(truth=quads, found=quads, mode=st.sampled_from(("detection", "e2e", "word_spotting")))
def test_all_figures_lie_between_zero_and_one(truth: list[Quad], found: list[Quad], mode: Mode) -> None:
    result = score_image(truth, found, mode=mode)
    assert all(0 <= value <= 1 for value in (result.precision, result.recall, result.hmean))
    assert result.correct <= min(result.truth, result.found)


@given(words=st.lists(st.integers(0, 9), unique=True, max_size=6))
def test_finding_exactly_the_words_is_perfect(words: list[int]) -> None:
    truth = [_square(20 * at, 0) for at in words]
    result = score_image(truth, truth, mode="e2e")
    assert (result.precision, result.recall) == (1, 1)


@given(truth=quads, found=quads)
def test_reading_the_text_as_well_is_never_easier_than_detecting(truth: list[Quad], found: list[Quad]) -> None:
    assert score_image(truth, found, mode="e2e").correct <= score_image(truth, found).correct


def test_an_overlap_of_exactly_a_half_is_no_match() -> None:
    half = Quad((0, 0, 10, 0, 10, 5, 0, 5))
    assert score_image([_square(0, 0)], [half]).correct == 0
    assert score_image([_square(0, 0)], [half._replace(points=(0, 0, 10, 0, 10, 6, 0, 6))]).correct == 1


def test_a_wrong_text_uses_up_both_sides() -> None:
    result = score_image([_square(0, 0)], [_square(0, 0, text="wrong"), _square(0, 0)], mode="e2e")
    assert result.pairs == [(0, 0, False)]
    assert result.precision == result.recall == 0


def test_a_detection_mostly_inside_an_illegible_word_does_not_count() -> None:
    result = score_image([_square(0, 0, text="###")], [_square(2, 2, 5), _square(50, 50)])
    assert (result.ignored_truth, result.ignored_found) == ([0], [0])
    assert (result.recall, result.precision) == (1, 0)


def test_areas_are_those_of_the_scripts_polygons_also_where_sides_cross() -> None:
    # The signed halves of a bow tie cancel out, so that its area is 0 and its overlap with the square, 50, is all the union.
    bow_tie = Quad((0, 0, 10, 10, 10, 0, 0, 10))
    assert score_image([bow_tie], [_square(0, 0)]).correct == 1
    assert icdar.score_image([_square(0, 0, 0)], [_square(0, 0, 0)]).correct == 0


def test_average_precision_follows_the_confidences() -> None:
    truth = [_square(0, 0), _square(40, 0)]
    found = [_square(0, 0, confidence=0.2), _square(40, 0, confidence=0.9), _square(80, 0, confidence=0.5)]
    result = score_image(truth, found)
    assert result.ap == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert icdar.pool([result]).ap == result.ap
    assert score_image(truth, [_square(0, 0)]).ap is None


def test_the_surest_detection_is_matched_first() -> None:
    found = [_square(0, 0, text="wrong", confidence=0.2), _square(0, 0, confidence=0.9)]
    assert score_image([_square(0, 0)], found, mode="e2e").pairs == [(0, 1, True)]
    assert score_image([_square(0, 0)], [found[0], found[1]._replace(confidence=None)], mode="e2e").pairs == [(0, 0, False)]


def test_the_pool_adds_words_up_over_images() -> None:
    images = [score_image([_square(0, 0)], [_square(0, 0)]), score_image([_square(0, 0)] * 3, [])]
    assert icdar.pool(images)[:3] == (1.0, 0.25, 0.4)
    assert icdar.pool([]) == (0, 0, 0, None)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("-It's-", None),
        ("Joe's", "Joe"),
        ("Café!", "Café"),
        ("Ωmega", "Ωmega"),
        ("ab", None),
        ("two words", None),
        ("3x5", None),
        ("a×b", None),
        ("(STOP)", "STOP"),
        ("co-op", "co-op"),
        ("кот", None),
    ],
)
def test_word_spotting_asks_for_dictionary_words(text: str, word: str | None) -> None:
    assert icdar.dictionary_word(text) == word


@pytest.mark.parametrize(
    ("truth", "found", "equal"),
    [
        ("STOP", "stop", True),
        ("(STOP)", "stop", True),
        ("STOP!", "STOP", True),
        ("STOP!!", "STOP", False),
        ("STOP", "STOP!", False),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_one_special_mark_at_either_end_of_the_truth_may_be_missing(truth: str, found: str, equal: bool) -> None:
    assert icdar.agrees(truth, found) is equal


def test_lines_are_read_with_quotes_taken_off_and_other_forms_refused() -> None:
    line = '0,0, 10,0,10,10,-1,10,"say \\"a\\\\b\\""\r\n\n'
    assert icdar.read_quads("\ufeff" + line) == [Quad((0, 0, 10, 0, 10, 10, -1, 10), 'say "a\\b"')]
    assert icdar.read_quads("0,0,10,0,10,10,0,10,a,b")[0].text == "a,b"
    with pytest.raises(ValueError, match="not a line"):
        icdar.read_quads("0,0,10,10,word")
    with pytest.raises(ValueError, match="not clockwise"):
        icdar.read_quads("0,0,0,10,10,10,10,0,word")


def test_a_box_is_scored_against_the_rectangle_around_the_quad() -> None:
    assert icdar.bounding_rectangle([5, 0, 10, 5, 5, 10, 0, 5]) == (0, 0, 10, 0, 10, 10, 0, 10)
    with pytest.raises(ValueError, match="8 coordinates"):
        icdar.clockwise([0, 0, 10, 10])
