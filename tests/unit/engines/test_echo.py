"""The echo engine says what it was told to say, and fails where it was told to fail."""

from pathlib import Path

import pytest

from ocrtune.core import Answer, ImageRef, Prompt, Sample, TextTarget
from ocrtune.engines.echo import Echo
from ocrtune.errors import ConfigError, InputError
from ocrtune.options import EngineOptions


def ask(engine: Echo, *names: str, max_tokens: int = 100) -> list[Answer]:
    engine.open()
    images = (ImageRef(path="none.png"),)
    return list(engine.stream(Prompt(sample_id=n, images=images, text=f"read {n}", max_tokens=max_tokens) for n in names))


def texts(answers: list[Answer]) -> list[str | None]:
    return [answer.text if answer.error is None else answer.error.kind for answer in answers]


def test_without_a_model_it_says_the_prompt() -> None:
    assert texts(ask(Echo(EngineOptions()), "a", "b")) == ["read a", "read b"]


def test_it_says_fixed_words() -> None:
    assert texts(ask(Echo(EngineOptions(model="text:hello")), "a")) == ["hello"]


def test_a_table_makes_it_a_perfect_reader_of_the_samples_it_knows(tmp_path: Path) -> None:
    sample = Sample(id="a", group="g", images=(ImageRef(path="x.png"),), target=TextTarget(text="Правда"))
    (tmp_path / "test.jsonl").write_text(sample.line() + "\n")
    assert texts(ask(Echo(EngineOptions(model=f"table:{tmp_path}/test.jsonl")), "a", "b")) == ["Правда", "unknown sample"]


def test_a_table_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InputError, match="no such table"):
        Echo(EngineOptions(model="table:/nowhere.jsonl")).open()


def test_an_answer_longer_than_allowed_is_cut_and_says_so() -> None:
    (answer,) = ask(Echo(EngineOptions(model="text:0123456789")), "a", max_tokens=4)
    assert (answer.text, answer.finish) == ("0123", "length")


def test_faults_come_as_ordered() -> None:
    engine = Echo(EngineOptions(model="text:ok;fail=2;broken=3"))
    assert texts(ask(engine, *"abcd")) == ["ok", "hiccup", "broken", "hiccup"]
    assert texts(ask(engine, *"abcd")) == ["ok", "ok", "broken", "ok"]


@pytest.mark.parametrize(
    "model", ["parrot", "text:x;fail=0", "text:x;fail=1.5", "text:x;sing=1", "text:x;delay=-1", "text:x;fail"]
)
def test_what_it_does_not_understand_it_refuses(model: str) -> None:
    with pytest.raises(ConfigError):
        Echo(EngineOptions(model=model))
