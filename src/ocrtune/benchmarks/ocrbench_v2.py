"""OCRBench v2: 10 000 questions of thirty types in English and Chinese, each type with a rule of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

from ocrtune.benchmarks._files import Origin
from ocrtune.benchmarks._rows import Row as Published
from ocrtune.benchmarks._rows import literal, mean_row, published, rows_of, sample_of, target_of, valued, values_of
from ocrtune.benchmarks._wordnet import described, synonyms
from ocrtune.contracts import Row
from ocrtune.core import Prediction, Sample, Score
from ocrtune.errors import InputError
from ocrtune.options import Hub
from ocrtune.scoring import ocrbench_v2 as rules

_ABSENT = ("None", "without bbox", "without content", "without eval")  # how the hub and VLMEvalKit write "nothing"


class OcrBenchV2:
    """Of `ling99/OCRBench_v2`, the original OCRBench_v2.json with its folder of pictures, or VLMEvalKit's OCRBench_v2.tsv.

    The question is asked as it is. lmms-eval allows 128 tokens, which cuts every page, table and chart: 4096 here.
    """

    name = "ocrbench-v2"
    profiles: ClassVar[tuple[str, ...]] = rules.PROFILES
    hub = "ling99/OCRBench_v2"
    revision: ClassVar[str | None] = None
    dialect = "answers"
    max_tokens = 4096

    def load(self, place: Path | Hub) -> list[Sample]:
        origin = Origin(self.hub, files=("OCRBench_v2.json", "OCRBench_v2.tsv"), revision=self.revision)
        return [self._sample(row) for row in rows_of(place, origin)]

    def _sample(self, row: Published) -> Sample:
        kind = row.text("type", "category")
        if kind not in rules.TYPES:
            raise InputError(
                f"row {row.number + 1}: {kind!r} is no task type of OCRBench v2", hint="is it the right --benchmark?"
            )
        answers = row.fields.get("answers", row.fields.get("answer"))
        # Text that happens to look like a list is one in a table (TSV) only; there, all answers are written as literals.
        answers = literal(answers) if "index" in row.fields else answers
        boxes = row.first("bbox_list") if kind == "text spotting en" else None
        target = target_of(
            answers,
            bbox=literal(_given(boxes or row.first("bbox", "bbox_list"))),
            content=literal(_given(row.first("content"))),
        )
        method = _given(row.first("eval"))
        return sample_of(
            row,
            row.text("question").strip(),
            target,
            type=kind,
            dataset=row.text("dataset_name"),
            eval=str(method or ""),
            language="zh" if kind.endswith(" cn") else "en",
        )

    def describe(self, profile: str) -> dict[str, str]:
        return described()

    def score(self, sample: Sample, prediction: Prediction, profile: str) -> Score:
        """By the rule of the sample's type; unscored where the benchmark leaves it out of all averages."""
        fields = published(sample)
        item = rules.Item(
            type=sample.tags.get("type", ""),
            question=sample.question or "",
            answers=fields["answers"],
            method=sample.tags.get("eval"),
            bbox=fields.get("bbox", ()),
            content=fields.get("content", ()),
        )
        outcome = rules.score(item, prediction.text, profile=cast(rules.Profile, profile), synonyms=synonyms())
        if outcome.ignored:
            why = "the reference is empty: left out of all averages, as published"
            return Score(sample_id=sample.id, metric=self.name, value=None, why=why)
        return valued(sample, self.name, outcome.value)

    def table(self, samples: Sequence[Sample], scores: Sequence[Score], profile: str) -> list[Row]:
        """Types, then categories by language, then the profile's totals (0..1); without a total of its own, `Total` is None."""
        rated = values_of(samples, scores)
        by_type: dict[str, list[float]] = defaultdict(list)
        for sample, value in rated:
            by_type[sample.tags.get("type", "")].append(value)
        outcomes = ((sample.tags.get("type", ""), rules.Outcome(value)) for sample, value in rated)
        summary = rules.summarise(outcomes, cast(rules.Profile, profile))
        rows = [mean_row(name, by_type[name]) for name in rules.TYPES if name in by_type]
        for language, categories in (("English", summary.english), ("Chinese", summary.chinese)):
            rows += [Row(f"{language}: {name}", mean.value, mean.n) for name, mean in categories.items()]
        english, chinese = (sum(mean.n for mean in found.values()) for found in (summary.english, summary.chinese))
        rows.append(Row("English overall", summary.english_overall, english))
        rows.append(Row("Chinese overall", summary.chinese_overall, chinese))
        return [*rows, Row("Total", summary.total, english + chinese)]


def _given(value: Any) -> Any:
    return None if isinstance(value, str) and value in _ABSENT else value
