"""Key information: F1 over fields."""

from __future__ import annotations

from typing import ClassVar, Literal

from ocrtune.core import Decoded, FieldsTarget, Prediction, Sample, Score
from ocrtune.core.outcome import Direction
from ocrtune.metrics._texts import unscored
from ocrtune.scoring.fields import field_counts, flat


class FieldsF1:
    """A value is right when its name is exactly right and it is equal but for case and white space; nested names are joined by
    dots. F1 is 2 · right / (found + wanted), so pooled counts give the corpus figure (micro F1)."""

    name = "fields_f1"
    direction: ClassVar[Direction] = "higher"
    pool: ClassVar[Literal["micro", "macro"]] = "micro"

    def score(self, sample: Sample, prediction: Prediction, decoded: Decoded, normalisation: str) -> Score:
        if not isinstance(sample.target, FieldsTarget):
            kind = sample.target.kind if sample.target else "none"
            return unscored(sample, self.name, f"a target of the kind {kind!r} has no fields to compare")
        counts = field_counts(flat(sample.target.fields), flat(decoded.fields or {}))
        value = 0.0 if prediction.error else counts.f1
        # Where nothing is to be found and the request failed, one field that was found wrongly makes the failure cost.
        found = counts.found + int(prediction.error is not None and not counts.wanted)
        return Score(sample_id=sample.id, metric=self.name, value=value, errors=2.0 * counts.matched, total=found + counts.wanted)
