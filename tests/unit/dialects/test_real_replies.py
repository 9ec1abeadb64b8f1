"""Real replies of models, whole, cut off anywhere and damaged: nothing raises, and what was finished is kept.

They are other people's data, which is not part of this repository: a folder `shared` beside it, where there is one.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from ocrtune.core import Box, Decoded, Region, RegionsTarget, Size, TextTarget
from ocrtune.core.document import Markup
from ocrtune.dialects.grounding import GroundingInternVL, GroundingQwen3
from ocrtune.dialects.layout import Layout
from ocrtune.dialects.markdown import Markdown
from ocrtune.dialects.tables import TableHtml, TableOtsl
from ocrtune.plugins import DIALECTS

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
MARKUP: dict[str, Markup] = {"table": "html", "formula": "latex"}
AMBIGUOUS = re.compile(r'["\n]|\\\\|\\n(?!abla)|\\[tr](?![a-z]{2})')
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the folder `shared/data` is not beside the repository")


def files(pattern: str) -> list[Path]:
    found = sorted(DATA.glob(pattern))
    if not found:
        pytest.skip(f"shared/data holds no {pattern}")
    return found


def glm_pages() -> list[list[dict[str, Any]]]:
    """GLM-OCR's own layout JSON: a list of pages, each a list of objects with label, content and bbox_2d in thousandths."""
    return [page for file in files("glm_ocr_examples/result/*/*.json") for page in json.loads(file.read_text("utf-8"))]


def test_layouts_of_glm_ocr_are_read_as_they_are() -> None:
    for file in files("glm_ocr_examples/result/*/*.json"):
        text = file.read_text("utf-8")
        cells = [cell for page in json.loads(text) for cell in page]
        decoded = GroundingQwen3().decode(text)
        assert [(r.kind, r.text) for r in decoded.regions] == [(cell["label"], cell["content"] or "") for cell in cells]
        for region, cell in zip(decoded.regions, cells, strict=True):
            assert region.box == Box.from_pixels(tuple(cell["bbox_2d"]), 1000, 1000)
        assert not decoded.problems


def page_targets() -> list[RegionsTarget]:
    """Real pages with formulas and tables, as targets: GLM-OCR's, and the truth of OmniDocBench."""
    pages = [
        [Region(kind=c["label"], text=c["content"] or "", box=Box.from_pixels(tuple(c["bbox_2d"]), 1000, 1000)) for c in page]
        for page in glm_pages()
    ]
    for file in files("omnidocbench_demo/OmniDocBench_demo.json"):
        pages += [_regions(page) for page in json.loads(file.read_text("utf-8"))]
    return [RegionsTarget(regions=tuple(page)) for page in pages if page]


def _regions(page: dict[str, Any]) -> list[Region]:
    kinds = {"table": "table", "equation_isolated": "formula", "title": "title", "figure": "picture"}
    width, height = page["page_info"]["width"], page["page_info"]["height"]
    regions = []
    for found in page["layout_dets"]:
        kind = kinds.get(found["category_type"], "text")
        corners = (found["poly"][0], found["poly"][1], found["poly"][4], found["poly"][5])
        text = "" if kind == "picture" else found.get("html") or found.get("latex") or found.get("text") or ""
        box = Box.from_pixels(corners, width, height)
        regions.append(Region(kind=kind, text=text, markup=MARKUP.get(kind, "markdown"), box=box))
    return regions


def test_real_pages_come_back_from_what_dots_ocr_would_say() -> None:
    sees = Size(1652, 2352)
    for target in page_targets():
        decoded = Layout().decode(Layout().encode(target, sees=sees), sees=sees)
        assert [(r.kind, r.text) for r in decoded.regions] == [(r.kind, r.text) for r in target.regions]
        assert not [problem for problem in decoded.problems if problem.kind != "zero-area"]


def test_real_pages_cut_off_anywhere_keep_what_was_finished() -> None:
    sees = Size(1652, 2352)
    for target in page_targets()[::4]:
        said = Layout().encode(target, sees=sees)
        cells = json.loads(said)
        ends, at = [], 1
        for cell in cells:
            at += len(json.dumps(cell, ensure_ascii=False)) + 2
            ends.append(at - 2)
        for end in range(1, len(said), 97):
            whole = sum(stop <= end for stop in ends)
            regions = Layout().decode(said[:end], sees=sees).regions
            assert [r.text for r in regions[:whole]] == [r.text for r in target.regions[:whole]]
            assert len(regions) in (whole, whole + 1)


def test_careless_escapes_in_real_formulas_do_no_harm() -> None:
    """Every backslash of LaTeX left unescaped, as models do it; `\\ne` and `\\nu` alone could be new lines."""
    sees = Size(1652, 2352)
    for target in page_targets():
        clear = [
            r for r in target.regions if "\\" in r.text and not re.search(r'["\n]|\\\\|\\n(?!abla)|\\[tr](?![a-z]{2})', r.text)
        ]
        said = Layout().encode(RegionsTarget(regions=tuple(clear)), sees=sees).replace("\\\\", "\\")
        assert [r.text for r in Layout().decode(said, sees=sees).regions] == [r.text for r in clear]


def test_damaged_real_replies_never_raise_and_keep_most() -> None:
    random.seed(5)
    sees = Size(1652, 2352)
    for target in page_targets()[::3]:
        said = Layout().encode(target, sees=sees)
        for _ in range(20):
            at = random.randrange(len(said))
            damaged = (
                said[:at] + random.choice(["", '"', "}", "]", "{", "\\", ", ", "\n", "```"]) + said[at + random.randrange(3) :]
            )
            decoded = Layout().decode(damaged, sees=sees)
            kept = {r.text for r in decoded.regions}
            lost = sum(r.text not in kept for r in target.regions)
            assert lost <= 3, (lost, at, damaged[max(at - 60, 0) : at + 60])


def test_every_dialect_reads_every_real_text() -> None:
    texts = [
        file.read_text("utf-8") for file in files("omnidocbench_demo/predictions/*.md") + files("glm_ocr_examples/result/*/*.md")
    ]
    for row in files("golden/ocrbench_dots/base_samples.jsonl")[0].read_text("utf-8").splitlines()[::10]:
        texts.extend(json.loads(row)["filtered_resps"])
    for name in DIALECTS.names():
        dialect = DIALECTS.get(name)()
        for text in texts:
            for part in (text, text[: len(text) // 2]):
                assert isinstance(dialect.decode(part, sees=Size(640, 480)), Decoded)


def test_real_answers_of_dots_ocr_come_back_as_they_are() -> None:
    for row in files("golden/ocrbench_dots/base_samples.jsonl")[0].read_text("utf-8").splitlines():
        for answer in filter(None, json.loads(row)["filtered_resps"]):
            assert DIALECTS.get("dots-free")().decode(answer).text == answer


def test_real_markdown_is_stable_once_it_was_read() -> None:
    """What was read is written as Markdown that reads the same."""
    for file in files("omnidocbench_demo/predictions/*.md") + files("omnidocbench_demo/gt_markdown/*.md"):
        once = Markdown().decode(file.read_text("utf-8"))
        again = Markdown().decode(Markdown().encode(RegionsTarget(regions=once.regions)))
        assert [(r.kind, r.text) for r in again.regions] == [
            (r.kind, r.text) for r in once.regions if r.text.strip() or r.kind == "picture"
        ]


def test_real_tables_come_through_otsl() -> None:
    tables = [r.text for target in page_targets() for r in target.regions if r.kind == "table" and r.text.startswith("<table")]
    assert len(tables) >= 3
    for table in tables:
        plain = TableOtsl().decode(TableOtsl().encode(TextTarget(text=table)))
        again = TableOtsl().decode(TableOtsl().encode(TextTarget(text=plain.text)))
        assert plain.text == again.text and not plain.problems
        assert TableHtml().decode(TableHtml().encode(TextTarget(text=table))).text == table.strip()


def test_the_broken_published_boxes_are_named() -> None:
    """Raw pixels where thousandths are meant, and points that make no box: the reader says so and keeps every text."""
    rows = [json.loads(line) for line in files("ocrdet_msra_mtwi/*.jsonl")[0].read_text("utf-8").splitlines() if line.strip()]
    outside = flat = 0
    for row in rows:
        name, _, place = row["response"].removeprefix("<ref>").partition("</ref><box>")
        left, top, right, bottom = json.loads(place.removesuffix("</box>"))[0]
        inner = [min(max(number, 0), 1000) for number in (left, top, right, bottom)]
        decoded = GroundingInternVL().decode(row["response"])
        kinds = {problem.kind for problem in decoded.problems}
        assert [region.text for region in decoded.regions] == [name]
        assert ("outside" in kinds) == (max(left, top, right, bottom) > 1000 or min(left, top, right, bottom) < 0)
        assert ("zero-area" in kinds) == (inner[0] == inner[2] or inner[1] == inner[3])
        outside, flat = outside + ("outside" in kinds), flat + ("zero-area" in kinds)
    assert len(rows) == 533 and outside >= 96 and flat > 400
