"""The local benchmark that is drawn: different lines, the form of OCRBench, the same from the same seed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "recipes" / "benchmark"))

from lines import write

from ocrtune.benchmarks.ocrbench import OcrBench
from ocrtune.sampling import benchmark_digest


def test_the_drawn_lines_load_as_ocrbench_and_are_all_different(tmp_path: Path) -> None:
    file = write(tmp_path / "a", count=12, seed=3, question="OCR:")
    rows = json.loads(file.read_text("utf-8"))
    assert len({row["answers"] for row in rows}) == len(rows) == 24
    samples = OcrBench().load(tmp_path / "a")
    assert {sample.question for sample in samples} == {"OCR:"}
    assert len({sample.group for sample in samples}) == 24
    again = OcrBench().load(write(tmp_path / "b", count=12, seed=3, question="OCR:"))
    assert benchmark_digest(samples) == benchmark_digest(again)
