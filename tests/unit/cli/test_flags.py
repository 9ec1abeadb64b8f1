"""From typed words to option values."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import Field

from ocrtune.cli.face import VerbFace
from ocrtune.cli.flags import Flags
from ocrtune.config import Section


class Options(Section):
    first: list[str] = Field(description="many", json_schema_extra={"also": ["words"]})
    last: str = Field(description="one")
    prompt: str | None = Field(None, description="any text")
    tags: dict[str, str] = Field({}, description="by name")
    shares: tuple[float, ...] = Field((), description="numbers")


FLAGS = Flags(Options, VerbFace)
names = st.text(st.characters(categories=("L", "N"), include_characters="-_./ *?"), min_size=1).map(str.strip).filter(bool)


@given(st.text().filter(lambda text: text != "null"))
def test_any_text_arrives_as_it_was_typed(text: str) -> None:
    typed = FLAGS.parse([f"--prompt={text}"])
    assert (typed.options, typed.problems) == ({"prompt": text}, ())


def test_names_of_other_tools_stand_for_the_option() -> None:
    assert FLAGS.parse(["--words=a", "--words", "b"]).options == FLAGS.parse(["--first", "a,b"]).options
    assert "--words" in next(flag for flag in FLAGS.option_flags if flag.names[0] == "--first").names


@given(st.lists(names, min_size=1))
@example(["null", "a", "true", "007", "1e5"])
def test_lists_may_repeat_the_flag_or_use_commas(words: list[str]) -> None:
    repeated = FLAGS.parse([f"--first={word}" for word in words])
    joined = FLAGS.parse([f"--first={','.join(words)}"])
    assert repeated.options == joined.options == {"first": words}


@given(st.lists(st.text(min_size=1).filter(lambda text: not text.startswith("-")), min_size=2))
def test_words_fill_the_required_options_and_a_list_leaves_enough_for_the_rest(words: list[str]) -> None:
    assert FLAGS.parse(words).options == {"first": words[:-1], "last": words[-1]}


def test_an_option_given_by_flag_takes_no_word() -> None:
    assert FLAGS.parse(["a", "--last", "z", "b"]).options == {"first": ["a", "b"], "last": "z"}


def test_null_takes_a_value_back() -> None:
    assert FLAGS.parse(["--prompt", "null"]).options == {"prompt": None}


def test_dictionaries_and_numbers() -> None:
    typed = FLAGS.parse(["--tags", "language=ru", "--tags", "kind=invoice", "--shares", "0.5,0.25"])
    assert typed.options == {"tags": {"language": "ru", "kind": "invoice"}, "shares": [0.5, 0.25]}


def test_words_that_nobody_asked_for_are_problems() -> None:
    assert FLAGS.parse(["--first", "a", "--last", "b", "c"]).problems == ("unexpected argument 'c'",)


def test_the_value_of_an_unknown_flag_is_not_mistaken_for_an_option() -> None:
    typed = FLAGS.parse(["--lats", "z", "a", "b"])
    assert typed.options == {"first": ["a"], "last": "b"}
    assert typed.problems == ("--lats: there is no such option (did you mean --last?)",)


def test_the_face_and_the_verb_are_told_apart() -> None:
    typed = FLAGS.parse(["--json", "--config", "a.yaml", "--config", "b.yaml", "--prompt", "x"])
    assert typed.face == {"json": True, "config": ["a.yaml", "b.yaml"]}
    assert typed.options == {"prompt": "x"}
