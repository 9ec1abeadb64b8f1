"""The built-in engines keep the contract that plug-in authors are held to (http: tests/unit/engines/test_http.py)."""

import shutil

import pytest

from ocrtune.contracts import Engine
from ocrtune.engines.auto import Auto
from ocrtune.engines.echo import Echo
from ocrtune.engines.rapidocr import RapidOcr
from ocrtune.engines.tesseract import Tesseract
from ocrtune.options import EngineOptions
from ocrtune.testing import EngineContract


class TestEcho(EngineContract):
    looks = False

    @pytest.fixture
    def engine(self) -> Engine:
        return Echo(EngineOptions())


class TestRapidOcr(EngineContract):
    @pytest.fixture
    def engine(self) -> Engine:
        pytest.importorskip("rapidocr", reason="the extra cpu-ocr is not installed")
        return RapidOcr(EngineOptions())


class TestTesseract(EngineContract):
    @pytest.fixture
    def engine(self) -> Engine:
        if shutil.which("tesseract") is None:
            pytest.skip("tesseract and its data are not installed (apt install tesseract-ocr)")
        return Tesseract(EngineOptions(language="eng"))


class TestAuto(EngineContract):
    @pytest.fixture(params=[False, True], ids=["lines", "regions"])
    def engine(self, request: pytest.FixtureRequest) -> Engine:
        if shutil.which("tesseract") is None:
            pytest.skip("tesseract and its data are not installed (apt install tesseract-ocr)")
        return Auto(EngineOptions(layout=request.param))
