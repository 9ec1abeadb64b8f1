"""docs/how-to/finetune-dots-ocr.md, command for command, on a tiny random dots.ocr; only vLLM is left out."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

for library in ("torch", "transformers", "peft", "fpdf"):
    pytest.importorskip(library, reason="the extra train is not installed")

from fpdf import FPDF  # noqa: E402

from ocrtune.cli.main import main  # noqa: E402
from ocrtune.families.dots_ocr import DotsOcr  # noqa: E402
from ocrtune.testing import tiny_dots  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "finetune-dots-ocr.md"
SMALLER = {  # what makes each step short here; options given twice count as given last
    "evaluate": "--max-tokens 8 --limit 3",
    "train": "--max-steps 2 --gradient-accumulation 1 --eval-samples 2 --eval-max-tokens 8 --cache-folder features",
    "merge": "--samples 2 --max-tokens 8",
}


def commands() -> Iterator[list[str]]:
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield shlex.split(line)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the model and twelve invoices, where the commands are given."""
    monkeypatch.chdir(tmp_path)
    tiny_dots.build(tmp_path / "models" / "DotsOCR", vocabulary=300)
    (tmp_path / "invoices").mkdir()
    for number in range(12):
        pdf = FPDF(unit="pt", format=(160, 90))
        pdf.add_page()
        pdf.set_font("Helvetica", size=12)
        pdf.text(10, 30, f"Invoice {number * 7919}")
        pdf.text(10, 60, f"Total {number * 31 + 5}.00")
        pdf.output(str(tmp_path / "invoices" / f"{number}.pdf"))
    return tmp_path


def test_the_page_works_as_it_is_written(desk: Path) -> None:
    ran = []
    for program, verb, *arguments in commands():
        if program == "vllm":
            assert (desk / arguments[0] / "config.json").is_file(), "what is served is what was merged"
            assert set(DotsOcr.vllm) <= set(arguments)
        elif "--base-url" not in arguments:
            assert program == "ocrtune"
            assert main([verb, *arguments, *shlex.split(SMALLER.get(verb, "")), "--quiet"]) == 0, (verb, arguments)
        else:  # the same without a server
            evaluate = ["--model", "runs/merged/artifacts/model", "--into", arguments[arguments.index("--into") + 1]]
            assert main([verb, arguments[0], *evaluate, *shlex.split(SMALLER[verb]), "--dialect", "dots-ocr", "--quiet"]) == 0
        ran.append(verb)
    assert ran == ["prepare", "plan", "evaluate", "train", "merge", "serve", "evaluate", "compare", "evaluate"]
    assert json.loads((desk / "runs" / "merged" / "proof.json").read_text())["passed"]
    assert (desk / "runs" / "verdict" / "report.html").is_file()
    base, merged = desk / "models" / "DotsOCR", desk / "runs" / "merged" / "artifacts" / "model"
    for file in base.iterdir():
        if not file.name.endswith((".safetensors", ".index.json")):
            assert (merged / file.name).read_bytes() == file.read_bytes(), file.name
