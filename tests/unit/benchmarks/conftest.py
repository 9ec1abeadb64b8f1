"""Small splits in the forms that benchmarks are published in: pictures drawn here, rows of the published columns."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from ocrtune.core import Failure, Prediction, Score

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


def drawn(text: str) -> bytes:
    image = Image.new("RGB", (120, 32), "white")
    ImageDraw.Draw(image).text((4, 8), text, fill="black")
    kept = io.BytesIO()
    image.save(kept, "PNG")
    return kept.getvalue()


def answered(sample_id: str, text: str | None) -> Prediction:
    """None is a failed request."""
    if text is None:
        return Prediction(sample_id=sample_id, finish="error", error=Failure(kind="timeout", message="no answer"))
    return Prediction(sample_id=sample_id, text=text)


def golden_rows(name: str) -> list[dict[str, Any]]:
    file = DATA / "golden" / name
    if not file.is_file():
        pytest.skip("the published scorer vectors (shared/data/golden beside the repository) are not here")
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def scored(benchmark: Any, samples: Sequence[Any], replies: Sequence[str | None], profile: str | None = None) -> list[Score]:
    """One reply a sample, in their order."""
    chosen = profile or benchmark.profiles[0]
    return [benchmark.score(sample, answered(sample.id, text), chosen) for sample, text in zip(samples, replies, strict=True)]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def beside(tmp_path: Path) -> Callable[[list[dict[str, Any]], str], Path]:
    """`beside(rows, "OCRBench.json")`: a data file whose rows without a picture get one beside it."""

    def build(rows: list[dict[str, Any]], name: str) -> Path:
        (tmp_path / "one.png").write_bytes(drawn("one"))
        file = tmp_path / name
        file.write_text(json.dumps([{"image_path": "one.png", **row} for row in rows], ensure_ascii=False), "utf-8")
        return file

    return build
