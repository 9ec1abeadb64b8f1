"""Folders of Markdown, one file for each page, scored and compared like other people's answers."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ocrtune.core import Prediction, Sample
from ocrtune.errors import InputError, RunError
from ocrtune.runs import RunDir
from ocrtune.verbs import compare, score

DEMO = Path(__file__).resolve().parents[4] / "shared" / "data" / "omnidocbench_demo"


def scored(options: score.Config, tmp_path: Path) -> tuple[RunDir, score.Figures]:
    into = RunDir.create("score", options, root=tmp_path / "runs")
    with into.guard():
        return into, score.run(options, into)


def rows(into: RunDir) -> dict[str, Any]:
    return {row["name"]: row["value"] for row in json.loads((into.path / "table.json").read_text("utf-8"))}


def pages(tmp_path: Path, *names: str) -> Path:
    """OmniDocBench pages that say their own names."""
    attributes = {"language": "english"}
    file = tmp_path / "OmniDocBench.json"
    entries = [
        {
            "layout_dets": [
                {"category_type": "text_block", "order": 1, "anno_id": 1, "text": f"the page {name}", "ignore": False}
            ],
            "extra": {"relation": []},
            "page_info": {"image_path": name, "page_attribute": attributes},
        }
        for name in names
    ]
    file.write_text(json.dumps(entries))
    return file


def asked_pages(tmp_path: Path) -> Path:
    """Pages of olmOCR-bench: of `old/a.pdf` two, of `b.pdf` one."""
    folder = tmp_path / "bench_data"
    folder.mkdir()
    asked = [
        {"pdf": pdf, "page": page, "id": f"{pdf}{page}", "type": "present", "text": f"{Path(pdf).stem} {page}", "max_diffs": 0}
        for pdf, page in (("old/a.pdf", 1), ("old/a.pdf", 2), ("b.pdf", 1))
    ]
    asked += [{"pdf": pdf, "page": 1, "id": f"{pdf}-", "type": "baseline"} for pdf in ("old/a.pdf", "b.pdf")]
    (folder / "words.jsonl").write_text("\n".join(map(json.dumps, asked)))
    return folder


def markdown(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def test_the_published_predictions_of_omnidocbench_have_the_figures_of_the_authors_code(tmp_path: Path) -> None:
    if not DEMO.is_dir():
        pytest.skip("needs the shared demo of OmniDocBench")
    options = {"benchmark": "omnidocbench", "data": str(DEMO / "OmniDocBench_demo.json"), "metrics": ("exact",), "resamples": 100}
    into, found = scored(score.Config(run=str(DEMO / "predictions"), **options), tmp_path)
    table = rows(into)
    for part, name in (("text_block", "text edit"), ("display_formula", "formula edit"), ("reading_order", "reading order edit")):
        theirs = json.loads((DEMO / "expected_head_run" / f"end2end_quick_match_{part}_per_page_edit.json").read_text("utf-8"))
        assert table[name] == pytest.approx(sum(theirs.values()) / len(theirs), abs=1e-12)
    assert found.estimates[0].n == 18 and found.estimates[0].failed == 0
    assert found.estimates[0].protocol["engine"] == "markdown" and found.estimates[0].protocol["model"] == "predictions"


def test_pages_without_a_file_are_empty_and_files_without_a_page_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = pages(tmp_path, "a.png", "b.pdf_3.jpg", "c.png", "d.jpg")
    said = {"a.md": "the page a.png", "b_3.mmd": "the page b.pdf_3.jpg", "c.png.md": "the page c.png", "README.md": "of a model"}
    folder = markdown(tmp_path / "model", said)
    options = score.Config(run=str(folder), benchmark="omnidocbench", data=str(data), metrics=("exact",), resamples=100)
    with caplog.at_level(logging.WARNING, "ocrtune"):
        into, found = scored(options, tmp_path)
    assert "1 of 4 pages have no file" in caplog.text and ": d.md" in caplog.text
    assert "1 files belong to no page of the data and are left out: README.md" in caplog.text
    assert (found.estimates[0].n, found.estimates[0].failed, found.estimates[0].mean) == (4, 1, 0.75)
    assert [one.text for one in into.read("predictions.jsonl", Prediction)][-1] is None


def test_a_page_that_was_read_several_times_is_a_sample_for_each_time(tmp_path: Path) -> None:
    data = asked_pages(tmp_path)
    files = {f"old/a_pg{page}_repeat{k}.md": f"a {page if k < 3 else 'x'}" for page in (1, 2) for k in (1, 2, 3)}
    options = {"benchmark": "olmocr-bench", "profile": "official-without-math", "data": str(data), "resamples": 100}
    into, found = scored(score.Config(run=str(markdown(data / "model", files)), **options), tmp_path)
    samples = into.read("samples.jsonl", Sample)
    assert [sample.id for sample in samples[:3]] == ["b_pg1_repeat1", "b_pg1_repeat2", "b_pg1_repeat3"], "not read three times"
    assert {(sample.group, sample.images[0].page) for sample in samples[3:]} == {("old/a.pdf", 1), ("old/a.pdf", 2)}
    assert len(samples) == 9 and found.estimates[0].failed == 3 and found.estimates[0].groups == 2
    assert rows(into)["words"] == 3 / 5, "two thirds of the readings of both pages are right"


def test_pages_that_were_read_once_are_those_that_evaluate_reads(tmp_path: Path) -> None:
    data = asked_pages(tmp_path)
    once = markdown(data / "once", {"old/a_pg1_repeat1.md": "a 1", "old/a_pg2_repeat1.md": "a 2", "b_pg1_repeat1.md": "no"})
    better = markdown(data / "better", {"old/a_pg1.md": "a 1", "old/a_pg2.md": "a 2", "b_pg1.md": "b 1"})
    options = {"benchmark": "olmocr-bench", "profile": "official-without-math", "data": str(data)}
    config = compare.Config(a=str(once), b=str(better), resamples=100, charts=False, **options)
    into = RunDir.create("compare", config, root=tmp_path / "runs")
    with into.guard():
        found = compare.run(config, into)
    assert (found.comparison.metric, found.comparison.n) == ("olmocr-bench", 3)
    assert [found.comparison.base, found.comparison.tuned] == pytest.approx([5 / 6, 1])
    again = RunDir.create("compare", config.model_copy(update={"title": "again"}), root=tmp_path / "runs")
    (once / "old" / "a_pg1_repeat1.md").write_text("other words")
    with pytest.raises(RunError, match="has changed since"):
        compare.run(config, again)


def test_readings_of_ones_own_pages_are_scored_as_markdown(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "data").mkdir()
    image = {"path": "p.png", "sha256": "", "width": 8, "height": 8}
    Image.new("RGB", (8, 8)).save(tmp_path / "data" / "p.png")
    line = {"id": "1", "group": "1", "images": [image], "target": {"kind": "text", "text": "Title\nwords"}}
    (tmp_path / "data" / "test.jsonl").write_text(json.dumps(line) + "\n")
    folder = markdown(tmp_path / "model", {"p.md": "# Title\n\nwords"})
    _, found = scored(score.Config(run=str(folder), data=str(tmp_path / "data"), resamples=100), tmp_path)
    assert (found.estimates[0].metric, found.estimates[0].mean) == ("cer", 0)


@pytest.mark.parametrize(
    ("files", "options", "said"),
    [
        ({"a.md": ""}, {}, "does not say what it is about"),
        ({"x.md": "", "y.md": ""}, {"data": True}, "none of the 2 Markdown files .* belongs to the data, such as x.md"),
        ({"a.md": "", "sub/a.md": ""}, {"data": True}, "both about '0'"),
        ({"b.md": ""}, {"data": True}, "may be about '1' or '2'"),
    ],
)
def test_what_cannot_be_told_is_an_error(files: dict[str, str], options: dict[str, bool], said: str, tmp_path: Path) -> None:
    data = pages(tmp_path, "a.png", "one/b.png", "two/b.png")
    asked = {"benchmark": "omnidocbench", "data": str(data)} if options else {}
    with pytest.raises(InputError, match=said):
        scored(score.Config(run=str(markdown(tmp_path / "model", files)), **asked), tmp_path)
