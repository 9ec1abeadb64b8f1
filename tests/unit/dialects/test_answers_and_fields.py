"""Answers to questions, and key information."""

from __future__ import annotations

import math

import pytest

from ocrtune.core import AnswersTarget, FieldsTarget, ImageRef, Region, Sample, TextTarget
from ocrtune.dialects.answers import Answers
from ocrtune.dialects.fields import Fields
from ocrtune.errors import InputError

SAMPLE = Sample(id="s", group="g", images=(ImageRef(path="x.png"),), task="answer")


def test_the_question_comes_first_and_the_prompt_after_it() -> None:
    asked = SAMPLE.model_copy(update={"question": "Which date?"})
    assert Answers().ask(asked) == "Which date?"
    assert Answers("Answer with one word.").ask(asked) == "Which date?\nAnswer with one word."
    with pytest.raises(InputError, match="'s' has no question"):
        Answers().ask(SAMPLE)


def test_the_first_acceptable_answer_is_taught() -> None:
    assert Answers().encode(AnswersTarget(answers=("1 May", "May 1"))) == "1 May"
    assert Answers().decode("1 May").text == "1 May"


def test_fields_come_back_with_their_types_and_their_order() -> None:
    fields = {"total": 1.0, "n": 3, "date": None, "items": [{"имя": "Стул"}], "paid": True}
    decoded = Fields().decode(Fields().encode(FieldsTarget(fields=fields)))
    assert decoded.fields == fields and list(decoded.fields) == list(fields) and isinstance(decoded.fields["total"], float)
    assert decoded.regions[3] == Region(kind="field", text='items: [{"имя": "Стул"}]')


@pytest.mark.parametrize(
    ("reply", "fields", "problems"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}, ["fence"]),
        ('{"a": 1, "b": "half', {"a": 1, "b": "half"}, ["truncated"]),
        ('[{"a": 1}, {"b": 2, "a": 3}]', {"a": 1, "b": 2}, ["several-objects"]),
        ("{'a': True}", {"a": True}, ["bad-quote"]),
        ("no idea", None, ["not-json"]),
        ("", None, ["empty"]),
    ],
)
def test_broken_replies_are_read_as_far_as_they_go(reply: str, fields: dict[str, object] | None, problems: list[str]) -> None:
    decoded = Fields().decode(reply)
    assert decoded.fields == fields and [problem.kind for problem in decoded.problems] == problems


def test_numbers_that_json_does_not_have_are_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        Fields().encode(FieldsTarget(fields={"total": math.nan}))
    with pytest.raises(InputError, match="'text' has none"):
        Fields().encode(TextTarget(text="x"))
