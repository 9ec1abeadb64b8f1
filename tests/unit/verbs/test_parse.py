"""Parsing: one failed page never loses the document."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fpdf import FPDF
from PIL import Image

from ocrtune.core import Box, Document, Prediction
from ocrtune.core.parsed import ParsedDocument
from ocrtune.errors import ConfigError, InputError
from ocrtune.exporters.markdown import Markdown
from ocrtune.rendering import pages, picture
from ocrtune.runs import RunDir
from ocrtune.testing import tiny_dots
from ocrtune.testing.server import Behaviour, Served
from ocrtune.verbs import parse
from ocrtune.verbs.parse import Config


class Read(NamedTuple):
    """What the run says of its documents, read back from disk."""

    documents: list[Document]


Parse = Callable[..., tuple[RunDir, Read]]


@pytest.fixture
def parsed(tmp_path: Path) -> Parse:
    def go(*inputs: Path | str, **options: Any) -> tuple[RunDir, Read]:
        usual = {
            "engine": "echo",
            "model": "text:read",
            "dpi": 40,
            "formats": ["txt", "md", "json"],
            "check": False,
            "ladder": [],
        }
        config = Config(**{"inputs": [str(i) for i in inputs]} | usual | options)
        run = RunDir.create("parse", config, root=tmp_path / "runs")
        with run.guard():
            found = parse.run(config, run)
        stored = [ParsedDocument.model_validate_json(f.read_bytes()).document() for f in found.files if f.suffix == ".json"]
        assert [found.documents, found.pages] == [len(stored), sum(len(document.pages) for document in stored)]
        return run, Read(stored)

    return go


def write_pdf(path: Path, *texts: str) -> Path:
    pdf = FPDF()
    pdf.set_font("helvetica", size=24)
    for text in texts:
        pdf.add_page()
        pdf.multi_cell(0, text=text)
    pdf.output(str(path))
    return path


def write_image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (60, 20), "white").save(path)
    return path


def test_pdfs_images_folders_and_patterns_become_documents(parsed: Parse, tmp_path: Path) -> None:
    write_image(tmp_path / "in/deep/b.PNG")
    write_pdf(tmp_path / "in/a.pdf", "one", "two")
    (tmp_path / "in/notes.doc").write_text("not ours")
    write_image(tmp_path / "c.jpg")
    run, result = parsed(tmp_path / "in", str(tmp_path / "*.jpg"))
    assert [(Path(d.source).name, [p.number for p in d.pages]) for d in result.documents] == [
        ("a.pdf", [1, 2]), ("b.PNG", [1]), ("c.jpg", [1]),
    ]  # fmt: skip
    assert run.status == "done" and run.manifest.outputs["documents"] == "documents"
    assert (run.path / "documents/a/a.txt").read_text() == "read\n\fread\n"
    assert result.documents[0].pages[0].width is not None and result.documents[0].provenance["engine"] == "echo"


def test_a_failed_page_is_marked_and_the_others_are_kept(parsed: Parse, tmp_path: Path) -> None:
    run, result = parsed(write_pdf(tmp_path / "a.pdf", "1", "2", "3"), model="text:fine;broken=2")
    pages = result.documents[0].pages
    assert [p.text for p in pages] == ["fine", "", "fine"]
    assert pages[1].problems == ("broken: the echo engine was asked to fail here",)
    assert run.status == "partial" and run.manifest.message == "1 of 3 pages failed"
    assert "**Page 2:** broken" in (run.path / "documents/a/a.md").read_text()


def test_a_broken_file_among_good_ones_becomes_a_document_that_says_why(parsed: Parse, tmp_path: Path) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.7 nonsense")
    (tmp_path / "empty.png").write_bytes(b"")
    run, result = parsed(tmp_path / "bad.pdf", tmp_path / "empty.png", write_image(tmp_path / "good.png"))
    assert [bool(d.pages[0].problems) for d in result.documents] == [True, True, False]
    assert "0 bytes" in result.documents[1].pages[0].problems[0]
    assert run.status == "partial"


def test_only_broken_files_are_an_error(parsed: Parse, tmp_path: Path) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.7 nonsense")
    with pytest.raises(InputError, match=r"^\S*bad\.pdf: not a PDF"):
        parsed(tmp_path / "bad.pdf")
    (tmp_path / "empty.png").touch()
    with pytest.raises(InputError, match=r"none of 2 files can be read; the first: .*bad\.pdf"):
        parsed(tmp_path / "bad.pdf", tmp_path / "empty.png")


def test_nothing_there_is_an_error(parsed: Parse, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing to read at .*missing"):
        parsed(tmp_path / "missing.pdf")


def test_truncated_and_looping_pages_say_so(parsed: Parse, tmp_path: Path) -> None:
    image = write_image(tmp_path / "a.png")
    assert parsed(image, model="text:0123456789", max_tokens=4)[1].documents[0].pages[0].problems[0].startswith("trunc")
    looped = parsed(image, model="text:" + "ab " * 300)[1].documents[0].pages[0]
    assert looped.problems == ("loop: the reply ends in repetition",)
    assert looped.ledger is not None and looped.ledger.reply == "ab " * 300
    assert parsed(image, model="text:")[1].documents[0].pages[0].problems == ("empty: the model said nothing",)


def test_the_ladder_is_climbed_once_and_every_attempt_has_its_reason(parsed: Parse, tmp_path: Path) -> None:
    ladder = ["temperature", "pixels", "plain", "grounding", "fallback"]
    options: dict[str, Any] = {"model": "text:" + "ab " * 300, "dialect": "layout", "ladder": ladder}
    run, result = parsed(write_image(tmp_path / "a.png"), **options)
    ledger = result.documents[0].pages[0].ledger
    assert ledger is not None and ledger.finish == "loop"
    steps = [(a.step, a.why) for a in ledger.attempts]
    assert steps == [
        (None, None),
        ("at temperature 0.4", "loop"),
        ("at half the pixels", "loop"),
        ("in the dialect dots-ocr", "loop"),
        ("layout only, then region by region", "loop"),
    ]
    asked = [p.sample_id for p in run.read("predictions.jsonl", Prediction)]
    assert asked == ["a/0001", "a/0001~temperature", "a/0001~pixels", "a/0001~plain", "a/0001~layout-only"]


@pytest.mark.parametrize(
    ("dialect", "rungs"),
    [("dots-web", ["plain", "layout-only"]), ("dots-ocr", ["layout-only"]), ("markdown", ["plain"]), ("dots-scene", [])],
)
def test_a_dialect_is_climbed_down_from_as_far_as_its_models_can(
    parsed: Parse, tmp_path: Path, dialect: str, rungs: list[str]
) -> None:
    run, _ = parsed(
        write_image(tmp_path / "a.png"), model="text:" + "ab " * 300, dialect=dialect, ladder=["plain", "grounding", "fallback"]
    )
    asked = [p.sample_id for p in run.read("predictions.jsonl", Prediction)]
    assert asked == ["a/0001", *(f"a/0001~{rung}" for rung in rungs)]


def test_pages_come_one_by_one_and_stopping_early_is_resumed(tmp_path: Path) -> None:
    config = Config(inputs=(str(write_pdf(tmp_path / "a.pdf", "1", "2", "3")),), engine="echo", model="text:x", formats=("txt",),
                    check=False, dpi=40)  # fmt: skip
    run = RunDir.create("parse", config, root=tmp_path / "runs")
    with pytest.raises(GeneratorExit), run.guard():
        for leaf in parse.pages(config, run):
            assert (leaf.document, leaf.page.text) == ("a", "x")
            raise GeneratorExit
    assert run.status != "done" and not (run.path / "documents").exists()
    again = RunDir.create("parse", config, root=tmp_path / "runs")
    with again.guard():
        assert [leaf.page.number for leaf in parse.pages(config, again)] == [1, 2, 3]
    assert again.status == "done" and (again.path / "documents/a/a.txt").read_text() == "x\n\fx\n\fx\n"


def test_chosen_pages_are_read_in_their_order(parsed: Parse, tmp_path: Path) -> None:
    _, result = parsed(write_pdf(tmp_path / "a.pdf", "1", "2", "3", "4"), pages="3-,1")
    assert [p.number for p in result.documents[0].pages] == [3, 4, 1]


def test_a_document_without_the_chosen_pages_is_left_out(parsed: Parse, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    short, long = write_pdf(tmp_path / "short.pdf", "1"), write_pdf(tmp_path / "long.pdf", "1", "2", "3")
    run, result = parsed(short, long, pages="2-9")
    assert [[p.number for p in d.pages] for d in result.documents] == [[2, 3]] and run.status == "done"
    assert f"{short} is left out: none of the pages 2-9 is there: the document has 1 page" in caplog.text
    with pytest.raises(InputError, match="no document has any of the pages 4"):
        parsed(short, long, pages="4")


def test_a_file_whose_name_is_no_unicode_costs_itself_only(parsed: Parse, tmp_path: Path) -> None:
    write_image(tmp_path / "in/good.png")
    bad = os.fsencode(tmp_path / "in") + b"/\xff.png"
    try:
        shutil.copy(os.fsencode(tmp_path / "in/good.png"), bad)
    except OSError:
        pytest.skip("this file system takes no such name")
    run, result = parsed(tmp_path / "in")
    assert sorted(bool(d.pages[0].problems) for d in result.documents) == [False, True] and run.status == "partial"
    with pytest.raises(ValueError, match="is no Unicode: rename the file"):
        parsed(os.fsdecode(bad))


def test_the_index_says_which_file_became_which_document(parsed: Parse, tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
    files = [write_pdf(tmp_path / name / "scan a|b.pdf", "1", "2") for name in ("x", "y")]
    run, _ = parsed(*files, model="text:fine;broken=2")
    rows = (run.path / run.manifest.outputs["index"]).read_text("utf-8").splitlines()
    assert rows[2].startswith("| [scan a_b](documents/scan%20a_b/) |") and "x/scan a\\|b.pdf | 2 | echo" in rows[2]
    assert "scan%20a_b-2/" in rows[3] and "y/scan a" in rows[3]
    assert [row.partition(":")[0] for row in rows[7:]] == ["- scan a_b, page 2", "- scan a_b-2, page 2"]


def test_a_format_whose_writer_breaks_is_named_and_the_others_are_written(
    parsed: Parse, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("no such thing")

    monkeypatch.setattr(Markdown, "export", broken)
    run, _ = parsed(write_image(tmp_path / "a.png"), formats=["md", "txt", "json"])
    assert "a was not written as md: unexpected ValueError: no such thing" in caplog.text
    assert (run.path / "documents/a/a.txt").is_file() and run.status == "partial"
    monkeypatch.undo()
    run, _ = parsed(tmp_path / "a.png", formats=["md", "txt", "json"])
    assert (run.path / "documents/a/a.md").is_file() and run.status == "done"


def test_files_of_the_same_name_keep_apart(parsed: Parse, tmp_path: Path) -> None:
    files = [write_image(tmp_path / name / "scan.png") for name in ("x", "y", "z")]
    run, _ = parsed(*files, formats=["txt", "json"])
    assert sorted(str(p.relative_to(run.path / "documents")) for p in (run.path / "documents").rglob("*.txt")) == [
        "scan-2/scan-2.txt", "scan-3/scan-3.txt", "scan/scan.txt",
    ]  # fmt: skip


def test_every_frame_of_a_tiff_is_a_page(parsed: Parse, tmp_path: Path) -> None:
    frames = [Image.new("L", (30, 20), shade) for shade in (0, 128, 255)]
    frames[0].save(tmp_path / "fax.tif", save_all=True, append_images=frames[1:])
    _, result = parsed(tmp_path / "fax.tif")
    assert [p.number for p in result.documents[0].pages] == [1, 2, 3]
    last = result.documents[0].pages[2].image
    assert last is not None and picture(last).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_a_broken_frame_of_a_tiff_fails_alone(parsed: Parse, tmp_path: Path) -> None:
    whole = tmp_path / "fax.tif"
    frames = [Image.effect_noise((64, 64), 90) for _ in range(3)]
    frames[0].save(whole, save_all=True, append_images=frames[1:], compression="tiff_lzw")
    with Image.open(whole) as fax:
        fax.seek(1)
        place = fax.tag_v2[273][0]
    content = bytearray(whole.read_bytes())
    content[place : place + 200] = b"\xff" * 200
    whole.write_bytes(content)
    run, result = parsed(whole, engine="tesseract", model=None, language="eng")
    pages = result.documents[0].pages
    assert [bool(p.problems) for p in pages] == [False, True, False] and run.status == "partial"
    assert "frame 2" in pages[1].problems[0]


def test_a_resumed_run_asks_only_for_pages_that_are_missing(parsed: Parse, tmp_path: Path) -> None:
    pdf = write_pdf(tmp_path / "a.pdf", "1", "2")
    run, _ = parsed(pdf, model="text:x;fail=2", retries=0)
    assert run.status == "partial"
    run, result = parsed(pdf, model="text:x;fail=2", retries=0)
    asked = [json.loads(line)["sample"] for line in (run.path / "events.jsonl").read_text().splitlines()]
    assert asked == ["a/0001", "a/0002", "a/0002"] and run.status == "done"
    assert len(run.read("predictions.jsonl", Prediction)) == 3 and result.documents[0].pages[1].text == "x"


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_tesseract_reads_a_real_pdf_page(parsed: Parse, tmp_path: Path) -> None:
    pdf = write_pdf(tmp_path / "a.pdf", "Invoice number 4711\nTotal 12.50 EUR", "Second page")
    _, result = parsed(pdf, engine="tesseract", model=None, language="eng", dpi=150)
    assert [p.text for p in result.documents[0].pages] == ["Invoice number 4711\nTotal 12.50 EUR", "Second page"]


def test_a_pdf_that_was_cut_off_is_read_with_a_warning(parsed: Parse, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = write_pdf(tmp_path / "whole.pdf", "one", "two")
    cut = tmp_path / "cut.pdf"
    cut.write_bytes(whole.read_bytes()[:-40])
    parsed(whole)
    assert "end mark" not in caplog.text
    parsed(cut)
    assert f"{cut}: the PDF ends before its end mark" in caplog.text


def test_a_photograph_that_was_cut_off_is_read_and_its_page_says_so(parsed: Parse, tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    Image.effect_noise((300, 300), 60).save(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 6 // 10])
    _, result = parsed(file)
    (page,) = result.documents[0].pages
    assert page.text == "read"
    assert any(problem.startswith("the picture is cut off: ") for problem in page.problems), page.problems


def test_failed_pages_are_counted_as_not_read(parsed: Parse, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="ocrtune")
    parsed(write_pdf(tmp_path / "a.pdf", "1", "2", "3"), model="text:fine;broken=2")
    assert "read by echo text:fine;broken=2: 2; not read: 1" in caplog.text


def test_what_only_a_model_can_be_told_is_refused_without_one(parsed: Parse, tmp_path: Path) -> None:
    image = write_image(tmp_path / "a.png")
    for name, value in {"question": "What?", "bbox": (1, 1, 9, 9), "prompt": "Read", "dialect": "layout"}.items():
        with pytest.raises(ConfigError, match=rf"--{name}: only a model|does not speak the dialect {value}"):
            parsed(image, engine="auto", model=None, **{name: value})


def test_a_part_of_a_page_is_read_where_the_dialect_asks_for_parts_and_stands_there(parsed: Parse, tmp_path: Path) -> None:
    image = write_image(tmp_path / "a.png")
    with pytest.raises(ConfigError, match="the dialect layout asks for whole pages"):
        parsed(image, dialect="layout", bbox=(6, 2, 30, 10))
    region = parsed(image, dialect="dots-grounding", bbox=(6, 2, 30, 10))[1].documents[0].pages[0].regions[0]
    assert region.text == "read" and region.box == Box(left=0.1, top=0.1, right=0.5, bottom=0.5)


def test_a_page_that_has_nothing_of_the_part_is_marked(parsed: Parse, tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), "white").save(tmp_path / "large.png")
    _, result = parsed(write_image(tmp_path / "a.png"), tmp_path / "large.png", dialect="dots-grounding", bbox=(70, 2, 90, 10))
    small, large = (document.pages[0] for document in result.documents)
    assert small.problems == ("nothing of the page, 60 × 20 pixels, is in --bbox 70, 2, 90, 10",) and large.text == "read"


@pytest.mark.parametrize("dialect", ["layout-only", "dots-svg"])
def test_what_is_no_text_of_the_page_is_not_held_against_its_text(parsed: Parse, tmp_path: Path, dialect: str) -> None:
    reply = {"layout-only": '[{"bbox": [1, 1, 90, 90], "category": "Text"}]', "dots-svg": "<svg><rect/></svg>"}[dialect]
    _, result = parsed(
        write_pdf(tmp_path / "a.pdf", "A bright cold day in April"), dialect=dialect, model=f"text:{reply}", check=True
    )
    page = result.documents[0].pages[0]
    assert [(r.confidence, r.flag, r.words) for r in page.regions] == [(None, None, None)] and not page.missed


def test_where_the_second_reading_steps_in_the_reason_is_said(
    parsed: Parse, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pdf = write_pdf(tmp_path / "a.pdf", "A bright cold day in April")
    _, result = parsed(pdf, model="text:fine;broken=1", check=True, ladder=["fallback"])
    assert "bright cold" in result.documents[0].pages[0].text
    assert "the model could not read 1 page, such as a/0001 (broken: the echo engine was asked to fail here)" in caplog.text


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_a_page_that_lies_is_asked_for_again_upright(parsed: Parse, tmp_path: Path) -> None:
    words = "It was a bright cold day in April, and the clocks were striking thirteen. "
    (page,) = pages(write_pdf(tmp_path / "a.pdf", words * 8), dpi=150)
    picture(page).rotate(90, expand=True).save(tmp_path / "lying.png")
    _, result = parsed(tmp_path / "lying.png", check=True, model=f"text:{words * 8}")
    read = result.documents[0].pages[0]
    assert read.ledger is not None and read.image is not None and read.image.turn == 90
    assert [(a.step, a.why) for a in read.ledger.attempts] == [(None, None), ("turned by 90 degrees", "lying")]
    assert (read.width, read.height) == (page.width, page.height) and not read.missed
    assert {word.placed for word in read.regions[0].words or ()} == {"aligned"}


@pytest.mark.parametrize(
    ("options", "trained", "dialect"),
    [({}, None, "layout"), ({}, "dots-ocr", "dots-ocr"), ({"prompt": "Read"}, None, "plain"),
     ({"question": "What?"}, None, "plain"), ({"dialect": "dots-scene"}, None, "dots-scene")],
)  # fmt: skip
def test_a_served_model_whose_folder_is_here_is_asked_in_its_own_dialect(
    parsed: Parse, tmp_path: Path, options: dict[str, Any], trained: str | None, dialect: str
) -> None:
    pytest.importorskip("transformers")
    folder = tiny_dots.build(tmp_path / "dots")
    if trained:
        (folder / "ocrtune.json").write_text(json.dumps({"dialect": trained, "prompt": None}))
    with Served(Behaviour(root=str(folder))) as server:
        Image.new("RGB", (120, 80), "white").save(tmp_path / "page.png")
        _, result = parsed(tmp_path / "page.png", engine="auto", model=None, base_url=server.url, **options)
    assert result.documents[0].provenance["dialect"] == dialect
