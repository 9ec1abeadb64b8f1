"""Read documents and write text, Markdown or JSON. A page that fails is marked in its document; the rest is kept.

Examples:
  ocrtune parse scan.pdf --model models/nano
  ocrtune parse letters/ --engine tesseract --language rus+eng --formats txt,md
  ocrtune parse "archive/*.tif" cover.png --engine rapidocr --dpi 200
  ocrtune parse report.pdf --engine http --base-url http://127.0.0.1:8000/v1 --max-tokens 4096
"""

from __future__ import annotations

import glob
import io
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field
from tqdm import tqdm

from ocrtune.core import Document, ImageRef, Page, Prediction, Sample, Size
from ocrtune.errors import InputError
from ocrtune.imaging import IMAGE_SUFFIXES, frame_count, open_image, open_pdf, render_page
from ocrtune.inference import PREDICTIONS, predict
from ocrtune.options import ExportOptions
from ocrtune.plugins import EXPORTERS
from ocrtune.runs import RunDir
from ocrtune.verbs.evaluate import Reader, Reading, reader
from ocrtune.verbs.score import decode

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger("ocrtune")

SUFFIXES = IMAGE_SUFFIXES | {".pdf"}
DOCUMENTS = "documents"


class Config(Reading):
    """What is read, by whom, and what is written."""

    inputs: tuple[str, ...] = Field(min_length=1, description="PDF and image files, folders, or patterns such as 'scans/*.png'")
    formats: tuple[Literal["txt", "md", "json"], ...] = Field(
        ("md", "json"), min_length=1, description="files to write per document"
    )
    dpi: int = Field(150, ge=36, le=600, description="resolution at which PDF pages are rendered, dots per inch")


class Parsed(NamedTuple):
    """The documents in the order of their names, and the files that were written."""

    documents: list[Document]
    files: list[Path]


class _Sheet(NamedTuple):
    """A page on its way: the picture to read, or why there is none."""

    document: str
    number: int
    picture: Path | None
    size: Size | None
    why: str | None

    @property
    def sample_id(self) -> str:
        return f"{self.document}/{self.number:04d}"


def run(config: Config, into: RunDir) -> Parsed:
    """Status is partial while any page or file failed, done otherwise."""
    sources = _named(_find(config.inputs))
    sheets = [sheet for name, file in _bar(sources) for sheet in _sheets(name, file, config.dpi, into)]
    samples = [_sample(sheet, sources[sheet.document]) for sheet in sheets if sheet.picture is not None]
    if not samples:
        raise InputError(f"none of {len(sources)} files can be read; the first: {sheets[0].why}")
    with reader(config, into) as asked:
        predictions = predict(samples, asked.dialect, asked.engine, into, max_tokens=config.max_tokens, retries=config.retries)
        provenance = {"dialect": asked.dialect.name, **asked.engine.describe()}
    by_id = {p.sample_id: p for p in predictions}
    pages = {sheet.sample_id: _page(sheet, by_id.get(sheet.sample_id), asked) for sheet in sheets}
    documents = [
        Document(source=str(file), pages=tuple(pages[s.sample_id] for s in sheets if s.document == name), provenance=provenance)
        for name, file in sources.items()
    ]
    files = _export(dict(zip(sources, documents, strict=True)), config.formats, into)
    _finish(sheets, by_id, into)
    return Parsed(documents, files)


def _find(inputs: Sequence[str]) -> list[Path]:
    """Files in the order given, folders and patterns sorted, each once. Raises InputError for what is not there."""
    found: dict[Path, None] = {}
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            files = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        elif path.is_file():
            files = [path]
        else:
            matches = glob.glob(text, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute patterns
            files = sorted(p for p in map(Path, matches) if p.is_file())
        if not files:
            known = ", ".join(sorted(SUFFIXES))
            raise InputError(f"nothing to read at {text}", hint=f"give files ({known}), folders or patterns")
        found |= dict.fromkeys(files)
    return list(found)


def _named(files: Sequence[Path]) -> dict[str, Path]:
    """File names without suffix, as names of documents; repeated ones are numbered."""
    seen: Counter[str] = Counter()
    taken: dict[str, Path] = {}
    for file in files:
        name = file.stem
        while name in taken:
            seen[file.stem] += 1
            name = f"{file.stem}-{seen[file.stem] + 1}"
        taken[name] = file
    return taken


def _bar(sources: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    yield from tqdm(sources.items(), desc="opening", unit="file")


def _sheets(name: str, file: Path, dpi: int, into: RunDir) -> list[_Sheet]:
    """The pages of one file as pictures in the run; a broken file is one page that says why."""
    try:
        if file.suffix.lower() == ".pdf":
            return list(_pdf_sheets(name, file, dpi, into))
        return list(_image_sheets(name, file, into))
    except InputError as error:
        return [_Sheet(name, 1, None, None, str(error))]


def _pdf_sheets(name: str, file: Path, dpi: int, into: RunDir) -> Iterator[_Sheet]:
    with open_pdf(file) as pdf:
        for number in range(1, len(pdf) + 1):
            try:
                page = pdf[number - 1]
                try:
                    yield _kept(name, number, render_page(page, dpi), into)
                finally:
                    page.close()
            except (InputError, RuntimeError) as error:  # pdfium's own errors are RuntimeErrors
                yield _Sheet(name, number, None, None, f"the page cannot be rendered: {error}")


def _image_sheets(name: str, file: Path, into: RunDir) -> Iterator[_Sheet]:
    """One page per frame, so that a multi-page TIFF keeps all of its pages."""
    if file.suffix.lower() not in (".tif", ".tiff"):
        yield _Sheet(name, 1, file.resolve(), Size(*open_image(file).size), None)
        return
    for number in range(1, frame_count(file) + 1):
        try:
            yield _kept(name, number, open_image(file, frame=number - 1), into)
        except InputError as error:
            yield _Sheet(name, number, None, None, str(error))


def _kept(name: str, number: int, image: Image, into: RunDir) -> _Sheet:
    """The picture in the run directory: documents refer to it, and a resumed run need not ask for the same page again."""
    place = f"pages/{name}/{number:04d}.png"
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return _Sheet(name, number, into.write(place, buffer.getvalue()).resolve(), Size(*image.size), None)


def _sample(sheet: _Sheet, source: Path) -> Sample:
    width, height = sheet.size or (None, None)
    image = ImageRef(path=str(sheet.picture), width=width, height=height)
    return Sample(id=sheet.sample_id, group=str(source), images=(image,))


def _page(sheet: _Sheet, prediction: Prediction | None, asked: Reader) -> Page:
    width, height = sheet.size or (None, None)
    image = ImageRef(path=str(sheet.picture), width=width, height=height) if sheet.picture else None
    empty = Page(number=sheet.number, width=width, height=height, image=image)
    if prediction is None:
        return empty.model_copy(update={"problems": (sheet.why or "not read",)})
    decoded = decode(prediction, asked.dialect)
    problems = (*_problems(prediction), *(f"{p.kind}: {p.detail}" for p in decoded.problems))
    return empty.model_copy(update={"regions": decoded.regions, "problems": problems})


def _problems(prediction: Prediction) -> Iterator[str]:
    if prediction.error is not None:
        yield f"{prediction.error.kind}: {prediction.error.message}"
    elif prediction.finish == "length":
        yield "truncated: the reply was cut off at the token limit; raise --max-tokens"
    elif prediction.finish == "loop":
        yield "loop: the reply ends in repetition"


def _export(documents: Mapping[str, Document], formats: Sequence[str], into: RunDir) -> list[Path]:
    exporters = [EXPORTERS.get(name)(ExportOptions()) for name in formats]
    return [
        into.write(f"{DOCUMENTS}/{artefact.name}", artefact.content)
        for name, document in documents.items()
        for exporter in exporters
        for artefact in exporter.export(document, name)
    ]


def _finish(sheets: Sequence[_Sheet], by_id: Mapping[str, Prediction], into: RunDir) -> None:
    failed = [(s, s.why or "not read") for s in sheets if s.picture is None]
    failed += [(s, f"{p.error.kind}: {p.error.message}") for s in sheets if (p := by_id.get(s.sample_id)) and p.error]
    for sheet, why in failed[:20]:
        log.warning("%s, page %d: %s", sheet.document, sheet.number, why)
    message = f"{len(failed)} of {len(sheets)} pages failed" if failed else None
    into.finish("partial" if failed else "done", message=message, predictions=PREDICTIONS, documents=DOCUMENTS)
    log.info("%d pages read, %d failed; documents are in %s", len(sheets) - len(failed), len(failed), into.path / DOCUMENTS)
