"""What metrics that compare texts have in common."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

from ocrtune.core import AnswersTarget, Decoded, Prediction, Sample, Score, target_text
from ocrtune.core.outcome import Direction
from ocrtune.scoring.normalise import normalise


class Reading(NamedTuple):
    """One acceptable reference and the reading, both normalised."""

    reference: str
    text: str


class TextMetric:
    """What the metrics of this module have in common; `value` is all that a new one has to say."""

    name: ClassVar[str]
    direction: ClassVar[Direction]
    pool: ClassVar[Literal["micro", "macro"]]

    def score(self, sample: Sample, prediction: Prediction, decoded: Decoded, normalisation: str) -> Score:
        references = acceptable(sample)
        if isinstance(references, str):
            return Score(sample_id=sample.id, metric=self.name, value=None, why=references)
        text = "" if prediction.error else normalise(decoded.text, normalisation)
        readings = [Reading(normalise(r, normalisation), text) for r in references]
        scores = [self.of(sample.id, r, failed=prediction.error is not None, normalisation=normalisation) for r in readings]
        best = min if self.direction == "lower" else max
        return best(scores, key=lambda s: s.value or 0.0)

    def of(self, sample_id: str, reading: Reading, *, failed: bool, normalisation: str) -> Score:
        raise NotImplementedError


def acceptable(sample: Sample) -> tuple[str, ...] | str:
    """The reference texts of a sample, or a sentence saying why it has none."""
    if sample.target is None:
        return "the sample has no target"
    if isinstance(sample.target, AnswersTarget):
        return sample.target.answers
    text = target_text(sample.target)
    return (text,) if text is not None else f"a target of {sample.target.kind} has no text to compare"


def unscored(sample: Sample, metric: str, why: str) -> Score:
    return Score(sample_id=sample.id, metric=metric, value=None, why=why)
