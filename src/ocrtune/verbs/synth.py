"""Make real PDF documents with known truth: invoices, letters, contracts, reports, columns, in four languages.

Examples:
  ocrtune synth --languages ru --count 40
  ocrtune synth --languages ru,en,zh-Hant,zh-Hans --count 10 --pages 2 --into data/made
  ocrtune synth --languages ru --templates invoice,contract --scans 0.6 --renderer fpdf2
  ocrtune prepare run:synth-1a2b3c4d --unit line
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, ValidationInfo, field_validator
from tqdm import tqdm

from ocrtune.config import Section, closest
from ocrtune.contracts import Generator, Made, Order
from ocrtune.core import Document
from ocrtune.plugins import GENERATORS
from ocrtune.runs import RunDir

log = logging.getLogger("ocrtune")
DOCUMENTS = "documents"
PREFERRED = ("chromium", "fpdf2")  # the better pages first


class Config(Section):
    """What documents are made. The same options give the same texts on every machine."""

    languages: tuple[str, ...] = Field(("ru",), min_length=1, description="any of ru, en, zh-Hant, zh-Hans")
    count: int = Field(40, ge=1, le=9_999, description="documents per language; 40 give about 2,000 lines")
    templates: tuple[str, ...] = Field((), description="any of invoice, letter, contract, report, columns; all when empty")
    pages: int = Field(1, ge=1, le=50, description="about how many pages a document has")
    seed: int = Field(0, description="other seeds give other documents")
    scans: float = Field(
        0.0, ge=0, le=1, description="0 makes clean PDFs; above that, scans of this roughness with the true text beneath"
    )
    renderer: Literal["auto", "chromium", "fpdf2"] = Field(
        "auto", description="chromium has the better pages, fpdf2 needs no program; auto takes what is there"
    )
    fonts: tuple[str, ...] = Field((), description='font families to choose from, e.g. "DejaVu Sans"; all found ones when empty')

    @field_validator("languages", "templates")
    @classmethod
    def _known(cls, words: tuple[str, ...], field: ValidationInfo) -> tuple[str, ...]:
        known = sorted({word for name in PREFERRED for word in getattr(GENERATORS.get(name), str(field.field_name))})
        for word in words:
            if word not in known:
                raise ValueError(f"there is no {word!r}{closest(word, known)}; there are {', '.join(known)}")
        return tuple(dict.fromkeys(words))


class Synthesis(NamedTuple):
    """`folder` holds `<name>.pdf`, `<name>.truth.json` (a Document) and `<name>.tags.json`."""

    folder: Path
    documents: int
    pages: int
    renderer: str


def run(config: Config, into: RunDir) -> Synthesis:
    """Make what is not there yet. Documents appear whole, the PDF last."""
    generator = choose(config)
    orders = list(plan(config, generator))
    for cut_short in (into.path / DOCUMENTS).glob(".*"):
        cut_short.unlink()
    missing = [order for order in orders if not (into.path / DOCUMENTS / f"{name(order)}.pdf").exists()]
    if len(missing) < len(orders):
        log.info("%d of %d documents are there already", len(orders) - len(missing), len(orders))
    if missing:
        make(generator, missing, config.languages, into)
    folder = into.path / DOCUMENTS
    pages = sum(len(read_truth(folder / f"{name(order)}.truth.json").pages) for order in orders)
    log.info("%d documents, %d pages in %s (%s)", len(orders), pages, folder, generator.name)
    into.finish("done", documents=DOCUMENTS)
    return Synthesis(folder, len(orders), pages, generator.name)


def choose(config: Config) -> Generator:
    """The renderer asked for, or the best one that can run here."""
    fonts = config.fonts or None
    if config.renderer != "auto":
        return GENERATORS.get(config.renderer)(fonts)
    candidates = [GENERATORS.get(known)(fonts) for known in PREFERRED]
    return next((generator for generator in candidates if generator.missing() is None), candidates[-1])


def plan(config: Config, generator: Generator) -> Iterator[Order]:
    """One order per document: templates take turns, languages follow each other."""
    templates = config.templates or generator.templates
    for language in config.languages:
        for number in range(1, config.count + 1):
            template = templates[(number - 1) % len(templates)]
            yield Order(language, template, number, config.seed, config.pages, config.scans)


def make(generator: Generator, orders: list[Order], languages: tuple[str, ...], into: RunDir) -> None:
    try:
        generator.open(languages)
        for order in tqdm(orders, desc="documents", unit="doc"):
            write(generator.make(order), name(order), into)
    finally:
        generator.close()


def write(made: Made, stem: str, into: RunDir) -> None:
    """The PDF last: where it stands, its truth and tags stand too."""
    into.write(f"{DOCUMENTS}/{stem}.tags.json", json.dumps(dict(made.tags), ensure_ascii=False) + "\n")
    into.write(f"{DOCUMENTS}/{stem}.truth.json", made.truth)
    into.write(f"{DOCUMENTS}/{stem}.pdf", made.pdf)


def name(order: Order) -> str:
    return f"{order.language}-{order.template}-{order.number:04d}"


def read_truth(file: Path) -> Document:
    return Document.model_validate_json(file.read_text("utf-8"))
