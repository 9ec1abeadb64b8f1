"""The published vectors these tests agree with lie beside the repository, not in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="session")
def golden() -> Path:
    if not (DATA / "golden").is_dir():
        pytest.skip("the published scorer vectors (shared/data/golden beside the repository) are not here")
    return DATA / "golden"


@pytest.fixture(scope="session")
def omnidocbench_run() -> Path:
    folder = DATA / "omnidocbench_demo" / "expected_head_run"
    if not folder.is_dir():
        pytest.skip("the OmniDocBench demo (shared/data/omnidocbench_demo beside the repository) is not here")
    return folder
