"""Published answers in all the forms in which other programs write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ocrtune.errors import InputError
from ocrtune.imports import read_answers, recognise

LOG = [
    {"doc_id": 0, "target": "['CENTRE', 'Center']", "filtered_resps": ["Centre"], "input": "what is written?",
     "ocrbench_accuracy": {"question_type": "Regular Text Recognition", "score": 1, "prediction": "centre",
                           "ground_truth": ["CENTRE", "Center"]}},
    {"doc_id": 7, "target": "[5 kg]", "filtered_resps": [["5"]], "doc": {"question": "how much?", "eval": "None"}, "input": "x"},
    {"doc_id": 9, "target": "a", "filtered_resps": [], "resps": [["said"]], "input": "what?", "anls": 0.5},
]  # fmt: skip
TABLE = [
    {"index": 0, "question": "how many?", "answer": "['5', 'five']", "category": "Doc-oriented VQA", "prediction": "5"},
    {"index": 1, "question": "what?", "answer": "['a']", "category": "Doc-oriented VQA", "prediction": None},
    {"index": 2, "question": "who?", "answer": "['b']", "category": "x", "prediction": "Failed to obtain answer via API."},
]
GEMMA = {"overall_cer": 0.1, "overall_f1": 0.9, "model_name": "gemma3-12b", "samples": [
    {"image_path": "img/1.png", "label": "你好", "prediction": "你好", "cer_score": 0, "f1_score": 1, "inference_time": 1.5},
    {"image_path": "img/2.png", "label": "[x]", "prediction": None, "inference_time": None},
]}  # fmt: skip


def written(tmp_path: Path, name: str, content: Any) -> Path:
    file = tmp_path / name
    if name.endswith(".xlsx"):
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        for line in (list(content[0]), *(list(row.values()) for row in content)):
            book.active.append(line)
        book.save(file)
    elif name.endswith(".tsv"):
        lines = [list(content[0]), *([("" if v is None else str(v)) for v in row.values()] for row in content)]
        file.write_text("\n".join("\t".join(line) for line in lines) + "\n", "utf-8")
    elif name.endswith(".jsonl"):
        file.write_text("\n".join(map(json.dumps, content)) + "\n", "utf-8")
    else:
        file.write_text(json.dumps(content), "utf-8")
    return file


@pytest.mark.parametrize("name", ["log.jsonl", "log.json"])
def test_sample_logs_of_lmms_eval(name: str, tmp_path: Path) -> None:
    found = read_answers(written(tmp_path, name, LOG if name.endswith("l") else {"logs": LOG, "args": {}}))
    assert (found.kind, found.model) == ("lmms-eval", "log")
    first, second, third = found.replies
    assert (first.id, first.text, first.question, first.answers) == ("0", "Centre", "what is written?", ["CENTRE", "Center"])
    assert first.fields["question_type"] == "Regular Text Recognition" and "prediction" not in first.fields
    assert (second.id, second.text, second.question, second.answers) == ("7", "5", "how much?", "[5 kg]")
    assert (third.text, third.answers) == ("said", "a")
    assert (first.score, second.score, third.score) == (1, None, 0.5)


@pytest.mark.parametrize("name", ["model_OCRBench.xlsx", "model_OCRBench.tsv"])
def test_tables_of_vlmevalkit(name: str, tmp_path: Path) -> None:
    found = read_answers(written(tmp_path, name, TABLE))
    assert found.kind == "vlmevalkit" and [r.text for r in found.replies] == ["5", "", None]
    assert found.replies[0].answers == ["5", "five"] and found.replies[0].fields["category"] == "Doc-oriented VQA"


def test_results_and_checkpoints_of_gemma_ocr(tmp_path: Path) -> None:
    found = read_answers(written(tmp_path, "result.json", GEMMA))
    assert (found.kind, found.model) == ("gemma-ocr", "gemma3-12b")
    assert [(r.id, r.text, r.answers, r.seconds) for r in found.replies] == [
        ("img/1.png", "你好", "你好", 1.5), ("img/2.png", None, "[x]", 0.0),
    ]  # fmt: skip
    checkpoint = {"model_name": "m", "results": [{"prediction": "a", "ground_truth": "b", "image_path": "1.png"}]}
    assert read_answers(written(tmp_path, "checkpoint.json", checkpoint)).replies[0].answers == "b"


def test_other_files_are_not_taken_for_answers(tmp_path: Path) -> None:
    for name, content in (("p.jsonl", [{"sample_id": "a", "text": "x"}]), ("d.json", {"a": 1}), ("t.tsv", [{"image": "x"}])):
        file = written(tmp_path, name, content)
        assert recognise(file) is None
        with pytest.raises(InputError, match="no answer file"):
            read_answers(file)


def test_broken_and_repeated_answers_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="answers '0' more than once"):
        read_answers(written(tmp_path, "twice.jsonl", [LOG[0], LOG[0]]))
    for name, content in (("cut.jsonl", '{"doc_id": 0, "filtered'), ("cut.json", "{"), ("no.xlsx", "not a workbook")):
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match=name):
            read_answers(tmp_path / name)


def test_a_log_with_another_line_in_it_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2"):
        read_answers(written(tmp_path, "log.jsonl", [LOG[0], {"loss": 1}]))
