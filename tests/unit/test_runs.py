from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import Field

from ocrtune.config import Section
from ocrtune.core import ImageRef, Sample
from ocrtune.errors import InputError, ResourceError, RunError
from ocrtune.runs import RunDir, append_line, read_lines, write_atomic


class Options(Section):
    data: str = Field("a", description="dataset")


def make(root: Path, data: str = "a", **more: object) -> RunDir:
    return RunDir.create("evaluate", Options(data=data), root=root, **more)  # type: ignore[arg-type]


def test_the_same_options_open_the_same_run(tmp_path: Path) -> None:
    first, second, other = make(tmp_path), make(tmp_path), make(tmp_path, data="b")
    assert first.path == second.path != other.path
    assert first.status == "running"


def test_a_finished_run_stays_done_when_opened_again(tmp_path: Path) -> None:
    make(tmp_path).finish("done", predictions="p.jsonl")
    again = make(tmp_path)
    assert again.status == "done" and again.manifest.outputs == {"predictions": "p.jsonl"}


def test_fresh_starts_over(tmp_path: Path) -> None:
    run = make(tmp_path)
    run.write("old.txt", "x")
    run.finish()
    assert not (make(tmp_path, fresh=True).path / "old.txt").exists()


def test_a_folder_of_other_options_is_refused(tmp_path: Path) -> None:
    make(tmp_path, into=tmp_path / "x")
    with pytest.raises(RunError, match="other options"):
        make(tmp_path, data="b", into=tmp_path / "x")


def test_a_folder_that_is_no_run_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="holds no run"):
        make(tmp_path, into=tmp_path / "x", fresh=True)
    assert (tmp_path / "x" / "thesis.tex").exists()


def test_runs_are_found_by_a_unique_beginning(tmp_path: Path) -> None:
    run = make(tmp_path)
    run.finish(model="artifacts/model")
    assert RunDir.open(f"run:{run.id[:-3]}", root=tmp_path).path == run.path
    assert run.resolve(f"run:{run.id}", "adapter", "model") == run.path / "artifacts/model"
    assert run.resolve("some/folder", "model") == Path("some/folder")
    with pytest.raises(RunError, match="has no adapter"):
        run.resolve(f"run:{run.id}", "adapter")
    with pytest.raises(RunError, match="no run called"):
        RunDir.open("run:nothing", root=tmp_path)


def test_a_killed_process_leaves_a_stopped_run_that_can_be_taken_over(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from test_runs import make\n"
        "run = make(Path(sys.argv[1])); run.event('work', n=1); print('ready', flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, env=environment, text=True)
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    with pytest.raises(RunError, match=f"process {child.pid} is working"):
        make(tmp_path)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert RunDir.every(tmp_path)[0].status == "stopped"
    assert make(tmp_path).status == "running"
    assert json.loads((make(tmp_path).path / "events.jsonl").read_text())["event"] == "work"


@pytest.mark.parametrize("changes", [{"pid": 1}, {"environment": {"host": "a-container-that-is-gone"}}])
def test_neither_a_reused_process_id_nor_another_host_keeps_a_killed_run(tmp_path: Path, changes: dict[str, object]) -> None:
    run = make(tmp_path)
    run.finish("done")  # lets go of the lock, as being killed does
    record = json.loads((run.path / "run.json").read_text())
    (run.path / "run.json").write_text(json.dumps({**record, "status": "running", "pid": 2**22 + 7, **changes}))
    assert RunDir.every(tmp_path)[0].status == "stopped"
    again = make(tmp_path)
    assert again.status == "running" and again.manifest.pid == os.getpid()


def test_guard_records_how_work_ended(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="boom"), make(tmp_path).guard():
        raise ValueError("boom")
    assert RunDir.every(tmp_path)[0].manifest.message == "ValueError: boom"
    with pytest.raises(KeyboardInterrupt), make(tmp_path).guard():
        raise KeyboardInterrupt
    assert RunDir.every(tmp_path)[0].manifest.status == "stopped"


def test_a_line_cut_short_by_a_kill_is_dropped_and_does_not_spoil_the_next(tmp_path: Path) -> None:
    samples = [Sample(id=str(i), group="g", images=(ImageRef(path="a.png"),)) for i in range(3)]
    path = tmp_path / "s.jsonl"
    append_line(path, samples[0].line())
    with path.open("a") as file:
        file.write(samples[1].line()[:20])
    append_line(path, samples[2].line())
    assert list(read_lines(path, Sample)) == [samples[0], samples[2]]


def test_a_failed_write_keeps_the_old_file_and_leaves_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomic(tmp_path / "f", "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="disk is full"):
        write_atomic(tmp_path / "f", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["f"] and (tmp_path / "f").read_text() == "old"


def test_a_run_that_ended_while_it_was_made_is_taken_up_again(tmp_path: Path) -> None:
    run = make(tmp_path)
    (run.path / "config.yaml").unlink()
    (run.path / "request.yaml").unlink()
    assert make(tmp_path).path == run.path
    assert (run.path / "config.yaml").read_text() == "data: a\n"
    (run.path / "config.yaml").unlink()
    (run.path / "request.yaml").unlink()
    (run.path / "run.json").rename(run.path / ".run.json.cut")  # killed before the first rename
    assert make(tmp_path).status == "running"


def test_a_file_in_the_place_of_a_folder_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for where in ({"into": tmp_path / "file"}, {"root": tmp_path / "file"}):
        with pytest.raises(ResourceError, match="file stands where a folder"):
            make(**{"root": tmp_path, **where})  # type: ignore[arg-type]
    assert (tmp_path / "file").read_text() == "x"


def test_a_run_is_not_taken_for_done_when_its_input_has_changed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "test.jsonl").write_text("one")
    run = make(tmp_path / "runs")
    run.link(data=str(data), model="some/hub-id")
    run.finish()
    (data / "log.txt").write_text("papers of a run do not count")
    assert make(tmp_path / "runs").status == "done"
    (data / "test.jsonl").write_text("two")
    with pytest.raises(RunError, match="data has changed since"):
        make(tmp_path / "runs")
    assert make(tmp_path / "runs", fresh=True).status == "running"


def test_a_run_that_was_asked_for_wrongly_leaves_its_place_free(tmp_path: Path) -> None:
    class Options(Section):
        """One."""

        name: str

    into = tmp_path / "mine"
    wrong = RunDir.create("evaluate", Options(name="tpyo"), root=tmp_path, into=into)
    with pytest.raises(InputError), wrong.guard():
        raise InputError("no such file: tpyo")
    assert not into.exists()
    right = RunDir.create("evaluate", Options(name="typo"), root=tmp_path, into=into)
    with pytest.raises(InputError), right.guard():
        right.write("predictions.jsonl", "{}\n")
        raise InputError("the second file is damaged")
    assert RunDir.open(into, root=tmp_path).status == "failed"
