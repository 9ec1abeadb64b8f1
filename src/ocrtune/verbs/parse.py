"""Read documents and write Markdown, HTML, JSON, searchable PDFs and more. A page that fails is marked; the rest is kept.

Without a model each page is read from its text layer where that can be trusted, else by the OCR engines that are installed.
With `--model` or `--base-url` the model reads, and those read a second time beside it: their words give places and
agreement. A reply that runs in circles, is cut short or broken is asked again in other ways before the page is marked.

Examples:
  ocrtune parse scan.pdf
  ocrtune parse letters/ --language rus+eng --formats md,pdf --pages 1-3,7
  ocrtune parse "archive/*.tif" cover.png --engine rapidocr --formats txt,hocr,alto
  ocrtune parse report.pdf --model models/nano
  ocrtune parse report.pdf --base-url http://127.0.0.1:8000/v1 --dialect layout --max-tokens 8192 --concurrency 32
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from ocrtune.config import Names
from ocrtune.contracts import Dialect
from ocrtune.core import Box, ImageRef, Leaf, Region, Sample, Size
from ocrtune.errors import ConfigError, InputError
from ocrtune.inference import PREDICTIONS
from ocrtune.models import family_for, model_ref, notes
from ocrtune.options import ExportOptions
from ocrtune.plugins import DIALECTS, ENGINES, EXPORTERS
from ocrtune.runs import RunDir
from ocrtune.verbs._bindery import DOCUMENTS, Bindery, read_by, write_index
from ocrtune.verbs._ladder import Rules, readings
from ocrtune.verbs._pages import Sheet, Try, Wanted, assembled, opened, unread
from ocrtune.verbs._review import REVIEW, write_review
from ocrtune.verbs._second import Second, second_reading
from ocrtune.verbs.evaluate import Reader, reader

log = logging.getLogger("ocrtune")

NEEDS = {"md": "figures", "html": "figures", "hocr": "images", "alto": "images", "page": "images"}  # what a format links to

NAMED = 20  # failed pages that are named where the run ends; the index has all
FOR_MODELS = ("prompt", "prompt_file", "question", "bbox")
SPLITS = 3  # of a dataset, each of which takes at least one document


class Config(ExportOptions, Rules, Wanted):
    """What is read, by whom, and what is written."""

    engine: str = Field(
        "auto",
        description="what reads: auto (the model where one is named, else text layer and installed OCR), local, http, "
        "textlayer, tesseract, rapidocr, echo",
    )
    formats: Names = Field(
        ("md", "html", "json", "pdf"),
        min_length=1,
        description="what to write for each document: md, html, json, txt, pdf (searchable), hocr, alto, page, csv, xlsx, docx, "
        "figures, images, overlay, rebuilt (PDF in the page's layout), flow (PDF of running text)",
    )
    check: bool = Field(
        True, description="let text layer or OCR read beside a model: places of words, agreement, what is missing"
    )
    review: bool = Field(False, description="also write the doubtful blocks as a list to correct, which prepare reads")


class Parsed(NamedTuple):
    """How much was read, and the files that were written; the documents are in the run's folder `documents`."""

    documents: int
    pages: int
    failed: int
    files: list[Path]


def run(config: Config, into: RunDir) -> Parsed:
    """Status is partial while any page or file failed, done otherwise."""
    reading = _pages(config, into)
    while True:
        try:
            next(reading)
        except StopIteration as end:
            found: Parsed = end.value
            return found


def pages(config: Config, into: RunDir) -> Iterator[Leaf]:
    """What `run` does, giving each page as soon as it is final; the run is finished when the last page was taken."""
    yield from _pages(config, into)


def _pages(config: Config, into: RunDir) -> Generator[Leaf, None, Parsed]:
    sheets = [_boxed(sheet, config.bbox) for sheet in opened(config, into.path)]
    if all(sheet.image is None for sheet in sheets):
        count = len({sheet.source for sheet in sheets})
        raise InputError(f"none of {count} files can be read; the first: {sheets[0].why}" if count > 1 else str(sheets[0].why))
    exporters = {name: EXPORTERS.get(name) for name in _complete(config.formats)}
    options = ExportOptions(**{name: getattr(config, name) for name in ExportOptions.model_fields})
    bindery = Bindery([exporter(options) for exporter in exporters.values()], sheets, into)
    with reader(_resolved(config), into) as there, bindery.at_work():
        asked = _in_its_words(config, there)
        if config.bbox is not None:
            _must_place(asked.dialect, config.question)
        bindery.provenance = {"dialect": asked.dialect.name, **asked.engine.describe()}
        with contextlib.closing(_leaves(config, asked, sheets, into)) as leaves:
            for leaf in leaves:
                bindery.take(leaf)
                yield leaf
    review = write_review(bindery.documents, into) if config.review else None
    if review is not None:
        bindery.files.append(review)
    return _finish(bindery, into, review)


def _leaves(config: Config, asked: Reader, sheets: Sequence[Sheet], into: RunDir) -> Generator[Leaf]:
    """Every page once, as soon as nothing more can be done for it."""
    by_id = {sheet.sample_id: sheet for sheet in sheets}
    samples = [_sample(config, sheet) for sheet in sheets if sheet.image is not None]
    yield from (unread(sheet) for sheet in sheets if sheet.image is None)
    boxes = {sample.id: sample.box for sample in samples}
    with contextlib.ExitStack() as stack:
        second: Second | None = None
        if config.check and config.whole and asked.engine.native is None and {"read", "layout"} & set(asked.dialect.tasks):
            second = stack.enter_context(second_reading(samples, config.language, into))

        def final(tried: Try) -> Leaf:
            placed = _placed(tried, boxes[tried.sample_id])
            return assembled(by_id[tried.sample_id], placed, _reference(second, tried, asked.dialect))

        yield from map(final, readings(config, asked, samples, second, into))


def _reference(second: Second | None, tried: Try, dialect: Dialect) -> Sequence[Region]:
    """What there is to hold the reading against; nothing where it is the second reading itself, or the model was asked for no
    text."""
    if second is None or tried.engine == second.engine.name or "read" not in dialect.tasks:
        return ()
    return second.regions(tried.sample_id, tried.prediction.turn)


def _placed(tried: Try, box: Box | None) -> Try:
    """What was read of a part of the page stands there."""
    if box is None:
        return tried
    regions = (region if region.box else region.model_copy(update={"box": box}) for region in tried.decoded.regions)
    return tried._replace(decoded=tried.decoded.model_copy(update={"regions": tuple(regions)}))


def _sample(config: Config, sheet: Sheet) -> Sample:
    assert sheet.image is not None
    size = sheet.image.size
    box = None if config.bbox is None or size is None else Box.from_pixels(config.bbox, size.width, size.height)
    return Sample(id=sheet.sample_id, group=str(sheet.source), images=(sheet.image,), question=config.question, box=box)


def _boxed(sheet: Sheet, bbox: tuple[float, float, float, float] | None) -> Sheet:
    """The sheet, or why the part of it that is to be read is none."""
    if bbox is None or sheet.image is None or (size := sheet.image.size) is None:
        return sheet
    left, top, right, bottom = Box.from_pixels(bbox, size.width, size.height).to_pixels(size.width, size.height)
    if right - left >= 1 and bottom - top >= 1:
        return sheet
    said = ", ".join(f"{side:g}" for side in bbox)
    return sheet._replace(image=None, why=f"nothing of the page, {size.width} × {size.height} pixels, is in --bbox {said}")


def _must_place(dialect: Dialect, question: str | None) -> None:
    """Raises ConfigError where what a dialect asks has no place for a box."""
    size, box = Size(1000, 1000), Box(left=0.1, top=0.1, right=0.2, bottom=0.2)
    page = Sample(id="page", group="page", images=(ImageRef(path="page", width=1000, height=1000),), question=question)
    if dialect.ask(page, sees=size) == dialect.ask(page.model_copy(update={"box": box}), sees=size):
        raise ConfigError(
            f"the dialect {dialect.name} asks for whole pages, not for a --bbox", hint="add --dialect dots-grounding"
        )


def _resolved(config: Config) -> Config:
    """The options with the engine that "auto" stands for, and the dialect that it speaks when nobody says otherwise."""
    named = "http" if config.base_url else "local" if config.model is not None else config.engine
    engine = named if config.engine == "auto" else config.engine
    native = ENGINES.get(engine).native
    if native is not None:
        if config.dialect not in (None, native):
            raise ConfigError(
                f"{engine} does not speak the dialect {config.dialect}", hint="name a model with --model or --base-url"
            )
        if unheard := [f"--{name.replace('_', '-')}" for name in FOR_MODELS if getattr(config, name) is not None]:
            raise ConfigError(f"{', '.join(unheard)}: only a model can be told", hint="name one with --model or --base-url")
        return config.model_copy(update={"engine": engine, "layout": True, "dialect": config.dialect or native})
    free = _is_free(config) and engine == "local" and config.adapter is None
    dialect = _spoken(config.model) if free else config.dialect
    return config.model_copy(update={"engine": engine, "language": None, "dialect": dialect})


def _spoken(model: str | None) -> str | None:
    """What a checkpoint that nobody trained here speaks best; None for a run, which knows for itself."""
    if model is None or model.startswith("run:") or notes(Path(model)):
        return None
    ref = model_ref(model)
    return None if ref.adapter is not None else family_for(ref).dialects[0]


def _in_its_words(config: Config, asked: Reader) -> Reader:
    """Asked as the model behind a server wants to be, where nobody says otherwise and its folder or its processor's is known."""
    folder = asked.engine.describe().get("processor")
    if not folder or not _is_free(config):
        return asked
    trained = notes(Path(folder))
    name = str(trained.get("dialect") or _spoken(folder) or "plain")
    log.info("asked in the dialect %s, which is the model's own (--dialect)", name)
    return asked._replace(dialect=DIALECTS.get(name)(trained.get("prompt")))


def _is_free(config: Config) -> bool:
    """Whether the model may be asked in its own way."""
    return config.dialect is None and config.words is None and config.question is None


def _complete(formats: Sequence[str]) -> list[str]:
    """With the pictures that some formats refer to."""
    needed = [NEEDS[name] for name in formats if name in NEEDS]
    return list(dict.fromkeys([*formats, *needed]))


def _finish(bindery: Bindery, into: RunDir, review: Path | None) -> Parsed:
    found = Parsed(len(bindery.documents), len(bindery.notes), sum(note.failed for note in bindery.notes), bindery.files)
    failed = [note for note in bindery.notes if note.failed]
    for note in failed[:NAMED]:
        log.warning("%s, page %d: %s", note.document, note.number, "; ".join(note.problems))
    contents = write_index(bindery, into)
    if len(failed) > NAMED:
        log.warning("and %s more, listed in %s", _pages_of(len(failed) - NAMED), into.path / contents)
    log.info("read by %s", read_by(bindery.notes))
    faults = [f"{found.failed} of {_pages_of(found.pages)} failed"] if found.failed else []
    if borrowed := sum(note.borrowed for note in bindery.notes):
        whose = f"{borrowed} of {_pages_of(found.pages)} came from the second reading"
        faults.append(f"{whose}, as the model was out of reach; the same command asks it again")
    faults += [f"{bindery.unwritten} files were not written"] if bindery.unwritten else []
    roles = {} if review is None else {"review": REVIEW}
    into.finish("partial" if faults else "done", message="; ".join(faults) or None, index=contents, predictions=PREDICTIONS,
                documents=DOCUMENTS, **roles)  # fmt: skip
    log.info(
        "%s read, %d failed; documents are in %s", _pages_of(found.pages - found.failed), found.failed, into.path / DOCUMENTS
    )
    if review is not None:
        few = "" if found.documents >= SPLITS else " --val 0 --test 0"
        log.info("doubtful blocks are in %s: correct them, then `ocrtune prepare %s%s` makes training data of them",
                 review, review.parent, few)  # fmt: skip
    return found


def _pages_of(count: int) -> str:
    return "1 page" if count == 1 else f"{count} pages"
