"""Born-digital PDFs to Markdown: ours against pymupdf4llm on the same documents with known truth, in one run.

The documents are made by `ocrtune synth` (PDF and `*.truth.json` side by side). The peer runs in an interpreter of its own,
because its licence (AGPL) keeps it out of ours:

    ocrtune synth --languages en,ru,zh-Hant --count 5 --pages 2 --into /tmp/digital
    python -m venv /tmp/peer && /tmp/peer/bin/pip install pymupdf4llm
    python benchmarks/parse.py /tmp/digital/documents --peer /tmp/peer/bin/python

`--omnidocbench FOLDER` takes the pages of OmniDocBench (its json and `images/`) instead, as PDFs that hold the pictures: there
both have to recognise the text, and display formulas are compared by their boxes.

Figures: CPU-seconds per page of the whole process; of the truth's blocks the share found, and of neighbouring blocks the share
that follow one another; F1 of headings; mean TEDS of tables; character error rate of the running text. Scans are in
`parse_scans.py`, the order of blocks on human labels in `reading_order.py`, the client of a server in `serve_client.py`.
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
import unicodedata
from collections.abc import Sequence
from html import escape, unescape
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from PIL import Image
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from ocrtune.core import Box, Document, Page, Region
from ocrtune.core.parsed import ParsedDocument
from ocrtune.scoring.tables import teds, th_to_td

PEER = """
import pathlib, sys, pymupdf4llm
for name in sys.argv[2:]:
    text = pymupdf4llm.to_markdown(name, header=False, footer=False, show_progress=False)
    pathlib.Path(sys.argv[1], pathlib.Path(name).stem + ".md").write_text(text, "utf-8")
"""
KINDS = {"title": "section-header", "table": "table", "figure_caption": "caption", "table_caption": "caption"}  # OmniDocBench's
UNREAD = ("equation_isolated", "figure", "header", "footer", "page_number", "abandon", "text_mask", "unknown_mask")
HEADINGS = ("title", "section-header")
RUNNING = ("page-header", "page-footer", "stamp", "picture")
FOUND = 85.0  # percent, partial ratio from which on a block counts as found
SAME = 0.5  # of what two boxes cover together is shared: they mean the same
SHORTEST = 12  # characters of a block that can be looked for


class Figures(NamedTuple):
    """Of one reader over all documents; shares in 0..1."""

    cpu: float
    found: float
    follows: float
    headings: float
    tables: float
    errors: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", type=Path, help="folder with PDFs and their truth")
    parser.add_argument("--omnidocbench", action="store_true", help="the folder holds OmniDocBench pages")
    parser.add_argument("--peer", help="Python of an environment with pymupdf4llm")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        truths = omnidocbench(asked.documents, Path(made)) if asked.omnidocbench else own(asked.documents)
        measure(sorted((Path(made) if asked.omnidocbench else asked.documents).glob("*.pdf")), truths, asked.peer)


def measure(files: Sequence[Path], truths: dict[str, Document], python: str | None) -> None:
    pages = sum(len(truth.pages) for truth in truths.values())
    print(f"{len(files)} documents, {pages} pages")
    print(f"{'':<14}{'CPU-s/page':>12}{'found':>9}{'follows':>9}{'headings':>10}{'TEDS':>8}{'CER':>9}")
    boxes: dict[str, list[Box]] = {}
    shown("ocrtune", figures(lambda fs, to: boxes.update(ours(fs, to)), files, truths, pages))
    if python:
        shown("pymupdf4llm", figures(lambda fs, to: peer(python, fs, to), files, truths, pages))
    wanted = {stem: formulas(truth) for stem, truth in truths.items()}
    if any(wanted.values()):
        right, made = sum(hits(wanted[stem], boxes.get(stem, [])) for stem in wanted), sum(map(len, boxes.values()))
        print(f"display formulas: {right} of {sum(map(len, wanted.values()))} found, {right} of {made} right")


def own(folder: Path) -> dict[str, Document]:
    return {f.stem: Document.model_validate_json(f.with_name(f"{f.stem}.truth.json").read_text("utf-8"))
            for f in folder.glob("*.pdf")}  # fmt: skip


def omnidocbench(folder: Path, into: Path) -> dict[str, Document]:
    """Each page as a PDF of its picture in `into`, with what people say is on it."""
    (listing,) = folder.glob("*.json")
    truths = {}
    for number, page in enumerate(json.loads(listing.read_text("utf-8"))):
        picture = folder / "images" / page["page_info"]["image_path"]
        if not picture.is_file():
            continue
        Image.open(picture).convert("RGB").save(into / f"{number:03d}.pdf", resolution=200, quality=95)
        blocks = sorted((b for b in page["layout_dets"] if b.get("order") is not None), key=lambda b: b["order"])
        regions = [Region(kind=KINDS.get(b["category_type"], "text"), text=b.get("html") or b.get("text") or "") for b in blocks
                   if b["category_type"] not in UNREAD]  # fmt: skip
        size = Image.open(picture).size
        regions += [Region(kind="formula", box=Box.from_pixels((min(p[::2]), min(p[1::2]), max(p[::2]), max(p[1::2])), *size))
                    for b in blocks if b["category_type"] == "equation_isolated" for p in [b["poly"]]]  # fmt: skip
        truths[f"{number:03d}"] = Document(source=picture.name, pages=(Page(number=1, regions=tuple(regions)),))
    return truths


def shown(name: str, f: Figures) -> None:
    print(
        f"{name:<14}{f.cpu:>12.3f}{f.found:>9.1%}{f.follows:>9.1%}{f.headings:>10.3f}{f.tables:>8.3f}{f.errors:>9.2%}", flush=True
    )


def formulas(document: Document) -> list[Box]:
    return [r.box for page in document.pages for r in page.regions if r.kind == "formula" and r.box is not None]


def hits(wanted: Sequence[Box], made: Sequence[Box]) -> int:
    """How many boxes have one for themselves that shares half of what both cover."""
    pairs = sorted(((iou(a, b), i, k) for i, a in enumerate(wanted) for k, b in enumerate(made)), reverse=True)
    taken: set[tuple[str, int]] = set()
    for share, i, k in pairs:
        if share >= SAME and ("wanted", i) not in taken and ("made", k) not in taken:
            taken |= {("wanted", i), ("made", k)}
    return len(taken) // 2


def iou(one: Box, other: Box) -> float:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    both = max(across, 0.0) * max(down, 0.0)
    return both / (sum((b.right - b.left) * (b.bottom - b.top) for b in (one, other)) - both)


def ours(files: Sequence[Path], folder: Path) -> dict[str, list[Box]]:
    """Markdown in `folder`; the boxes of display formulas."""
    program = str(Path(sys.executable).parent / "ocrtune")
    how = ["--formats", "md,json", "--into", str(folder / "run"), "--quiet"]
    command = [program, "parse", *map(str, files), *how]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    for file in (folder / "run/documents").glob("*/*.md"):
        (folder / file.name).write_bytes(file.read_bytes())
    parsed = (folder / "run/documents").glob("*/*.json")
    return {f.stem: formulas(ParsedDocument.model_validate_json(f.read_text("utf-8")).document()) for f in parsed}


def peer(python: str, files: Sequence[Path], folder: Path) -> None:
    command = [python, "-c", PEER, str(folder), *map(str, files)]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)


def figures(read, files: Sequence[Path], truths: dict[str, Document], pages: int) -> Figures:  # type: ignore[no-untyped-def]
    with tempfile.TemporaryDirectory() as name:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        read(files, Path(name))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / pages
        scored = [judged((Path(name) / f"{stem}.md").read_text("utf-8"), truth) for stem, truth in truths.items()]
    return Figures(cpu, *(mean(v for v in column if v is not None) for column in zip(*scored, strict=True)))


def judged(markdown: str, truth: Document) -> tuple[float | None, ...]:
    regions = [r for page in truth.pages for r in page.regions if r.kind not in RUNNING]
    running = [plain(r.text) for r in regions if r.kind != "table"]
    blocks = [text for text in running if len(text) >= SHORTEST]
    text = plain(MARKS.sub(" ", IMAGES.sub(" ", TABLES.sub(" ", COMMENTS.sub(" ", markdown)))))
    spots = [fuzz.partial_ratio_alignment(block, text, score_cutoff=FOUND) for block in blocks]
    where = [spot.dest_start if spot else None for spot in spots]
    ranked = sorted(i for i in range(len(where)) if where[i] is not None)
    order = sorted(ranked, key=lambda i: where[i] or 0)
    follows = [order.index(b) == order.index(a) + 1 for a, b in pairwise(ranked)]
    return (
        sum(w is not None for w in where) / len(blocks) if blocks else None,
        mean(follows) if follows else None,
        heading_f1(markdown, regions),
        table_score(markdown, regions),
        Levenshtein.distance(whole, text) / len(whole) if (whole := "".join(running)) else None,
    )


COMMENTS = re.compile(r"<!--.*?-->", re.DOTALL)
TABLES = re.compile(r"<table.*?</table>|(?:^\|[^\n]*\n?)+", re.DOTALL | re.MULTILINE)
IMAGES = re.compile(r"!\[[^\]]*\]\([^)]*\)")
MARKS = re.compile(r"^#{1,6} |^\s*>|\*\*|(?<!\w)_|_(?!\w)|<br>|<[^>]+>", re.MULTILINE)


UNJUDGED = str.maketrans("", "", "\\-_")


def plain(text: str) -> str:
    """Letters, digits and signs without spaces, in one width: hyphens at line ends and spacing are not judged here."""
    return "".join(unicodedata.normalize("NFKC", unescape(text)).translate(UNJUDGED).split())


def heading_f1(markdown: str, regions: Sequence[Region]) -> float | None:
    wanted = [plain(r.text) for r in regions if r.kind in HEADINGS]
    made = [plain(MARKS.sub("", line)) for line in markdown.splitlines() if re.match(r"#{1,6} ", line)]
    if not wanted:
        return None
    left = list(made)
    hits = 0
    for text in wanted:
        best = max(left, key=lambda other: fuzz.ratio(text, other), default=None)
        if best is not None and fuzz.ratio(text, best) >= 90:
            hits += 1
            left.remove(best)
    return 2 * hits / (len(wanted) + len(made))


def table_score(markdown: str, regions: Sequence[Region]) -> float | None:
    """Each table of the truth against the most similar one that was made and is still free; tables too many are not judged."""
    wanted = [r.text for r in regions if r.kind == "table"]
    if not wanted:
        return None
    made = [as_html(table) for table in TABLES.findall(COMMENTS.sub("", markdown))]
    scores = []
    for table in wanted:
        each = [(similarity(table, other), i) for i, other in enumerate(made)]
        best = max(each, default=(0.0, -1))
        scores.append(best[0])
        if best[1] >= 0:
            made.pop(best[1])
    return mean(scores)


def similarity(wanted: str, made: str) -> float:
    """TEDS of two tables whose rows stand directly in the table, heading cells taken for cells."""
    bare = [re.sub(r"</?(?:tbody|thead)[^>]*>", "", th_to_td(t)) for t in (wanted, made)]
    return teds(*(f"<html><body>{t}</body></html>" for t in bare))


def as_html(table: str) -> str:
    if table.startswith("<"):
        return table
    lines = [line for line in table.strip().splitlines() if not re.fullmatch(r"\|(\s*:?-+:?\s*\|)+", line.strip())]
    rows = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in lines]
    cells = ["".join(f"<td>{escape(MARKS.sub('', c).strip())}</td>" for c in row) for row in rows]
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


if __name__ == "__main__":
    main()
