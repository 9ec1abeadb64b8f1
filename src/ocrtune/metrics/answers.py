"""Metrics of short answers: contained, ANLS, relaxed accuracy. A failed request has given no answer and scores 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from ocrtune.core import Decoded, Prediction, Sample, Score
from ocrtune.core.outcome import Direction
from ocrtune.metrics._texts import acceptable, unscored
from ocrtune.scoring import vqa
from ocrtune.scoring.normalise import normalise


class _Answer:
    """The best of the acceptable answers counts."""

    name: ClassVar[str]
    direction: ClassVar[Direction] = "higher"
    pool: ClassVar[Literal["micro", "macro"]] = "macro"

    def score(self, sample: Sample, prediction: Prediction, decoded: Decoded, normalisation: str) -> Score:
        references = acceptable(sample)
        if isinstance(references, str):
            return unscored(sample, self.name, references)
        value = 0.0 if prediction.error else self.value(references, decoded.text, normalisation)
        return Score(sample_id=sample.id, metric=self.name, value=value)

    def value(self, references: Sequence[str], text: str, normalisation: str) -> float:
        raise NotImplementedError


class Contains(_Answer):
    """1 when the normalised reading contains a normalised reference; no word boundaries, and an empty reference is in any."""

    name = "contains"

    def value(self, references: Sequence[str], text: str, normalisation: str) -> float:
        found = normalise(text, normalisation)
        return float(any(normalise(reference, normalisation) in found for reference in references))


class Anls(_Answer):
    """Average normalised Levenshtein similarity (DocVQA), 0 below a half. It folds case and white space itself, whatever the
    pipeline."""

    name = "anls"

    def value(self, references: Sequence[str], text: str, normalisation: str) -> float:
        return vqa.anls(references, text.strip())


class RelaxedAccuracy(_Answer):
    """ChartQA's rule: a number within 5 %, any other answer equal but for case; the pipeline is not applied."""

    name = "relaxed_accuracy"

    def value(self, references: Sequence[str], text: str, normalisation: str) -> float:
        return float(any(vqa.relaxed(reference, text.strip()) for reference in references))
