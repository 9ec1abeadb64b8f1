"""The 18 demo pages against what OmniDocBench's own code says, and the pieces that it is made of."""

from __future__ import annotations

import base64
import csv
import json
import random
from collections import defaultdict
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ocrtune.benchmarks._omni_pages import page_of
from ocrtune.benchmarks._omni_reading import read_markdown
from ocrtune.benchmarks.omnidocbench import EDIT, FULL, OmniDocBench
from ocrtune.core import Sample, Score
from ocrtune.errors import InputError, ResourceError
from ocrtune.scoring import cdm
from ocrtune.scoring.assignment import assigned
from ocrtune.scoring.omnidocbench import normalise_table

from .conftest import DATA, answered, drawn, scored

DEMO = DATA / "omnidocbench_demo"
# Pages made up here, with what the published code (2025-12) says of them: edits and lengths of texts, formulas and tables, order,
# TEDS of each table with texts and without.
PAGES = json.loads((Path(__file__).parent / "omnidocbench_pages.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def demo() -> tuple[list[Sample], list[Score]]:
    if not DEMO.is_dir():
        pytest.skip("the OmniDocBench demo (shared/data/omnidocbench_demo beside the repository) is not here")
    benchmark = OmniDocBench()
    samples = benchmark.load(DEMO / "OmniDocBench_demo.json")
    stems = [Path(sample.images[0].path).name[: -len(".jpg")] for sample in samples]
    read = [(DEMO / "predictions" / f"{stem}.md").read_text("utf-8") for stem in stems]
    return samples, scored(benchmark, samples, read)


def _expected(name: str) -> Any:
    return json.loads((DEMO / "expected_head_run" / f"end2end_quick_match_{name}.json").read_text("utf-8"))


def test_the_averages_of_the_demo_are_those_of_the_published_code(demo: tuple[list[Sample], list[Score]]) -> None:
    rows = {row.name: row.value for row in OmniDocBench().table(*demo, EDIT)}
    wanted = _expected("metric_result")
    for part, name in (
        ("text", "text_block"),
        ("formula", "display_formula"),
        ("reading order", "reading_order"),
        ("table", "table"),
    ):
        assert rows[f"{part} edit"] == pytest.approx(wanted[name]["all"]["Edit_dist"]["ALL_page_avg"], abs=1e-12)
    assert rows["TEDS"] == pytest.approx(wanted["table"]["page"]["TEDS"]["ALL"], abs=1e-12)
    assert rows["TEDS, whole"] == pytest.approx(wanted["table"]["all"]["TEDS"]["all"], abs=1e-12)
    assert rows["TEDS structure"] == pytest.approx(wanted["table"]["page"]["TEDS_structure_only"]["ALL"], abs=1e-12)


def test_every_page_has_its_published_text_edit_and_order(demo: tuple[list[Sample], list[Score]]) -> None:
    samples, scores = demo
    text, order = _expected("text_block_per_page_edit"), _expected("reading_order_per_page_edit")
    for sample, score in zip(samples, scores, strict=True):
        name = Path(sample.images[0].path).name
        for part, published in (("text", text), ("order", order)):
            errors, total = score.parts[part]
            assert errors / total == pytest.approx(published[name], abs=1e-12)
    assert len(scores) == 18


@pytest.mark.parametrize("made", PAGES, ids=lambda made: made["case"])
def test_a_page_is_worth_what_the_published_code_says(made: dict[str, Any]) -> None:
    page = page_of(made["page"], made["markdown"])
    for name in ("text", "formula", "order", "markup"):
        assert page.parts.get(name, (0, 0)) == tuple(made[name] or (0, 0))
    assert page.tables == pytest.approx(made["teds"], abs=1e-12)
    assert page.structures == pytest.approx(made["structure"], abs=1e-12)


def test_line_ends_of_windows_do_not_matter() -> None:
    for made in PAGES:
        assert page_of(made["page"], made["markdown"].replace("\n", "\r\n")) == page_of(made["page"], made["markdown"])


def _page(tmp_path: Path, *blocks: dict[str, Any]) -> Path:
    (tmp_path / "page.png").write_bytes(drawn("page"))
    page = {
        "layout_dets": [{"anno_id": at, "order": at + 1, **block} for at, block in enumerate(blocks)],
        "extra": {"relation": []},
        "page_info": {"image_path": "page.png", "page_attribute": {"language": "english", "layout": "single_column"}},
    }
    file = tmp_path / "OmniDocBench.json"
    file.write_text(json.dumps([page]))
    return file


HEAD = {"category_type": "header", "text": "A running head of this paper"}
TEXT = {"category_type": "text_block", "text": "This is the first paragraph of the page."}
MORE = {"category_type": "text_block", "text": "And another one, that stands below it."}
FORMULA = {"category_type": "equation_isolated", "latex": "$$x^2+y^2=z^2$$"}
TABLE = {"category_type": "table", "html": "<table><tr><td>a</td><td>b</td></tr></table>"}
READ = f"{HEAD['text']}\n\n{TEXT['text']}\n\n\\[x^2+y^2=z^2\\]\n\n{TABLE['html']}\n\n{MORE['text']}"


def test_a_page_read_right_is_one_and_its_running_head_does_not_count(tmp_path: Path) -> None:
    benchmark = OmniDocBench()
    (sample,) = benchmark.load(_page(tmp_path, HEAD, TEXT, FORMULA, TABLE, MORE))
    assert benchmark.score(sample, answered(sample.id, READ), EDIT).value == 1
    assert benchmark.score(sample, answered(sample.id, READ.replace(HEAD["text"] + "\n\n", "")), EDIT).value == 1
    assert sample.tags == {"language": "english", "layout": "single_column"}


def test_a_failed_request_is_an_empty_page(tmp_path: Path) -> None:
    benchmark = OmniDocBench()
    (sample,) = benchmark.load(_page(tmp_path, TEXT, FORMULA, TABLE))
    assert benchmark.score(sample, answered(sample.id, None), EDIT).value == 0


def test_cdm_without_its_tools_is_an_error_and_never_a_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    benchmark = OmniDocBench()
    (sample,) = benchmark.load(_page(tmp_path, FORMULA))
    with pytest.raises(ResourceError, match="CDM") as caught:
        benchmark.score(sample, answered(sample.id, READ), FULL)
    assert EDIT in str(caught.value.hint)
    assert benchmark.describe(EDIT) == {"cdm": "not computed"}


@pytest.fixture(scope="module")
def tex() -> None:
    try:
        cdm.describe()
    except ResourceError as cause:
        pytest.skip(f"TeX is not all here: {cause}")


@pytest.mark.usefixtures("tex")
def test_the_full_profile_has_cdm_and_the_published_overall(tmp_path: Path) -> None:
    benchmark = OmniDocBench()
    (sample,) = benchmark.load(_page(tmp_path, HEAD, TEXT, FORMULA, TABLE, MORE))
    score = benchmark.score(sample, answered(sample.id, READ.replace("z^2", "\\frac{z")), FULL)
    assert score.parts["cdm"] == score.parts["cdm unset"] == (0.0, 1.0)
    assert score.parts["cdm unset read"] == (1.0, 1.0)
    rows = {row.name: row.value for row in benchmark.table([sample], [score], FULL)}
    assert rows["CDM"] == 0 and rows["read formulas that TeX cannot set"] == 1
    assert rows["Overall"] == pytest.approx(200 / 3)
    right = benchmark.score(sample, answered(sample.id, READ), FULL)
    assert right.value == 1
    assert benchmark.table([sample], [right], FULL)[-1] == ("Overall", 100.0, 1)
    assert "XeTeX" in benchmark.describe(FULL)["cdm"]


# The published code on the matched formulas of the demo's pages.
PUBLISHED_CDM = {
    "docstructbench_llm-raw-scihub-o.O-j.physletb.2004.06.101.pdf_3.jpg": 7.443 / 8,
    "jiaocaineedrop_Evans_PDE_Solution_Chapter_6_Second-Order_Elliptic_Equations.pdf_5.jpg": 3.943 / 5,
}


@pytest.mark.usefixtures("tex")
def test_cdm_of_the_demo_is_near_the_published_code(demo: tuple[list[Sample], list[Score]]) -> None:
    found = {Path(sample.images[0].path).name: sample for sample in demo[0]}
    for name, wanted in PUBLISHED_CDM.items():
        read = (DEMO / "predictions" / f"{name[: -len('.jpg')]}.md").read_text("utf-8")
        score = OmniDocBench().score(found[name], answered(found[name].id, read), FULL)
        total, count = score.parts["cdm"]
        assert total / count == pytest.approx(wanted, abs=0.01)


def test_blocks_in_another_order_cost_order_and_nothing_else(tmp_path: Path) -> None:
    benchmark = OmniDocBench()
    (sample,) = benchmark.load(_page(tmp_path, TEXT, MORE))
    page = page_of(sample.target.fields, f"{MORE['text']}\n\n{TEXT['text']}")  # type: ignore[union-attr]
    assert sum(e.errors for e in page.text) == 0
    assert page.order is not None and page.order.rate == 1


def test_a_paragraph_read_in_two_pieces_is_joined_again(tmp_path: Path) -> None:
    benchmark = OmniDocBench()
    long = {
        "category_type": "text_block",
        "text": "The quick brown fox jumps over the lazy dog, and then it runs away into the wood.",
    }
    (sample,) = benchmark.load(_page(tmp_path, long, MORE))
    read = f"The quick brown fox jumps over the lazy dog,\n\nand then it runs away into the wood.\n\n{MORE['text']}"
    assert benchmark.score(sample, answered(sample.id, read), EDIT).value == 1


def test_the_table_of_vlmevalkit_holds_the_same_pages(tmp_path: Path) -> None:
    (page,) = json.loads(_page(tmp_path, TEXT, TABLE).read_text())
    with (tmp_path / "OmniDocBench.tsv").open("w", newline="") as kept:
        rows = csv.writer(kept, delimiter="\t")
        rows.writerow(["index", "image", "answer"])
        rows.writerow([0, base64.b64encode(drawn("page")).decode(), json.dumps(page)])
    (from_json,) = OmniDocBench().load(tmp_path / "OmniDocBench.json")
    (sample,) = OmniDocBench().load(tmp_path / "OmniDocBench.tsv")
    assert (sample.target, sample.tags, sample.images[0].size) == (from_json.target, from_json.tags, from_json.images[0].size)


def test_a_table_whose_answers_are_no_pages_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "OmniDocBench.tsv").write_text(f"index\timage\tanswer\n0\t{base64.b64encode(drawn('a')).decode()}\tyes\n")
    with pytest.raises(InputError, match="no page of OmniDocBench"):
        OmniDocBench().load(tmp_path / "OmniDocBench.tsv")


def test_what_is_no_page_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(drawn("a"))
    (tmp_path / "OmniDocBench.json").write_text('[{"image_path": "a.png"}]')
    with pytest.raises(InputError, match="no page of OmniDocBench"):
        OmniDocBench().load(tmp_path)


def test_markdown_is_taken_apart_by_kind() -> None:
    blocks = read_markdown(
        "```markdown\n# Title\n\nwith $a_1$ inside\n\n$$b$$\n\n<table><tr><td>c</td></tr></table>\n\n| d |\n|---|\n| e |\n```"
    )
    kinds = defaultdict(list)
    for block in blocks:
        kinds[block.fine].append(block.content)
    assert kinds["text_block"] == ["# Title", "with $a_1$ inside"]
    assert kinds["equation_inline"] == ["\\[a_1\\]"]
    assert kinds["equation_isolated"] == ["\\[b\\]"]
    assert kinds["html_table"] == ["<table><tr><td>c</td></tr></table>"]
    (table,) = kinds["md2html_table"]
    assert normalise_table(table).replace(" ", "").replace('colspan="1"rowspan="1"', "") == (
        '<html><body><tableborder="1"><tr><td>d</td></tr><tr><td>e</td></tr></table></body></html>'
    )


@pytest.mark.parametrize("seed", range(20))
def test_no_assignment_is_cheaper(seed: int) -> None:
    draw = random.Random(seed)
    rows, columns = draw.randint(1, 5), draw.randint(1, 5)
    costs = np.array([[draw.choice([0.0, 0.25, 0.5, 1.0]) for _ in range(columns)] for _ in range(rows)])
    found = assigned(costs)
    if rows > columns:
        costs, found = costs.T, [(column, row) for row, column in found]
    least = min(sum(costs[r, c] for r, c in enumerate(p)) for p in permutations(range(costs.shape[1]), costs.shape[0]))
    assert len(found) == len({column for _, column in found}) == costs.shape[0]
    assert sum(costs[r, c] for r, c in found) == pytest.approx(least)


@pytest.mark.parametrize(
    ("costs", "columns"),
    [
        ([[1, 1, 1, 1], [1, 1, 1, 1]], [0, 1]),
        ([[0, 1, 1, 1], [1, 1, 2, 0], [0, 1, 1, 1]], [0, 3, 1]),
        ([[2, 2, 2, 0], [2, 1, 2, 2], [2, 2, 2, 2]], [3, 1, 0]),
        ([[2, 1, 1, 2, 2], [2, 0, 2, 1, 1], [0, 1, 2, 1, 2], [0, 1, 2, 2, 0]], [2, 1, 0, 4]),
        ([[1, 1, 0, 2], [0, 0, 0, 2], [0, 1, 2, 2], [0, 0, 1, 0]], [2, 1, 0, 3]),
    ],
)
def test_of_equally_cheap_assignments_it_is_that_of_scipy(costs: list[list[float]], columns: list[int]) -> None:
    assert assigned(costs) == list(enumerate(columns))
