"""The verdict on real run directories: pairing, refusing, and what is written."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocrtune.cli.main import main
from ocrtune.config import Section
from ocrtune.core import AnswersTarget, BoxesTarget, Decoded, FieldsTarget, ImageRef, Region, Sample, Target, TextTarget
from ocrtune.errors import ComparisonError, RunError
from ocrtune.plugins import DIALECTS
from ocrtune.runs import RunDir
from ocrtune.verbs import compare, score
from ocrtune.verbs._contrasts import shown
from ocrtune.verbs._sides import read_result, training_curve
from ocrtune.verbs.compare import Config, Runs

Build = Callable[..., list[Sample]]
Evaluated = Callable[..., RunDir]
REFERENCES = {f"line{i:02d}": f"Счёт на оплату {i} от марта" for i in range(24)}
GARBAGE = dict.fromkeys(REFERENCES, "Cuet ha onnary")
GOOD = dict(REFERENCES)


def compared(config: Config, root: Path) -> tuple[RunDir, dict[str, Any]]:
    into = RunDir.create("compare", config, root=root)
    with into.guard():
        compare.run(config, into)
    return into, json.loads((into.path / "verdict.json").read_text("utf-8"))


def test_a_better_model_is_called_better_and_its_regressions_are_listed(
    benchmark: Build, evaluated: Evaluated, tmp_path: Path
) -> None:
    samples = benchmark(REFERENCES, lines=2)
    a = evaluated("base", samples, GARBAGE | {"line05": REFERENCES["line05"]}, model="nano", temperature="0")
    b = evaluated(
        "tuned", samples, GOOD | {"line05": ("Счёт на на на", "loop"), "line07": None}, model="nano-ru", temperature="0"
    )
    into, verdict = compared(Config(a=f"run:{a.id}", b=str(b.path), resamples=500), tmp_path / "runs")
    assert verdict["verdict"] == "better" and verdict["metric"] == "cer" and verdict["n"] == 24 and verdict["groups"] == 12
    assert verdict["tuned"] < 0.1 < verdict["base"]
    assert verdict["low"] <= verdict["difference"] <= verdict["high"] < 0 and verdict["p_value"] < 0.05 and verdict["mde"] > 0
    assert [page["id"] for page in verdict["worse"]] == ["line05", "line07"]
    assert verdict["worse"][0]["base"] == 0 and Path(verdict["worse"][0]["image"]).is_file()
    assert verdict["better"] + verdict["same"] + len(verdict["worse"]) == 24
    assert verdict["protocol_differences"] == [{"key": "model", "base": "nano", "tuned": "nano-ru"}]
    counts = {"failed": 1, "truncated": 0, "empty": 0, "looped": 1, "unscored": 0, "duplicates": 0, "echoed": 0}
    assert verdict["counts"]["tuned"] == counts
    assert into.status == "done" and into.manifest.inputs == {"base": a.id, "tuned": b.id}
    report = (into.path / into.manifest.outputs["report"]).read_text("utf-8")
    assert "✓ Better" in report and "fell into a loop" in report


def test_the_same_result_twice_cannot_be_told_apart(benchmark: Build, evaluated: Evaluated, tmp_path: Path) -> None:
    run = evaluated("base", benchmark(REFERENCES), GARBAGE, model="nano")
    _, verdict = compared(Config(a=str(run.path), b=str(run.path), resamples=500), tmp_path / "runs")
    assert (verdict["verdict"], verdict["difference"], verdict["worse"]) == ("cannot tell", 0, [])
    assert verdict["protocol_differences"] == []


def test_another_metric_may_decide(benchmark: Build, evaluated: Evaluated, tmp_path: Path) -> None:
    samples = benchmark(REFERENCES)
    a, b = evaluated("base", samples, GARBAGE, model="m"), evaluated("tuned", samples, GOOD, model="m")
    _, verdict = compared(Config(a=str(a.path), b=str(b.path), metric="exact", resamples=500), tmp_path / "runs")
    assert (verdict["verdict"], verdict["direction"], verdict["tuned"]) == ("better", "higher", 1)
    assert verdict["mcnemar"] == pytest.approx(2 / 2**24)
    with pytest.raises(ComparisonError, match="no 'bleu'; it has cer, char_f1, exact, wer"):
        compared(Config(a=str(a.path), b=str(b.path), metric="bleu"), tmp_path / "runs")


def test_different_benchmarks_are_refused_saying_how_they_differ(benchmark: Build, evaluated: Evaluated, tmp_path: Path) -> None:
    samples = benchmark(REFERENCES)
    changed = [samples[0].model_copy(update={"target": TextTarget(text="другой")}), *samples[2:]]
    a, b = evaluated("base", samples, GARBAGE, model="m"), evaluated("tuned", changed, GOOD, model="m")
    with pytest.raises(ComparisonError) as caught:
        compared(Config(a=str(a.path), b=str(b.path)), tmp_path / "runs")
    assert caught.value.exit_code == 9
    assert "1 samples only in the first: line01" in str(caught.value)
    assert "1 samples with another target: line00" in str(caught.value)


def test_a_gain_by_answering_more_often_is_told_from_reading_better(
    benchmark: Build, evaluated: Evaluated, tmp_path: Path
) -> None:
    samples = benchmark(REFERENCES)
    silent = {name: "" if index % 2 else text for index, (name, text) in enumerate(GOOD.items())}
    a, b = evaluated("base", samples, silent, model="m"), evaluated("tuned", samples, GOOD, model="m")
    _, verdict = compared(Config(a=str(a.path), b=str(b.path), resamples=500), tmp_path / "runs")
    answered = {s["value"]: (s["n"], s["difference"]) for s in verdict["slices"] if s["tag"] == "answered"}
    assert answered == {"by both": (12, 0.0), "by the tuned only": (12, -1.0)}


def test_figures_by_different_rules_are_refused(benchmark: Build, evaluated: Evaluated, tmp_path: Path) -> None:
    samples = benchmark(REFERENCES)
    a, b = evaluated("base", samples, GARBAGE, model="m"), evaluated("tuned", samples, GARBAGE, model="m")
    again = RunDir.create("score", score.Config(run=str(b.path), normalisation="nospace"), root=tmp_path / "runs")
    score.run(score.Config(run=str(b.path), normalisation="nospace", resamples=500), again)
    with pytest.raises(ComparisonError, match="normalisation: default and nospace"):
        compared(Config(a=str(a.path), b=str(again.path)), tmp_path / "runs")


def test_an_unfinished_run_is_refused_with_what_to_do(tmp_path: Path) -> None:
    class Options(Section):
        """None."""

    run = RunDir.create("evaluate", Options(), root=tmp_path / "runs")
    with pytest.raises(RunError, match=r"has no estimate\.json: it was not finished"):
        compared(Config(a=str(run.path), b=str(run.path)), tmp_path / "runs")


def test_a_second_comparison_stands_in_the_same_report_and_verdict(
    benchmark: Build, evaluated: Evaluated, tmp_path: Path
) -> None:
    ru, en = benchmark(REFERENCES), benchmark({f"en{i}": f"Invoice number {i} of March" for i in range(12)})
    a, b = evaluated("a", ru, GARBAGE, model="m"), evaluated("b", ru, GOOD, model="n")
    c = evaluated("c", en, {s.id: s.target.text for s in en if isinstance(s.target, TextTarget)}, model="m")
    d = evaluated("d", en, {s.id: "lnv" for s in en}, model="n")
    also = {"What it did to English": Runs(a=str(c.path), b=str(d.path))}
    into, verdict = compared(Config(a=str(a.path), b=str(b.path), resamples=500, also=also), tmp_path / "runs")
    assert (verdict["verdict"], verdict["also"]["What it did to English"]["verdict"]) == ("better", "worse")
    report = (into.path / "report.html").read_text("utf-8")
    assert report.index("✓ Better") < report.index("What it did to English</h2>") < report.index("✗ Worse")


def test_the_training_curve_is_found_through_the_merged_model(benchmark: Build, evaluated: Evaluated, tmp_path: Path) -> None:
    class Options(Section):
        """Whatever."""

        kind: str

    train = RunDir.create("train", Options(kind="t"), root=tmp_path / "runs")
    lines = ['{"kind":"eval","step":0,"cer":0.9}', '{"kind":"step","step":10,"loss":2.5}', '{"kind":"eval","step":10,"cer":0.4}']
    (train.path / "history.jsonl").write_text("\n".join([*lines, '{"kind":"step","st']), "utf-8")
    merge = RunDir.create("merge", Options(kind="m"), root=tmp_path / "runs")
    merge.link(adapter=f"run:{train.id}")
    run = evaluated("tuned", benchmark({"a": "x"}), {"a": "x"}, model=str(merge.path / "artifacts" / "model"))
    assert [tuple(p) for p in training_curve(read_result(str(run.path), merge))] == [(0, None, 0.9), (10, 2.5, 0.4)]
    alone = evaluated("alone", benchmark({"a": "x"}), {"a": "x"}, model="some/hub-id")
    assert training_curve(read_result(str(alone.path), merge)) == []


def test_all_metrics_are_compared_and_corrected_together(benchmark: Build, evaluated: Evaluated, tmp_path: Path) -> None:
    samples = benchmark(REFERENCES)
    a, b = evaluated("base", samples, GARBAGE, model="m"), evaluated("tuned", samples, GOOD, model="n")
    into, verdict = compared(Config(a=str(a.path), b=str(b.path), resamples=500), tmp_path / "runs")
    assert list(verdict["metrics"]) == ["cer", "wer", "char_f1", "exact"]
    assert all(one["tests"] == 4 and one["p_holm"] >= one["p_value"] for one in verdict["metrics"].values())
    assert verdict["metrics"]["cer"]["test"] == "sign-flip permutation"
    exact = verdict["metrics"]["exact"]
    assert exact["test"] == "exact McNemar" and exact["p_value"] == exact["crossed"]["p_value"] == pytest.approx(2 / 2**24)
    assert [exact["crossed"][k] for k in ("both", "only_base", "only_tuned", "neither")] == [0, 0, 24, 0]
    assert "corrected for 4 comparisons" in verdict["statement"]
    assert verdict["mistakes"]["base"]["kinds"]["substitution"]["samples"] == 24 and verdict["mistakes"]["tuned"]["edits"] == 0
    each = [json.loads(line) for line in (into.path / "mistakes.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in each] == list(REFERENCES) and each[0]["base"]["substitution"] > 5 and each[0]["tuned"] == {}
    assert sum(sum(row["base"].values()) for row in each) == verdict["mistakes"]["base"]["edits"]
    assert {s["tag"] for s in verdict["slices"]} == set() and into.manifest.outputs["markdown"] == "verdict.md"


def test_more_candidates_share_one_correction(benchmark: Build, evaluated: Evaluated, tmp_path: Path) -> None:
    samples = benchmark(REFERENCES)
    a, b, c = (evaluated(n, samples, r, model=n) for n, r in (("x", GARBAGE), ("y", GOOD), ("z", GARBAGE)))
    config = Config(a=str(a.path), b=str(b.path), others=(str(c.path),), resamples=500)
    into, verdict = compared(config, tmp_path / "runs")
    other = verdict["candidates"][f"The verdict: {c.id}"]
    assert (verdict["verdict"], other["verdict"], other["tuned_model"]) == ("better", "cannot tell", "z")
    assert (verdict["tests"], other["tests"], verdict["also"]) == (4, 1, {})  # what does not differ needs no correction
    assert into.manifest.inputs == {"base": a.id, "tuned": b.id, "tuned2": c.id}
    with pytest.raises(ComparisonError, match="given twice"):
        compared(Config(a=str(a.path), b=str(b.path), others=(str(b.path),)), tmp_path / "runs")


def test_the_table_of_right_and_wrong_is_printed_and_documents_are_respected(
    benchmark: Build, evaluated: Evaluated, tmp_path: Path
) -> None:
    samples = benchmark(REFERENCES, lines=2)
    names = list(REFERENCES)
    first = {n: REFERENCES[n] if i < 10 else "x" for i, n in enumerate(names)}
    second = {n: REFERENCES[n] if 2 <= i < 20 else "x" for i, n in enumerate(names)}
    a, b = evaluated("base", samples, first, model="m"), evaluated("tuned", samples, second, model="n")
    into = RunDir.create("compare", Config(a=str(a.path), b=str(b.path)), root=tmp_path / "runs")
    found = compare.run(Config(a=str(a.path), b=str(b.path), metric="exact", resamples=500), into)
    table = found.comparison.crossed
    assert table is not None and (table.both, table.only_base, table.only_tuned, table.neither) == (8, 2, 10, 4)
    assert table.p_value == pytest.approx(2 * (1 + 12 + 66) / 2**12) and found.comparison.test == "sign-flip permutation"
    told = str(found)
    assert "base right" in told and "won 10, lost 2: McNemar exact p = 0.03857" in told and "not independent" in told
    assert "won 10, lost 2" in (into.path / "verdict.md").read_text("utf-8")


def test_a_gate_objects_after_everything_was_written(benchmark: Build, evaluated: Evaluated, tmp_path: Path) -> None:
    samples = benchmark(REFERENCES)
    a, b = evaluated("base", samples, GOOD, model="m"), evaluated("tuned", samples, GARBAGE, model="n")
    for gate, objects in ((("cer,wer",), True), ((), False)):
        config = Config(a=str(a.path), b=str(b.path), resamples=500, fail_if_worse=gate)
        into = RunDir.create("compare", config, root=tmp_path / "runs")
        found = compare.run(config, into)
        assert into.status == "done" and (found.objection is not None) == objects
        if found.objection is not None:
            assert found.objection.exit_code == 11 and "wer is significantly worse, 0.0000 → " in str(found.objection)
    better = Config(a=str(b.path), b=str(a.path), resamples=500, fail_if_worse=("cer",))
    assert compare.run(better, RunDir.create("compare", better, root=tmp_path / "runs")).objection is None
    with pytest.raises(ComparisonError, match="the gate asks about teds, which was not compared"):
        compared(Config(a=str(a.path), b=str(b.path), fail_if_worse=("teds",)), tmp_path / "runs")


def test_a_suspect_side_is_what_the_verdict_says_first(benchmark: Build, evaluated: Evaluated, tmp_path: Path) -> None:
    samples = benchmark(REFERENCES)
    a = evaluated("base", samples, dict.fromkeys(REFERENCES, ""), model="m")
    b = evaluated("tuned", samples, GOOD, model="n")
    into, verdict = compared(Config(a=str(a.path), b=str(b.path), resamples=500), tmp_path / "runs")
    assert verdict["status"] == "suspect" and verdict["doubts"]["tuned"] == []
    assert verdict["statement"].startswith("Suspect (base: 24 of 24 replies are empty")
    report = (into.path / "report.html").read_text("utf-8")
    assert report.index("! Suspect") < report.index("✓ Better")
    text = (into.path / "verdict.md").read_text("utf-8")
    assert text.index("**Suspect**, base: 24 of 24") < text.index("✓ better")


def test_readings_are_held_against_what_there_is_to_read() -> None:
    def read(target: Target, *texts: str) -> str | None:
        sample = Sample(id="s", group="g", images=(ImageRef(path="x.png"),), target=target)
        return shown(sample, [Decoded(regions=(Region(text=text),)) for text in texts])

    assert read(AnswersTarget(answers=("twelve", "12 EUR")), "", "12 EU") == "12 EUR"
    assert read(BoxesTarget(boxes=(Region(text="EXIT"), Region(text="24"))), "EXIT", "") == "EXIT\n24"
    fields = FieldsTarget(fields={"total": "5 EUR", "lines": [1, {"sum": None}]})
    dialect = DIALECTS.get("fields")()
    read_back = dialect.decode(dialect.encode(fields))
    asked = Sample(id="s", group="g", images=(ImageRef(path="x.png"),), target=fields)
    assert shown(asked, [Decoded(), read_back]) == read_back.text
    assert read(fields, "plain words") is None
    assert read(TextTarget(text="line"), "", "") == "line"


def test_attributes_give_slices_and_charts_are_files(benchmark: Build, evaluated: Evaluated, tmp_path: Path) -> None:
    samples = benchmark(REFERENCES)
    a, b = evaluated("base", samples, GARBAGE, model="m"), evaluated("tuned", samples, GOOD, model="n")
    layout = tmp_path / "layout.csv"
    layout.write_text("image_path,layout\n" + "".join(f"x/{n}.png,{'ab'[i % 2]}\n" for i, n in enumerate(REFERENCES)), "utf-8")
    config = Config(a=str(a.path), b=str(b.path), resamples=500, attributes=layout)
    into, verdict = compared(config, tmp_path / "runs")
    assert [(s["tag"], s["value"], s["n"], s["verdict"]) for s in verdict["slices"]] == [
        ("layout", "a", 12, "better"), ("layout", "b", 12, "better"),
    ]  # fmt: skip
    for name in ("intervals", "slices", "distribution"):
        assert (into.path / "charts" / f"{name}.svg").read_text("utf-8").rstrip().endswith("</svg>")
        head = (into.path / "charts" / f"{name}.png").read_bytes()[:24]
        assert head.startswith(b"\x89PNG") and struct.unpack(">II", head[16:])[0] > 600


def test_the_command_takes_many_candidates_and_a_gate_has_its_own_exit_code(
    benchmark: Build, evaluated: Evaluated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = benchmark(REFERENCES)
    a, b, c = (evaluated(n, samples, r, model=n) for n, r in (("x", GOOD), ("y", GOOD), ("z", GARBAGE)))
    line = [
        "compare",
        f"run:{a.id}",
        f"run:{b.id}",
        f"run:{c.id}",
        "--runs",
        str(tmp_path / "runs"),
        "--resamples",
        "500",
        "--no-charts",
    ]
    assert main(line) == 0
    told = capsys.readouterr().out
    assert told.index(f"The verdict: {b.id}") < told.index(f"The verdict: {c.id}") and "base right" in told
    for _ in range(2):  # a run that is done already objects as it did
        assert main([*line, "--fail-if-worse", "cer,wer"]) == 11
        said = capsys.readouterr()
        assert "verdict.json" in said.out and "error: The verdict: " in said.err and "cer is significantly worse" in said.err
    assert main([*line[:3], *line[4:], "--fail-if-worse", "cer"]) == 0
