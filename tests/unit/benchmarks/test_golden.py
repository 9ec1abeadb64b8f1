"""Published scores through the leaves: rows in the published schema, loaded, answered as published, scored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocrtune.benchmarks.mws import MwsVisionBench
from ocrtune.benchmarks.ocrbench import OcrBench
from ocrtune.benchmarks.ocrbench_v2 import OcrBenchV2

from .conftest import DATA, golden_rows, scored

Beside = Callable[[list[dict[str, Any]], str], Path]


@pytest.mark.parametrize(
    ("profile", "total"), [("lmms_legacy", 560), ("official", 570), ("vlmevalkit", 570), ("lmms_current", 570)]
)
def test_ocrbench_totals_of_a_thousand_published_answers(profile: str, total: int) -> None:
    answers = [row["filtered_resps"][0] for row in golden_rows("ocrbench_dots/base_samples.jsonl")]
    benchmark = OcrBench()
    samples = benchmark.load(DATA / "golden" / "ocrbench_dots" / "OCRBench.json")
    table = benchmark.table(samples, scored(benchmark, samples, answers, profile), profile)
    assert (table[-1].name, table[-1].value, table[-1].n) == ("Final Score", total, 1000)
    assert len(table) == 12


def test_ocrbench_rows_agree_with_the_published_table() -> None:
    answers = [row["filtered_resps"][0] for row in golden_rows("ocrbench_dots/base_samples.jsonl")]
    folder = DATA / "golden" / "ocrbench_dots"
    published = {
        line.split("(Total")[0]: int(line.rsplit(":", 1)[1])
        for line in (folder / "base_results.txt").read_text().splitlines()
        if "(Total" in line and ":" in line
    }
    benchmark = OcrBench()
    samples = benchmark.load(folder / "OCRBench.json")
    table = benchmark.table(samples, scored(benchmark, samples, answers, "lmms_legacy"), "lmms_legacy")
    assert {row.name: row.value for row in table} == published


def test_every_row_of_ocrbench_v2_scores_as_published(beside: Beside) -> None:
    rows = golden_rows("ocrbench_v2_official_vectors.jsonl")
    benchmark = OcrBenchV2()
    samples = benchmark.load(beside([_asked(row) for row in rows], "OCRBench_v2.json"))
    scores = scored(benchmark, samples, [row["predict"] for row in rows])
    wrong = [
        (row, score.value)
        for row, score in zip(rows, scores, strict=True)
        if (score.value is None) != ("ignore" in row) or (score.value is not None and score.value != row["score"])
    ]
    assert not wrong


def test_every_row_of_mws_scores_as_published(beside: Beside) -> None:
    rows = golden_rows("mws_official_vectors.jsonl")
    benchmark = MwsVisionBench()
    samples = benchmark.load(beside([_asked(row) for row in rows], "mws.json"))
    scores = scored(benchmark, samples, [row["predict"] for row in rows])
    wrong = [(row, s.value) for row, s in zip(rows, scores, strict=True) if s.value != row.get("correct", row["score"])]
    assert not wrong


def _asked(row: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps({name: value for name, value in row.items() if name not in ("predict", "score", "ignore")}))
