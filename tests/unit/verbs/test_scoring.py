"""Scores made on several cores are those made on one."""

import pytest

from ocrtune.contracts import Read
from ocrtune.core import Decoded, ImageRef, Prediction, Region, Sample, TextTarget
from ocrtune.verbs import _scoring
from ocrtune.verbs._scoring import Work, scores_of

WORK = Work(metrics=("cer", "char_f1"), normalisation="default")


def rows(count: int) -> list[Read]:
    made = []
    for i in range(count):
        said = f"Строка {i}\u2028 with a “quote” and more"[: 5 + i % 40]
        target = TextTarget(text=f"Строка {i} with a quote")
        sample = Sample(id=f"s{i}", group=f"g{i % 7}", images=(ImageRef(path="x.png"),), target=target)
        made.append(Read(sample, Prediction(sample_id=f"s{i}", text=said), Decoded(regions=(Region(text=said),))))
    return made


def test_processes_score_as_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    here = scores_of(rows(300), WORK)
    monkeypatch.setattr(_scoring, "WORTH", 0.0)
    started: list[range] = []
    ask = _scoring._ask
    monkeypatch.setattr(_scoring, "_ask", lambda *args: (started.append(args[1]), ask(*args))[1])
    assert scores_of(rows(300), WORK) == here and [len(found) for found in here] == [2] * 300
    assert sum(map(len, started)) == 300 - _scoring.TASTED


def test_rows_of_a_process_that_dies_are_scored_here(monkeypatch: pytest.MonkeyPatch) -> None:
    here = scores_of(rows(200), WORK)
    monkeypatch.setattr(_scoring, "WORTH", 0.0)
    monkeypatch.setattr(_scoring, "CODE", "import sys; sys.stdin.readline(); sys.exit(1)")
    assert scores_of(rows(200), WORK) == here
