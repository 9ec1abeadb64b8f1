"""DocVQA and InfographicVQA: questions about documents and infographics, scored by ANLS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from ocrtune.benchmarks._files import Origin
from ocrtune.benchmarks._rows import Row as Question
from ocrtune.benchmarks._rows import mean_row, published, rows_of, sample_of, target_of, texts_of, valued, values_of
from ocrtune.contracts import Row
from ocrtune.core import Prediction, Sample, Score
from ocrtune.options import Hub
from ocrtune.scoring.vqa import anls

ASKED = "\nAnswer the question using a single word or phrase."


class DocVqa:
    """Of `lmms-lab-encoder/DocVQA` (configuration DocVQA, the scored split is `validation`), the competition's
    val_v1.0_withQT.json with its folder of pictures, or VLMEvalKit's DocVQA_VAL.tsv."""

    name = "docvqa"
    profiles: ClassVar[tuple[str, ...]] = ("lmms_current", "vlmevalkit")
    hub = "lmms-lab-encoder/DocVQA"
    revision: ClassVar[str | None] = None
    dialect = "answers"
    max_tokens = 32
    config: ClassVar[str] = "DocVQA"
    files: ClassVar[tuple[str, ...]] = ("val_v1.0_withQT.json", "DocVQA_VAL.tsv")

    def load(self, place: Path | Hub) -> list[Sample]:
        origin = Origin(self.hub, split="validation", config=self.config, files=self.files, revision=self.revision)
        return [_sample(row) for row in rows_of(place, origin)]

    def describe(self, profile: str) -> dict[str, str]:
        return {}

    def score(self, sample: Sample, prediction: Prediction, profile: str) -> Score:
        """ANLS of the question. The two harnesses agree but for an absent answer, which VLMEvalKit reads as the text "nan"."""
        absent = "nan" if profile == "vlmevalkit" else ""
        answer = absent if prediction.text is None else prediction.text
        # lmms-eval strips every answer before a scorer sees it, and lengths of raw texts count in ANLS.
        return valued(sample, self.name, anls(published(sample)["answers"], answer.strip() if absent == "" else answer))

    def table(self, samples: Sequence[Sample], scores: Sequence[Score], profile: str) -> list[Row]:
        """The mean: 0..1, times 100 in VLMEvalKit."""
        values = [value for _, value in values_of(samples, scores)]
        row = mean_row("ANLS", values)
        if profile == "vlmevalkit" and values:
            return [row._replace(value=float(np.mean(values)) * 100)]  # numpy adds in another order: the last bit depends on it
        return [row]


def _sample(row: Question) -> Sample:
    """Questions about any page of one document of the library that the pages come from share that document."""
    asked = row.text("question").strip() + ASKED
    made = sample_of(row, asked, target_of(texts_of(row.first("answers", "answer"))), question_id=row.text("questionId"))
    document = row.text("ucsf_document_id")
    return made.model_copy(update={"group": document}) if document else made


class InfoVqa(DocVqa):
    """As `docvqa`, of its configuration InfographicVQA, infographicsVQA_val_v1.0.json or InfoVQA_VAL.tsv."""

    name = "infovqa"
    config: ClassVar[str] = "InfographicVQA"
    files: ClassVar[tuple[str, ...]] = ("infographicsVQA_val_v1.0*.json", "InfoVQA_VAL.tsv")
