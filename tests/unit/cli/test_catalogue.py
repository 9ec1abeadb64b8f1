from __future__ import annotations

import json

import pytest

from ocrtune.cli.main import main
from ocrtune.plugins import SHELVES


def test_schema_of_a_verb_is_json_schema_with_descriptions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "doctor"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["type"] == "object" and schema["properties"]["only"]["description"]


def test_schema_of_an_unknown_verb_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "trian"]) == 2
    assert "did you mean train?" in capsys.readouterr().err


def test_plugins_lists_every_shelf(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {shelf.kind: shelf.names() for shelf in SHELVES}
    main(["plugins"])
    assert "echo, http" in capsys.readouterr().out
