"""prepare, through its front door: files in, dataset out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from fpdf import FPDF
from PIL import Image, ImageDraw
from pydantic import ValidationError

from ocrtune.core import BoxesTarget, Sample, Size, target_text
from ocrtune.errors import InputError, OcrtuneError, ResourceError
from ocrtune.imaging import open_image
from ocrtune.inventory import patch_tokens
from ocrtune.models import family_for, model_ref
from ocrtune.runs import RunDir
from ocrtune.sampling import DatasetManifest, load_split
from ocrtune.sourcing import job
from ocrtune.verbs import prepare

DEJAVU = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


def documents(folder: Path, count: int, *, pages: int = 1, language: str = "ru") -> Path:
    """PDFs of Cyrillic lines, all different."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pdf = FPDF(unit="pt", format=(420, 595))
        pdf.add_font("dejavu", fname=str(DEJAVU))
        for page in range(pages):
            pdf.add_page()
            pdf.set_font("dejavu", size=12)
            for row in range(4):
                pdf.text(
                    40,
                    60 + 20 * row,
                    f"Договор {number} лист {page} строка {row}: {(number * 7919 + page * 104729 + row * 31) % 99991}",
                )
        pdf.output(str(folder / f"contract_{number}.pdf"))
        (folder / f"contract_{number}.tags.json").write_text(json.dumps({"language": language}))
    return folder


def pairs(folder: Path, count: int) -> Path:
    """`count` different pictures and a labels.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        image = Image.new("RGB", (200, 40), "white")
        ImageDraw.Draw(image).text((4, 12), f"label {number} {number * 37}", fill="black")
        image.save(folder / f"{number}.png")
        rows.append({"image": f"{number}.png", "text": f"label {number} {number * 37}"})
    (folder / "labels.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return folder


def run(into: Path, *sources: Path | str, **options: Any) -> DatasetManifest:
    config = prepare.Config(sources=tuple(map(str, sources)), **options)
    with RunDir.create("prepare", config, root=into.parent, into=into).guard() as directory:
        return prepare.run(config, directory)


def everything(dataset: Path) -> list[Sample]:
    return [s for split in ("train", "val", "test") for s in load_split(dataset, split)]


def rejected(dataset: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (dataset / "rejected.jsonl").read_text("utf-8").splitlines()]


def test_pdfs_become_a_dataset_split_by_document(tmp_path: Path) -> None:
    manifest = run(tmp_path / "out", documents(tmp_path / "in", 10), unit="line", val=0.1, test=0.2)
    splits = {name: load_split(tmp_path / "out", name) for name in ("train", "val", "test")}
    assert {n: len(s) for n, s in splits.items()} == {"train": 28, "val": 4, "test": 8}
    assert {n: c.groups for n, c in manifest.splits.items()} == {"train": 7, "val": 1, "test": 2}
    assert (manifest.rejected, manifest.sources) == (0, {"pdf": 40})
    sample = splits["test"][0]
    image = open_image(sample.images[0].path)
    assert (image.width, image.height) == (sample.images[0].width, sample.images[0].height)
    assert sample.tags == {"language": "ru", "script": "Cyrl"} and (
        target_text(sample.target) or "x" if sample.target else ""
    ).startswith("Договор")
    assert len({s.id for s in everything(tmp_path / "out")}) == 40
    assert RunDir.open(tmp_path / "out", root=tmp_path).manifest.outputs == {"dataset": "."}


def test_the_same_files_elsewhere_give_the_same_dataset(tmp_path: Path) -> None:
    first = run(tmp_path / "one", documents(tmp_path / "a", 4), unit="line")
    second = run(tmp_path / "two", shutil.copytree(tmp_path / "a", tmp_path / "b" / "c"), unit="line")
    assert first.splits == second.splits


def test_statistics_are_a_table_and_pictures(tmp_path: Path) -> None:
    run(tmp_path / "out", documents(tmp_path / "in", 4), unit="page", val=1, test=1)
    table = (tmp_path / "out" / "stats.md").read_text("utf-8")
    assert "| ru | 2 | 1 | 1 |" in table and "| region: text | 2 | 1 | 1 |" in table and "visual tokens" in table
    for name in ("stats.png", "examples.png"):
        assert open_image(tmp_path / "out" / name).width > 300


def test_mixed_folders_are_read_by_everybody_who_can(tmp_path: Path) -> None:
    folder = pairs(documents(tmp_path / "in", 3), 5)
    Image.new("RGB", (30, 20), "red").save(folder / "sub.png")
    (folder / "labelled").mkdir()
    Image.new("RGB", (30, 20), "blue").save(folder / "labelled" / "b.png")
    (folder / "labelled" / "b.txt").write_text("blue")
    (folder / "notes.docx").write_bytes(b"something else")
    manifest = run(tmp_path / "out", folder, val=0.2, test=0)
    assert manifest.sources == {"folder": 1, "pairs": 5, "pdf": 3}


def test_globs_files_and_earlier_runs_are_sources(tmp_path: Path) -> None:
    folder = documents(tmp_path / "in", 4)
    globbed = run(tmp_path / "runs" / "prepare-globbed", tmp_path / "in" / "contract_[01].pdf", val=0, test=1)
    assert globbed.sources == {"pdf": 2}
    again = run(tmp_path / "runs" / "again", "run:prepare-globbed", folder / "contract_2.pdf", val=0, test=1)
    assert again.sources == {"dataset": 2, "pdf": 1}
    assert RunDir.open(tmp_path / "runs" / "again", root=tmp_path).manifest.inputs["source_1"] == "run:prepare-globbed"


def test_bad_records_are_listed_and_the_rest_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = pairs(tmp_path / "in", 6)
    (folder / "0.png").write_bytes(b"")
    (folder / "1.png").write_bytes(b"GIF89a\0\0\0\0\0\0\0;")
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:80])
    (folder / "3.png").unlink()
    (folder / "broken.pdf").write_bytes(b"%PDF-1.5\n???")
    (folder / "empty.json").write_bytes(b"")
    (folder / "strays").mkdir()
    (folder / "strays" / "lonely.gt.txt").write_text("label without image")
    with caplog.at_level("INFO", logger="ocrtune"):
        manifest = run(tmp_path / "out", folder, val=0, test=0)
    why = {Path(r["where"]).name: r["why"] for r in rejected(tmp_path / "out")}
    assert (manifest.splits["train"].samples, manifest.rejected) == (2, 7)
    expected = {"labels.jsonl line 1": "empty", "labels.jsonl line 2": "0×0", "labels.jsonl line 3": "cut-off",
                "labels.jsonl line 4": "no such image", "broken.pdf": "broken", "empty.json": "empty",
                "lonely.gt.txt": "a label without an image"}  # fmt: skip
    assert why.keys() == expected.keys() and all(expected[name] in why[name] for name in expected)
    assert "7 records rejected" in caplog.records[-1].message


def test_strict_stops_at_the_first_bad_record(tmp_path: Path) -> None:
    folder = pairs(tmp_path / "in", 3)
    (folder / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"labels\.jsonl line 2: .*empty"):
        run(tmp_path / "out", folder, strict=True)
    assert RunDir.open(tmp_path / "out", root=tmp_path).status == "failed"


def test_nothing_usable_is_one_error_that_counts_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        (tmp_path / "in" / f"{number}.pdf").write_bytes(b"")
    (tmp_path / "in" / "x.docx").write_bytes(b"1")
    with pytest.raises(InputError, match=r"nothing usable.*3 × the file is empty.*1 \.docx.*0\.pdf"):
        run(tmp_path / "out", tmp_path / "in")


def test_a_missing_path_names_its_nearest_neighbour(tmp_path: Path) -> None:
    documents(tmp_path / "invoices", 1)
    with pytest.raises(InputError, match="did you mean invoices"):
        run(tmp_path / "out", tmp_path / "invoces")
    with pytest.raises(InputError, match="no file matches"):
        run(tmp_path / "out2", tmp_path / "*.tiff")


def test_filters_hold_for_every_split_and_are_counted(tmp_path: Path) -> None:
    folder = pairs(tmp_path / "in", 30)
    Image.new("RGB", (400, 400), "white").save(folder / "3.png")
    shutil.copy(folder / "4.png", folder / "5.png")
    labels = (folder / "labels.jsonl").read_text().replace("label 5 185", "label 4 148")
    (folder / "labels.jsonl").write_text(labels)
    manifest = run(tmp_path / "out", folder, min_chars=10, max_chars=11, max_pixels=10_000, val=5, test=5)
    lengths = {len(target_text(s.target) or "") for s in everything(tmp_path / "out") if s.target}
    assert lengths == {10, 11}
    assert manifest.dropped["max_pixels"] == 1 and manifest.dropped["duplicates"] == 1 and manifest.dropped["min_chars"] > 0
    assert manifest.filters == {"min_chars": "10", "max_chars": "11", "max_pixels": "10000"}


def near_twins(folder: Path) -> Path:
    """20 pictures in pairs that differ by one grey dot; every picture a document of its own."""
    pairs(folder, 10)
    rows = []
    for number in range(10):
        image = Image.open(folder / f"{number}.png").copy()
        image.putpixel((199, 39), (128, 128, 128))
        image.save(folder / f"{number}b.png")
        rows += [{"image": f"{number}{twin}.png", "text": f"label {number} {number * 37}"} for twin in ("", "b")]
    (folder / "labels.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return folder


def test_near_duplicates_across_splits_are_reported_with_both_names(tmp_path: Path) -> None:
    found = run(tmp_path / "out", near_twins(tmp_path / "in"), val=0, test=0.4).leaks
    assert found.exact + found.near == len(found.pairs) > 0 and found.dropped == 0
    test = {s.id for s in load_split(tmp_path / "out", "test")}
    train = {s.id for s in load_split(tmp_path / "out", "train")}
    assert all(held_out in test and other in train for _, held_out, other in found.pairs)


def test_leaks_can_be_dropped_from_training(tmp_path: Path) -> None:
    folder = near_twins(tmp_path / "in")
    dropped = run(tmp_path / "out", folder, val=0, test=0.4, leaks="drop")
    assert dropped.leaks.dropped > 0
    assert dropped.splits["test"].samples == 8 and dropped.splits["train"].samples == 12 - dropped.leaks.dropped
    texts = [{target_text(s.target) for s in load_split(tmp_path / "out", split) if s.target} for split in ("train", "test")]
    assert not texts[0] & texts[1]


def test_tags_can_be_given_for_all(tmp_path: Path) -> None:
    run(tmp_path / "out", pairs(tmp_path / "in", 3), tags={"language": "en"}, val=0, test=0)
    assert {s.tags["language"] for s in everything(tmp_path / "out")} == {"en"}


def test_visual_tokens_are_those_of_the_given_model(tmp_path: Path, tiny_nano: Path) -> None:
    run(tmp_path / "out", pairs(tmp_path / "in", 3), model=str(tiny_nano), val=0, test=0)
    row = next(line for line in (tmp_path / "out" / "stats.md").read_text().splitlines() if line.startswith("| train | tokens"))
    family = family_for(model_ref(tiny_nano))
    processor = family.load_processor(model_ref(tiny_nano))
    wanted = family.visual_tokens(processor, family.sees(processor, Size(200, 40)))
    assert wanted != patch_tokens(Size(200, 40)) and {cell.strip() for cell in row.split("|")[3:8]} == {str(wanted)}


def test_a_model_that_is_not_there_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(OcrtuneError, match="nowhere"):
        run(tmp_path / "out", pairs(tmp_path / "in", 3), model=str(tmp_path / "nowhere"))
    assert not (tmp_path / "out" / "journal.jsonl").exists()


def test_results_beside_the_sources_are_no_sources(tmp_path: Path) -> None:
    pairs(tmp_path / "pile", 12)
    run(tmp_path / "pile" / "first", tmp_path / "pile", val=0.2, test=0.2)
    shutil.rmtree(tmp_path / "pile" / "first" / "images")
    (tmp_path / "pile" / "first" / "dataset.json").unlink()  # as if it had been killed: the same command looks again
    manifest = json.loads((tmp_path / "pile" / "first" / "run.json").read_text())
    (tmp_path / "pile" / "first" / "run.json").write_text(json.dumps({**manifest, "status": "stopped"}))
    again = run(tmp_path / "pile" / "first", tmp_path / "pile", val=0.2, test=0.2)
    assert again.sources == {"pairs": 12} and again.rejected == 0


@pytest.mark.parametrize(
    "wrong", [{"val": 1.5}, {"val": 0.5, "test": 0.5}, {"min_chars": 9, "max_chars": 3}, {"family": "auto"}, {"sources": ()}]
)
def test_options_that_contradict_each_other_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        prepare.Config(**{"sources": ("x",), **wrong})


def test_a_full_disk_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    folder = pairs(tmp_path / "in", 3)
    config = prepare.Config(sources=(str(folder),))
    directory = RunDir.create("prepare", config, root=tmp_path, into=tmp_path / "out")
    with monkeypatch.context() as patched, pytest.raises(ResourceError, match="the disk is full"):
        patched.setattr(os, "replace", full)
        prepare.read_jobs(config, [job("pairs", folder / "labels.jsonl")], directory)
    assert not list((tmp_path / "out" / "images").iterdir())


def test_kill_9_loses_nothing_and_the_same_command_goes_on(tmp_path: Path) -> None:
    folder = documents(tmp_path / "in", 3, pages=30)
    whole = run(tmp_path / "whole", folder, unit="line")
    script = (
        "from pathlib import Path\nfrom ocrtune.verbs import prepare\nfrom ocrtune.runs import RunDir\n"
        f"config = prepare.Config(sources=({str(folder)!r},), unit='line')\n"
        f"into = RunDir.create('prepare', config, root=Path({str(tmp_path)!r}), into=Path({str(tmp_path / 'cut')!r}))\n"
        "prepare.run(config, into)\n"
    )
    journal = tmp_path / "cut" / "journal.jsonl"
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (journal.exists() and journal.read_bytes().count(b"\n") > 30) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    before = journal.read_text("utf-8").splitlines()
    assert 30 < len(before) < 360 and not (tmp_path / "cut" / "train.jsonl").exists()
    stamps = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cut" / "images").glob("*.png")}

    resumed = run(tmp_path / "cut", folder, unit="line")

    assert resumed == whole
    assert (tmp_path / "cut" / "test.jsonl").read_bytes() == (tmp_path / "whole" / "test.jsonl").read_bytes()
    after = journal.read_text("utf-8").splitlines()
    assert after[: len(before) - 1] == before[:-1] and len([line for line in after if '"sample"' in line]) == 360
    assert all((tmp_path / "cut" / "images" / name).stat().st_mtime_ns == stamp for name, stamp in stamps.items())
    assert not list((tmp_path / "cut" / "images").glob(".*"))


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared/data is not beside the repository")
def test_a_pile_of_real_files_becomes_a_dataset(tmp_path: Path) -> None:
    names = ("docling_eval_cvat_layout/case_02", "rapidocr_lines", "glm_ocr_examples/finetune", "kraken_page_alto/merge_tests",
             "dinglehopper_gt_ocr/lorem-ipsum")  # fmt: skip
    sources = [SHARED / name for name in names]
    manifest = run(tmp_path / "out", *sources, unit="block", val=0.1, test=0.1)
    assert {"pdf", "pairs", "chat", "folder"} <= manifest.sources.keys()
    assert all(count.samples > 0 for count in manifest.splits.values())
    for sample in everything(tmp_path / "out"):
        assert Path(sample.images[0].path).is_file()


# --- labelled objects ---------------------------------------------------------------------------------------------------


def layout_file(folder: Path) -> Path:
    """COCO layout of two pages, one of them with a box that has no height."""
    folder.mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number in range(2):
        image = Image.new("RGB", (200, 100), "white")
        ImageDraw.Draw(image).text((20, 20), f"page {number}", fill="black")
        image.save(folder / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 200, "height": 100})
        annotations.append({"image_id": number, "category_id": 1 + number, "bbox": [10, 10 + number, 100, 30]})
    annotations.append({"image_id": 0, "category_id": 1, "bbox": [10, 60, 100, 0]})
    categories = [{"id": 1, "name": "Title"}, {"id": 2, "name": "Table"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "layout.json").write_text(json.dumps(content))
    return folder


def test_labelled_objects_become_targets_and_their_defects_are_counted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "ocrtune")
    manifest = run(tmp_path / "out", layout_file(tmp_path / "in"), val=0, test=0)
    samples = everything(tmp_path / "out")
    assert [s.task for s in samples] == ["layout", "layout"]  # regions without text are no empty text
    assert manifest.problems == {"zero-area-box": 1} and manifest.sources == {"coco": 2}
    assert "zero-area-box: 1" in caplog.text and "layout.json image 0" in (tmp_path / "out" / "labels.md").read_text()
    assert "| labels: zero-area-box | 1 |" in (tmp_path / "out" / "stats.md").read_text()
    again = run(tmp_path / "again", tmp_path / "out", val=0, test=0)
    assert [s.target for s in everything(tmp_path / "again")] == [s.target for s in samples] and not again.problems


def test_questions_about_parts_of_one_picture_are_no_duplicates(tmp_path: Path) -> None:
    folder = pairs(tmp_path / "in", 1)
    (folder / "labels.jsonl").unlink()
    rows = [
        {"messages": [{"role": "user", "content": "Read <bbox>"}, {"role": "assistant", "content": "12"}], "images": ["0.png"],
         "objects": {"ref": [], "bbox": [[left, 0, left + 20, 40]]}}
        for left in (0, 50, 100, 100)
    ]  # fmt: skip
    (folder / "asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    manifest = run(tmp_path / "out", folder / "asked.jsonl", val=0, test=0)
    found = [s.box.to_pixels(200, 40)[0] for s in everything(tmp_path / "out") if s.box]
    assert found == pytest.approx([0, 50, 100]) and manifest.dropped == {"duplicates": 1}


@pytest.mark.skipif(not (SHARED / "ocrdet_msra_mtwi").is_dir(), reason="shared/data is not beside the repository")
def test_published_quadrilaterals_become_a_dataset_with_their_ignored_objects(tmp_path: Path) -> None:
    manifest = run(tmp_path / "out", SHARED / "ocrdet_msra_mtwi" / "annotations", val=0.1, test=0.1)
    targets = [s.target for s in everything(tmp_path / "out")]
    boxes = [t for t in targets if isinstance(t, BoxesTarget)]
    assert len(boxes) == 50 and sum(len(t.boxes) for t in boxes) == 510 and sum(len(t.ignored) for t in boxes) == 150
    assert manifest.problems == {"placeholder-label": 67, "outside": 12} and manifest.rejected == 0
