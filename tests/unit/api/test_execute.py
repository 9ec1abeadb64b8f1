"""How a verb is run, whatever goes wrong around it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from ocrtune.api.execute import log_file
from ocrtune.errors import ResourceError

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_log_on_a_full_disk_does_not_hide_what_was_full() -> None:
    with pytest.raises(ResourceError, match="the picture"), log_file(FULL):
        logging.getLogger("ocrtune").info("at work")
        raise ResourceError("the disk is full while writing the picture")
