"""docs/how-to/verdict.md, command for command; known answers stand for the models."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ocrtune.cli.main import main
from ocrtune.core import Sample, TextTarget
from ocrtune.imaging import image_ref

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "verdict.md"
TEXTS = [f"Счёт № {number * 7919} от {number + 1} марта, итого {number * 31 + 5} рублей" for number in range(24)]


def commands() -> Iterator[list[str]]:
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield shlex.split(line)


def readings(name: str) -> list[str]:
    """Right ones of the model "base", with misread letters of the others."""
    misread = {"base": "", "tuned": "аои", "third": "е"}[name]
    return [text.translate(str.maketrans(misread, "ы" * len(misread))) for text in TEXTS]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a dataset, what three models read of it, attributes, and published answers."""
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data" / "invoices"
    (data / "images").mkdir(parents=True)
    samples = []
    for number, text in enumerate(TEXTS):
        file = data / "images" / f"{number:02d}.png"
        Image.new("RGB", (100 + number, 30), "white").save(file)
        image = image_ref(file).model_copy(update={"path": f"images/{file.name}"})
        samples.append(Sample(id=file.stem, group=file.stem, images=(image,), target=TextTarget(text=text)))
    (data / "test.jsonl").write_text("".join(f"{s.line()}\n" for s in samples), "utf-8")
    for name in ("base", "tuned", "third"):
        read = [s.model_copy(update={"target": TextTarget(text=t)}) for s, t in zip(samples, readings(name), strict=True)]
        Path(f"{name}.jsonl").write_text("".join(f"{s.line()}\n" for s in read), "utf-8")
    Path("layout.csv").write_text("image,layout\n" + "".join(f"{s.id}.png,{'ab'[int(s.id) % 2]}\n" for s in samples), "utf-8")
    for name in ("base", "tuned"):
        kinds = {"ocrbench_accuracy": {"question_type": "Key Information Extraction", "ground_truth": ["5"], "score": 0}}
        said = ["5" if i % 5 or name == "base" else "6" for i in range(40)]
        rows = [{"doc_id": i, "target": "['5']", "input": f"sum {i}?", "filtered_resps": [said[i]], **kinds} for i in range(40)]
        Path(f"{name}_samples.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    pages = [{"image_path": f"{i}.png", "label": text, "prediction": text} for i, text in enumerate(TEXTS)]
    Path("result.json").write_text(json.dumps({"overall_cer": 0, "overall_f1": 1, "samples": pages}), "utf-8")
    return tmp_path


def test_the_page_works_as_it_is_written(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = {}
    for program, verb, *arguments in commands():
        assert program == "ocrtune"
        if verb == "evaluate":
            model = Path(arguments[arguments.index("--model") + 1]).name
            arguments += ["--engine", "echo", "--model", f"table:{model}.jsonl"]
        if "runs/three" in arguments:
            assert (
                main(["evaluate", "data/invoices", "--engine", "echo", "--model", "table:third.jsonl", "--into", "runs/third"])
                == 0
            )
        code = main([verb, *arguments, "--resamples", "500"])
        ended[" ".join([verb, *arguments])] = code
        assert code == (11 if "--fail-if-worse" in arguments else 0), (verb, arguments, capsys.readouterr().err)
    assert len(ended) == 10
    gate = json.loads((desk / "runs" / "gate" / "verdict.json").read_text("utf-8"))
    assert gate["verdict"] == "worse" and gate["status"] == "ok"
    for file in (
        "report.html",
        "verdict.json",
        "verdict.md",
        "mistakes.jsonl",
        "charts/intervals.svg",
        "charts/distribution.png",
    ):
        assert (desk / "runs" / "verdict" / file).is_file()
    sliced = json.loads((desk / "runs" / "sliced" / "verdict.json").read_text("utf-8"))
    assert {"a", "b"} <= {s["value"] for s in sliced["slices"]}
    published = json.loads((desk / "runs" / "published" / "verdict.json").read_text("utf-8"))
    assert (published["metric"], published["base"], published["tuned"], published["verdict"]) == ("ocrbench", 1, 0.8, "worse")
