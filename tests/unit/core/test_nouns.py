from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ocrtune.core import Answer, Box, Failure, ImageRef, Region, RegionsTarget, Sample, Score, TextTarget, digest, target_text

UNIT = st.floats(0, 1)


@given(st.tuples(st.floats(-50, 250), st.floats(-50, 250), st.floats(-50, 250), st.floats(-50, 250)))
def test_boxes_from_any_pixels_are_ordered_and_inside(corners: tuple[float, float, float, float]) -> None:
    box = Box.from_pixels(corners, 200, 100)
    assert 0 <= box.left <= box.right <= 1 and 0 <= box.top <= box.bottom <= 1


@given(UNIT, UNIT, UNIT, UNIT)
def test_pixels_round_trip(a: float, b: float, c: float, d: float) -> None:
    box = Box(left=min(a, c), top=min(b, d), right=max(a, c), bottom=max(b, d))
    again = Box.from_pixels(box.to_pixels(640, 480), 640, 480)
    assert all(abs(x - y) < 1e-9 for x, y in zip((box.left, box.top, box.right, box.bottom), again.to_pixels(1, 1), strict=True))


def test_box_with_crossed_corners_is_refused() -> None:
    with pytest.raises(ValidationError, match="out of order"):
        Box(left=0.9, top=0, right=0.1, bottom=1)


def test_an_answer_is_text_or_an_error_and_never_both() -> None:
    assert Answer(sample_id="a", text="").text == ""
    for wrong in ({"text": None}, {"text": "x", "finish": "error"}, {"text": "x", "error": Failure(kind="k", message="m")}):
        with pytest.raises(ValidationError):
            Answer(sample_id="a", **wrong)  # type: ignore[arg-type]


def test_an_unscored_sample_needs_a_reason() -> None:
    with pytest.raises(ValidationError, match="None with a reason"):
        Score(sample_id="a", metric="cer", value=None)


def test_sample_survives_its_line_with_any_text() -> None:
    sample = Sample(id="1", group="g", images=(ImageRef(path="a.png"),), target=TextTarget(text='№ «ё» 你好 \n\t"\\'))
    assert Sample.parse_line(sample.line()) == sample


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Sample.parse_line('{"id":"1","group":"g","images":[{"path":"a"}],"lable":"x"}')


def test_text_of_regions_is_joined_in_order() -> None:
    assert target_text(RegionsTarget(regions=(Region(text="a"), Region(kind="picture"), Region(text="b")))) == "a\nb"


def test_digest_ignores_key_order_and_sees_content() -> None:
    assert digest({"a": 1, "b": "ё"}) == digest({"b": "ё", "a": 1}) != digest({"a": 1, "b": "е"})
