"""Layout JSON: dots.ocr's words, its schema, and what becomes of replies that went wrong."""

from __future__ import annotations

import json

import pytest

from ocrtune.core import Box, BoxesTarget, Decoded, ImageRef, Region, RegionsTarget, Sample, Size, TextTarget
from ocrtune.dialects.layout import CATEGORIES, DotsScene, Layout, LayoutOnly
from ocrtune.errors import InputError

SEES = Size(1652, 2352)
SAMPLE = Sample(id="s", group="g", images=(ImageRef(path="x.png"),))
PAGE = RegionsTarget(
    regions=(
        Region(kind="section-header", text="## Отчёт", markup="markdown", box=Box(left=0.1, top=0.05, right=0.9, bottom=0.1)),
        Region(kind="formula", text=r"\frac{a}{b}", markup="latex", box=Box(left=0.1, top=0.2, right=0.5, bottom=0.25)),
        Region(kind="picture", box=Box(left=0.1, top=0.3, right=0.5, bottom=0.5)),
        Region(
            kind="table", text="<table><tr><td>1</td></tr></table>", markup="html", box=Box(left=0, top=0.6, right=1, bottom=1)
        ),
    )
)


def kinds(decoded: Decoded) -> list[str]:
    return [problem.kind for problem in decoded.problems]


def cell(box: str = "[1, 2, 30, 40]", text: str = "one", category: str = "Text") -> str:
    return f'{{"bbox": {box}, "category": "{category}", "text": "{text}"}}'


def test_it_writes_what_dots_ocr_writes() -> None:
    said = Layout().encode(PAGE, sees=SEES)
    assert said.startswith('[{"bbox": [165, 118, 1487, 235], "category": "Section-header", "text": "## Отчёт"}, {"bbox": [165,')
    assert '"text": "\\\\frac{a}{b}"}, {"bbox": [165, 706, 826, 1176], "category": "Picture"}, ' in said
    assert [one["category"] for one in json.loads(said)] == ["Section-header", "Formula", "Picture", "Table"]
    assert said == json.dumps(json.loads(said), ensure_ascii=False)


def test_a_page_comes_back_with_its_markup() -> None:
    decoded = Layout().decode(Layout().encode(PAGE, sees=SEES), sees=SEES)
    assert [(r.kind, r.text, r.markup) for r in decoded.regions] == [(r.kind, r.text, r.markup) for r in PAGE.regions]
    assert decoded.problems == ()


def test_all_categories_are_spelled_as_the_prompt_spells_them() -> None:
    box = Box(left=0, top=0, right=1, bottom=1)
    target = RegionsTarget(regions=tuple(Region(kind=name.lower(), box=box) for name in CATEGORIES))
    assert [one["category"] for one in json.loads(LayoutOnly().encode(target, sees=SEES))] == list(CATEGORIES)
    assert all(f"'{name}'" in Layout().ask(SAMPLE) for name in CATEGORIES)


def test_pixels_need_the_size_that_the_model_sees() -> None:
    with pytest.raises(InputError, match="pixels of the picture that the model sees"):
        Layout().encode(PAGE)
    decoded = Layout().decode(Layout().encode(PAGE, sees=SEES))
    assert kinds(decoded) == ["unknown-size"]
    assert [(r.text, r.box) for r in decoded.regions] == [(r.text, None) for r in PAGE.regions]


def test_targets_that_it_cannot_say_are_refused() -> None:
    with pytest.raises(InputError, match=r"region 1 .text: 'here'. has no box"):
        Layout().encode(RegionsTarget(regions=(Region(text="here"),)), sees=SEES)
    with pytest.raises(InputError, match="kind 'text' has none"):
        Layout().encode(TextTarget(text="here"), sees=SEES)


def test_ignored_boxes_are_never_taught() -> None:
    one, other = (Region(text=text, box=Box(left=0, top=0, right=1, bottom=1)) for text in ("read", "###"))
    assert "###" not in Layout().encode(BoxesTarget(boxes=(one,), ignored=(other,)), sees=SEES)


def test_a_blank_page_has_no_regions_and_no_problem() -> None:
    assert Layout().encode(RegionsTarget(regions=()), sees=SEES) == "[]"
    for reply in ("[]", '{"layout": []}'):
        assert Layout().decode(reply, sees=SEES) == Decoded()
    assert kinds(Layout().decode("```json\n[]\n```", sees=SEES)) == ["fence"]


@pytest.mark.parametrize(
    ("box", "problem", "left", "right"),
    [
        ("[10, 20, 30]", "bad-box", None, None),
        ("[10, 20, 30, 40, 50]", "bad-box", None, None),
        ('["a", 20, 30, 40]', "bad-box", None, None),
        ("[10, 20, 30, 1e400]", "bad-box", None, None),
        ("[10, 20, 3000, 40]", "outside", 0.1, 1.0),
        ("[-5, 20, 30, 40]", "outside", 0.0, 0.3),
        ("[30, 20, 10, 40]", "corner-order", 0.1, 0.3),
        ("[10, 20, 10, 40]", "zero-area", 0.1, 0.1),
    ],
)
def test_boxes_are_put_right_and_their_defects_named(box: str, problem: str, left: float | None, right: float | None) -> None:
    decoded = Layout().decode(f"[{cell(box)}, {cell()}]", sees=Size(100, 100))
    found = decoded.regions[0].box
    assert kinds(decoded) == [problem] and [r.text for r in decoded.regions] == ["one", "one"]
    assert (found.left if found else None, found.right if found else None) == (left, right)


@pytest.mark.parametrize(
    "box", ["[10, 20, 30, 40]", '"10, 20, 30, 40"', "[[10, 20], [30, 40]]", '["10", "20", "30", "40"]', "[10.0, 20, 30, 40]"]
)
def test_boxes_in_other_spellings_are_read(box: str) -> None:
    decoded = Layout().decode(f"[{cell(box)}]", sees=Size(100, 100))
    assert decoded.regions[0].box == Box(left=0.1, top=0.2, right=0.3, bottom=0.4) and not decoded.problems


def test_an_outline_keeps_its_points() -> None:
    decoded = DotsScene().decode('[{"polygon": [10, 20, 30, 22, 31, 40, 9, 38], "text": "Вход"}]', sees=Size(100, 100))
    box = decoded.regions[0].box
    assert box and (box.left, box.top, box.right, box.bottom) == (0.09, 0.2, 0.31, 0.4)
    assert box.polygon == ((0.1, 0.2), (0.3, 0.22), (0.31, 0.4), (0.09, 0.38))


def test_an_unfinished_region_is_kept_when_it_says_something() -> None:
    one = Layout().decode(f'[{cell()}, {{"bbox": [5, 6, 70, 80], "category": "Te', sees=SEES)
    assert len(one.regions) == 2 and one.regions[1].box is not None and kinds(one) == ["truncated"]
    text = Layout().decode(f'[{cell()}, {{"bbox": [5, 6, 70, 80], "category": "Text", "text": "half a li', sees=SEES)
    assert text.regions[1].text == "half a li"
    nothing = Layout().decode(f'[{cell()}, {{"bbox": [5, 6, 7', sees=SEES)
    assert len(nothing.regions) == 1 and kinds(nothing) == ["truncated"]


def test_endless_regions_are_cut_to_one_and_named() -> None:
    reply = "[" + ", ".join([cell(text="head"), *[cell(), cell("[5, 6, 70, 80]", "two")] * 60, cell()[:45]])
    decoded = Layout().decode(reply, sees=SEES)
    assert [r.text for r in decoded.regions] == ["head", "one", "two"] and kinds(decoded) == ["truncated", "repetition"]


def test_texts_that_come_again_in_other_boxes_are_kept() -> None:
    short = [cell(f"[10, {n}, 30, {n + 9}]", "0") for n in range(0, 400, 10)]
    decoded = Layout().decode(f"[{', '.join(short)}]", sees=SEES)
    assert len(decoded.regions) == 40 and not decoded.problems
    long = [cell(f"[10, {n}, 30, {n + 9}]", "Подпись: ____________") for n in range(0, 400, 10)]
    decoded = Layout().decode(f"[{', '.join(long)}]", sees=SEES)
    assert len(decoded.regions) == 40 and kinds(decoded) == ["repetition"]


def test_a_few_duplicates_are_kept() -> None:
    assert len(Layout().decode(f"[{cell()}, {cell()}, {cell()}]", sees=SEES).regions) == 3


def test_formulas_beside_duplicates_survive() -> None:
    reply = (
        f"[{cell(text='x^{2}', category='Formula')}, {cell()}, {cell()}, {cell(text=chr(92) + 'frac{a}{b}', category='Formula')}"
    )
    decoded = Layout().decode(reply, sees=SEES)
    assert [r.text for r in decoded.regions] == ["x^{2}", "one", "one", r"\frac{a}{b}"]


def test_endless_rows_of_a_table_are_cut() -> None:
    rows = "<table><tr><td>1</td></tr>" + "<tr><td></td><td></td></tr>" * 500
    decoded = Layout().decode(f"[{cell()}, " + cell(text=rows, category="Table")[:-2], sees=SEES)
    assert decoded.regions[1].text == "<table><tr><td>1</td></tr><tr><td></td><td></td></tr>"
    assert kinds(decoded) == ["truncated", "repetition"]


def test_a_reply_without_json_is_kept_as_text() -> None:
    decoded = Layout().decode("The page says: hello", sees=SEES)
    assert decoded.text == "The page says: hello" and kinds(decoded) == ["not-json"]
    assert kinds(Layout().decode('{"answer": 42}', sees=SEES)) == ["no-regions"]


def test_a_cell_without_its_category_or_box_is_named() -> None:
    decoded = Layout().decode('[{"bbox": [1, 2, 3, 4], "text": "a"}, {"category": "Title", "text": "b"}]', sees=SEES)
    assert [(r.kind, r.text) for r in decoded.regions] == [("text", "a"), ("title", "b")]
    assert kinds(decoded) == ["no-category", "no-box"]
