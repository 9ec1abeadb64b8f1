"""Pages with places: words and confidence from both OCR engines, turned pages, and how auto chooses between them."""

from __future__ import annotations

import logging
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrtune.contracts import Engine
from ocrtune.core import Answer, Decoded, ImageRef, Prompt
from ocrtune.dialects.regions import Regions
from ocrtune.engines import _tesseract
from ocrtune.engines._scripts import LANGUAGES, Way, ways
from ocrtune.engines._tesseract import Stance
from ocrtune.engines.auto import Auto, _lies
from ocrtune.engines.rapidocr import FOREIGN, RapidOcr
from ocrtune.engines.tesseract import Tesseract
from ocrtune.errors import EngineError
from ocrtune.options import EngineOptions

ENGLISH = (
    "The harbour was quiet in the morning, and only two",
    "boats had left before the wind began to rise. In the",
    "office above the market the clerk counted parcels,",
    "wrote their numbers into the long grey book and closed",
    "the window, because the paper would not lie still.",
    "Nobody came to ask for the letters of the last week.",
)
RUSSIAN = (
    "Утром в гавани было тихо, и только две лодки ушли",
    "раньше, чем поднялся ветер. В конторе над рынком",
    "писарь считал посылки, вносил номера в длинную книгу",
    "и закрыл окно, потому что бумага не лежала спокойно.",
    "Никто не пришёл спросить о письмах прошлой недели,",
    "и вечером писарь ушёл домой раньше, чем обычно.",
)
CHINESE = ("早上港口很安靜只有兩艘船在起風前離開", "市場樓上的辦公室裡職員清點貨物", "把號碼寫進灰色的大帳本然後關上窗戶")
SHOWCASE = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "dots_ocr_showcase" / "origin"
needs_showcase = pytest.mark.skipif(not SHOWCASE.is_dir(), reason="the shared dots_ocr_showcase is not beside this repository")
needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")


def needs_data(*names: str) -> pytest.MarkDecorator:
    missing = [name for name in names if name not in _tesseract.installed()]
    return pytest.mark.skipif(bool(missing), reason=f"tesseract's data for {', '.join(missing)} is not installed")


def page(path: Path, lines: tuple[str, ...], *, turn: int = 0, font: str | None = None) -> Path:
    """A page of text, turned so many degrees clockwise."""
    import matplotlib

    file = font or str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
    image = Image.new("RGB", (1000, 700), "white")
    draw = ImageDraw.Draw(image)
    for n, line in enumerate(lines):
        draw.text((60, 60 + 60 * n), line, "black", font=ImageFont.truetype(file, 30))
    image.rotate(-turn, expand=True).save(path)
    return path


def part(file: Path, box: tuple[int, int, int, int], scale: float, to: Path) -> Path:
    with Image.open(file) as image:
        cut = image.convert("RGB").crop(box)
    cut.resize((round(cut.width * scale), round(cut.height * scale))).save(to)
    return to


def chinese_font() -> str:
    for name in ("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "uming.ttc"):
        for root in (Path("/usr/share/fonts"), Path.home() / ".fonts"):
            if found := sorted(root.rglob(name)):
                return str(found[0])
    pytest.skip("no Chinese font is installed")


def read(engine: Engine, *pictures: Path) -> list[Answer]:
    engine.open()
    try:
        prompts = [
            Prompt(sample_id=str(i), images=(ImageRef(path=str(p)),), text="", max_tokens=9) for i, p in enumerate(pictures)
        ]
        return sorted(engine.stream(prompts), key=lambda answer: int(answer.sample_id))
    finally:
        engine.close()


def decoded(answer: Answer) -> Decoded:
    assert answer.error is None, answer.error
    found = Regions().decode(answer.text or "")
    assert not found.problems
    return found


def check_words(answer: Answer, lines: tuple[str, ...]) -> None:
    """All words are there with confidence, each line's at its own height, in order from left to right."""
    words = [word for region in decoded(answer).regions for word in region.words or ()]
    assert " ".join(word.text for word in words).casefold() == " ".join(lines).casefold()
    assert all(word.confidence is not None and word.confidence > 0.6 for word in words)
    heights = {word.text: (word.box.top + word.box.bottom) / 2 * 700 for word in words}
    assert heights[lines[0].split()[0]] == pytest.approx(78, abs=14)
    assert heights[lines[-1].split()[-1]] == pytest.approx(78 + 60 * (len(lines) - 1), abs=14)
    first = words[: len(lines[0].split())]
    assert all(a.box.right <= b.box.left + 0.01 for a, b in pairwise(first))
    assert first[0].box.left == pytest.approx(0.06, abs=0.015)


@needs_tesseract
class TestTesseract:
    @pytest.fixture(params=["library", "program"])
    def engine(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Engine:
        if request.param == "program":
            monkeypatch.setattr(_tesseract, "library", lambda: None)
        else:
            pytest.importorskip("tesserocr", reason="the extra cpu-ocr is not installed")
        return Tesseract(EngineOptions(language="eng", layout=True))

    @needs_data("eng", "osd")
    def test_words_have_places_however_the_page_lies(self, engine: Engine, tmp_path: Path) -> None:
        turns = (0, 90, 180, 270)
        answers = read(engine, *(page(tmp_path / f"{turn}.png", ENGLISH, turn=turn) for turn in turns))
        assert [answer.turn for answer in answers] == [0, 270, 180, 90]
        assert {answer.sees for answer in answers} == {((1000, 700),)}
        for answer in answers:
            check_words(answer, ENGLISH)

    @needs_data("eng")
    @needs_showcase
    @needs_data("eng", "osd")
    def test_a_page_in_a_script_without_data_is_not_turned_by_a_guess(self, tmp_path: Path) -> None:
        tibetan = part(SHOWCASE / "Tibetan.png", (0, 1100, 1967, 2797), 0.7, tmp_path / "bo.png")
        (answer,) = read(Tesseract(EngineOptions(language="eng", layout=True)), tibetan)
        assert answer.turn == 0

    def test_a_small_crop_has_its_words_within_it(self, engine: Engine, tmp_path: Path) -> None:
        image = Image.new("RGB", (240, 24), "white")
        ImageDraw.Draw(image).text((20, 4), "Invoice number 4711", "black", font=ImageFont.load_default(14))
        image.save(tmp_path / "x.png")
        (region,) = decoded(read(engine, tmp_path / "x.png")[0]).regions
        assert region.text == "Invoice number 4711" and region.box is not None and region.words is not None
        assert region.box.left == pytest.approx(21 / 240, abs=0.02) and region.box.right < 0.8
        assert [word.text for word in region.words] == ["Invoice", "number", "4711"]


class TestRapidOcr:
    @pytest.fixture
    def engine(self) -> Engine:
        pytest.importorskip("rapidocr", reason="the extra cpu-ocr is not installed")
        return RapidOcr(EngineOptions(layout=True))

    def test_words_have_places_however_the_page_lies(self, engine: Engine, tmp_path: Path) -> None:
        turns = (0, 90, 180, 270)
        answers = read(engine, *(page(tmp_path / f"{turn}.png", ENGLISH, turn=turn) for turn in turns))
        assert [answer.turn for answer in answers] == [0, 270, 180, 90]
        for answer in answers:
            check_words(answer, ENGLISH)

    def test_chinese_lines_that_run_down_are_vertical_writing_and_no_turned_page(self, engine: Engine, tmp_path: Path) -> None:
        image = Image.new("RGB", (500, 900), "white")
        font = ImageFont.truetype(chinese_font(), 36)
        for column, line in enumerate(CHINESE):
            for row, letter in enumerate(line):
                ImageDraw.Draw(image).text((380 - 90 * column, 40 + 44 * row), letter, "black", font=font)
        image.save(tmp_path / "down.png")
        level = page(tmp_path / "level.png", CHINESE, turn=90, font=chinese_font())
        down, lying = read(engine, tmp_path / "down.png", level)
        assert (down.turn, lying.turn) == (0, 270)
        assert "".join(decoded(down).text.split()) == "".join(decoded(lying).text.split()) == "".join(CHINESE)

    @needs_showcase
    def test_a_page_of_columns_with_small_notes_between_the_letters_stays_as_it_is(self, engine: Engine, tmp_path: Path) -> None:
        (answer,) = read(engine, part(SHOWCASE / "tradition_zh.png", (0, 300, 1684, 2382), 0.6, tmp_path / "columns.png"))
        assert answer.turn == 0

    def test_a_script_without_letters_in_the_models_is_noticed(self, engine: Engine, tmp_path: Path) -> None:
        russian, english = read(engine, page(tmp_path / "ru.png", RUSSIAN), page(tmp_path / "en.png", ENGLISH))
        assert (russian.why, english.why) == (FOREIGN, None)


class TestWays:
    EVERY = frozenset({name for found in LANGUAGES.values() for name in found} | {"osd"})

    def test_each_script_is_read_by_what_reads_it_best(self) -> None:
        both = ("rapidocr", "tesseract")
        data = {"eng", "rus", "chi_tra", "osd"}
        assert ways("Cyrillic", both, data)[0] == Way("tesseract", "rus+eng")
        assert ways("Latin", both, data)[0] == Way("tesseract", "eng")
        assert ways("Han", both, data)[0] == Way("rapidocr")
        assert ways("Han", ("tesseract",), data)[0] == Way("tesseract", "chi_tra+eng")
        assert ways("Latin", ("rapidocr",), set()) == [Way("rapidocr")]

    def test_missing_data_is_named_with_the_best_that_is_left(self) -> None:
        assert ways("Cyrillic", ("rapidocr", "tesseract"), {"eng"})[0] == Way("tesseract", "eng", lacks="rus")
        assert ways("Thai", ("rapidocr",), set()) == [Way("rapidocr", None, lacks="tha")]

    @pytest.mark.parametrize("script", [*LANGUAGES, None, "Runic"])
    def test_there_is_a_way_wherever_there_is_an_engine(self, script: str | None) -> None:
        for engines, data in ((("rapidocr",), set()), (("tesseract",), {"eng", "osd"}), (("tesseract", "rapidocr"), self.EVERY)):
            found = ways(script, engines, data)
            assert found and all(way.engine in engines for way in found)
            assert all(way.language is None or set(way.language.split("+")) <= data for way in found)


@needs_tesseract
class TestAuto:
    @needs_data("eng", "rus", "osd")
    def test_each_page_is_read_in_the_way_of_its_script(self, tmp_path: Path) -> None:
        pictures = [page(tmp_path / "en.png", ENGLISH), page(tmp_path / "ru.png", RUSSIAN, turn=180)]
        english, russian = read(Auto(EngineOptions(layout=True)), *pictures)
        assert (english.engine, russian.engine) == ("tesseract eng", "tesseract rus+eng")
        assert english.why == "a picture has no text layer; Latin script"
        assert (english.turn, russian.turn) == (0, 180)
        check_words(english, ENGLISH)
        check_words(russian, RUSSIAN)

    @needs_data("osd")
    def test_chinese_goes_to_rapidocr(self, tmp_path: Path) -> None:
        pytest.importorskip("rapidocr", reason="the extra cpu-ocr is not installed")
        (answer,) = read(Auto(EngineOptions(layout=True)), page(tmp_path / "zh.png", CHINESE, font=chinese_font()))
        assert answer.engine == "rapidocr" and "".join(decoded(answer).text.split()) == "".join(CHINESE)

    @needs_data("eng", "rus")
    def test_a_wrong_guess_of_the_script_is_found_out_by_reading(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        latin = _tesseract.Stance(0, "Latin", (9.0, 9.0))
        monkeypatch.setattr(_tesseract, "stance", lambda image, timeout: latin)
        (answer,) = read(Auto(EngineOptions(layout=True)), page(tmp_path / "ru.png", RUSSIAN))
        assert answer.engine == "tesseract rus+eng"
        check_words(answer, RUSSIAN)

    @needs_data("eng", "osd")
    def test_pages_of_a_document_are_read_alike_until_the_words_are_doubtful(self, tmp_path: Path) -> None:
        pictures = [Image.open(page(tmp_path / f"{n}.png", lines)) for n, lines in enumerate((ENGLISH, ENGLISH, RUSSIAN))]
        pictures[0].save(tmp_path / "all.tif", save_all=True, append_images=pictures[1:])
        engine = Auto(EngineOptions(layout=True, concurrency=1))
        engine.open()
        refs = [ImageRef(path=str(tmp_path / "all.tif"), page=n) for n in (1, 2, 3)]
        answers = list(engine.stream(Prompt(sample_id=str(r.page), images=(r,), text="", max_tokens=9) for r in refs))
        engine.close()
        whys = [(answer.why or "").rpartition("; ")[2] for answer in answers]
        assert whys[:2] == ["Latin script", "read like other pages of the document"]
        assert "Cyrillic" in (answers[2].why or "")

    @needs_data("eng")
    def test_what_became_a_formula_counts_among_the_letters_that_were_read(self, tmp_path: Path) -> None:
        path = page(tmp_path / "formula.png", ENGLISH)
        (plain,) = read(Tesseract(EngineOptions(layout=True)), path)
        image = Image.open(path).convert("L")
        sheet = Image.new("L", (image.width, image.height + 300), "white")
        sheet.paste(image)
        pen, font, at = ImageDraw.Draw(sheet), ImageFont.load_default(40), image.height + 60
        pen.text((500, at - 20), "Z", fill="black", font=font)
        for y in (at - 2, at + 12):
            pen.rectangle((545, y, 570, y + 2), fill="black")
        pen.text((600, at - 45), "a + b", fill="black", font=font)
        pen.rectangle((590, at + 5, 710, at + 8), fill="black")
        pen.text((640, at + 12), "c", fill="black", font=font)
        sheet.save(path)
        (answer,) = read(Tesseract(EngineOptions(layout=True)), path)
        formula = [r for r in decoded(answer).regions if r.kind == "formula"]
        assert [(r.text, r.words, r.confidence) for r in formula] == [("", None, None)]
        assert plain.sure is not None and answer.sure is not None and answer.sure != plain.sure

    @needs_data("eng", "osd")
    def test_missing_data_is_hinted_at_once_and_in_each_reason(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        data = Path(_tesseract.data_for("eng").folder)
        for name in ("eng", "osd"):
            (tmp_path / f"{name}.traineddata").symlink_to(data / f"{name}.traineddata")
        monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
        pictures = [page(tmp_path / f"{n}.png", RUSSIAN) for n in range(2)]
        with caplog.at_level(logging.WARNING, "ocrtune"):
            answers = read(Auto(EngineOptions(layout=True)), *pictures)
        assert all("apt install tesseract-ocr-rus" in (answer.why or "") for answer in answers)
        assert [record.getMessage() for record in caplog.records if "tesseract-ocr-rus" in record.getMessage()] == [
            "this page looks Cyrillic, which is read badly without tesseract's data for it: apt install tesseract-ocr-rus"
        ]

    @needs_data("eng")
    def test_a_named_language_is_what_tesseract_reads_everything_in(self, tmp_path: Path) -> None:
        (answer,) = read(Auto(EngineOptions(layout=True, language="eng")), page(tmp_path / "en.png", ENGLISH))
        assert (answer.engine, answer.why) == ("tesseract eng", "a picture has no text layer")
        with pytest.raises(EngineError, match="no data for nowhere"):
            Auto(EngineOptions(language="nowhere")).open()

    @needs_data("eng", "rus", "osd")
    def test_plain_text_is_read_in_the_same_ways(self, tmp_path: Path) -> None:
        (answer,) = read(Auto(EngineOptions()), page(tmp_path / "ru.png", RUSSIAN))
        assert (answer.text or "").casefold().split() == " ".join(
            RUSSIAN
        ).casefold().split() and answer.engine == "tesseract rus+eng"


def test_with_rapidocr_alone_it_reads_what_that_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rapidocr", reason="the extra cpu-ocr is not installed")
    monkeypatch.setitem(sys.modules, "tesserocr", None)
    monkeypatch.setenv("PATH", "")
    pictures = page(tmp_path / "en.png", ENGLISH, turn=180), page(tmp_path / "ru.png", RUSSIAN)
    english, russian = read(Auto(EngineOptions(layout=True)), *pictures)
    assert (english.engine, english.turn) == ("rapidocr", 180)
    check_words(english, ENGLISH)
    assert FOREIGN in (russian.why or "")


def test_without_any_ocr_pages_without_text_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tesserocr", None)
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    monkeypatch.setenv("PATH", "")
    (answer,) = read(Auto(EngineOptions(layout=True)), page(tmp_path / "en.png", ENGLISH))
    assert answer.error is not None and answer.error.kind == "no OCR engine" and not answer.error.retryable
    assert 'pip install "ocrtune[cpu-ocr]"' in answer.error.message


def test_ideographs_written_down_are_not_turned_by_the_look_of_them() -> None:
    """Tesseract takes a page of vertical Chinese for one that lies on its side."""
    lying = Stance(270, "Han", (12.0, 9.0))
    assert _lies(lying) == 0 and _lies(lying._replace(turn=180)) == 180
    assert _lies(lying._replace(script="Cyrillic")) == 270 and _lies(Stance(90, "Latin", (0.5, 9.0))) == 0 and _lies(None) == 0
