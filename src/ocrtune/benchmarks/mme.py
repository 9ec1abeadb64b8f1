"""MME: two yes-or-no questions about each picture, in fourteen categories; `OCR` is one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ocrtune.benchmarks._files import Origin
from ocrtune.benchmarks._rows import Row as Published
from ocrtune.benchmarks._rows import group_of, published, rows_of, sample_of, target_of, texts_of, valued, values_of
from ocrtune.contracts import Row
from ocrtune.core import Prediction, Sample, Score
from ocrtune.options import Hub
from ocrtune.scoring.vqa import COGNITION, PERCEPTION, MmeAnswer, mme, yes_or_no

ASKED = "\nAnswer the question using a single word or phrase."
REPLACED = " Please answer yes or no."


class Mme:
    """Of `lmms-lab-encoder/MME`, or VLMEvalKit's MME.tsv.

    The sentence "Please answer yes or no." gives way to lmms-eval's. VLMEvalKit may ask a judge about answers that are neither;
    here they are wrong.
    """

    name = "mme"
    profiles: ClassVar[tuple[str, ...]] = ("lmms_current", "vlmevalkit")
    hub = "lmms-lab-encoder/MME"
    revision: ClassVar[str | None] = None
    dialect = "answers"
    max_tokens = 16

    def load(self, place: Path | Hub) -> list[Sample]:
        return [self._sample(row) for row in rows_of(place, Origin(self.hub, files=("MME.tsv",), revision=self.revision))]

    def _sample(self, row: Published) -> Sample:
        question = row.text("question").strip().replace(REPLACED, "") + ASKED
        sample = sample_of(row, question, target_of(texts_of(row.first("answer"))[:1]), category=row.text("category"))
        # The two questions about a picture count as a pair: they are told by their id, which is a path at the hub.
        picture = row.text("question_id") or group_of(row.image)
        return sample.model_copy(update={"group": f"{row.text('category')}/{picture}"})

    def describe(self, profile: str) -> dict[str, str]:
        return {}

    def score(self, sample: Sample, prediction: Prediction, profile: str) -> Score:
        """1 for the right one of yes and no."""
        found = yes_or_no(prediction.text or "", "vlmevalkit" if profile == "vlmevalkit" else "lmms_eval")
        return valued(sample, self.name, found == published(sample)["answers"][0].strip().lower())

    def table(self, samples: Sequence[Sample], scores: Sequence[Score], profile: str) -> list[Row]:
        """Categories (0..200), perception (2000) and cognition (800) as their sums, and the sum of both."""
        rated = [(sample.tags.get("category", ""), sample.group, value > 0) for sample, value in values_of(samples, scores)]
        found = mme((MmeAnswer(*row) for row in rated), "vlmevalkit" if profile == "vlmevalkit" else "lmms_eval")
        counts = Counter(category for category, _, _ in rated)
        rows = [Row(name, found.categories[name], counts[name]) for name in (*PERCEPTION, *COGNITION) if name in counts]
        others = [
            Row(name, value, counts[name]) for name, value in found.categories.items() if name not in PERCEPTION + COGNITION
        ]
        perception, cognition = (sum(counts[name] for name in names) for names in (PERCEPTION, COGNITION))
        return [
            *rows,
            *others,
            Row("Perception", found.perception, perception),
            Row("Cognition", found.cognition, cognition),
            Row("Total", found.perception + found.cognition, perception + cognition),
        ]
