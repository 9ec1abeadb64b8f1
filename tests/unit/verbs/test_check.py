"""check, through its front door: what is wrong with labels, by name and number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ocrtune.api import execute, load_verb
from ocrtune.cli.main import main
from ocrtune.core import Box, BoxesTarget, ImageRef, Region, Sample
from ocrtune.errors import InputError
from ocrtune.runs import RunDir
from ocrtune.verbs import check, prepare

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "ocrdet_msra_mtwi"


def voc(folder: Path, name: str, *objects: tuple[str, tuple[float, float, float, float]], picture: bool = True) -> None:
    """A 100 × 50 picture with its XML."""
    folder.mkdir(exist_ok=True)
    items = "".join(
        f"<object><name>{text}</name><bndbox><xmin>{b[0]}</xmin><ymin>{b[1]}</ymin><xmax>{b[2]}</xmax><ymax>{b[3]}</ymax></bndbox></object>"
        for text, b in objects
    )
    (folder / f"{name}.xml").write_text(f"<annotation>{items}</annotation>", "utf-8")
    if picture:
        Image.new("RGB", (100, 50), "white").save(folder / f"{name}.png")


def checked(*sources: Path, **options: Any) -> check.Checked:
    return check.run(check.Config(sources=tuple(map(str, sources)), **options))


def kinds(found: check.Checked) -> dict[str, int]:
    return {finding.kind: finding.count for finding in found.labels.findings}


def test_defects_are_counted_by_kind_with_the_file_they_are_in(tmp_path: Path) -> None:
    voc(tmp_path, "a", ("x", (0, 0, 10, 10)), ("flat", (5, 5, 50, 5)), ("###", (0, 20, 10, 30)))
    voc(tmp_path, "b", ("far", (90, 40, 130, 45)), ("turned", (50, 30, 20, 10)))
    voc(tmp_path, "c", ("y", (0, 0, 10, 10)), picture=False)
    found = checked(tmp_path)
    assert kinds(found) == {"zero-area-box": 1, "ignored-label": 1, "outside": 1, "out-of-order": 1, "missing-picture": 1}
    assert (found.usable, found.labels.objects, found.labels.ignored) == (2, 6, 1)
    assert "a.xml: 'flat' at (5, 5), (50, 5)" in str(found) and [r.why for r in found.rejected] == ["no such image"]


def test_one_box_on_every_picture_is_named_only_when_there_are_enough_pictures(tmp_path: Path) -> None:
    for number in range(9):
        voc(tmp_path, f"{number}", (f"word {number}", (0, 0, 10, 10)))
    assert kinds(checked(tmp_path)) == {}
    voc(tmp_path, "9", ("last", (0, 0, 10, 10)))
    assert kinds(checked(tmp_path)) == {"one-box-per-picture": 10}
    voc(tmp_path, "10", ("two", (0, 0, 10, 10)), ("boxes", (20, 0, 30, 10)))
    assert kinds(checked(tmp_path)) == {}


def test_the_word_text_among_transcripts_is_a_placeholder_and_among_classes_a_class(tmp_path: Path) -> None:
    corners = (0, 0, 10, 10)
    voc(tmp_path / "read", "a", ("text", corners), ("Итого", corners), ("12.50", corners))
    voc(tmp_path / "classes", "a", *[(name, corners) for name in ("text", "table", "table", "table", "logo")])
    assert kinds(checked(tmp_path / "read")) == {"placeholder-label": 1}
    assert kinds(checked(tmp_path / "classes")) == {}


def test_strict_fails_on_what_is_not_allowed(tmp_path: Path) -> None:
    voc(tmp_path, "a", ("x", (0, 0, 10, 10)), ("flat", (5, 5, 50, 5)))
    with pytest.raises(InputError, match="found: zero-area-box"):
        checked(tmp_path, strict=True)
    assert checked(tmp_path, strict=True, allow=("zero-area-box",)).usable == 1


def test_strict_fails_where_nothing_is_usable(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("hello")
    with pytest.raises(InputError, match="nothing usable"):
        checked(tmp_path, strict=True)


def test_the_command_writes_nothing_and_its_exit_code_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    voc(tmp_path / "in", "a", ("x", (0, 0, 10, 10)), ("flat", (5, 5, 50, 5)))
    before = sorted(tmp_path.rglob("*"))
    assert main(["check", str(tmp_path / "in")]) == 0
    assert "zero-area-box: 1" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "in"), "--strict"]) == InputError.exit_code
    assert main(["check", str(tmp_path / "in"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["labels"]["objects"] == 2
    assert sorted(tmp_path.rglob("*")) == before


def test_a_prepared_dataset_is_checked_like_its_sources(tmp_path: Path) -> None:
    for number in range(3):
        voc(tmp_path / "in", f"{number}", (f"a{number}", (0, 0, 10, 10 + number)), (f"b{number}", (30, 0, 40, 10)))
    config = prepare.Config(sources=(str(tmp_path / "in"),), val=0, test=0, drop_duplicates=False)
    with RunDir.create("prepare", config, root=tmp_path, into=tmp_path / "out").guard() as directory:
        prepare.run(config, directory)
    found = checked(tmp_path / "out")
    assert found.by_source == {"dataset": 3} and found.labels.objects == 6 and not found.labels.findings


def test_a_run_is_checked_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    voc(tmp_path / "in", "a", ("one", (0, 0, 10, 10)), ("two", (30, 0, 40, 10)))
    runs, wanted = tmp_path / "runs", {"sources": (str(tmp_path / "in"),), "val": 0, "test": 0, "drop_duplicates": False}
    made = execute(load_verb("prepare"), wanted, runs=runs).run
    assert made is not None
    assert main(["check", f"run:{made.id}", "--runs", str(runs)]) == 0
    assert "1 usable records (dataset 1)" in capsys.readouterr().out
    assert main(["check", "run:nothing", "--runs", str(runs)]) != 0
    assert "no run called 'nothing'" in capsys.readouterr().err


def test_a_dataset_that_others_wrote_shows_its_defects(tmp_path: Path) -> None:
    """A box without height, ### as a text and a picture that is gone, in files that `prepare` did not make."""
    flat = Region(text="flat", box=Box(left=0, top=0.5, right=1, bottom=0.5))
    unread = Region(text="###", box=Box(left=0, top=0, right=1, bottom=1))
    sample = Sample(
        id="a", group="a", images=(ImageRef(path="gone.png"),), task="detect", target=BoxesTarget(boxes=(flat, unread))
    )
    (tmp_path / "train.jsonl").write_text(sample.model_dump_json() + "\n")
    (tmp_path / "dataset.json").write_text("{}")
    assert kinds(checked(tmp_path)) == {"zero-area-box": 1, "ignored-label": 1, "missing-picture": 1}


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is not beside the repository")
def test_the_published_quadrilaterals_are_counted_as_they_were_by_hand() -> None:
    found = checked(SHARED / "annotations")
    assert (found.usable, found.labels.objects, found.labels.ignored, found.labels.most) == (50, 660, 150, 54)
    assert kinds(found) == {"placeholder-label": 67, "outside": 12}
