"""Scoring again: same predictions, no model, one code path with evaluate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from ocrtune.core import Estimate, Prediction, Sample, Score
from ocrtune.errors import InputError, RunError
from ocrtune.plugins import DIALECTS
from ocrtune.runs import RunDir
from ocrtune.verbs import score
from ocrtune.verbs.score import Config, Scoring, read_estimates, score_predictions

Build = Callable[..., list[Sample]]
Evaluated = Callable[..., RunDir]
PLAIN = DIALECTS.get("plain")()


def by_name(estimates: list[Estimate]) -> dict[str, Estimate]:
    return {e.metric: e for e in estimates}


def scored_again(config: Config, root: Path) -> tuple[RunDir, dict[str, Estimate]]:
    into = RunDir.create("score", config, root=root)
    with into.guard():
        score.run(config, into)
    return into, by_name(read_estimates(into.path))


def test_another_normalisation_changes_the_figure_and_nothing_else(
    benchmark: Build, evaluated: Evaluated, tmp_path: Path
) -> None:
    samples = benchmark({"a": "«Ночь»", "b": "улица"})
    run = evaluated("base", samples, {"a": '"ночь"', "b": "улица"}, engine="echo", prompt="OCR:")
    before = by_name(read_estimates(run.path))["cer"]
    into, after = scored_again(Config(run=f"run:{run.id}", normalisation="caseless", resamples=200), tmp_path / "runs")
    assert before.mean == pytest.approx(3 / 11) and after["cer"].mean == 0
    assert after["cer"].benchmark_digest == before.benchmark_digest
    changed = {k for k in after["cer"].protocol if after["cer"].protocol[k] != before.protocol.get(k)}
    assert changed == {"normalisation"}
    assert into.status == "done" and into.manifest.inputs["predictions"] == run.id
    assert into.resolve(f"run:{into.id}", "predictions") == (run.path / "predictions.jsonl").resolve()


def test_scoring_the_same_way_again_gives_the_same_files(benchmark: Build, evaluated: Evaluated, tmp_path: Path) -> None:
    run = evaluated("base", benchmark({"a": "abc", "b": "abd"}), {"a": "abc", "b": None}, engine="echo")
    into, _ = scored_again(Config(run=str(run.path), resamples=500), tmp_path / "runs")
    for name in ("scores.jsonl", "estimate.json", "samples.jsonl"):
        assert (into.path / name).read_bytes() == (run.path / name).read_bytes()


def test_what_happened_to_the_requests_stands_beside_every_figure(benchmark: Build) -> None:
    samples = benchmark(dict.fromkeys("abcde", "12345678"))
    replies = [
        Prediction.model_validate_json('{"sample_id":"a","finish":"error","error":{"kind":"timeout","message":"late"}}'),
        Prediction(sample_id="b", text="1234", finish="length"),
        Prediction(sample_id="c", text="12345678" * 3, finish="loop"),
        Prediction(sample_id="d", text=" \n"),
        Prediction(sample_id="e", text="12345678"),
    ]
    found = score_predictions(samples, replies, dialect=PLAIN, scoring=Scoring(resamples=200), protocol={}).estimates
    assert all((e.failed, e.truncated, e.looped, e.empty, e.unscored) == (1, 1, 1, 1, 0) for e in found)
    assert by_name(found)["cer"].mean == pytest.approx((8 + 4 + 16 + 8 + 0) / 40)


def test_corpus_and_per_sample_figures_are_both_there_and_the_first_metric_leads(benchmark: Build) -> None:
    samples = benchmark({"a": "abcd", "b": "abcdefgh" * 4})
    replies = [Prediction(sample_id="a", text=""), Prediction(sample_id="b", text="abcdefgh" * 4)]
    scoring = Scoring(metrics=("cer", "exact"), resamples=200)
    found = score_predictions(samples, replies, dialect=PLAIN, scoring=scoring, protocol={}).estimates
    assert [(e.metric, e.mean) for e in found] == [("cer", pytest.approx(4 / 36)), ("exact", 0.5), ("cer_macro", 0.5)]


def test_every_rate_says_in_which_unit_it_counts_and_is_pooled_both_ways(benchmark: Build) -> None:
    samples = benchmark({"a": "abcd", "b": "e\u0301fgh"})
    replies = [Prediction(sample_id="a", text="abcdabcd"), Prediction(sample_id="b", text="efgh")]
    names = ("cer", "cer_graphemes", "wer", "ned", "ned_graphemes", "exact")
    scoring = Scoring(metrics=names, normalisation="none", resamples=200)
    found = by_name(score_predictions(samples, replies, dialect=PLAIN, scoring=scoring, protocol={}).estimates)
    units = {name: found[name].protocol.get("unit") for name in names}
    assert units == {"cer": "code point", "cer_graphemes": "grapheme cluster", "wer": "word", "ned": "code point",
                     "ned_graphemes": "grapheme cluster", "exact": None}  # fmt: skip
    assert (found["ned"].mean, found["ned_micro"].mean) == (pytest.approx((4 / 8 + 1 / 5) / 2), pytest.approx(5 / 13))
    assert (found["ned_graphemes"].mean, found["ned_graphemes_micro"].mean) == (pytest.approx((4 / 8 + 1 / 4) / 2), 5 / 12)
    assert found["ned_micro"].protocol["pool"] == "micro" and found["cer_macro"].protocol["pool"] == "macro"
    assert "exact_micro" not in found and found["cer_macro"].mean == pytest.approx((4 / 4 + 1 / 5) / 2)


def test_a_metric_that_suits_no_sample_says_why(
    benchmark: Build, evaluated: Evaluated, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = evaluated("base", benchmark({"a": "abc", "b": "abd"}), {"a": "abc", "b": None})
    scored_again(
        Config(run=str(run.path), metrics=("cer", "fields_f1", "det_recall", "det_hmean"), resamples=100), tmp_path / "runs"
    )
    assert [r.message for r in caplog.records if "could be scored" in r.message] == [
        "no sample could be scored by det_hmean, det_recall: a target of the kind 'text' has no boxes to find",
        "no sample could be scored by fields_f1: a target of the kind 'text' has no fields to compare",
    ]


def test_the_protocol_says_whether_meteor_had_synonyms(benchmark: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, replies = benchmark({"a": "the cat sat"}), [Prediction(sample_id="a", text="the cat sat")]
    monkeypatch.setattr("ocrtune.scoring.wordnet.find", lambda: None)
    scoring = Scoring(metrics=("cer", "meteor"), resamples=200)
    found = score_predictions(samples, replies, dialect=PLAIN, scoring=scoring, protocol={}).estimates
    assert all(e.protocol["wordnet"] == "none" for e in found)


def test_a_missing_prediction_is_an_error_not_a_smaller_benchmark(benchmark: Build) -> None:
    samples = benchmark({"a": "x", "b": "y"})
    with pytest.raises(InputError, match="1 of 2 samples have no prediction, the first is 'b'"):
        score_predictions(samples, [Prediction(sample_id="a", text="x")], dialect=PLAIN, scoring=Scoring(), protocol={})


def test_a_bare_predictions_file_is_scored_against_a_dataset(benchmark: Build, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "test.jsonl").write_text("".join(s.line() + "\n" for s in benchmark({"a": "abcd"})), "utf-8")
    file = tmp_path / "mine.jsonl"
    file.write_text(Prediction(sample_id="a", text="abxd").line() + "\n", "utf-8")
    into, found = scored_again(Config(run=str(file), data=str(data), resamples=200), tmp_path / "runs")
    assert found["cer"].mean == 0.25
    assert [s.errors for s in into.read("scores.jsonl", Score) if s.metric == "cer"] == [1]
    with pytest.raises(InputError, match="does not say what it is about"):
        scored_again(Config(run=str(file)), tmp_path / "runs")


def test_wrong_names_are_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no such metric: cerr"):
        Config(run="x", metrics=("cerr",))
    with pytest.raises(RunError, match="no run called 'nowhere'"):
        scored_again(Config(run="run:nowhere"), tmp_path / "runs")
    with pytest.raises(InputError, match="no such file"):
        scored_again(Config(run="nowhere.jsonl"), tmp_path / "runs")
