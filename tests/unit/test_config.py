from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from ocrtune.config import Section, config_digest, dotted, load, option_names, read_yaml
from ocrtune.errors import ConfigError


class Adapter(Section):
    rank: int = Field(8, ge=1, description="rank")


class Options(Section):
    data: str = Field(description="dataset")
    learning_rate: float = Field(1e-4, gt=0, description="peak")
    method: Literal["lora", "full"] = Field("lora", description="what trains")
    lora: Adapter = Field(Adapter(), description="adapter")


def test_what_was_typed_wins_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "o.yaml").write_text("data: a\nlearning_rate: 0.5\nlora: {rank: 4}\n")
    config, asked = load(Options, tmp_path / "o.yaml", dotted({"lora.rank": 16}))
    assert (config.data, config.learning_rate, config.method, config.lora.rank) == ("a", 0.5, "lora", 16)
    assert asked == {"data": "a", "learning_rate": 0.5, "lora": {"rank": 16}}


def test_everything_wrong_is_reported_together() -> None:
    with pytest.raises(ConfigError) as caught:
        load(Options, None, {"learning_rat": 1, "method": "lorra", "lora": {"rank": 0}})
    text = str(caught.value)
    assert len(caught.value.problems) == 4
    assert "did you mean learning_rate?" in text and "data: required" in text and "lora.rank" in text and "method" in text


@pytest.mark.parametrize(("content", "says"), [("[1, 2]", "holds a list"), ("a: [", "as YAML")])
def test_a_bad_options_file_is_named(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "o.yaml").write_text(content)
    with pytest.raises(ConfigError, match=says):
        load(Options, tmp_path / "o.yaml")


def test_a_missing_options_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such options file"):
        load(Options, tmp_path / "none.yaml")


def test_options_are_listed_with_their_sections() -> None:
    assert set(option_names(Options)) == {"data", "learning_rate", "method", "lora", "lora.rank"}


def test_same_options_have_the_same_digest() -> None:
    assert config_digest(Options(data="a")) == config_digest(Options(data="a", learning_rate=1e-4))
    assert config_digest(Options(data="a")) != config_digest(Options(data="b"))


def test_a_later_assignment_replaces_what_stands_in_its_way() -> None:
    assert dotted({"tags": 1, "tags.b": 2}) == {"tags": {"b": 2}}


def test_an_option_file_with_a_nameless_option_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("1: 2\n")
    with pytest.raises(ConfigError, match="no name"):
        read_yaml(file)
