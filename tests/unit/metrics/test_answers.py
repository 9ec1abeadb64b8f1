"""Short answers: the published vectors through the leaves, and what each rule forgives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocrtune.contracts import Metric, Read
from ocrtune.core import AnswersTarget, Decoded, Failure, ImageRef, Prediction, Region, Sample, TextTarget
from ocrtune.metrics.answers import Anls, Contains, RelaxedAccuracy
from ocrtune.metrics.text import Cer, CerGraphemes, Ned, NedGraphemes
from ocrtune.metrics.translation import Bleu, Meteor

VECTORS = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "golden" / "vqa_vectors.jsonl"


def value(metric: Metric, references: tuple[str, ...] | str, text: str | None, normalisation: str = "none") -> float | None:
    target = TextTarget(text=references) if isinstance(references, str) else AnswersTarget(answers=references)
    sample = Sample(id="s", group="g", images=(ImageRef(path="x.png"),), target=target)
    if text is None:
        failed = Prediction(sample_id="s", finish="error", error=Failure(kind="timeout", message="no answer"))
        return metric.score(sample, failed, Decoded(), normalisation).value
    return metric.score(sample, Prediction(sample_id="s", text=text), Decoded(regions=(Region(text=text),)), normalisation).value


def vectors(metric: str) -> list[dict[str, Any]]:
    if not VECTORS.is_file():
        pytest.skip("the published scorer vectors (shared/data/golden beside the repository) are not here")
    rows = [json.loads(line) for line in VECTORS.read_text("utf-8").splitlines()]
    return [row for row in rows if row["metric"] == metric]


def test_anls_agrees_with_both_harnesses() -> None:
    rows = [row for row in vectors("anls") if isinstance(row["prediction"], str)]
    assert rows
    for row in rows:
        if row["prediction"] == row["prediction"].strip():
            assert value(Anls(), tuple(row["references"]), row["prediction"]) == row["lmms_eval"], row


def test_relaxed_accuracy_agrees_with_lmms_eval() -> None:
    rows = vectors("relaxed")
    assert rows
    for row in rows:
        assert value(RelaxedAccuracy(), (row["target"],), row["prediction"]) == row["lmms_eval_after_framework_strip"], row


def test_a_contained_answer_counts_after_the_pipeline() -> None:
    assert value(Contains(), ("Total",), "the total is 5") == 0
    assert value(Contains(), ("Total",), "the total is 5", "caseless") == 1


@pytest.mark.parametrize("metric", [Contains(), Anls(), RelaxedAccuracy(), Bleu(), Meteor()])
def test_a_failed_request_is_worth_nothing(metric: Metric) -> None:
    assert value(metric, ("",), None) == 0


def test_a_failed_request_is_as_far_off_as_can_be() -> None:
    assert value(Ned(), "", None) == 1


def test_an_accent_of_its_own_is_half_a_code_point_error_and_one_grapheme() -> None:
    assert value(Cer(), "e\u0301a", "ea") == pytest.approx(1 / 3)
    assert value(CerGraphemes(), "e\u0301a", "ea") == 0.5
    assert value(CerGraphemes(), "e\u0301a", "\u00e9a") == 0
    assert (value(Ned(), "e\u0301a", "ea"), value(NedGraphemes(), "e\u0301a", "ea")) == (pytest.approx(1 / 3), 0.5)


def test_ned_stays_within_one_where_cer_does_not() -> None:
    assert value(Cer(), "a", "bcd") == 3
    assert value(Ned(), "a", "bcd") == 1


def test_the_table_of_bleu_is_sacrebleus_corpus_figure() -> None:
    def read(reference: str, text: str | None) -> Read:
        sample = Sample(id="s", group="g", images=(ImageRef(path="x.png"),), target=TextTarget(text=reference))
        if text is None:
            failure = Failure(kind="timeout", message="no answer")
            return Read(sample, Prediction(sample_id="s", finish="error", error=failure), Decoded())
        return Read(sample, Prediction(sample_id="s", text=text), Decoded(regions=(Region(text=text),)))

    [row] = Bleu().table([read("the cat sat on the mat", "the cat sat on the mat")])
    assert (row.name, row.value, row.n) == ("bleu: sacrebleu, 13a", pytest.approx(100), 1)
    [row] = Bleu().table([read("发票号码是一二三四", "发票号码是一二三五")])
    assert (row.name, row.value) == ("bleu: sacrebleu, zh", pytest.approx(86.33, abs=0.01))
    [whole] = Bleu().table([read("the cat sat on the mat", "the cat sat on the mat"), read("a dog ran in the park", None)])
    assert whole.value is not None and whole.value < 50 and whole.n == 2


def test_a_long_text_read_right_has_bleu_one_and_its_shuffle_has_not() -> None:
    text = "one two three four five six"
    assert value(Bleu(), text, text) == pytest.approx(1)
    assert value(Meteor(), text, text) == pytest.approx(0.9977, abs=1e-4)
    shuffled = "six two five four one three"
    assert (value(Bleu(), text, shuffled) or 0) < 0.1
    assert (value(Meteor(), text, shuffled) or 1) < 0.9
