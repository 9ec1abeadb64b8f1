"""A small verb of the tests' own, on the shelf beside the real ones: `shout` writes words in capitals."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from ocrtune.verbs import VERBS

SHOUT = Path(__file__).parent / "shout_verb.py"


@pytest.fixture
def shout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """The verb's module, registered under `ocrtune.verbs.shout`; the working folder is an empty one."""
    spec = importlib.util.spec_from_file_location("ocrtune.verbs.shout", SHOUT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "ocrtune.verbs.shout", module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(VERBS, "shout", "write words in capitals")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OCRTUNE_RUNS", raising=False)
    yield module
