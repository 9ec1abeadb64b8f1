"""Verbs as Python functions: the same path as the command line."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

import pytest

import ocrtune
from ocrtune.cli.main import main
from ocrtune.errors import ConfigError, InputError


def test_a_verb_is_a_function_with_its_options_as_keywords(shout: ModuleType) -> None:
    done = ocrtune.shout(words=["a", "b"], times=2, voice={"mood": "calm"})
    assert done.result == shout.Shouted("A B A B", 7)
    assert done.outputs["shout"].read_text() == "A B A B"
    assert done.run.status == "done" and not done.already


def test_the_same_options_find_the_run_that_the_command_line_made(shout: ModuleType) -> None:
    main(["shout", "a", "--times", "2"])
    done = ocrtune.shout(["a"], times=2)
    assert done.already and len(shout.CALLS) == 1
    assert done.result == shout.Shouted("A A", 3)
    assert ocrtune.shout(["a"], times=2, fresh=True).already is False


def test_an_outcome_stands_for_its_run(shout: ModuleType) -> None:
    first = ocrtune.shout(["a"])
    assert ocrtune.shout([first, Path("x")], loud=False).result.text == f"run:{first.run.id} x"
    elsewhere = ocrtune.shout(["b"], into="some/where")
    assert ocrtune.shout([elsewhere], loud=False).result.text == "some/where"


def test_errors_come_through_as_they_are(shout: ModuleType) -> None:
    with pytest.raises(InputError, match="unreadable"):
        ocrtune.shout(["a"], trouble="input")
    with pytest.raises(ConfigError, match="did you mean times"):
        ocrtune.shout(["a"], tims=2)
    with pytest.raises(TypeError, match="by position"):
        ocrtune.shout(["a"], 3)
    with pytest.raises(TypeError, match="both"):
        ocrtune.shout(["a"], words=["b"])


def test_the_signature_names_every_option(shout: ModuleType) -> None:
    signature = inspect.signature(ocrtune.shout)
    assert list(signature.parameters) == ["words", "times", "loud", "marks", "trouble", "voice", "into", "runs", "fresh"]
    assert signature.parameters["times"].default == 1
    assert ocrtune.shout.__doc__ == shout.__doc__


def test_a_verb_without_a_run_directory_leaves_none(shout: ModuleType) -> None:
    outcome = ocrtune.doctor(only="system")
    assert outcome.run is None and outcome.path is None and outcome.outputs == {}
    assert outcome.result.checks[0].name == "python"
    assert not Path("runs").exists()


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = ocrtune.trian
    assert "train" in dir(ocrtune)
