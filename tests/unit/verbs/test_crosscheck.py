"""Replies scored a second time by lmms-eval: by the real one where an interpreter has it, and by a stand-in package in a real
process for all that can go wrong on the way."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ocrtune.cli.main import main
from ocrtune.errors import ConfigError, EngineError, MissingExtraError
from ocrtune.runs import RunDir
from ocrtune.verbs import score

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "golden"
KIND = "Regular Text Recognition"
STAND_IN = """
import os, sys
print("a banner that nobody asked for")
OTHER = {other!r}
def ocrbench_process_results(doc, results):
    print("noise on the standard output")
    reply = results[0]
    if reply == "die":
        print("it hurts", file=sys.stderr)
        os._exit(3)
    if reply == "raise":
        raise KeyError("predict")
    score = int(any(one.lower() in reply.lower() for one in doc["answer"]))
    return {{"ocrbench_accuracy": {{"question_type": doc["question_type"], "score": 1 - score if reply == OTHER else score}}}}
def ocrbench_aggregate_accuracy(results, args):
    return sum(one["score"] for one in results) / 1000
"""


@pytest.fixture
def answers(tmp_path: Path) -> Any:
    """`answers("red", "blue")`: a file of replies to questions whose answer is always red."""

    def build(*replies: str) -> str:
        rows = [
            {"doc_id": i, "target": "['red']", "filtered_resps": [reply], "input": "what colour?",
             "ocrbench_accuracy": {"question_type": KIND, "ground_truth": ["red"], "prediction": reply}}
            for i, reply in enumerate(replies)
        ]  # fmt: skip
        file = tmp_path / "answers.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
        return str(file)

    return build


@pytest.fixture
def lmms_eval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`lmms_eval("code")`: a package of that name, whose OCRBench task is this code, for processes that are started."""

    def build(code: str) -> None:
        package = tmp_path / "site" / "lmms_eval"
        task = package / "tasks" / "ocrbench"
        task.mkdir(parents=True)
        for folder in (package, package / "tasks", task):
            (folder / "__init__.py").touch()
        (task / "utils.py").write_text(code, "utf-8")
        facts = tmp_path / "site" / "lmms_eval-9.9.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: lmms-eval\nVersion: 9.9\n", "utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))

    return build


def checked(tmp_path: Path, file: str, **options: Any) -> tuple[RunDir, score.Figures, dict[str, Any]]:
    asked = {"benchmark": "ocrbench", "profile": "lmms_current", "metrics": ("exact",), "resamples": 100, **options}
    config = score.Config(run=file, cross_check="lmms-eval", **asked)
    into = RunDir.create("score", config, root=tmp_path / "runs")
    with into.guard():
        found = score.run(config, into)
    return into, found, json.loads((into.path / "crosscheck.json").read_text("utf-8"))


def test_what_agrees_and_what_does_not_is_said_and_kept(
    tmp_path: Path, answers: Any, lmms_eval: Any, caplog: pytest.LogCaptureFixture
) -> None:
    lmms_eval(STAND_IN.format(other="a red one"))
    with caplog.at_level(logging.INFO, "ocrtune"):
        into, found, kept = checked(tmp_path, answers(" Red\n", "a red one", "green"), fail_if_different=True)
    assert (kept["harness"], kept["version"], kept["n"], kept["agreeing"], kept["failed"]) == ("lmms-eval", "9.9", 3, 2, 0)
    assert kept["differences"] == [{"id": "1", "here": 1.0, "there": 0.0, "why": None}]
    assert kept["totals"] == [{"name": "Final Score", "here": 2.0, "there": 1.0}]
    assert "lmms-eval 9.9 gives 2 of 3 replies the score that they have here" in caplog.text
    assert "1: 1 here, 0 there" in caplog.text and "its Final Score: 1 (2 here)" in caplog.text
    assert into.status == "done" and into.manifest.outputs["crosscheck"] == "crosscheck.json"
    assert found.objection is not None and "differs in 1 of 3 replies; and in Final Score" in str(found.objection)


def test_the_gate_has_its_exit_code_and_is_opened_by_agreement(tmp_path: Path, answers: Any, lmms_eval: Any) -> None:
    lmms_eval(STAND_IN.format(other="a red one"))
    line = ["score", answers("red", "a red one"), "--benchmark", "ocrbench", "--cross-check", "lmms-eval",
            "--resamples", "100", "--runs", str(tmp_path / "runs")]  # fmt: skip
    assert main(line) == 0
    assert main([*line, "--fail-if-different"]) == 11
    assert main([*line, "--fail-if-different"]) == 11, "a finished run must not forget what its gate found"
    answers("red", "green")
    assert main([*line, "--fail-if-different", "--fresh"]) == 0


def test_a_question_that_it_cannot_score_is_a_difference_with_its_reason(tmp_path: Path, answers: Any, lmms_eval: Any) -> None:
    lmms_eval(STAND_IN.format(other=None))
    _, found, kept = checked(tmp_path, answers("red", "raise", "red"))
    assert kept["failed"] == 1 and kept["agreeing"] == 2 and kept["totals"] == []
    assert kept["differences"] == [{"id": "1", "here": 0.0, "there": None, "why": "KeyError: 'predict'"}]
    assert found.objection is None, "no gate was asked for"


def test_a_process_that_dies_is_an_error_with_its_last_words(tmp_path: Path, answers: Any, lmms_eval: Any) -> None:
    lmms_eval(STAND_IN.format(other=None))
    with pytest.raises(EngineError, match=r"exit code 3 before it was done: .*it hurts"):
        checked(tmp_path, answers(*["red"] * 50, "die", *["red"] * 5000))


@pytest.mark.parametrize(
    ("code", "error", "message", "hint"),
    [
        ('raise RuntimeError("operator torchvision::nms does not exist")', EngineError, "torchvision does not", "pip uninstall"),
        ("import Polygon", MissingExtraError, "needs the package 'Polygon3'", "-m pip install Polygon3"),
        ("raise ImportError('cannot import name x')", EngineError, "cannot be imported: ImportError", "repair"),
    ],
)  # fmt: skip
def test_what_keeps_it_from_being_imported_is_said_with_the_remedy(
    code: str, error: type[Exception], message: str, hint: str, tmp_path: Path, answers: Any, lmms_eval: Any
) -> None:
    lmms_eval(code)
    with pytest.raises(error, match=message) as caught:
        checked(tmp_path, answers("red"))
    assert hint in str(getattr(caught.value, "hint", ""))


def test_without_it_the_error_says_what_to_install_and_where(tmp_path: Path, answers: Any) -> None:
    if importlib.util.find_spec("lmms_eval") is not None:
        pytest.skip("lmms-eval is installed beside these tests")
    with pytest.raises(MissingExtraError, match="lmms-eval is not installed in ") as caught:
        checked(tmp_path, answers("red"))
    assert "--cross-check-python" in str(caught.value.hint)
    with pytest.raises(EngineError, match="cannot be started"):
        checked(tmp_path, answers("red"), cross_check_python=str(tmp_path / "no-python"))


def test_what_it_does_not_know_is_refused_before_anything_is_scored(tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text(json.dumps({"samples": [{"image_path": "a.png", "label": "red", "prediction": "red"}]}))
    with pytest.raises(ConfigError, match=r"lmms-eval can check ocrbench, .*, not a reading of no benchmark"):
        checked(tmp_path, str(file), benchmark=None, profile=None)


# --- the real one ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter that has lmms-eval: named by OCRTUNE_LMMS_EVAL_PYTHON, else this one."""
    named = os.environ.get("OCRTUNE_LMMS_EVAL_PYTHON", sys.executable)
    if subprocess.run([named, "-c", "import lmms_eval.tasks"], capture_output=True, check=False).returncode:
        pytest.skip(f"lmms-eval cannot be imported by {named}; OCRTUNE_LMMS_EVAL_PYTHON may name another Python")
    return named


def test_lmms_eval_says_the_same_of_every_published_answer(python: str, tmp_path: Path) -> None:
    file = SHARED / "ocrbench_dots" / "base_samples.jsonl"
    if not file.is_file():
        pytest.skip("needs the shared golden answers of OCRBench")
    data = str(file.parent / "OCRBench.json")
    _, found, kept = checked(tmp_path, str(file), data=data, cross_check_python=python, fail_if_different=True)
    assert kept["n"] == kept["agreeing"] == 1000 and kept["differences"] == []
    assert kept["totals"] == [{"name": "Final Score", "here": 570.0, "there": 570.0}] and found.objection is None


DOCUMENT = {"question": "q?", "answers": ["Straße 5", "street"]}
PICTURE = {"category": "OCR", "question_id": "a.png", "question": "Is it? Please answer yes or no."}
ROWS: dict[str, list[tuple[dict[str, Any], str]]] = {
    "docvqa": [(DOCUMENT, " strasse 5"), (DOCUMENT, "x"), (DOCUMENT, "STREETS")],
    "infovqa": [(DOCUMENT, "Strase 5")],
    "chartqa": [
        ({"question": "q?", "answer": "45%", "type": "human_test"}, "0.46"),
        ({"question": "q?", "answer": "Red", "type": "augmented_test"}, " red "),
        ({"question": "q?", "answer": "0", "type": "augmented_test"}, "0.0"),
    ],
    "mme": [({**PICTURE, "answer": "Yes"}, "Yes."), ({**PICTURE, "answer": "No"}, "not sure")],
    "ocrbench-v2": [
        ({"type": "cognition VQA en", "question": "q?", "answers": ["a long answer of six words"], "eval": "None"},
         "a long answer of 6 words"),
        ({"type": "text grounding en", "question": "q?", "answers": ["1", "2", "30", "40"], "eval": "None"}, "(1, 2, 30, 50)"),
        ({"type": "text spotting en", "question": "q?", "answers": [""], "eval": "None",
          "bbox_list": [[1, 2, 30, 2, 30, 40, 1, 40], [100, 100, 150, 100, 150, 120, 100, 120]], "content": ["Stop!", "###"]},
         "[(1, 2, 30, 41, 'stop')]"),
        ({"type": "chart parsing en", "question": "q?", "answers": ["{'a': 1, 'b': 2}"], "eval": "None"}, "{'a': 1, 'b': 3}"),
        ({"type": "key information extraction cn", "question": "q?", "answers": ["{'金额': ['5', '五']}"], "eval": "None"},
         '{"金额": "五"}'),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_lmms_eval_agrees_on_the_other_benchmarks(name: str, python: str, tmp_path: Path) -> None:
    log = [{"doc_id": at, "filtered_resps": [said], "doc": row, "input": "q?"} for at, (row, said) in enumerate(ROWS[name])]
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in log) + "\n", "utf-8")
    _, _, kept = checked(tmp_path, str(file), benchmark=name, cross_check_python=python)
    assert kept["agreeing"] == kept["n"] == len(log), kept
    assert kept["totals"] and all(one["here"] == pytest.approx(one["there"], rel=1e-9) for one in kept["totals"]), kept
