"""Plain text: what comes out is what went in."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocrtune.core import AnswersTarget, FieldsTarget, ImageRef, Region, RegionsTarget, Sample, TextTarget
from ocrtune.dialects.plain import Plain
from ocrtune.errors import InputError


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text())
def test_any_text_comes_back_unchanged(text: str) -> None:
    plain = Plain()
    assert plain.decode(plain.encode(TextTarget(text=text))).text == text


def test_regions_are_said_in_reading_order() -> None:
    target = RegionsTarget(regions=(Region(text="Title"), Region(kind="picture"), Region(text="a\nb")))
    assert Plain().encode(target) == "Title\na\nb"


def test_the_first_acceptable_answer_is_taught() -> None:
    assert Plain().encode(AnswersTarget(answers=("1 May", "May 1"))) == "1 May"


def test_targets_without_text_are_refused() -> None:
    with pytest.raises(InputError, match="'fields' has no plain text"):
        Plain().encode(FieldsTarget(fields={"total": 1}))


def test_the_default_prompt_is_what_the_nano_was_trained_with() -> None:
    sample = Sample(id="s", group="g", images=(ImageRef(path="x.png"),))
    assert Plain().ask(sample) == "OCR:"
    assert Plain("").ask(sample) == ""
    assert Plain().ask(sample.model_copy(update={"question": "Which date?"})) == "Which date?"
