"""What every test shares: a command line that ran inside a test leaves the process as it found it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def untouched_process() -> Iterator[None]:
    """Logging of this package and the environment are restored: the command line sets both for its own process."""
    log = logging.getLogger("ocrtune")
    handlers, level, propagate, environment = list(log.handlers), log.level, log.propagate, dict(os.environ)
    yield
    log.handlers[:], log.propagate = handlers, propagate
    log.setLevel(level)
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)
