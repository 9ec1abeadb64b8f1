"""Scanned PDFs with known truth: pages per second, CPU and character error rate beside OCRmyPDF, in one run.

    python benchmarks/parse_scans.py --ocrmypdf PATH/TO/ocrmypdf
    python benchmarks/parse_scans.py --languages ru --pages 16 --scan 0.8 --whole

Each contender reads the same files in a process of its own, start-up included, one after the other. `read` is the engine alone
(`auto`, or the one named), `whole` is `ocrtune parse --formats pdf`, the counterpart of the peer, which is run with `-j 2` and
without PDF/A. Text is compared as Unicode NFKC with one kind of quote and dash, tables as their words; without spaces in Chinese.

Needs Chromium for the pages (`ocrtune synth`). `--keep FOLDER` keeps the scans, so that later runs see the same.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rapidfuzz.distance import Levenshtein

from ocrtune.contracts import Order
from ocrtune.core import Prompt
from ocrtune.options import EngineOptions
from ocrtune.plugins import DIALECTS, ENGINES, GENERATORS
from ocrtune.rendering import pages

DPI = 200
PEER = {"en": "eng", "ru": "rus+eng", "zh-Hant": "chi_tra", "zh-Hans": "chi_sim"}
TEMPLATES = ("letter", "contract", "report")
LEAST = {
    "en": 1200,
    "ru": 1200,
    "zh-Hant": 600,
    "zh-Hans": 600,
}  # letters; emptier pages would flatter whoever is fast at nothing
ONE_KIND = str.maketrans("“”«»„’‘—–−", '"""""\'\'---', "•·")
TAG = re.compile(r"<[^>]+>")


class Figures(NamedTuple):
    wall: float
    cpu: float
    texts: list[str]


class Wanted(NamedTuple):
    """How many pages, how poor they are as scans, and the number that decides what is on them."""

    pages: int
    strength: float
    seed: int


def scans(folder: Path, language: str, wanted: Wanted) -> tuple[Path, list[str]]:
    """A PDF of pictures alone, and the true text of each page. Made when it is not there."""
    pdf, truth = folder / f"{language}.pdf", folder / f"{language}.json"
    if not truth.exists():
        texts = _make(pdf, language, wanted)
        truth.write_text(json.dumps(texts, ensure_ascii=False), "utf-8")
    return pdf, json.loads(truth.read_text("utf-8"))


def _make(target: Path, language: str, wanted: Wanted) -> list[str]:
    import pypdfium2

    generator = GENERATORS.get("chromium")()
    generator.open([language])
    pictures: list[Any] = []
    texts: list[str] = []
    number = 0
    while len(texts) < wanted.pages:
        number += 1
        order = Order(language, TEMPLATES[number % len(TEMPLATES)], number, seed=wanted.seed, pages=2, scan=wanted.strength)
        made = generator.make(order)
        pdf = pypdfium2.PdfDocument(made.pdf)
        for index, page in enumerate(made.truth.pages):
            if len(page.text) >= LEAST[language] and len(texts) < wanted.pages:
                pictures.append(pdf[index].render(scale=DPI / 72).to_pil().convert("RGB"))
                texts.append(page.text)
        pdf.close()
    generator.close()
    pictures[0].save(target, save_all=True, append_images=pictures[1:], resolution=DPI, quality=75)
    return texts


# --- contenders --------------------------------------------------------------------------------------------------------------


def peer(program: str, pdf: Path, language: str) -> list[str]:
    out = pdf.with_name("peer.pdf")
    command = [program, "-q", "-l", PEER[language], "-j", "2", "--output-type", "pdf", str(pdf), str(out)]
    subprocess.run(command, check=True)
    return [str(out)]


def whole(pdf: Path, folder: Path) -> list[str]:
    command = [sys.executable, "-m", "ocrtune.cli.main", "parse", str(pdf), "--formats", "pdf", "--dpi", str(DPI)]
    subprocess.run([*command, "--into", str(folder), "--fresh", "--quiet"], check=True)
    return [str(file) for file in (folder / "documents").rglob("*.pdf")]


def read(pdf: Path, engine: str) -> list[str]:
    """In another process; what it says is the texts."""
    command = [sys.executable, __file__, "--read", str(pdf), "--engine", engine]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return list(json.loads(done.stdout))


def reading(pdf: Path, name: str) -> list[str]:
    engine = ENGINES.get(name)(EngineOptions(layout=True, concurrency=2))
    dialect = DIALECTS.get(engine.native or "plain")()
    engine.open()
    prompts = [Prompt(sample_id=str(n), images=(ref,), text="", max_tokens=1) for n, ref in enumerate(pages(pdf, dpi=DPI))]
    answers = {int(answer.sample_id): answer for answer in engine.stream(prompts)}
    engine.close()
    for why in sorted({f"{answer.engine}: {answer.why}" for answer in answers.values()}):
        print(f"  {why}", file=sys.stderr)
    return [dialect.decode(answers[n].text or "").text for n in range(len(prompts))]


def layer(file: str) -> list[str]:
    """The text that other programs find in a searchable PDF."""
    import pypdfium2

    pdf = pypdfium2.PdfDocument(file)
    return [page.get_textpage().get_text_range() for page in pdf]


# --- figures -----------------------------------------------------------------------------------------------------------------


def measured(work: Callable[[], list[str]], *, into_text: bool) -> Figures:
    used, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    said = work()
    wall, now = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return Figures(wall, cpu, layer(said[0]) if into_text else said)


def cer(texts: Sequence[str], truth: Sequence[str], language: str) -> float:
    pairs = [(_plain(a, language), _plain(b, language)) for a, b in zip(texts, truth, strict=True)]
    return sum(Levenshtein.distance(a, b) for a, b in pairs) / sum(len(b) for _, b in pairs)


def _plain(text: str, language: str) -> str:
    words = unicodedata.normalize("NFKC", TAG.sub(" ", text)).translate(ONE_KIND).split()
    return ("" if language.startswith("zh") else " ").join(words)


def compare(options: argparse.Namespace, folder: Path) -> None:
    print(f"{'':8} {'contender':10} {'pages/s':>8} {'CPU s/page':>10} {'CER %':>7} {'times the peer':>15}")
    for language in options.languages.split(","):
        pdf, truth = scans(folder, language, Wanted(options.pages, options.scan, options.seed))
        pages(pdf, dpi=DPI)
        contenders: dict[str, tuple[Callable[[], list[str]], bool]] = {}
        if options.ocrmypdf:
            contenders["ocrmypdf"] = (lambda pdf=pdf, language=language: peer(options.ocrmypdf, pdf, language), True)
        contenders["read"] = (lambda pdf=pdf: read(pdf, options.engine), False)
        if options.whole:
            contenders["whole"] = (lambda pdf=pdf: whole(pdf, folder / "run"), True)
        base: float | None = None
        for name, (work, into_text) in contenders.items():
            best = min((measured(work, into_text=into_text) for _ in range(options.repeat)), key=lambda f: f.wall)
            rate = len(truth) / best.wall
            base = rate if name == "ocrmypdf" else base
            times = f"{rate / base:.2f}" if base else ""
            error = 100 * cer(best.texts, truth, language)
            print(f"{language:8} {name:10} {rate:8.3f} {best.cpu / len(truth):10.2f} {error:7.2f} {times:>15}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ocrmypdf", help="the peer's program; only our own figures without it")
    parser.add_argument("--languages", default="en,ru,zh-Hant")
    parser.add_argument("--pages", type=int, default=12, help="per language")
    parser.add_argument("--scan", type=float, default=0.4, help="how poor the scans are, 0 to 1")
    parser.add_argument("--seed", type=int, default=7, help="other pages for another number")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--whole", action="store_true", help="also the whole of `ocrtune parse --formats pdf`")
    parser.add_argument("--repeat", type=int, default=1, help="times each is run; the fastest counts")
    parser.add_argument("--keep", type=Path, help="folder for the scans and results")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if options.read:
        print(json.dumps(reading(options.read, options.engine), ensure_ascii=False))
    elif options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        compare(options, options.keep)
    else:
        with tempfile.TemporaryDirectory() as folder:
            compare(options, Path(folder))


if __name__ == "__main__":
    main()
