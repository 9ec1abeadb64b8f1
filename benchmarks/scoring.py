"""How fast answers are scored, against the published scorers on the same inputs in the same run.

    python benchmarks/scoring.py [--upstream FOLDER] [--pages 1000] [--tables 3]

Seconds are those of the processor (all processes of a row together) unless a row says "wall". Without `--upstream`, the rows
of OCRBench v2 are left out; TEDS is compared with the `apted` package and a Levenshtein distance in Python, which is what
the published TEDS is made of.

FOLDER is `OCRBench_v2/eval_scripts` of a checkout of MultimodalOCR, with what it imports installed (nltk with its WordNet,
zss, distance, jieba, lxml). Its debugger and two distance packages that no rule calls need not be. Ours has the same synonyms
with $OCRTUNE_WORDNET or Debian's wordnet-base.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ocrtune.scoring import ocrbench_v2, wordnet
from ocrtune.scoring.ocrbench_v2 import Item
from ocrtune.scoring.tables import from_rows, teds
from ocrtune.scoring.text import cer


class Row(NamedTuple):
    name: str
    ours: float
    theirs: float | None
    same: bool | None


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def prose(rng: random.Random, words: int) -> str:
    return " ".join("".join(rng.choices("aeionrtslc", k=rng.randint(2, 9))) for _ in range(words))


def misread(rng: random.Random, text: str, share: float = 0.05) -> str:
    return "".join(rng.choice(["", "x", "yz"]) if rng.random() < share else letter for letter in text)


def table(rng: random.Random, rows: int = 20, columns: int = 10) -> list[list[str]]:
    return [[prose(rng, rng.randint(1, 2)) for _ in range(columns)] for _ in range(rows)]


# -- CER -------------------------------------------------------------------------------------------------------------


def rate(pair: tuple[str, str]) -> float:
    return cer(*pair)


def pages(count: int) -> str:
    """CER of `count` pages of 2000 characters on all processors, as wall seconds for 10 000."""
    rng = random.Random(0)
    pairs = []
    for _ in range(count):
        text = prose(rng, 400)[:2000].ljust(2000, "o")
        pairs.append((text, misread(rng, text)))
    cores = os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()
    with ProcessPoolExecutor(cores) as pool:
        list(pool.map(rate, pairs[:8]))  # the processes have started
        start = time.perf_counter()
        list(pool.map(rate, pairs, chunksize=64))
        wall = time.perf_counter() - start
    return f"CER of 10 000 pages of 2000 characters: {wall / count * 10_000:.1f} s wall on {cores} processors"


# -- TEDS ------------------------------------------------------------------------------------------------------------


def slow_distance(one: Sequence[str], two: Sequence[str]) -> int:
    row = list(range(len(one) + 1))
    for i, right in enumerate(two, start=1):
        above, row = row, [i]
        for j, left in enumerate(one):
            row.append(min(above[j + 1] + 1, row[j] + 1, above[j] + (left != right)))
    return row[-1]


class Node:
    def __init__(self, tag: str, text: str | None = None) -> None:
        self.tag, self.text = tag, text
        self.children: list[Node] = []


def slow_teds(reference: list[list[str]], reading: list[list[str]]) -> float:
    from apted import APTED, Config

    class Costs(Config):  # type: ignore[misc]
        def rename(self, one: Node, two: Node) -> float:
            if one.tag != two.tag:
                return 1.0
            if one.text or two.text:
                return slow_distance(one.text or "", two.text or "") / max(len(one.text or ""), len(two.text or ""))
            return 0.0

    nodes = max(sum(1 + len(row) for row in grid) for grid in (reference, reading))
    return 1.0 - APTED(_tree(reading), _tree(reference), Costs()).compute_edit_distance() / nodes


def _tree(grid: list[list[str]]) -> Node:
    root = Node("table")
    for row in grid:
        root.children.append(Node("tr"))
        root.children[-1].children = [Node("td", cell) for cell in row]
    return root


def tables(count: int) -> Row:
    rng = random.Random(1)
    grids = [table(rng) for _ in range(count)]
    read = [[[misread(rng, cell) for cell in row if rng.random() > 0.01] for row in grid] for grid in grids]
    pairs = list(zip(grids, read, strict=True))
    teds(from_rows(grids[0]), from_rows(read[0]))  # imports are not scoring
    ours, values = seconds(lambda: [teds(from_rows(one), from_rows(two)) for one, two in pairs])
    theirs, expected = seconds(lambda: [slow_teds(one, two) for one, two in pairs])
    return Row(f"TEDS, {count} tables of 200 cells", ours, theirs, values == expected)


# -- OCRBench v2 -----------------------------------------------------------------------------------------------------


def question(rng: random.Random) -> tuple[Item, str]:
    reference = prose(rng, rng.choice([1, 2, 8, 30]))
    return Item("reasoning VQA en", "", [reference]), misread(rng, reference)


def record(rng: random.Random) -> tuple[Item, str]:
    fields = {f"field {n}": [prose(rng, 2), prose(rng, 2)] for n in range(6)}
    return Item("key information extraction en", "", [fields]), json.dumps({name: values[1] for name, values in fields.items()})


def html(rng: random.Random) -> tuple[Item, str]:
    grid = table(rng, 8, 5)
    read = from_rows([misread(rng, cell) for cell in row] for row in grid)
    return Item("table parsing en", "as HTML", [from_rows(grid)]), read


def document(rng: random.Random) -> tuple[Item, str]:
    lines = [("# " if n % 10 == 0 else "") + prose(rng, 8) for n in range(60)]
    return Item("document parsing en", "", ["\n".join(lines)]), "\n".join(line for line in lines if rng.random() > 0.05)


def page(rng: random.Random) -> tuple[Item, str]:
    text = prose(rng, 250)[:1500]
    return Item("full-page OCR en", "", [text]), misread(rng, text)


KINDS: dict[str, Callable[[random.Random], tuple[Item, str]]] = {
    "questions": question,
    "key information": record,
    "tables": html,
    "documents": document,
    "pages": page,
}


class Upstream:
    """The published functions of the five kinds above."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "TEDS_metric.py").is_file():
            raise SystemExit(f"{folder} is not OCRBench_v2/eval_scripts of MultimodalOCR: it has no TEDS_metric.py")
        for unused in ("ipdb", "Levenshtein", "editdistance"):
            sys.modules.setdefault(unused, ModuleType(unused))
        sys.path.insert(0, str(folder))
        self.trees, self.answers, self.page = (
            importlib.import_module(name) for name in ("TEDS_metric", "vqa_metric", "page_ocr_metric")
        )
        self.teds = self.trees.TEDS()

    def score(self, item: Item, answer: str) -> float:
        reference: Any = item.reference
        if item.type == "reasoning VQA en":
            return float(self.answers.vqa_evaluation(answer, [reference]))
        if item.type == "table parsing en":
            return float(self.teds.evaluate(self.trees.wrap_html_table(answer), self.trees.wrap_html_table(reference)))
        if item.type == "document parsing en":
            return float(self.trees.doc_parsing_evaluation(answer, reference))
        if item.type == "full-page OCR en":
            parts = self.page.cal_per_metrics(answer, reference)
            return float((parts["bleu"] + parts["meteor"] + parts["f_measure"] + (1 - parts["edit_dist"])) / 4)
        combinations = self.trees.generate_combinations(reference)
        return float(max(self.trees.compute_f1_score(self.trees.convert_str_to_dict(answer), one) for one in combinations))


def scorers(upstream: Upstream, count: int = 6) -> Iterable[Row]:
    place = wordnet.find()
    synonyms = wordnet.read(place) if place else None
    totals = [0.0, 0.0]
    for name, make in KINDS.items():
        rng = random.Random(name)
        items = [make(rng) for _ in range(count)]

        def score(item: Item, answer: str) -> float:
            return ocrbench_v2.score(item, answer, synonyms=synonyms).value

        score(*items[0])
        upstream.score(*items[0])
        # A single answer takes microseconds: ours are scored a hundred times over.
        ours, values = seconds(lambda items=items, score=score: [score(*item) for item in items for _ in repeat(None, 100)])
        theirs, expected = seconds(lambda items=items: [upstream.score(*item) for item in items])
        totals[0] += ours / 100
        totals[1] += theirs
        yield Row(f"OCRBench v2, {count} {name}", ours / 100, theirs, values[::100] == expected)
    yield Row("OCRBench v2, all of them", totals[0], totals[1], None)


def show(row: Row) -> None:
    ratio = f"{row.theirs / row.ours:8.1f} times" if row.theirs else ""
    same = {True: "same values", False: "OTHER VALUES", None: ""}[row.same]
    print(f"{row.name:36} ours {row.ours:9.5f} s   published {row.theirs or 0:9.5f} s {ratio}   {same}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upstream", type=Path, help="OCRBench_v2/eval_scripts of a checkout of MultimodalOCR")
    parser.add_argument("--pages", type=int, default=1000, help="pages to measure the CER on")
    parser.add_argument("--tables", type=int, default=3, help="tables of 200 cells")
    options = parser.parse_args()
    print(pages(options.pages))
    show(tables(options.tables))
    if options.upstream:
        for row in scorers(Upstream(options.upstream)):
            show(row)
    else:
        print("OCRBench v2: give --upstream to compare with the published scorer")


if __name__ == "__main__":
    main()
