"""Tables, formulas, outlines, order, fields: perfect is perfect, and what is lost, invented or out of place costs."""

from __future__ import annotations

import pytest

from ocrtune.contracts import Metric
from ocrtune.core import Decoded, Failure, FieldsTarget, ImageRef, Prediction, Region, Sample, Score, Target, TextTarget
from ocrtune.core.sample import RegionsTarget
from ocrtune.errors import ResourceError
from ocrtune.metrics.fields import FieldsF1
from ocrtune.metrics.structure import CharacterMatching, FormulaEdit, ReadingOrder, Steds, Teds, TedsStructure

ROWS = "<table><tr><th>a</th><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>"
TABLE = Region(kind="table", text=ROWS, markup="html")
FORMULA = Region(kind="formula", text=r"x^{2}+y", markup="latex")
FIRST, SECOND, THIRD = (Region(text=text) for text in ("the first block", "another one", "what stands last"))


def score(metric: Metric, target: Target, regions: tuple[Region, ...] | None, fields: dict[str, object] | None = None) -> Score:
    asked = Sample(id="s", group="g", images=(ImageRef(path="x.png"),), target=target)
    if regions is None:
        failed = Prediction(sample_id="s", finish="error", error=Failure(kind="timeout", message="no answer"))
        return metric.score(asked, failed, Decoded(), "default")
    said = Prediction(sample_id="s", text="\n".join(region.text for region in regions))
    return metric.score(asked, said, Decoded.model_validate({"regions": regions, "fields": fields}), "default")


def page(*regions: Region) -> RegionsTarget:
    return RegionsTarget(regions=regions)


@pytest.mark.parametrize(
    ("metric", "target", "best"),
    [
        (Teds(), page(FIRST, TABLE), 1),
        (TedsStructure(), page(TABLE), 1),
        (FormulaEdit(), page(FORMULA, FIRST), 0),
        (ReadingOrder(), page(FIRST, SECOND, THIRD), 0),
    ],
)
def test_identity_is_perfect_and_a_failure_is_not(metric: Metric, target: RegionsTarget, best: float) -> None:
    assert score(metric, target, target.regions).value == best
    assert score(metric, target, None).value == 1 - best


def test_a_table_that_is_missing_or_invented_halves_the_page() -> None:
    assert score(Teds(), page(TABLE, TABLE), (TABLE,)).value == 0.5
    assert score(Teds(), page(TABLE), (TABLE, TABLE)).value == 0.5


def test_heading_cells_count_and_structure_alone_does_not_see_text() -> None:
    wrong = TABLE.model_copy(update={"text": ROWS.replace(">a<", ">z<")})
    full = score(Teds(), page(TABLE), (wrong,)).value
    assert full is not None and 0 < full < 1
    assert score(TedsStructure(), page(TABLE), (wrong,)).value == 1


def test_a_pipe_table_is_a_table() -> None:
    pipes = Region(kind="table", text="| a | b |\n|---|---|\n| c | d |", markup="markdown")
    assert score(Teds(), page(TABLE), (pipes,)).value == 1


def test_an_invented_formula_costs_its_length() -> None:
    found = score(FormulaEdit(), page(FORMULA), (FORMULA, FORMULA.model_copy(update={"text": "abc"})))
    assert (found.errors, found.total) == (3, len(FORMULA.text) + 3)


def test_cdm_sees_looks_and_not_source() -> None:
    try:
        same = score(CharacterMatching(), TextTarget(text="{a \\over b}"), (Region(text="$\\frac{a}{b}$"),))
    except ResourceError as cause:
        pytest.skip(f"TeX is not all here: {cause}")
    assert same.value == 1
    assert score(CharacterMatching(), page(FORMULA, FORMULA), (FORMULA,)).value == 0.5
    assert score(CharacterMatching(), page(FORMULA), None).value == 0
    assert score(CharacterMatching(), page(FIRST), (FIRST,)).value is None


def test_swapped_blocks_are_out_of_order_and_a_lost_one_is_missing() -> None:
    target = page(FIRST, SECOND, THIRD)
    assert score(ReadingOrder(), target, (SECOND, FIRST, THIRD)).value == pytest.approx(2 / 3)
    assert score(ReadingOrder(), target, (FIRST, THIRD)).value == pytest.approx(1 / 3)


def test_the_outline_ignores_what_is_said() -> None:
    target = TextTarget(text="# Title\nline\n# Other\nline")
    assert score(Steds(), target, (Region(text="# A\nb\n# C\nd"),)).value == 1
    assert (score(Steds(), target, (Region(text="all in one line"),)).value or 0) < 1


def test_fields_pool_to_the_micro_f1() -> None:
    target = FieldsTarget(fields={"name": "Ivan", "sum": 5, "place": {"city": "Tver"}})
    found = score(FieldsF1(), target, (), {"name": "IVAN", "sum": "6", "place": {"city": "Tver"}, "extra": "x"})
    assert (found.errors, found.total, found.value) == (4, 7, pytest.approx(4 / 7))
    assert score(FieldsF1(), target, None).value == 0
    empty = score(FieldsF1(), FieldsTarget(fields={}), None)
    assert (empty.value, empty.total) == (0, 1)


@pytest.mark.parametrize("metric", [Teds(), FormulaEdit(), ReadingOrder(), Steds(), FieldsF1()])
def test_without_its_kind_of_target_a_sample_is_unscored_with_a_reason(metric: Metric) -> None:
    target = page(Region(kind="picture"))
    found = score(metric, target, ())
    assert found.value is None
    assert found.why
