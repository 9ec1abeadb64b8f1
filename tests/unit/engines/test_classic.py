"""rapidocr and tesseract on real pictures, and what they say when something is missing."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from ocrtune.contracts import Engine
from ocrtune.core import Answer, ImageRef, Prompt
from ocrtune.engines import _tesseract
from ocrtune.engines._rapidocr import Piece, rows
from ocrtune.engines.rapidocr import RapidOcr
from ocrtune.engines.tesseract import Tesseract, prepared
from ocrtune.errors import ConfigError, EngineError, MissingExtraError
from ocrtune.options import EngineOptions

LINES = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "rapidocr_lines"
needs_lines = pytest.mark.skipif(not LINES.is_dir(), reason="the shared data set rapidocr_lines is not beside this repository")
needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")


def read(engine: Engine, *pictures: Path) -> list[Answer]:
    engine.open()
    try:
        prompts = [
            Prompt(sample_id=str(i), images=(ImageRef(path=str(p)),), text="", max_tokens=9) for i, p in enumerate(pictures)
        ]
        return sorted(engine.stream(prompts), key=lambda answer: int(answer.sample_id))
    finally:
        engine.close()


def cer(engine: Engine, languages: Sequence[str]) -> float:
    labels = [row for row in json.loads((LINES / "labels.json").read_text("utf-8")) if row["language"] in languages]
    answers = read(engine, *(LINES / "images" / row["image"] for row in labels))
    edits = sum(Levenshtein.distance(a.text or "", row["text"]) for a, row in zip(answers, labels, strict=True))
    return edits / sum(len(row["text"]) for row in labels)


def draw(path: Path, *lines: str, size: int = 24, ink: str = "black", paper: str = "white") -> Path:
    image = Image.new("RGB", (40 + size * max(map(len, lines)) * 2 // 3, 8 + (size + 8) * len(lines)), paper)
    for n, line in enumerate(lines):
        ImageDraw.Draw(image).text((8, 4 + n * (size + 8)), line, ink, font=ImageFont.load_default(size))
    image.save(path)
    return path


class TestRapidOcr:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("rapidocr", reason="the extra cpu-ocr is not installed")

    @needs_lines
    def test_english_and_latin_lines_are_read(self) -> None:
        assert cer(RapidOcr(EngineOptions()), ["en", "la"]) == 0.0

    def test_two_lines_stay_two_lines(self, tmp_path: Path) -> None:
        (answer,) = read(RapidOcr(EngineOptions()), draw(tmp_path / "x.png", "Invoice number 4711", "Total 12.50 EUR"))
        assert answer.text == "Invoice number 4711\nTotal 12.50 EUR"

    @needs_lines
    def test_pictures_of_every_odd_kind_are_answered(self) -> None:
        answers = read(RapidOcr(EngineOptions()), *sorted((LINES / "images").iterdir()))
        assert all(answer.error is None for answer in answers), [a.error for a in answers if a.error]

    @pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000), (9000, 90)])
    @pytest.mark.parametrize("layout", [True, False])
    def test_strips_without_text_are_empty(self, size: tuple[int, int], layout: bool, tmp_path: Path) -> None:
        Image.new("L", size, 255).save(tmp_path / "strip.png")
        (answer,) = read(RapidOcr(EngineOptions(layout=layout)), tmp_path / "strip.png")
        assert answer.error is None and answer.text in ("", "[]")

    def test_boxes_become_rows_from_left_to_right(self) -> None:
        pieces = [Piece("right", 90, 11, 29), Piece("below", 5, 40, 60), Piece("left", 5, 10, 30)]
        assert rows(pieces) == ["left right", "below"]
        assert rows([]) == []

    def test_options_without_meaning_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="language"):
            RapidOcr(EngineOptions(language="rus"))


@needs_tesseract
class TestTesseract:
    @needs_lines
    def test_russian_and_english_lines_are_read(self) -> None:
        pytest.importorskip("tesserocr", reason="the extra cpu-ocr is not installed")
        assert cer(Tesseract(EngineOptions(language="rus+eng")), ["en", "ru"]) == 0.0

    @pytest.mark.parametrize("by", ["library", "program"])
    def test_lines_blocks_and_inverted_crops_are_read(self, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        if by == "program":
            monkeypatch.setattr(_tesseract, "library", lambda: None)
        else:
            pytest.importorskip("tesserocr", reason="the extra cpu-ocr is not installed")
        pictures = [
            draw(tmp_path / "line.png", "Invoice number 4711"),
            draw(tmp_path / "two.png", "Invoice number 4711", "Total 12.50 EUR"),
            draw(tmp_path / "small.png", "Invoice number 4711", size=14),
            draw(tmp_path / "inverted.png", "Invoice number 4711", ink="white", paper="black"),
        ]
        answers = read(Tesseract(EngineOptions(language="eng")), *pictures)
        one = "Invoice number 4711"
        assert [a.text for a in answers] == [one, f"{one}\nTotal 12.50 EUR", one, one]

    def test_a_page_that_takes_too_long_is_a_retryable_failure(self, tmp_path: Path) -> None:
        picture = draw(tmp_path / "page.png", *["many words on a long line of a page, and more of them"] * 60)
        (answer,) = read(Tesseract(EngineOptions(language="eng", timeout=0.001)), picture)
        assert answer.error is not None and (answer.error.kind, answer.error.retryable) == ("timeout", True)

    def test_missing_language_data_names_the_package(self) -> None:
        with pytest.raises(EngineError, match="no data for chi_nowhere") as error:
            Tesseract(EngineOptions(language="eng+chi_nowhere")).open()
        assert error.value.hint and "apt install tesseract-ocr-chi-nowhere" in error.value.hint

    def test_data_is_found_where_tessdata_prefix_points(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "xyz.traineddata").write_bytes(b"")
        monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
        assert _tesseract.data_for("xyz") == (str(tmp_path), "xyz")

    def test_opening_leaves_the_thread_limit_of_the_process_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OMP_THREAD_LIMIT", raising=False)
        engine = Tesseract(EngineOptions(language="eng"))
        engine.open()
        engine.close()
        assert "OMP_THREAD_LIMIT" not in os.environ

    def test_it_says_which_version_and_language_it_used(self) -> None:
        engine = Tesseract(EngineOptions())
        engine.open()
        engine.close()
        assert engine.describe()["language"] in ("eng", "rus+eng") and engine.describe()["tesseract"][0].isdigit()


def test_small_crops_are_enlarged_and_padded_pages_are_left_alone() -> None:
    crop, mode = prepared(Image.new("RGB", (200, 24), "black"))
    assert (crop.size, mode, crop.getpixel((0, 0))) == ((432, 80), 6, (0, 0, 0))
    page = Image.new("RGB", (600, 800))
    assert prepared(page) == (page, 3)
    assert prepared(Image.new("RGB", (1, 1)))[0].size == (80, 80)


def test_importing_engines_dialects_and_exporters_loads_no_heavy_library() -> None:
    code = (
        "import sys; from ocrtune import plugins as p\n"
        "for n in ('echo', 'http', 'rapidocr', 'tesseract'): p.ENGINES.get(n)\n"
        "p.DIALECTS.get('plain'); [p.EXPORTERS.get(n) for n in ('txt', 'md', 'json')]\n"
        "heavy = {'torch', 'transformers', 'cv2', 'rapidocr', 'onnxruntime', 'tesserocr', 'PIL', 'numpy', 'pypdfium2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["rapidocr", "onnxruntime"])
def test_a_missing_package_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError) as error:
        RapidOcr(EngineOptions()).open()
    assert error.value.hint == 'pip install "ocrtune[cpu-ocr]"'


def test_without_library_and_program_tesseract_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tesserocr", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingExtraError, match="neither") as error:
        Tesseract(EngineOptions()).open()
    assert error.value.hint and "cpu-ocr" in error.value.hint and "apt install tesseract-ocr" in error.value.hint


def test_dots_of_lists_and_rules_of_tables_are_no_letters() -> None:
    head = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"

    def lines(*words: tuple[str, int, int, int, int]) -> list[str]:
        rows = [f"5\t1\t1\t1\t1\t{n}\t{x}\t{y}\t{w}\t{h}\t90.0\t{t}" for n, (t, x, y, w, h) in enumerate(words)]
        return [span.text for span in _tesseract.lines_of("\n".join([head, *rows]))]

    assert lines(("e", 10, 16, 10, 10), ("From", 30, 10, 60, 24), ("here", 96, 10, 60, 24)) == ["• From here"]
    assert lines(("*", 10, 8, 10, 10), ("note", 30, 10, 60, 24)) == ["* note"]
    assert lines(("e", 10, 16, 10, 10), ("poi", 30, 10, 60, 24)) == ["e poi"]
    assert lines(("12", 10, 10, 30, 24), ("|", 60, 0, 3, 40), ("13", 120, 10, 30, 24)) == ["12", "13"]
