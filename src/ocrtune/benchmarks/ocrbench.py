"""OCRBench (v1): 1000 questions, a point for each answer that contains a reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, cast

from ocrtune.benchmarks._files import Origin
from ocrtune.benchmarks._rows import published, rows_of, sample_of, target_of, texts_of, valued, values_of
from ocrtune.contracts import Row
from ocrtune.core import Prediction, Sample, Score
from ocrtune.options import Hub
from ocrtune.scoring import ocrbench


class OcrBench:
    """Of `echo840/OCRBench`, the original OCRBench.json with its folder of pictures, or VLMEvalKit's OCRBench.tsv. The question
    is asked as it is; lmms-eval allows 128 tokens (the authors' example 100)."""

    name = "ocrbench"
    profiles: ClassVar[tuple[str, ...]] = ocrbench.PROFILES
    hub = "echo840/OCRBench"
    revision: ClassVar[str | None] = None
    dialect = "answers"
    max_tokens = 128

    def load(self, place: Path | Hub) -> list[Sample]:
        return [
            sample_of(
                row,
                row.text("question").strip(),
                target_of(texts_of(row.first("answer", "answers"))),
                type=row.text("question_type", "type", "category"),
                dataset=row.text("dataset", "dataset_name"),
            )
            for row in rows_of(place, Origin(self.hub, files=("OCRBench.json", "OCRBench.tsv"), revision=self.revision))
        ]

    def describe(self, profile: str) -> dict[str, str]:
        return {}

    def score(self, sample: Sample, prediction: Prediction, profile: str) -> Score:
        """1 or 0; a failed request is an absent answer."""
        formula = ocrbench.is_formula(sample.tags.get("dataset"), sample.tags.get("type", ""))
        references = published(sample)["answers"]
        value = ocrbench.score(references, prediction.text, formula=formula, profile=cast(ocrbench.Profile, profile))
        return valued(sample, self.name, value)

    def table(self, samples: Sequence[Sample], scores: Sequence[Score], profile: str) -> list[Row]:
        """Points: the twelve rows of the published table. `n` are the questions that were asked, of 1000 in all."""
        asked = [(sample.tags.get("type", ""), int(value)) for sample, value in values_of(samples, scores)]
        counts = ocrbench.totals((name, 1) for name, _ in asked)
        sizes = {row.name: row.score for row in ocrbench.table(counts)}
        return [Row(row.name, row.score, sizes[row.name]) for row in ocrbench.table(ocrbench.totals(asked))]
