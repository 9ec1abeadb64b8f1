"""OmniDocBench v1.5: pages as Markdown. Text edit, TEDS of tables, formula edit, reading order; CDM of formulas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ocrtune.benchmarks._files import Origin
from ocrtune.benchmarks._omni_pages import cdm_parts, entry_of, need_cdm, read_page, sample_of_page, value_of
from ocrtune.benchmarks._rows import Row as Published
from ocrtune.benchmarks._rows import rows_of, valued
from ocrtune.contracts import Row
from ocrtune.core import Prediction, Sample, Score
from ocrtune.options import Hub
from ocrtune.scoring import cdm

EDIT, FULL = "v1.5-edit", "v1.5"
PARTS = {
    "text edit": "text",
    "formula edit": "formula",
    "TEDS": "teds",
    "TEDS structure": "structure",
    "table edit": "markup",
    "reading order edit": "order",
}
CDM, OVERALL = "CDM", "Overall"
_TAGS = ("data_source", "language", "layout")


class OmniDocBench:
    """Of `opendatalab/OmniDocBench` (OmniDocBench.json with its folder of pictures), locally under any name, or
    VLMEvalKit's table of it.

    `v1.5-edit` is everything that edit distances and TEDS measure; the value of a page is the mean of its parts. `v1.5` adds
    CDM, for which TeX sets the formulas, takes it for the formulas' part, and makes the published `Overall` of it. The authors
    give no prompt; the one here asks for what they score.
    """

    name = "omnidocbench"
    profiles: ClassVar[tuple[str, ...]] = (EDIT, FULL)
    hub = "opendatalab/OmniDocBench"
    revision: ClassVar[str | None] = None
    dialect = "markdown"
    max_tokens = 8192

    def load(self, place: Path | Hub) -> list[Sample]:
        files = ("OmniDocBench.json", "OmniDocBench*.json")
        origin = Origin(self.hub, patterns=("OmniDocBench.json", "images/*"), files=files, revision=self.revision)
        return [self._sample(row) for row in rows_of(place, origin)]

    def _sample(self, row: Published) -> Sample:
        attributes = entry_of(row)["page_info"]["page_attribute"]
        return sample_of_page(row, {name: str(attributes.get(name) or "") for name in _TAGS})

    def describe(self, profile: str) -> dict[str, str]:
        return {"cdm": cdm.describe() if profile == FULL else "not computed"}

    def score(self, sample: Sample, prediction: Prediction, profile: str) -> Score:
        """The page's mean over its parts; a failed request is an empty page. Raises ResourceError for CDM without its tools."""
        if profile == FULL:
            need_cdm(f"{FULL} of {self.name}", f"{EDIT} scores formulas by edit distance")
        page = read_page(sample, prediction)
        parts = page.parts | (cdm_parts(page.latex) if profile == FULL else {})
        value = value_of(parts)
        return valued(sample, self.name, 1.0 if value is None else value).model_copy(update={"parts": parts})

    def table(self, samples: Sequence[Sample], scores: Sequence[Score], profile: str) -> list[Row]:
        """The published averages: edits (0 is best) and TEDS in 0..1, means over pages that have such blocks; "whole" is over
        all blocks, or tables, as one."""
        asked = {sample.id for sample in samples}
        rated = [score for score in scores if score.sample_id in asked and score.value is not None]
        rows: list[Row] = []
        for name, part in PARTS.items():
            pages = [score.parts[part] for score in rated if part in score.parts]
            rows.append(Row(name, _mean([errors / total for errors, total in pages]), len(pages)))
            total = sum(total for _, total in pages)
            rows.append(Row(f"{name}, whole", sum(errors for errors, _ in pages) / total if pages else None, len(pages)))
        rows.append(Row("mean of pages", _mean([score.value or 0.0 for score in rated]), len(rated)))
        return [*rows, *_cdm_rows(rated, rows)] if profile == FULL else rows


def _cdm_rows(rated: Sequence[Score], rows: Sequence[Row]) -> list[Row]:
    pages = [score.parts["cdm"] for score in rated if "cdm" in score.parts]
    mean = _mean([found / count for found, count in pages])
    whole = sum(found for found, _ in pages) / sum(count for _, count in pages) if pages else None
    unset = [
        Row(f"{name} that TeX cannot set", sum(score.parts[part][0] for score in rated if part in score.parts), len(pages))
        for name, part in (("true formulas", "cdm unset"), ("read formulas", "cdm unset read"))
    ]
    means = {row.name: row.value for row in rows}
    text, tables = means["text edit"], means["TEDS"]
    overall = None if text is None or tables is None or mean is None else ((1 - text) + tables + mean) * 100 / 3
    return [Row(CDM, mean, len(pages)), Row(f"{CDM}, whole", whole, len(pages)), *unset, Row(OVERALL, overall, len(rated))]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
