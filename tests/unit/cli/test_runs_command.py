"""`ocrtune runs …` on real run directories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ocrtune.cli.main import main
from ocrtune.config import Section
from ocrtune.core import Status
from ocrtune.runs import RunDir

Caught = pytest.CaptureFixture[str]


class Numbered(Section):
    number: int


def make(root: Path, verb: str, number: int, status: Status, **inputs: str) -> RunDir:
    run = RunDir.create(verb, Numbered(number=number), root=root)
    run.link(**inputs)
    run.finish(status, dataset=".")
    return run


def test_list_shows_every_run_and_can_be_narrowed(tmp_path: Path, capsys: Caught) -> None:
    one, two = make(tmp_path, "prepare", 1, "done"), make(tmp_path, "train", 2, "failed")
    assert main(["runs", "list", "--runs", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert one.id in out and two.id in out and "failed" in out
    main(["runs", "--runs", str(tmp_path), "--verb", "train", "--json"])
    assert [record["id"] for record in json.loads(capsys.readouterr().out)] == [two.id]


def test_show_takes_a_beginning_of_the_id(tmp_path: Path, capsys: Caught) -> None:
    run = make(tmp_path, "prepare", 1, "done", data="pdfs/")
    assert main(["runs", "show", run.id[:10], "--runs", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "input data" in out and "pdfs/" in out and "number: 1" in out


def test_tree_follows_inputs_by_run_name_id_and_path(tmp_path: Path, capsys: Caught) -> None:
    data = make(tmp_path, "prepare", 1, "done")
    tuned = make(tmp_path, "train", 2, "done", data=f"run:{data.id}")
    merged = make(tmp_path, "merge", 3, "done", adapter=str(tuned.path / "artifacts/best"))
    main(["runs", "tree", "--runs", str(tmp_path)])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [f"{data.id}  done", f"└─ {tuned.id}  done", f"└─ {merged.id}  done"]


def test_tree_shows_a_run_once_under_its_youngest_parent(tmp_path: Path, capsys: Caught) -> None:
    data = make(tmp_path, "prepare", 1, "done")
    tuned = make(tmp_path, "train", 2, "done", data=f"run:{data.id}")
    read = make(tmp_path, "evaluate", 3, "done", model=f"run:{tuned.id}", data=f"run:{data.id}")
    main(["runs", "tree", "--runs", str(tmp_path)])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [f"{data.id}  done", f"└─ {tuned.id}  done", f"└─ {read.id}  done  (also from {data.id})"]


def test_gc_removes_only_unfinished_runs_that_nothing_was_made_from(tmp_path: Path, capsys: Caught) -> None:
    used = make(tmp_path, "prepare", 1, "failed")
    made = make(tmp_path, "train", 2, "done", data=f"run:{used.id}")
    idle = make(tmp_path, "train", 3, "failed")
    assert main(["runs", "gc", "--yes", "--runs", str(tmp_path)]) == 0
    assert {run.id for run in RunDir.every(tmp_path)} == {used.id, made.id}
    assert idle.id in capsys.readouterr().out


def test_gc_keeps_the_last_and_the_young(tmp_path: Path, capsys: Caught) -> None:
    for number in range(3):
        make(tmp_path, "train", number, "stopped")
    main(["runs", "gc", "--yes", "--older-than", "1h", "--runs", str(tmp_path)])
    assert "nothing to remove" in capsys.readouterr().out
    main(["runs", "gc", "--yes", "--keep-last", "2", "--runs", str(tmp_path)])
    assert len(RunDir.every(tmp_path)) == 2


def test_gc_asks_and_without_anyone_to_ask_keeps_everything(tmp_path: Path, capsys: Caught) -> None:
    make(tmp_path, "train", 1, "failed")
    assert main(["runs", "gc", "--runs", str(tmp_path)]) == 2
    assert "--yes" in capsys.readouterr().err
    assert len(RunDir.every(tmp_path)) == 1


def test_an_unknown_action_and_a_wrong_age_are_explained(tmp_path: Path, capsys: Caught) -> None:
    assert main(["runs", "lst"]) == 2
    assert "did you mean list?" in capsys.readouterr().err
    assert main(["runs", "gc", "--older-than", "soon", "--runs", str(tmp_path)]) == 2
    assert "12h, 7d or 2w" in capsys.readouterr().err
