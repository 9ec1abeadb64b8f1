"""Published answers through the front door: scored, compared, written back."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from ocrtune.core import Prediction
from ocrtune.errors import InputError
from ocrtune.runs import RunDir
from ocrtune.scoring import gemma
from ocrtune.verbs import compare, score

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "data" / "golden" / "ocrbench_dots"
KINDS = ("Regular Text Recognition", "Handwritten Mathematical Expression Recognition")


def scored(options: score.Config, tmp_path: Path) -> tuple[RunDir, score.Figures]:
    into = RunDir.create("score", options, root=tmp_path / "runs")
    with into.guard():
        return into, score.run(options, into)


def total(into: RunDir) -> Any:
    return json.loads((into.path / "table.json").read_text("utf-8"))[-1]["value"]


def log(tmp_path: Path, name: str, answers: list[str]) -> Path:
    rows = [
        {"doc_id": i, "target": "['x^A']", "filtered_resps": [answer], "input": f"question {i}?",
         "ocrbench_accuracy": {"question_type": KINDS[i % 2], "ground_truth": ["x^A"], "score": 0, "prediction": answer}}
        for i, answer in enumerate(answers)
    ]  # fmt: skip
    file = tmp_path / f"{name}.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    return file


@pytest.mark.parametrize(("profile", "points"), [("lmms_legacy", 560), ("official", 570)])
def test_the_published_answers_have_their_published_total(
    profile: str, points: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if not GOLDEN.is_dir():
        pytest.skip("needs the shared golden answers of OCRBench")
    file = GOLDEN / "base_samples.jsonl"
    options = score.Config(run=str(file), benchmark="ocrbench", profile=profile, metrics=("exact",), resamples=100)
    with caplog.at_level(logging.INFO, "ocrtune"):
        into, found = scored(options, tmp_path)
    same = "the file's own scores are the same for all 1000 answers"
    assert (same if profile == "lmms_legacy" else "differ for 10 of 1000 answers") in caplog.text
    assert total(into) == points and found.estimates[0].mean == points / 1000
    assert found.estimates[0].protocol["profile"] == profile and found.estimates[0].protocol["engine"] == "lmms-eval"
    assert found.estimates[0].status == "suspect" and "169 of 1000 replies are empty" in found.estimates[0].doubts[0]


def test_the_benchmarks_own_data_may_stand_beside_the_answers(tmp_path: Path) -> None:
    if not GOLDEN.is_dir():
        pytest.skip("needs the shared golden answers of OCRBench")
    asked = {"benchmark": "ocrbench", "data": str(GOLDEN / "OCRBench.json"), "metrics": ("exact",), "resamples": 100}
    into, _ = scored(score.Config(run=str(GOLDEN / "base_samples.jsonl"), profile="official", **asked), tmp_path)
    assert total(into) == 570
    with pytest.raises(InputError, match="is not about this data"):
        scored(score.Config(run=str(log(tmp_path, "others", ["a"] * 4)), **asked), tmp_path)


def test_profiles_score_the_same_answers_differently(tmp_path: Path) -> None:
    file = log(tmp_path, "a", ["x^A", "x^A", "no", "x ^ a"])
    for profile, points in (("official", 2), ("lmms_legacy", 1)):
        into, _ = scored(score.Config(run=str(file), benchmark="ocrbench", profile=profile, resamples=100), tmp_path)
        assert total(into) == points


def test_two_answer_files_are_compared_and_their_table_is_told(tmp_path: Path) -> None:
    base = log(tmp_path, "base", ["x^A" if i < 10 else "no" for i in range(40)])
    tuned = log(tmp_path, "tuned", ["x^A" if 3 <= i < 25 else "no" for i in range(40)])
    config = compare.Config(a=str(base), b=str(tuned), benchmark="ocrbench", resamples=500, charts=False)
    into = RunDir.create("compare", config, root=tmp_path / "runs")
    with into.guard():
        found = compare.run(config, into)
    table = found.comparison.crossed
    assert found.comparison.metric == "ocrbench" and table is not None
    assert (table.both, table.only_base, table.only_tuned, table.neither) == (7, 3, 15, 15)
    assert table.p_value == pytest.approx(2 * (1 + 18 + 153 + 816) / 2**18) and found.comparison.test == "exact McNemar"
    assert "won 15, lost 3: McNemar exact p = 0.007538" in str(found)
    assert not (into.path / "charts").exists()
    verdict = json.loads((into.path / "verdict.json").read_text("utf-8"))
    assert {"name": "Final Score", "base": 10, "tuned": 22, "n": 40} in verdict["table"]
    assert (
        all(row["n"] for row in verdict["table"])
        and "| Final Score | 40 | 10 | 22 | +12 |" in (into.path / "verdict.md").read_text()
    )
    assert "Published aggregates" in (into.path / "report.html").read_text("utf-8")
    again = RunDir.create("compare", config.model_copy(update={"title": "again"}), root=tmp_path / "runs")
    assert compare.run(config, again).comparison == found.comparison  # the scored files are found again


def test_answers_that_name_no_pictures_are_said_to_count_as_documents_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = log(tmp_path, "base", ["x^A"] * 4)
    scored(score.Config(run=str(file), benchmark="ocrbench", resamples=100), tmp_path)
    assert "each counts as a document of its own" in caplog.text
    caplog.clear()
    rows = [json.loads(line) | {"doc": {"image_path": f"{i // 2}.png"}} for i, line in enumerate(file.read_text().splitlines())]
    file.write_text("\n".join(map(json.dumps, rows)) + "\n")
    _, found = scored(score.Config(run=str(file), benchmark="ocrbench", resamples=101), tmp_path)
    assert found.estimates[0].groups == 2 and "document of its own" not in caplog.text


def test_several_answer_files_are_told_apart_by_their_names(tmp_path: Path) -> None:
    a, b, c = (
        log(tmp_path, name, ["x^A" if i < rights else "no" for i in range(8)])
        for name, rights in zip("abc", (2, 8, 5), strict=True)
    )
    config = compare.Config(a=str(a), b=str(b), others=(str(c),), benchmark="ocrbench", resamples=500, charts=False)
    into = RunDir.create("compare", config, root=tmp_path / "runs")
    found = compare.run(config, into)
    assert list(found.metrics) == ["The verdict: b", "The verdict: c"]
    (tmp_path / "more").mkdir()
    other = log(tmp_path / "more", "b", ["x^A"] * 8)
    twins = config.model_copy(update={"others": (str(other),)})
    found = compare.run(twins, RunDir.create("compare", twins, root=tmp_path / "runs"))
    assert len(found.metrics) == 2 and all(name.startswith("The verdict: score-") for name in found.metrics)


def test_gemma_results_come_in_and_go_out_with_the_same_figures(tmp_path: Path) -> None:
    pages = [("1.png", "你好，世界", "你好 世间"), ("2.png", "abc", None), ("3.png", "счёт", "счёт")]
    rows = [{"image_path": p, "label": a, "prediction": b, "inference_time": 0.5} for p, a, b in pages]
    file = tmp_path / "result.json"
    file.write_text(json.dumps({"model_name": "gemma3", "samples": rows}), "utf-8")
    options = score.Config(run=str(file), normalisation="gemma", export="gemma", resamples=100)
    into, found = scored(options, tmp_path)
    content = json.loads((into.path / "gemma.json").read_text("utf-8"))
    whole = gemma.overall([gemma.score(a, b or "") for _, a, b in pages])
    assert (content["overall_cer"], content["overall_f1"]) == (whole.overall_cer, whole.overall_f1)
    assert found.estimates[0].mean == pytest.approx(whole.overall_cer) and found.estimates[0].failed == 1
    assert content["model_name"] == "gemma3" and content["total_samples"] == 3 and content["total_inference_time"] == 1.0
    assert [s["image_path"] for s in content["samples"]] == ["1.png", "2.png", "3.png"]
    back, again = scored(score.Config(run=str(into.path / "gemma.json"), normalisation="gemma", resamples=100), tmp_path)
    assert again.estimates[0].mean == found.estimates[0].mean
    assert back.resolve(f"run:{back.id}", "predictions").is_file() and len(back.read("predictions.jsonl", Prediction)) == 3


def test_a_file_that_is_not_there_or_is_nothing_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        scored(score.Config(run=str(tmp_path / "absent.xlsx")), tmp_path)
    (tmp_path / "some.json").write_text("[]")
    with pytest.raises(InputError, match="no answer file that is known"):
        scored(score.Config(run=str(tmp_path / "some.json")), tmp_path)


def test_both_questions_about_a_picture_of_mme_stay_a_pair(tmp_path: Path) -> None:
    doc = {"category": "OCR", "question_id": "code/0001.png", "question": "Is it a shop?"}
    rows = [{"doc_id": i, "filtered_resps": [said], "doc": {**doc, "answer": said}} for i, said in enumerate(("Yes", "No"))]
    file = tmp_path / "mme.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    into, _ = scored(score.Config(run=str(file), benchmark="mme", metrics=("exact",), resamples=100), tmp_path)
    assert total(into) == 200
