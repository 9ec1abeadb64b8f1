"""Grounding: each line of models gets its own words for boxes."""

from __future__ import annotations

import pytest

from ocrtune.core import Box, BoxesTarget, Decoded, Region, RegionsTarget, Size
from ocrtune.errors import InputError
from ocrtune.plugins import DIALECTS

SEES = Size(700, 350)
BOX = Box(left=0.1, top=0.2, right=0.5, bottom=0.4)
TARGET = BoxesTarget(
    boxes=(Region(text="Итого", box=BOX), Region(kind="stamp", box=Box(left=0.5, top=0, right=1, bottom=1))),
    ignored=(Region(text="###", box=BOX),),
)
SAID = {
    "grounding-qwen2": "<|object_ref_start|>Итого<|object_ref_end|><|box_start|>(100,200),(500,400)<|box_end|>\n"
    "<|object_ref_start|>stamp<|object_ref_end|><|box_start|>(500,0),(1000,1000)<|box_end|>",
    "grounding-qwen25": '[{"bbox_2d": [70, 70, 350, 140], "text_content": "Итого"}, '
    '{"bbox_2d": [350, 0, 700, 350], "label": "stamp"}]',
    "grounding-qwen3": '[{"bbox_2d": [100, 200, 500, 400], "text_content": "Итого"}, '
    '{"bbox_2d": [500, 0, 1000, 1000], "label": "stamp"}]',
    "grounding-internvl": "<ref>Итого</ref><box>[[100, 200, 500, 400]]</box>\n<ref>stamp</ref><box>[[500, 0, 1000, 1000]]</box>",
}


def decode(name: str, text: str) -> Decoded:
    return DIALECTS.get(name)().decode(text, sees=SEES)


def kinds(decoded: Decoded) -> list[str]:
    return [problem.kind for problem in decoded.problems]


@pytest.mark.parametrize("name", SAID)
def test_each_rendering_says_boxes_in_its_own_words_and_never_the_ignored(name: str) -> None:
    assert DIALECTS.get(name)().encode(TARGET, sees=SEES) == SAID[name]
    decoded = decode(name, SAID[name])
    assert [region.text or region.kind for region in decoded.regions] == ["Итого", "stamp"] and not decoded.problems
    assert decoded.regions[0].box == BOX


@pytest.mark.parametrize("name", SAID)
def test_a_picture_without_objects_is_an_empty_list(name: str) -> None:
    assert DIALECTS.get(name)().encode(BoxesTarget(boxes=()), sees=SEES) == "[]"
    assert decode(name, "[]") == Decoded()


def test_only_pixels_need_the_size() -> None:
    for name in SAID:
        dialect = DIALECTS.get(name)()
        if dialect.coordinates == "norm1000":
            assert dialect.encode(TARGET) == SAID[name]
        else:
            with pytest.raises(InputError, match="size is not known"):
                dialect.encode(TARGET)


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("grounding-qwen2", "Итого(100,200),(500,400)\nstamp(500,0),(1000,1000)"),
        ("grounding-internvl", "Итого[[100, 200, 500, 400]]\nstamp[[500, 0, 1000, 1000]]"),
    ],
)
def test_replies_whose_special_tokens_were_left_out_are_read(name: str, reply: str) -> None:
    decoded = decode(name, reply)
    assert [r.text for r in decoded.regions] == ["Итого", "stamp"] and decoded.regions[0].box == BOX


def test_a_label_is_the_text_unless_it_looks_like_the_name_of_a_kind() -> None:
    said = '```json\n[{"bbox_2d": [1, 2, 3, 4], "label": "Итого: 5"}, {"bbox_2d": [1, 2, 3, 4], "label": "stamp"}]\n```'
    decoded = decode("grounding-qwen3", said)
    assert [(r.kind, r.text) for r in decoded.regions] == [("text", "Итого: 5"), ("stamp", "")] and kinds(decoded) == ["fence"]


def test_several_boxes_of_one_name_are_several_regions() -> None:
    decoded = decode("grounding-internvl", "<ref>seal</ref><box>[[1, 2, 30, 40], [5, 6, 70, 80]]</box>")
    assert [r.text for r in decoded.regions] == ["seal", "seal"] and not decoded.problems


def test_quadrilaterals_are_read_as_boxes_with_their_points() -> None:
    decoded = decode(
        "grounding-qwen2", SAID["grounding-qwen2"].replace("(100,200),(500,400)", "(100,200),(490,210),(500,400),(90,380)")
    )
    box = decoded.regions[0].box
    assert box and (box.left, box.top, box.right, box.bottom) == (0.09, 0.2, 0.5, 0.4) and len(box.polygon or ()) == 4


def test_raw_pixels_where_thousandths_are_meant_are_named() -> None:
    decoded = decode("grounding-internvl", "<ref>134011982301</ref><box>[[90,398,311,1398]]</box>")
    assert decoded.regions[0].text == "134011982301" and kinds(decoded) == ["outside"]


def test_a_name_without_its_box_is_kept_and_named() -> None:
    decoded = decode("grounding-qwen2", SAID["grounding-qwen2"][:-20])
    assert [(r.text, r.box is None) for r in decoded.regions] == [("Итого", False), ("stamp", True)]
    assert kinds(decoded) == ["truncated"]


@pytest.mark.parametrize("name", ["grounding-qwen2", "grounding-internvl"])
def test_a_text_with_the_marks_in_it_is_refused(name: str) -> None:
    opening = DIALECTS.get(name)().encode(TARGET, sees=SEES).partition("Итого")[0]
    with pytest.raises(InputError, match="holds marks of the dialect"):
        DIALECTS.get(name)().encode(RegionsTarget(regions=(Region(text=f"a {opening}", box=BOX),)), sees=SEES)
