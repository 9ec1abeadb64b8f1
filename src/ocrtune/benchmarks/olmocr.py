"""olmOCR-bench: pages as Markdown, judged by small tests that they pass or fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ocrtune.benchmarks._files import Origin, fetched, read_rows
from ocrtune.benchmarks._olm_rules import passes
from ocrtune.benchmarks._rows import complain_of_pictures, valued
from ocrtune.contracts import Row
from ocrtune.core import FieldsTarget, ImageRef, Prediction, Sample, Score, Size
from ocrtune.errors import InputError
from ocrtune.imaging import open_pdf, sha256

LONGEST = 2048  # pixels of the longer side, as most of the authors' runners show pages
BASELINE = "baseline"
PROMPT = (
    "Convert the page in this image to Markdown, in natural reading order. Write tables as HTML, inline formulas between \\( and "
    "\\), displayed ones between \\[ and \\]. Leave out running heads, page footers and page numbers. Answer with the Markdown "
    "alone."
)


class OlmOcrBench:
    """Of `allenai/olmOCR-bench`: the folder with `*.jsonl` and `pdfs`. A sample is a page with all of its tests; its value is the
    share that it passes.

    Formula tests (they need KaTeX in a browser) and footnote tests are not run: the categories that consist of them have no
    figure, and `Overall` is the mean of the others. Pages in Chinese or Japanese fail the authors' baseline test.
    """

    name = "olmocr-bench"
    profiles: ClassVar[tuple[str, ...]] = ("official-without-math",)
    hub = "allenai/olmOCR-bench"
    revision: ClassVar[str | None] = None
    dialect = "markdown"
    max_tokens = 8192

    def load(self, place: Path | None) -> list[Sample]:
        origin = Origin(self.hub, patterns=("bench_data/*.jsonl", "bench_data/pdfs/*"), revision=self.revision)
        root = fetched(origin) if place is None else place
        folder = root / "bench_data" if (root / "bench_data").is_dir() else root
        pages = _tests_of(folder)
        samples = [_sample(folder, key, tests) for key, tests in sorted(pages.items())]
        complain_of_pictures([sample.images[0] for sample in samples], folder)
        revision = {"revision": root.name} if place is None else {}
        return [sample.model_copy(update={"tags": {**sample.tags, **revision}}) for sample in samples]

    def describe(self, profile: str) -> dict[str, str]:
        return {"not run": "math, footnote"}

    def score(self, sample: Sample, prediction: Prediction, profile: str) -> Score:
        """The share of tests passed, by category as parts; a failed request is an empty page that passes none of them."""
        if not isinstance(sample.target, FieldsTarget) or not isinstance(tests := sample.target.fields.get("tests"), list):
            raise InputError(f"the sample {sample.id!r} is no page of olmOCR-bench", hint="score it with its own data")
        parts: dict[str, tuple[float, float]] = {}
        for test in tests:
            assert isinstance(test, dict)
            passed = passes(test, prediction.text or "")
            if passed is not None:
                done, total = parts.get(str(test["category"]), (0.0, 0.0))
                parts[str(test["category"])] = (done + float(passed and prediction.text is not None), total + 1)
        if not parts:
            why = "its tests are of formulas or footnotes, which are not run here"
            return Score(sample_id=sample.id, metric=self.name, value=None, why=why)
        done, total = (sum(column) for column in zip(*parts.values(), strict=True))
        return valued(sample, self.name, done / total).model_copy(update={"parts": parts})

    def table(self, samples: Sequence[Sample], scores: Sequence[Score], profile: str) -> list[Row]:
        """Pass rates by category, and their plain mean."""
        sums: dict[str, list[tuple[float, float]]] = defaultdict(list)
        asked = {sample.id for sample in samples}
        for score in scores:
            for category, part in score.parts.items() if score.sample_id in asked else ():
                sums[category].append(part)
        rows = [
            Row(category, sum(done for done, _ in parts) / (total := sum(n for _, n in parts)), int(total))
            for category, parts in sorted(sums.items())
        ]
        known = [row.value for row in rows if row.value is not None]
        return [*rows, Row("Overall without math", sum(known) / len(known) if known else None, sum(row.n for row in rows))]


Key = tuple[str, int]


def _tests_of(folder: Path) -> dict[Key, list[dict[str, Any]]]:
    """Tests by PDF and page. A PDF without a baseline test gets one on its first page."""
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise InputError(f"{folder} holds no *.jsonl of olmOCR-bench", hint="give the folder bench_data of the dataset")
    pages: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for file in files:
        for number, row in enumerate(read_rows(file), start=1):
            if not isinstance(row.get("pdf"), str) or "type" not in row:
                raise InputError(f"{file} line {number}: a test needs `pdf` and `type`")
            pages[row["pdf"], int(row.get("page") or 1)].append({**_kept(row), "category": file.stem})
    has_baseline = {pdf for (pdf, _), tests in pages.items() if any(test["type"] == BASELINE for test in tests)}
    for pdf in {pdf for pdf, _ in pages} - has_baseline:
        pages[pdf, 1].append({"type": BASELINE, "category": BASELINE})
    return dict(pages)


def _kept(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("pdf", "page", "url", "checked") and value is not None}


def _sample(folder: Path, key: Key, tests: list[dict[str, Any]]) -> Sample:
    """Its id is the stem of the files that the authors' runners write: `<pdf>_pg<page>`."""
    pdf, page = key
    name = f"{pdf.removesuffix('.pdf')}_pg{page}"
    tags = {"category": str(tests[0]["category"])}
    return Sample(id=name, group=pdf, images=(_image(folder / "pdfs" / pdf, page),), question=PROMPT,
                  target=FieldsTarget(fields={"tests": list(tests)}), tags=tags)  # fmt: skip


def _image(file: Path, page: int) -> ImageRef:
    if not file.is_file():
        return ImageRef(path=str(file), page=page)
    with open_pdf(file) as document:
        if page > len(document):
            raise InputError(f"{file} has {len(document)} pages; a test asks for page {page}")
        width, height = document.get_page_size(page - 1)
    scale = LONGEST / max(width, height)
    size = Size(max(1, round(width * scale)), max(1, round(height * scale)))
    content = sha256(file.read_bytes())
    return ImageRef(path=str(file.resolve()), page=page, sha256=content, width=size.width, height=size.height)
