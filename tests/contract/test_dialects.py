"""The built-in dialects keep the contract that plug-in authors are held to."""

import pytest

from ocrtune.contracts import Dialect
from ocrtune.dialects.plain import Plain
from ocrtune.testing import DialectContract


class TestPlain(DialectContract):
    @pytest.fixture
    def dialect(self) -> Dialect:
        return Plain()
