"""Small splits of the question benchmarks: what is asked, what is allowed, what the tables say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocrtune.benchmarks.chartqa import ChartQa
from ocrtune.benchmarks.docvqa import DocVqa, InfoVqa
from ocrtune.benchmarks.mme import Mme
from ocrtune.benchmarks.mws import MwsVisionBench
from ocrtune.benchmarks.ocrbench_v2 import OcrBenchV2
from ocrtune.errors import ConfigError, InputError
from ocrtune.plugins import BENCHMARKS
from ocrtune.verbs.score import Scoring, chosen

from .conftest import drawn, scored

Beside = Callable[[list[dict[str, Any]], str], Path]
WORD = "\nAnswer the question using a single word or phrase."


@pytest.mark.parametrize("benchmark", [DocVqa(), InfoVqa()])
def test_docvqa_asks_for_a_word_and_scores_likeness(benchmark: DocVqa, beside: Beside) -> None:
    rows = [
        {"question": "Who?", "questionId": "7", "answers": ["Ivan Petrov", "Petrov"], "ucsf_document_id": "rnbx0223"},
        {"question": "Sum?", "answers": ["12"]},
    ]
    samples = benchmark.load(beside(rows, "rows.json"))
    assert samples[0].group == "rnbx0223" != samples[1].group  # its pages are one document
    assert [s.question for s in samples] == [f"Who?{WORD}", f"Sum?{WORD}"]
    assert samples[0].tags["question_id"] == "7"
    scores = scored(benchmark, samples, ["ivan  petrof", None])
    assert [score.value for score in scores] == [pytest.approx(11 / 12), 0]
    assert [row[1] for row in benchmark.table(samples, scores, "lmms_current")] == [pytest.approx(11 / 24)]
    assert [row[1] for row in benchmark.table(samples, scores, "vlmevalkit")] == [pytest.approx(1100 / 24)]


def test_docvqa_reads_the_file_of_the_competition(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(drawn("a"))
    rows = {"dataset_name": "docvqa", "data": [{"questionId": 1, "question": "Q?", "image": "documents/a.png", "answers": ["a"]}]}
    (tmp_path / "documents").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "documents" / "a.png")
    (tmp_path / "val_v1.0_withQT.json").write_text(json.dumps(rows))
    (sample,) = DocVqa().load(tmp_path)
    assert sample.images[0].size == (120, 32)


def test_chartqa_forgives_five_percent_and_tells_its_halves(beside: Beside) -> None:
    benchmark = ChartQa()
    rows = [
        {"question": "How many?", "answer": "100", "type": "human_test"},
        {"question": "Which?", "answer": "Red", "type": "x"},
    ]
    samples = benchmark.load(beside(rows, "rows.json"))
    assert samples[0].question == "How many?\nAnswer the question with a single word."
    table = benchmark.table(samples, scored(benchmark, samples, [" 104 ", "blue"]), "lmms_current")
    assert {row.name: row.value for row in table} == {"human": 1, "augmented": 0, "overall": 0.5}
    assert [s.value for s in scored(benchmark, samples, ["red ", "red "], "vlmevalkit")] == [0, 1]
    assert benchmark.max_tokens == 16


def test_mme_counts_questions_and_pictures(beside: Beside) -> None:
    benchmark = Mme()
    asked = "Is it a {}? Please answer yes or no."
    rows = [
        {
            "question_id": f"OCR/{at // 2}.png",
            "category": "OCR",
            "question": asked.format(at),
            "answer": "Yes" if at % 2 else "No",
        }
        for at in range(4)
    ]
    samples = benchmark.load(beside(rows, "rows.json"))
    assert samples[0].question == f"Is it a 0?{WORD}"
    table = {row.name: row.value for row in benchmark.table(samples, scored(benchmark, samples, ["No.", "yes", "no", "no"]), "x")}
    assert table["OCR"] == (200 + 50) / 2
    assert (table["Perception"], table["Cognition"], table["Total"]) == (125, 0, 125)


def test_mme_harnesses_disagree_about_not_sure(beside: Beside) -> None:
    benchmark = Mme()
    rows = [{"question_id": "1", "category": "OCR", "question": "q", "answer": "No"}]
    samples = benchmark.load(beside(rows, "rows.json"))
    assert scored(benchmark, samples, ["not sure"], "lmms_current")[0].value == 1
    assert scored(benchmark, samples, ["not sure"], "vlmevalkit")[0].value == 0


def test_ocrbench_v2_totals_depend_on_the_profile(beside: Beside) -> None:
    benchmark = OcrBenchV2()
    rows = [{"type": "text recognition en", "question": "q", "answers": ["a"]}] * 3
    rows += [
        {"type": "reasoning VQA en", "question": "q", "answers": ["a"]},
        {"type": "cognition VQA cn", "question": "q", "answers": ["b"]},
    ]
    samples = benchmark.load(beside(rows, "rows.json"))
    replies = ["a", "a", "x", "a", "x"]
    totals = {}
    for profile in benchmark.profiles:
        table = benchmark.table(samples, scored(benchmark, samples, replies, profile), profile)
        totals[profile] = {row.name: row.value for row in table}
    assert totals["official"]["English overall"] == pytest.approx((2 / 3 + 1) / 2)
    assert totals["official"]["Total"] is None
    assert totals["lmms_current"]["English overall"] == pytest.approx(3 / 4)
    assert totals["lmms_current"]["Total"] == pytest.approx(3 / 5)
    assert totals["lmms_legacy"]["Total"] == pytest.approx((2 / 3 + 1) / 8 / 2)


def test_any_parseable_chart_is_right_to_the_legacy_profile_only(beside: Beside) -> None:
    benchmark = OcrBenchV2()
    rows = [{"type": "chart parsing en", "question": "q", "answers": ["{'a': {'x': 1}}"]}]
    samples = benchmark.load(beside(rows, "rows.json"))
    wrong = "{'nothing': 'of the kind', 'at': 'all'}"
    assert scored(benchmark, samples, [wrong], "lmms_legacy")[0].value == 1
    assert (scored(benchmark, samples, [wrong], "official")[0].value or 0) < 0.5


def test_mws_averages_categories_and_keeps_antifraud_apart(beside: Beside) -> None:
    benchmark = MwsVisionBench()
    rows: list[dict[str, Any]] = [
        {"type": "reasoning VQA ru", "question": "q", "answers": ["да"]},
        {"type": "reasoning VQA ru", "question": "q", "answers": ["нет"]},
        {"type": "text grounding ru", "question": "q", "answers": [0, 0, 10, 10]},
        {"type": "antifraud ru", "dataset_name": "edited", "question": "q", "answers": ["дата"]},
    ]
    samples = benchmark.load(beside(rows, "rows.json"))
    replies = ["да", "да", "[0, 0, 10, 10]", '{"label": "edited", "arguments": "дата"}']
    table = {row.name: row for row in benchmark.table(samples, scored(benchmark, samples, replies), "official")}
    assert (table["overall"].value, table["overall"].n) == (0.75, 3)
    assert table["antifraud balanced accuracy"].value == pytest.approx(1 / 3)
    assert table["antifraud"].value == pytest.approx(0.5)


@pytest.mark.parametrize("name", BENCHMARKS.names())
def test_every_benchmark_says_what_it_is(name: str) -> None:
    benchmark = BENCHMARKS.get(name)()
    assert benchmark.name == name
    assert benchmark.profiles
    assert "/" in benchmark.hub
    assert benchmark.max_tokens > 0
    assert benchmark.table([], [], benchmark.profiles[0]) is not None
    assert chosen(Scoring(benchmark=name, profile=benchmark.profiles[-1])) is not None
    with pytest.raises(ConfigError, match="has no profile"):
        chosen(Scoring(benchmark=name, profile="latest"))


@pytest.mark.parametrize("benchmark", [OcrBenchV2(), MwsVisionBench()])
def test_data_of_another_benchmark_are_refused_when_they_are_loaded(benchmark: Any, beside: Beside) -> None:
    with pytest.raises(InputError, match="row 1: 'Regular Text Recognition'"):
        benchmark.load(beside([{"type": "Regular Text Recognition", "question": "q", "answers": ["a"]}], "rows.json"))
