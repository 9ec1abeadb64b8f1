"""Gemma-OCR's scorer: published vectors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.scoring import gemma

texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60)


def test_every_published_vector_and_both_averages_agree(golden: Path) -> None:
    published = json.loads((golden / "gemma_ocr_vectors.json").read_text("utf-8"))
    scores = [gemma.score(case["reference"], case["prediction"]) for case in published["cases"]]
    for case, found in zip(published["cases"], scores, strict=True):
        assert gemma.normalise(case["reference"]) == case["norm_ref"]
        assert gemma.normalise(case["prediction"]) == case["norm_pred"]
        assert (found.cer, found.f1) == (case["cer"], case["f1"])
    assert gemma.overall(scores) == (published["overall_cer"], published["overall_f1"])


@given(text=texts)
def test_a_page_against_itself_is_perfect_unless_nothing_is_left_of_it(text: str) -> None:
    found = gemma.score(text, text)
    assert found.cer == 0
    assert found.f1 == (1 if gemma.normalise(text) else 0)


@given(reference=texts, reading=texts)
def test_f1_is_symmetric_and_does_not_see_order(reference: str, reading: str) -> None:
    f1 = gemma.score(reference, reading).f1
    assert f1 == pytest.approx(gemma.score(reading, reference).f1)
    assert f1 == gemma.score(reference, reading[::-1]).f1
    assert 0 <= f1 <= 1


def test_the_overall_cer_pools_characters_and_the_f1_averages_pages() -> None:
    assert gemma.overall([gemma.score("abcdefgh", "abcdefgh"), gemma.score("ab", "xy")]) == (0.2, 0.5)
    assert gemma.overall([]) == (0.0, 0.0)
