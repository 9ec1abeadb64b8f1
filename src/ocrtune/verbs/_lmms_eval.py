"""The far end of `score --cross-check lmms-eval`: run as text by a Python that has lmms-eval and need not have ocrtune.

Lines of JSON come in: the name of a benchmark, then one question with its reply each. Lines of JSON go out: which lmms-eval
answers, or what keeps it from doing so; then its score of each question, or why it has none; then its own totals, or why not.
All that is known of lmms-eval stands here. Its modules print, and its aggregators write files: both go elsewhere.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Question = Mapping[str, Any]  # id, question, tags, fields (the published columns behind its answers), group, reply
Found = Mapping[str, Any]  # what a task keeps of one question


class Task(NamedTuple):
    """`module` of lmms-eval, the question as a row of its dataset, its scorer, the score in what that gives, its totals."""

    module: str
    row: Callable[[Question], dict[str, Any]]
    process: Callable[[Any, dict[str, Any], list[str]], Found]
    score: Callable[[Found], float]
    totals: Callable[[Any, Sequence[Found]], dict[str, float]]


def _ocrbench_row(asked: Question) -> dict[str, Any]:
    tags = asked["tags"]
    return {"answer": asked["fields"]["answers"], "dataset": tags.get("dataset", ""), "question_type": tags.get("type", "")}


def _ocrbench_totals(task: Any, found: Sequence[Found]) -> dict[str, float]:
    share = task.ocrbench_aggregate_accuracy([one["ocrbench_accuracy"] for one in found], None)
    return {"Final Score": round(share * 1000)}


def _v2_row(asked: Question) -> dict[str, Any]:
    fields, tags = asked["fields"], asked["tags"]
    row = {"question": asked["question"], "type": tags.get("type", ""), "eval": tags.get("eval") or "None"}
    boxes = fields.get("bbox") or []
    return {**row, "answers": fields["answers"], "bbox": boxes, "bbox_list": boxes, "content": fields.get("content") or []}


def _v2_totals(task: Any, found: Sequence[Found]) -> dict[str, float]:
    rows = [one["ocrbench_v2_accuracy"] for one in found]
    parts = {
        "English overall": (" en", task.ocrbench_v2_aggregate_accuracy_en),
        "Chinese overall": (" cn", task.ocrbench_v2_aggregate_accuracy_cn),
        "Total": ("", task.ocrbench_v2_aggregate_accuracy),
    }
    asked = [row["question_type"] for row in rows]
    return {name: of(rows, None) for name, (end, of) in parts.items() if any(kind.endswith(end) for kind in asked)}


def _anls(metrics: Any, row: dict[str, Any], replies: list[str]) -> Found:
    """DocVQA and InfographicVQA have no scorer of their own: the framework's metric is called as the framework does."""
    found: Found = metrics.anls(references=row["answers"], predictions=replies)
    return found


def _chart_row(asked: Question) -> dict[str, Any]:
    half = "human_test" if asked["tags"].get("type") == "human" else "augmented_test"
    return {"answer": asked["fields"]["answers"][0], "type": half}


def _chart_totals(task: Any, found: Sequence[Found]) -> dict[str, float]:
    names = {"human": "relaxed_human_split", "augmented": "relaxed_augmented_split", "overall": "relaxed_overall"}
    return _means({name: [one[key] for one in found if key in one] for name, key in names.items()})


def _mme_row(asked: Question) -> dict[str, Any]:
    return {"answer": asked["fields"]["answers"][0], "category": asked["tags"].get("category", ""), "question_id": asked["group"]}


def _mme_totals(task: Any, found: Sequence[Found]) -> dict[str, float]:
    names = {"Perception": "mme_perception_score", "Cognition": "mme_cognition_score"}
    parts = {name: [one[key] for one in found if key in one] for name, key in names.items()}
    return {name: task.mme_aggregate_results(part) for name, part in parts.items() if part}


def _means(parts: Mapping[str, Sequence[float]]) -> dict[str, float]:
    metrics = importlib.import_module("lmms_eval.api.metrics")
    return {name: metrics.mean(part) for name, part in parts.items() if part}


_TASKS = "lmms_eval.tasks"
_ANLS = Task(
    "lmms_eval.api.metrics",
    lambda asked: {"answers": asked["fields"]["answers"]},
    _anls,
    lambda found: float(found["anls"]),
    lambda task, found: _means({"ANLS": [one["anls"] for one in found]}),
)
TASKS: dict[str, Task] = {
    "ocrbench": Task(
        f"{_TASKS}.ocrbench.utils",
        _ocrbench_row,
        lambda task, row, replies: task.ocrbench_process_results(row, replies),
        lambda found: float(found["ocrbench_accuracy"]["score"]),
        _ocrbench_totals,
    ),
    "ocrbench-v2": Task(
        f"{_TASKS}.ocrbench_v2.utils",
        _v2_row,
        lambda task, row, replies: task.ocrbench_v2_process_results(row, replies),
        lambda found: float(found["ocrbench_v2_accuracy"]["score"]),
        _v2_totals,
    ),
    "docvqa": _ANLS,
    "infovqa": _ANLS,
    "chartqa": Task(
        f"{_TASKS}.chartqa.utils",
        _chart_row,
        lambda task, row, replies: task.chartqa_process_results(row, replies),
        lambda found: float(found["relaxed_overall"]),
        _chart_totals,
    ),
    "mme": Task(
        f"{_TASKS}.mme.utils",
        _mme_row,
        lambda task, row, replies: task.mme_process_results(row, replies),
        lambda found: float(next(iter(found.values()))["score"]),
        _mme_totals,
    ),
}


def main() -> None:
    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what it prints is no answer of ours

    def say(**line: Any) -> None:
        said.write(json.dumps(line) + "\n")
        said.flush()

    lines = open(0, encoding="utf-8")  # noqa: SIM115 (open until the end of the program)
    task = TASKS[json.loads(next(lines))["benchmark"]]
    try:
        module = importlib.import_module(task.module)
        version = importlib.import_module("importlib.metadata").version("lmms-eval")
    except Exception as cause:  # noqa: BLE001 - whatever keeps it from being imported is the answer
        say(lacks=cause.name if isinstance(cause, ModuleNotFoundError) else None, why=_told(cause))
        return
    say(version=version)
    found: list[Found] = []
    failed = 0
    for line in lines:
        asked = json.loads(line)
        try:
            found.append(task.process(module, task.row(asked), [(asked["reply"] or "").strip()]))  # stripped by the framework
            say(id=asked["id"], score=task.score(found[-1]))
        except Exception as cause:  # noqa: BLE001 - it would end here; the next question may do better
            failed += 1
            say(id=asked["id"], why=_told(cause))
    try:
        say(totals={} if failed else task.totals(module, found))
    except Exception as cause:  # noqa: BLE001 - MME wants both questions of each picture
        say(totals={}, why=_told(cause))


def _told(cause: Exception) -> str:
    return f"{type(cause).__name__}: {cause}"[:500]


if __name__ == "__main__":
    main()
