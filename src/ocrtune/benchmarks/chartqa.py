"""ChartQA: questions about charts, numbers right within 5 %."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ocrtune.benchmarks._files import Origin
from ocrtune.benchmarks._rows import mean_row, published, rows_of, sample_of, target_of, texts_of, valued, values_of
from ocrtune.contracts import Row
from ocrtune.core import Prediction, Sample, Score
from ocrtune.options import Hub
from ocrtune.scoring.vqa import relaxed

ASKED = "\nAnswer the question with a single word."
HUMAN = "human"


class ChartQa:
    """Of `lmms-lab-encoder/ChartQA`, VLMEvalKit's ChartQA_TEST.tsv, or the authors' test_human.json / test_augmented.json with
    the folder `png` beside it."""

    name = "chartqa"
    profiles: ClassVar[tuple[str, ...]] = ("lmms_current", "vlmevalkit")
    hub = "lmms-lab-encoder/ChartQA"
    revision: ClassVar[str | None] = None
    dialect = "answers"
    max_tokens = 16

    def load(self, place: Path | Hub) -> list[Sample]:
        origin = Origin(self.hub, files=("ChartQA_TEST.tsv", "test_human.json"), revision=self.revision)
        return [
            sample_of(
                row,
                row.text("question", "query").strip() + ASKED,
                target_of(texts_of(row.first("answer", "label"))[:1]),
                type=HUMAN if HUMAN in row.text("type", "split").lower() else "augmented",
            )
            for row in rows_of(place, origin)
        ]

    def describe(self, profile: str) -> dict[str, str]:
        return {}

    def score(self, sample: Sample, prediction: Prediction, profile: str) -> Score:
        """1 or 0. Both harnesses strip the answer first; VLMEvalKit reads an absent one as the text "nan"."""
        absent = "nan" if profile == "vlmevalkit" else ""
        answer = absent if prediction.text is None else prediction.text.strip()
        return valued(sample, self.name, relaxed(published(sample)["answers"][0], answer))

    def table(self, samples: Sequence[Sample], scores: Sequence[Score], profile: str) -> list[Row]:
        """Means of the two halves and of all: 0..1, times 100 in VLMEvalKit."""
        rated = values_of(samples, scores)
        halves = [
            mean_row(kind, [value for sample, value in rated if sample.tags.get("type") == kind]) for kind in (HUMAN, "augmented")
        ]
        rows = [*(row for row in halves if row.n), mean_row("overall", [value for _, value in rated])]
        scale = 100.0 if profile == "vlmevalkit" else 1.0
        return [row if row.value is None else row._replace(value=row.value * scale) for row in rows]
