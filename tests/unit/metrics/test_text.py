"""Text metrics against other people's numbers, and their edges."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.core import (
    AnswersTarget,
    BoxesTarget,
    Decoded,
    Failure,
    ImageRef,
    Prediction,
    Region,
    Sample,
    Score,
    Target,
    TextTarget,
)
from ocrtune.metrics.text import Cer, CerGraphemes, CharF1, Exact, Ned, NedGraphemes, TextMetric, Wer

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
METRICS: tuple[TextMetric, ...] = (Cer(), CerGraphemes(), Wer(), Ned(), NedGraphemes(), CharF1(), Exact())
texts = st.text(alphabet="ab дЖ\n漢", max_size=20)


def rate(metric: TextMetric, reference: str | Target | None, text: str | None, normalisation: str = "none") -> Score:
    """`text` None is a failed request."""
    target = TextTarget(text=reference) if isinstance(reference, str) else reference
    sample = Sample(id="s", group="g", images=(ImageRef(path="x.png"),), target=target)
    if text is None:
        failure = Failure(kind="timeout", message="no answer")
        return metric.score(sample, Prediction(sample_id="s", finish="error", error=failure), Decoded(), normalisation)
    return metric.score(sample, Prediction(sample_id="s", text=text), Decoded(regions=(Region(text=text),)), normalisation)


def shared(name: str) -> Path:
    if not (path := SHARED / name).exists():
        pytest.skip(f"no shared data: {name}")
    return path


def test_gemma_vectors_are_reproduced() -> None:
    vectors = json.loads(shared("golden/gemma_ocr_vectors.json").read_text("utf-8"))
    cers = [rate(Cer(), case["reference"], case["prediction"], "gemma") for case in vectors["cases"]]
    f1s = [rate(CharF1(), case["reference"], case["prediction"], "gemma") for case in vectors["cases"]]
    assert [s.value for s in cers] == pytest.approx([case["cer"] for case in vectors["cases"]])
    assert [s.value for s in f1s] == pytest.approx([case["f1"] for case in vectors["cases"]])
    assert sum(s.errors or 0 for s in cers) / sum(s.total or 0 for s in cers) == pytest.approx(vectors["overall_cer"])
    assert sum(s.value or 0 for s in f1s) / len(f1s) == pytest.approx(vectors["overall_f1"])


def page_text(file: Path) -> str:
    root = ET.parse(file).getroot()
    space = root.tag.partition("}")[0] + "}"
    regions = root.iterfind(f".//{space}TextRegion/{space}TextEquiv/{space}Unicode")
    return "\n".join(r.text for r in regions if r.text)


def alto_text(file: Path) -> str:
    root = ET.parse(file).getroot()
    space = root.tag.partition("}")[0] + "}"
    return "\n".join(
        " ".join(s.get("CONTENT", "") for s in line.iter(f"{space}String")) for line in root.iter(f"{space}TextLine")
    )


def test_a_scanned_page_has_the_error_rates_that_dinglehopper_reports() -> None:
    folder = shared("dinglehopper_gt_ocr/lorem-ipsum")
    truth = page_text(folder / "lorem-ipsum-scan-bad.gt.page.xml")
    read = alto_text(folder / "lorem-ipsum-scan-bad.ocr.tesseract.alto.xml")
    cer, wer = rate(Cer(), truth, read, "nfc"), rate(Wer(), truth, read, "nfc")
    assert (cer.errors, cer.total) == (8, 591)
    assert (wer.errors, wer.total) == (7, 100)


def test_short_strings_have_the_error_rates_that_dinglehopper_reports() -> None:
    for reference, text, expected in json.loads(shared("dinglehopper_gt_ocr/expected.json").read_text("utf-8"))["strings"]:
        if expected == "inf":  # ours: the number of invented characters, over a total of 0
            found = rate(Cer(), reference, text, "nfc")
            assert (found.value, found.errors, found.total) == (len(text), len(text), 0)
        else:
            numerator, _, denominator = str(expected).partition("/")
            assert rate(Cer(), reference, text, "nfc").value == pytest.approx(int(numerator) / int(denominator or 1))


@pytest.mark.parametrize(
    ("reference", "text", "cer", "wer", "f1", "exact"),
    [
        ("", "", 0, 0, 1, 1),
        ("ab cd", "", 1, 1, 0, 0),
        ("ab cd", None, 1, 1, 0, 0),
        ("", None, 1, 1, 0, 0),
        ("", "ab cd", 5, 2, 0, 0),
        ("ab", "ba", 1, 1, 1, 0),
        ("ab", "ab", 0, 0, 1, 1),
        ("ab", "abababab", 3, 1, 0.4, 0),
    ],
)
def test_the_edges(reference: str, text: str | None, cer: float, wer: float, f1: float, exact: float) -> None:
    assert [rate(m, reference, text).value for m in (Cer(), Wer(), CharF1(), Exact())] == pytest.approx([cer, wer, f1, exact])


@given(reference=texts, text=texts)
def test_a_failed_request_never_scores_better_than_reading_nothing(reference: str, text: str) -> None:
    for metric in METRICS:
        failed, nothing = rate(metric, reference, None), rate(metric, reference, "")
        sign = 1 if metric.direction == "lower" else -1
        assert failed.value is not None and nothing.value is not None
        assert failed.value * sign >= nothing.value * sign


@given(reference=texts, text=texts)
def test_values_stay_in_range_and_perfect_means_equal(reference: str, text: str) -> None:
    for metric in METRICS:
        value = rate(metric, reference, text).value
        assert value is not None and value >= 0
        assert metric.direction == "lower" or value <= 1
    assert (rate(Cer(), reference, text).value == 0) == (reference == text)
    for metric in (Ned(), NedGraphemes()):
        one, other = rate(metric, reference, text), rate(metric, text, reference)
        assert (one.value, one.errors, one.total) == (other.value, other.errors, other.total)
        assert (one.value or 0) <= 1 and (one.value == 0) == (reference == text)


def test_han_characters_are_words_of_their_own_and_latin_words_are_not_cut() -> None:
    found = rate(Wer(), "總計 1,200.00 元 Total", "總計 1,200.00 圓 Total")
    assert (found.errors, found.total) == (1, 5)


def test_of_several_answers_the_one_that_suits_counts() -> None:
    target = AnswersTarget(answers=("twelve", "12"))
    assert rate(Exact(), target, "12").value == 1
    assert rate(Cer(), target, "12").value == 0


def test_what_has_no_text_is_unscored_with_the_reason() -> None:
    for metric in METRICS:
        assert rate(metric, None, "x").why == "the sample has no target"
        assert "boxes" in (rate(metric, BoxesTarget(boxes=()), "x").why or "")
