"""Pages on their way through `parse`: from files to things to read, from replies to pages."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field
from tqdm import tqdm

from ocrtune.agreement import check
from ocrtune.config import Names, Section
from ocrtune.core import Attempt, Decoded, ImageRef, Leaf, Ledger, Page, Prediction, Region, Usage
from ocrtune.errors import InputError
from ocrtune.intake import find, named, select
from ocrtune.rendering import kind, missing, pages, unlock

log = logging.getLogger("ocrtune")

STANDS_IN = "the second reading"  # the step of a page that the model did not read
SEVERAL = 20  # files, from which on opening them takes long enough to be shown


class Sheet(NamedTuple):
    """A page to read, or why it cannot be. `flaw` is what is wrong with one that can."""

    document: str
    number: int
    source: Path
    image: ImageRef | None
    why: str | None = None
    flaw: str | None = None

    @property
    def sample_id(self) -> str:
        return f"{self.document}/{self.number:04d}"


class Wanted(Section):
    """What is read."""

    inputs: Names = Field(min_length=1, description="PDF and image files, folders, patterns such as 'scans/*.png'")
    pages: str | None = Field(None, description="pages to read, counted from 1, such as 1-3,7; all when absent")
    dpi: int = Field(200, ge=36, le=600, description="resolution at which PDF pages are seen, dots per inch")
    password_file: Path | None = Field(None, description="file with the passwords of encrypted PDFs, one a line")
    urls: bool = Field(False, description="also fetch inputs that are http(s) addresses")


class Try(NamedTuple):
    """What is known of a page after an attempt. `trouble` is why another one may give more, None for a good reply."""

    sample_id: str
    prediction: Prediction
    decoded: Decoded
    trouble: str | None
    attempts: tuple[Attempt, ...]
    engine: str
    seconds: float
    usage: Usage | None


def opened(wanted: Wanted, folder: Path) -> list[Sheet]:
    """The pages of all inputs in order; a file that cannot be opened is one page that says why, one that has none of the pages
    that are asked for is left out. Raises InputError where nothing is left, ConfigError for page numbers that are none."""
    passwords = () if wanted.password_file is None else _passwords(wanted.password_file)
    files = named(find(wanted.inputs, fetch_into=folder / "fetched" if wanted.urls else None))
    bar = tqdm(files.items(), desc="opening", unit="file", disable=len(files) < SEVERAL)
    sheets = [sheet for name, file in bar for sheet in _sheets(name, file, wanted, passwords)]
    if not sheets:
        raise InputError(f"no document has any of the pages {wanted.pages}", hint="ask for other --pages")
    return sheets


def _sheets(name: str, file: Path, wanted: Wanted, passwords: Sequence[str]) -> Iterator[Sheet]:
    try:
        file.resolve().as_posix().encode()
        images = _unlocked(file.resolve(), wanted.dpi, passwords)
        is_pdf, flaw = kind(file) == "pdf", missing(file)
    except UnicodeEncodeError:
        printable = os.fsencode(file).decode("utf-8", "replace")
        yield Sheet(name, 1, Path(printable), None, f"{printable}: its name or a folder's is no Unicode; rename it")
        return
    except InputError as error:
        yield Sheet(name, 1, file, None, _said(error))
        return
    try:
        numbers = select(wanted.pages, len(images)) if wanted.pages else range(1, len(images) + 1)
    except InputError as error:
        log.warning("%s is left out: %s", file, error)
        return
    if flaw is not None:
        log.warning("%s: %s, so copy it again if you can", file, flaw)
    flaw = None if is_pdf else flaw  # which of its pages are the poorer for it, a PDF does not say
    yield from (Sheet(name, number, file, images[number - 1], flaw=flaw) for number in numbers)


def _unlocked(file: Path, dpi: int, passwords: Sequence[str]) -> list[ImageRef]:
    """The pages, with the first of the passwords that opens the file where it is encrypted. Raises InputError."""
    try:
        return pages(file, dpi=dpi)
    except InputError as refused:
        said = refused
    for password in passwords if "password" in f"{said} {said.hint}" else ():
        unlock(file, password)
        try:
            return pages(file, dpi=dpi)
        except InputError as refused:
            said = refused
    raise said


def _passwords(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text("utf-8").splitlines() if line]
    except OSError as cause:
        raise InputError(f"{file}: the passwords cannot be read ({cause.strerror})") from cause


def _said(error: InputError) -> str:
    return f"{error} ({error.hint})" if error.hint else str(error)


def unread(sheet: Sheet) -> Leaf:
    """The page of a sheet without a picture."""
    return Leaf(document=sheet.document, page=Page(number=sheet.number, problems=(sheet.why or "not read",)))


def assembled(sheet: Sheet, tried: Try, reference: Sequence[Region]) -> Leaf:
    """The page as it was read, held against a second reading where there is one."""
    reply, decoded = tried.prediction, tried.decoded
    assert sheet.image is not None
    image = sheet.image.turned(reply.turn)
    checked = check(decoded.regions, reference)
    broken = bool(decoded.problems) or reply.finish in ("length", "loop")
    ledger = Ledger(engine=reply.engine or tried.engine, why=reply.why, finish=reply.finish, attempts=tried.attempts,
                    seconds=round(tried.seconds, 3), usage=tried.usage, reply=reply.text if broken else None)  # fmt: skip
    flaws = () if sheet.flaw is None else (sheet.flaw,)
    problems = (*flaws, *_problems(reply), *(f"{p.kind}: {p.detail}" if p.detail else p.kind for p in decoded.problems))
    page = Page(number=sheet.number, width=image.width, height=image.height, image=image, regions=checked.regions,
                missed=checked.missed, problems=problems, ledger=ledger)  # fmt: skip
    return Leaf(document=sheet.document, page=page)


def _problems(prediction: Prediction) -> Iterator[str]:
    if prediction.error is not None:
        yield f"{prediction.error.kind}: {prediction.error.message}"
    elif prediction.finish == "length":
        yield "truncated: the reply was cut off at the token limit; raise --max-tokens"
    elif prediction.finish == "loop":
        yield "loop: the reply ends in repetition"
