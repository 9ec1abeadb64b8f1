"""Tesseract: the baseline everybody knows, through the tesserocr wheel or the installed program."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocrtune.core import Answer, Failure, Prompt, Size
from ocrtune.errors import EngineError, InputError, MissingExtraError
from ocrtune.imaging import open_image
from ocrtune.inference import in_flight
from ocrtune.options import EngineOptions

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
PAGE, BLOCK = 3, 6  # page segmentation modes: find the layout; one block of text
BLOCK_HEIGHT = 200  # pixels up to which a picture is a crop of some lines, not a page
LEAST_HEIGHT = 48  # pixels; smaller crops are enlarged, letters under some 20 pixels are read badly
MARGIN = 16  # pixels around a crop in its own background colour; letters at the very edge are lost otherwise


class Tesseract:
    """`language` is tesseract's own, such as `rus+eng`; without it `rus+eng` where Russian data is installed, else `eng`.

    Russian is never read alone: `rus` without `eng` misreads every Latin word and digit group (CER 7.2 % instead of
    0.45 %). Small crops are read as one block, which on single lines is as good as the line mode and does not lose
    the second line of a crop of two.
    """

    name = "tesseract"
    native: str | None = "regions"

    def __init__(self, options: EngineOptions) -> None:
        options.only(self.name, "language", "concurrency", "timeout")
        self.options = options
        self.language = options.language
        self._width = min(options.concurrency, os.cpu_count() or 1)
        self._pool: ThreadPoolExecutor | None = None
        self._own = threading.local()
        self._read: Callable[[Image, int], str] | None = None
        self._version = ""
        self._data = ""

    def describe(self) -> dict[str, str]:
        return {"engine": self.name, "tesseract": self._version, "language": self.language or ""}

    def open(self) -> None:
        """Find tesseract and its data. Raises MissingExtraError or EngineError naming what to install."""
        if self._pool is not None:
            return
        library = _library()
        program = shutil.which("tesseract")
        if library is None and program is None:
            raise MissingExtraError(
                "neither the Python package 'tesserocr' nor the program tesseract is installed",
                hint='pip install "ocrtune[cpu-ocr]", or apt install tesseract-ocr',
            )
        self._data, self.language = _data_for(self.options.language)
        if library is not None:
            self._version, self._read = library.tesseract_version().split()[1], self._by_library
        else:
            first = subprocess.run([program or "", "--version"], capture_output=True, text=True, check=False).stdout.split()
            self._version, self._read = first[1] if len(first) > 1 else "", self._by_program
        self._pool = ThreadPoolExecutor(self._width, thread_name_prefix="ocrtune-tesseract")

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._pool = None
        self._own = threading.local()

    def sees(self, size: Size) -> Size | None:
        return size

    def stream(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        if self._pool is None:
            raise EngineError("the tesseract engine is not open", hint="call open() first")
        pool = self._pool
        return in_flight(prompts, lambda prompt: pool.submit(self._answer, prompt), self._width)

    def _answer(self, prompt: Prompt) -> Answer:
        begun = time.monotonic()
        assert self._read is not None
        try:
            images = [open_image(image.path) for image in prompt.images]
            text = "\n".join(self._read(*prepared(image)).rstrip("\n\f ") for image in images)
            sees = tuple(Size(*image.size) for image in images)
            answer = Answer(sample_id=prompt.sample_id, text=text, sees=sees)
        except InputError as error:
            answer = _failed(prompt, Failure(kind="unreadable image", message=str(error)))
        except (TimeoutError, subprocess.TimeoutExpired):
            late = f"tesseract did not finish within {self.options.timeout:g} s"
            answer = _failed(prompt, Failure(kind="timeout", message=late, retryable=True))
        except (RuntimeError, subprocess.CalledProcessError) as error:
            said = error.stderr.decode(errors="replace") if isinstance(error, subprocess.CalledProcessError) else str(error)
            answer = _failed(prompt, Failure(kind="tesseract", message=said.strip()[:500] or repr(error)))
        return answer.model_copy(update={"seconds": time.monotonic() - begun})

    def _by_library(self, image: Image, mode: int) -> str:
        if (api := getattr(self._own, "api", None)) is None:
            library = _library()
            assert library is not None
            api = self._own.api = library.PyTessBaseAPI(path=self._data, lang=self.language, psm=mode)
        api.SetPageSegMode(mode)
        api.SetImage(image)
        api.SetSourceResolution(150)  # pictures rarely know theirs; tesseract only warns and guesses otherwise
        if not api.Recognize(int(self.options.timeout * 1000)):
            raise TimeoutError
        return str(api.GetUTF8Text())

    def _by_program(self, image: Image, mode: int) -> str:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        command = ["tesseract", "stdin", "stdout", "-l", self.language or "eng", "--psm", str(mode), "--dpi", "150"]
        places = {"TESSDATA_PREFIX": self._data, "OMP_THREAD_LIMIT": "1"}
        done = subprocess.run(command, input=buffer.getvalue(), capture_output=True, check=True, timeout=self.options.timeout,
                              env={**os.environ, **places})  # fmt: skip
        return done.stdout.decode("utf-8", "replace")


def prepared(image: Image) -> tuple[Image, int]:
    """The picture as tesseract likes it, and the page segmentation mode for its shape."""
    from PIL import ImageOps

    if image.height > BLOCK_HEIGHT:
        return image, PAGE
    if image.height < LEAST_HEIGHT:
        image = image.resize((max(1, round(image.width * LEAST_HEIGHT / image.height)), LEAST_HEIGHT))
    return ImageOps.expand(image, MARGIN, _background(image)), BLOCK


def _background(image: Image) -> tuple[int, ...]:
    """The median colour along the edge, so that a margin fits inverted crops too."""
    import numpy as np

    pixels = np.asarray(image)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return tuple(int(value) for value in np.median(edge, axis=0))


def _failed(prompt: Prompt, failure: Failure) -> Answer:
    return Answer(sample_id=prompt.sample_id, finish="error", error=failure)


def _library() -> Any:
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


def _data_for(wanted: str | None) -> tuple[str, str]:
    """The data folder that holds all languages of `wanted`, and the languages. Raises EngineError naming the package."""
    folders = [Path(place) for place in (*_from_environment(), *PLACES) if Path(place).is_dir()]
    for language in [wanted] if wanted else ["rus+eng", "eng"]:
        for folder in folders:
            if all((folder / f"{name}.traineddata").is_file() for name in _names(language)):
                return str(folder), language
    language = wanted or "eng"
    missing = [n for n in _names(language) if not any((f / f"{n}.traineddata").is_file() for f in folders)] or _names(language)
    packages = " ".join(f"tesseract-ocr-{name.lower().replace('_', '-')}" for name in missing)
    where = f"not in {', '.join(map(str, folders))}" if folders else "no tessdata folder was found"
    raise EngineError(
        f"tesseract has no data for {', '.join(missing)} ({where})",
        hint=f"apt install {packages} (macOS: brew install tesseract-lang), or set TESSDATA_PREFIX to the folder with the files",
    )


def _names(language: str) -> list[str]:
    return [name.lstrip("~") for name in language.split("+") if name]


def _from_environment() -> Iterator[str]:
    if prefix := os.environ.get("TESSDATA_PREFIX"):
        yield prefix
        yield str(Path(prefix) / "tessdata")
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        if program := shutil.which("tesseract"):
            told = subprocess.run([program, "--list-langs"], capture_output=True, text=True, timeout=20, check=False)
            if '"' in (told.stdout + told.stderr):
                yield (told.stdout + told.stderr).split('"')[1]
