"""Tesseract itself: the tesserocr library or the installed program, its data, and its words as lines with places."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ocrtune.engines._pooled import Turn
from ocrtune.errors import EngineError
from ocrtune.layout import Rect, Span, SpanWord, is_stretched
from ocrtune.layout.parts import bounds

if TYPE_CHECKING:
    from PIL.Image import Image

PLACES = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
    "/opt/local/share/tessdata",
)
OSD = "osd"  # the data with which orientation and script are found
LETTERS_TRIED = "20"  # and five times as many at most; by its own 50 the answer takes twice the time and is as good
DPI = 150  # pictures rarely know theirs; tesseract only warns and guesses otherwise
OSD_MODE = 0  # page segmentation: only orientation and script
COLUMN_GAP = 1.6  # letter heights between two pieces of a row; between words it is 0.3, in justified lines up to 1.5
RULES = "|¦"  # what vertical rules of tables are read as
LIKE_DOTS = ("e", "o", "¢", "*", "©", "®", "°", "«", "»", "·")  # what the dots of lists are read as
WORD_LEVEL = 5  # of a row of tesseract's tables


_own = threading.local()


class Data(NamedTuple):
    """A folder, and the languages in it that are read together, as tesseract writes them: `rus+eng`."""

    folder: str
    language: str


class Stance(NamedTuple):
    """How a page stands: `turn` degrees clockwise make it upright. `script` is tesseract's name, such as Cyrillic; `sure` are
    its confidences, of the orientation and of the script."""

    turn: Turn
    script: str
    sure: tuple[float, float]


def library() -> Any:
    """tesserocr, or None. Its OpenMP threads are slower than one thread per picture, and the limit is read only when the
    library is loaded; it is taken back at once because other libraries of the process would obey it too."""
    before = os.environ.get("OMP_THREAD_LIMIT")
    os.environ["OMP_THREAD_LIMIT"] = before or "1"
    try:
        import tesserocr
    except ImportError:
        return None
    finally:
        if before is None:
            del os.environ["OMP_THREAD_LIMIT"]
    return tesserocr


def _osd() -> Data | None:
    try:
        return data_for(OSD)
    except EngineError:
        return None


def folders() -> list[Path]:
    """Where data may lie, in the order in which they are tried."""
    return [Path(place) for place in dict.fromkeys((*_from_environment(), *PLACES)) if Path(place).is_dir()]


def installed() -> frozenset[str]:
    """The languages whose data is in the first folder that has any."""
    for folder in folders():
        if found := frozenset(file.stem for file in folder.glob("*.traineddata")):
            return found
    return frozenset()


def data_for(wanted: str | None) -> Data:
    """The data folder that holds all languages of `wanted`; Russian with English, or English, when None. Raises EngineError
    naming the package."""
    found = folders()
    for language in [wanted] if wanted else ["rus+eng", "eng"]:
        for folder in found:
            if all((folder / f"{name}.traineddata").is_file() for name in names(language)):
                return Data(str(folder), language)
    language = wanted or "eng"
    missing = [n for n in names(language) if not any((f / f"{n}.traineddata").is_file() for f in found)] or names(language)
    where = f"not in {', '.join(map(str, found))}" if found else "no tessdata folder was found"
    raise EngineError(
        f"tesseract has no data for {', '.join(missing)} ({where})",
        hint=f"apt install {packages(missing)} (macOS: brew install tesseract-lang), or set TESSDATA_PREFIX to the folder "
        "with the files",
    )


def packages(languages: list[str]) -> str:
    """What Debian and Ubuntu call the data."""
    return " ".join(f"tesseract-ocr-{name.lower().replace('_', '-')}" for name in languages)


def names(language: str) -> list[str]:
    return [name.lstrip("~") for name in language.split("+") if name]


def _from_environment() -> Iterator[str]:
    if prefix := os.environ.get("TESSDATA_PREFIX"):
        yield prefix
        yield str(Path(prefix) / "tessdata")
    if program := shutil.which("tesseract"):
        yield from _told(program)


@cache
def _told(program: str) -> tuple[str, ...]:
    """The folder that the program itself uses."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        told = subprocess.run([program, "--list-langs"], capture_output=True, text=True, timeout=20, check=False)
        if '"' in (told.stdout + told.stderr):
            return ((told.stdout + told.stderr).split('"')[1],)
    return ()


# --- the library ------------------------------------------------------------------------------------------------------------


def opened(data: Data, mode: int) -> Any:
    """An instance of the library, for one thread."""
    found = library()
    assert found is not None
    return found.PyTessBaseAPI(path=data.folder, lang=data.language, psm=mode)


def show(api: Any, image: Image) -> None:
    """Give it a picture, as grey bytes: of a picture object it would make a file first, and of colours it makes grey itself."""
    grey = image.convert("L")
    api.SetImageBytes(grey.tobytes(), grey.width, grey.height, 1, grey.width)
    api.SetSourceResolution(DPI)


def recognised(api: Any) -> list[Span]:
    """The lines of what the library has recognised, word by word. Figures have no letters, and none are made up."""
    found = library()
    assert found is not None
    level = found.RIL
    rows = api.GetIterator()
    lines: list[_Row] = []
    if rows is None or rows.Empty(level.WORD):
        return []
    while True:
        if rows.IsAtBeginningOf(level.TEXTLINE) or not lines:
            lines.append(_Row([], float(rows.RowAttributes()["row_height"] or 0.0)))
        text, box = rows.GetUTF8Text(level.WORD).strip(), rows.BoundingBox(level.WORD)
        if text and box:
            left, top, right, bottom = map(float, box)
            lines[-1].words.append(SpanWord(text, (left, top, right, bottom), rows.Confidence(level.WORD) / 100))
        if not rows.Next(level.WORD):
            return [span for line in lines for span in line.spans()]


def stance(image: Image, timeout: float) -> Stance | None:
    """How a page stands, and in which script it is written; None where it is too empty, or the data `osd` is not installed."""
    data = _osd()
    if data is None:
        return None
    if library() is None:
        return _stance_by_program(image, data, timeout)
    if (api := getattr(_own, "osd", None)) is None:
        api = _own.osd = opened(data, OSD_MODE)
        api.SetVariable("min_characters_to_try", LETTERS_TRIED)
    show(api, image)
    seen = api.DetectOrientationScript()
    api.Clear()
    if not seen:
        return None
    return Stance(_upright(seen["orient_deg"]), seen["script_name"], (seen["orient_conf"], seen["script_conf"]))


# --- the program ------------------------------------------------------------------------------------------------------------


def run(image: Image, data: Data, mode: int, *, wanted: str = "txt", timeout: float) -> str:
    """What the installed program says of a picture: text, or a table ("tsv"). Raises TimeoutExpired and CalledProcessError."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    command = ["tesseract", "stdin", "stdout", "-l", data.language, "--psm", str(mode), "--dpi", str(DPI)]
    if mode != OSD_MODE:
        command.append(wanted)
    places = {"TESSDATA_PREFIX": data.folder, "OMP_THREAD_LIMIT": "1"}
    done = subprocess.run(command, input=buffer.getvalue(), capture_output=True, check=True, timeout=timeout,
                          env={**os.environ, **places})  # fmt: skip
    return done.stdout.decode("utf-8", "replace")


def lines_of(table: str) -> list[Span]:
    """The lines of tesseract's table of words."""
    lines: dict[tuple[str, ...], _Row] = {}
    for row in table.splitlines()[1:]:
        cells = row.split("\t", 11)
        if len(cells) == 12 and cells[0] == str(WORD_LEVEL) and (text := cells[11].strip()):
            left, top, width, height = map(float, cells[6:10])
            word = SpanWord(text, (left, top, left + width, top + height), float(cells[10]) / 100)
            lines.setdefault(tuple(cells[1:5]), _Row([], 0.0)).words.append(word)
    return [span for line in lines.values() for span in line.spans()]


def _stance_by_program(image: Image, data: Data, timeout: float) -> Stance | None:
    try:
        report = run(image, data, OSD_MODE, timeout=timeout)
    except subprocess.CalledProcessError:
        return None  # "Too few characters"
    said = dict(line.split(": ", 1) for line in report.splitlines() if ": " in line)
    try:
        sure = float(said["Orientation confidence"]), float(said["Script confidence"])
        return Stance(_upright(int(said["Orientation in degrees"])), said["Script"], sure)
    except (KeyError, ValueError):
        return None


class _Row(NamedTuple):
    words: list[SpanWord]
    height: float

    def spans(self) -> list[Span]:
        """The row in pieces: tesseract takes the cells of a table for the words of a line."""
        pieces: list[list[SpanWord]] = []
        written = self._written()
        if is_stretched(written):
            return [self._span(written)]
        for word in written:
            if pieces and word.box[0] - pieces[-1][-1].box[2] < COLUMN_GAP * (self.height or word.box[3] - word.box[1]):
                pieces[-1].append(word)
            else:
                pieces.append([word])
        return [self._span(piece) for piece in pieces]

    def _written(self) -> list[SpanWord]:
        """Without the rules of tables, and with the dot of a list as what it is."""
        words = [word for word in self.words if word.text.strip(RULES)]
        if len(words) > 1 and self._is_dot(*words[:2]):
            words[0] = words[0]._replace(text="•")
        return words

    def _is_dot(self, first: SpanWord, second: SpanWord) -> bool:
        """Whether the first word is a small round sign at half the height of the line."""
        if first.text not in LIKE_DOTS or (first.text in "eo" and second.text[:1].islower()):
            return False
        row = bounds(word.box for word in self.words)
        across, down = first.box[2] - first.box[0], first.box[3] - first.box[1]
        high = self.height or row[3] - row[1]
        off = abs(first.box[1] + first.box[3] - row[1] - row[3]) / 2
        return abs(across - down) <= 0.25 * down and down <= 0.5 * high and off <= 0.12 * high

    def _span(self, words: list[SpanWord]) -> Span:
        box: Rect = bounds(word.box for word in words)
        letters = sum(len(word.text) for word in words)
        sure = sum(len(word.text) * (word.confidence or 0.0) for word in words) / letters
        size = self.height or box[3] - box[1]
        return Span(" ".join(word.text for word in words), box, size, confidence=sure, words=tuple(words))


def _upright(seen: int) -> Turn:
    """Tesseract says by how far the page was turned; going on by the rest of the circle makes it upright."""
    turns: dict[int, Turn] = {0: 0, 90: 270, 180: 180, 270: 90}
    return turns.get(seen % 360, 0)
