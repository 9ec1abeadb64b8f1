"""Contract tests for the authors of plug-ins: inherit, give the fixture, run pytest. Needs pytest and hypothesis."""

from ocrtune.testing.dialect import DialectContract, RegionDialectContract
from ocrtune.testing.engine import EngineContract
from ocrtune.testing.family import FamilyContract

__all__ = ["DialectContract", "EngineContract", "FamilyContract", "RegionDialectContract"]
