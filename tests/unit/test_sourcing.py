"""Names on a command line → files and folders with their readers."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ocrtune.errors import InputError
from ocrtune.sourcing import find_jobs


def labelled(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 20), "white").save(folder / f"{name}.png")
    (folder / f"{name}.txt").write_text("text")


def test_folders_below_a_folder_that_has_a_reader_are_looked_at_too(tmp_path: Path) -> None:
    labelled(tmp_path, "a")
    labelled(tmp_path / "below", "b")
    (tmp_path / "below" / "c.xml").write_text("<annotation/>")
    jobs = find_jobs([str(tmp_path)]).jobs
    assert [(job.source, job.path.name) for job in jobs] == [("folder", tmp_path.name), ("folder", "below"), ("voc", "c.xml")]


def test_a_name_given_twice_is_read_once_and_results_are_no_sources(tmp_path: Path) -> None:
    labelled(tmp_path / "in", "a")
    labelled(tmp_path / "in" / "runs", "b")
    names = [str(tmp_path / "in"), str(tmp_path / "in")]
    assert [job.path.name for job in find_jobs(names, own=(tmp_path / "in" / "runs",)).jobs] == ["in"]


def test_what_nobody_reads_is_rejected_when_asked_for_and_counted_when_met(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("hello")
    (tmp_path / "empty.xml").write_text("")
    asked = find_jobs([str(tmp_path / "notes.md")])
    met = find_jobs([str(tmp_path)])
    assert "none of the sources reads it" in asked.rejected[0].why and not asked.jobs
    assert met.ignored == {".md": 1} and [r.why for r in met.rejected] == ["the file is empty (0 bytes)"]


def test_a_name_that_stands_for_nothing_gets_a_suggestion(tmp_path: Path) -> None:
    labelled(tmp_path / "invoices", "a")
    with pytest.raises(InputError, match="invoices"):
        find_jobs([str(tmp_path / "invoyces")])
    with pytest.raises(InputError, match="no file matches"):
        find_jobs([str(tmp_path / "*.pdf")])
