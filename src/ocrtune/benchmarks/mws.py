"""MWS-Vision-Bench: Russian business documents in five categories; and its anti-fraud questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ocrtune.benchmarks._files import Origin
from ocrtune.benchmarks._rows import Row as Published
from ocrtune.benchmarks._rows import (
    literal,
    published,
    rows_of,
    sample_of,
    target_of,
    valued,
    values_of,
)
from ocrtune.benchmarks._wordnet import described, synonyms
from ocrtune.contracts import Row
from ocrtune.core import Prediction, Sample, Score
from ocrtune.errors import InputError
from ocrtune.options import Hub
from ocrtune.scoring import mws


class MwsVisionBench:
    """Of `MTSAIR/MWS-Vision-Bench` (its split `train` is the public validation), or a local file with its columns.

    The question alone is asked; 8192 tokens. The questions of one category were reworded on 2026-02-16: figures of different
    revisions of the dataset cannot be compared. Rows of the anti-fraud dataset score by their label alone (1 or 0) and have
    their own total; they stay out of `overall`.
    """

    name = "mws-vision-bench"
    profiles: ClassVar[tuple[str, ...]] = ("official",)
    hub = "MTSAIR/MWS-Vision-Bench"
    revision: ClassVar[str | None] = None
    dialect = "answers"
    max_tokens = 8192

    def load(self, place: Path | Hub) -> list[Sample]:
        origin = Origin(self.hub, split="train", revision=self.revision)
        return [self._sample(row) for row in rows_of(place, origin)]

    def _sample(self, row: Published) -> Sample:
        answers = row.fields.get("answers")
        target = target_of(literal(answers) if "index" in row.fields else answers)
        kind, dataset = row.text("type"), row.text("dataset_name")
        if kind not in mws.CATEGORIES and kind != mws.ANTIFRAUD:
            raise InputError(
                f"row {row.number + 1}: {kind!r} is no type of MWS-Vision-Bench", hint="is it the right --benchmark?"
            )
        return sample_of(row, row.text("question"), target, type=kind, dataset=dataset, language="ru")

    def describe(self, profile: str) -> dict[str, str]:
        return described()

    def score(self, sample: Sample, prediction: Prediction, profile: str) -> Score:
        task = sample.tags.get("type", "")
        answers = published(sample)["answers"]
        if task == mws.ANTIFRAUD:
            return self._fraud(sample, answers, prediction.text)
        return valued(sample, self.name, mws.score(task, answers, prediction.text, synonyms=synonyms()))

    def _fraud(self, sample: Sample, reasons: Sequence[str], answer: str | None) -> Score:
        """1 for the right label. How well the arguments match, which the total needs besides, is the part "reason"."""
        found = mws.fraud(sample.tags.get("dataset", ""), reasons, answer)
        return valued(sample, self.name, found.correct).model_copy(update={"parts": {"reason": (found.reason, 1.0)}})

    def table(self, samples: Sequence[Sample], scores: Sequence[Score], profile: str) -> list[Row]:
        """Means of the categories under their published names, and `overall`, their plain mean."""
        rated = [(sample.tags.get("type", ""), value) for sample, value in values_of(samples, scores)]
        counts = Counter(name for name, _ in rated)
        means = mws.overall(rated)
        rows = [Row(name, means[name], counts[task]) for task, name in mws.CATEGORIES.items() if name in means]
        rows += self._fraud_rows(samples, scores) if counts[mws.ANTIFRAUD] else []
        if len(rated) == counts[mws.ANTIFRAUD]:
            return rows
        return [*rows, Row("overall", means["overall"], len(rated) - counts[mws.ANTIFRAUD])]

    def _fraud_rows(self, samples: Sequence[Sample], scores: Sequence[Score]) -> list[Row]:
        by_id = {score.sample_id: score for score in scores}
        asked = [
            (s.tags.get("dataset", ""), by_id[s.id]) for s in samples if s.tags.get("type") == mws.ANTIFRAUD and s.id in by_id
        ]
        found = mws.antifraud(
            (label, mws.Fraud(None, "", bool(score.value), score.parts.get("reason", (0.0, 1.0))[0])) for label, score in asked
        )
        counts = Counter(label for label, _ in asked)
        recalls = [Row(f"antifraud recall: {label}", value, counts[label]) for label, value in found.recalls.items()]
        balanced = Row("antifraud balanced accuracy", found.balanced_accuracy, len(asked))
        reasons = Row("antifraud reasons", found.reason, counts["edited"])
        return [*recalls, balanced, reasons, Row("antifraud", found.score, len(asked))]
