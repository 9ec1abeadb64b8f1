"""olmOCR-bench: pages as Markdown, judged by small tests that they pass or fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ocrtune.benchmarks._files import Origin, fetched, read_rows
from ocrtune.benchmarks._olm_drawing import Drawer, drawer, require_tools
from ocrtune.benchmarks._olm_rules import complaint, passes
from ocrtune.benchmarks._rows import complain_of_pictures, valued
from ocrtune.contracts import Row
from ocrtune.core import FieldsTarget, ImageRef, Prediction, Sample, Score, Size
from ocrtune.errors import InputError, ResourceError
from ocrtune.imaging import open_pdf, sha256
from ocrtune.katex import katex_version
from ocrtune.options import Hub

LONGEST = 2048  # pixels of the longer side, as most of the authors' runners show pages
BASELINE = "baseline"
FULL, WITHOUT_MATH = "official", "official-without-math"
RESAMPLES = 1000  # behind the authors' interval
PROMPT = (
    "Convert the page in this image to Markdown, in natural reading order. Write tables as HTML, inline formulas between \\( and "
    "\\), displayed ones between \\[ and \\]. Leave out running heads, page footers and page numbers. Answer with the Markdown "
    "alone."
)


class OlmOcrBench:
    """Of `allenai/olmOCR-bench`: the folder with `*.jsonl` and `pdfs`. A sample is a page with all of its tests; its value is the
    share that it passes.

    `official` is the authors' rule, with KaTeX in a browser for formulas; without these tools it is an error. With
    `official-without-math`, tests of formulas are not run: a category that consists of them has no figure, and the total is the
    mean of the others. Pages in Chinese or Japanese fail the authors' baseline test.
    """

    name = "olmocr-bench"
    profiles: ClassVar[tuple[str, ...]] = (FULL, WITHOUT_MATH)
    hub = "allenai/olmOCR-bench"
    revision: ClassVar[str | None] = None
    dialect = "markdown"
    max_tokens = 8192

    def load(self, place: Path | Hub) -> list[Sample]:
        origin = Origin(self.hub, patterns=("bench_data/*.jsonl", "bench_data/pdfs/*"), revision=self.revision)
        root = fetched(origin, place.revision) if isinstance(place, Hub) else place
        folder = root / "bench_data" if (root / "bench_data").is_dir() else root
        pages = _tests_of(folder)
        samples = [_sample(folder, key, tests) for key, tests in sorted(pages.items())]
        complain_of_pictures([sample.images[0] for sample in samples], folder)
        revision = {"revision": root.name} if isinstance(place, Hub) else {}
        return [sample.model_copy(update={"tags": {**sample.tags, **revision}}) for sample in samples]

    def describe(self, profile: str) -> dict[str, str]:
        return {"katex": katex_version()} if profile != WITHOUT_MATH else {}

    def score(self, sample: Sample, prediction: Prediction, profile: str) -> Score:
        """The share of tests passed, which are its parts; a failed request is an empty page that passes none of them. Raises
        ResourceError where formulas cannot be drawn."""
        if not isinstance(sample.target, FieldsTarget) or not isinstance(tests := sample.target.fields.get("tests"), list):
            raise InputError(f"the sample {sample.id!r} is no page of olmOCR-bench", hint="score it with its own data")
        draw = None if profile == WITHOUT_MATH else _drawer()
        parts: dict[str, tuple[float, float]] = {}
        for test in tests:
            assert isinstance(test, dict)
            passed = passes(test, prediction.text or "", draw)
            if passed is not None:
                parts[f"{test['category']}/{test.get('id', '')}"] = (float(passed and prediction.text is not None), 1.0)
        if not parts:
            why = "its tests are of formulas, which this profile does not run"
            return Score(sample_id=sample.id, metric=self.name, value=None, why=why)
        value = sum(done for done, _ in parts.values()) / len(parts)
        return valued(sample, self.name, value).model_copy(update={"parts": parts})

    def table(self, samples: Sequence[Sample], scores: Sequence[Score], profile: str) -> list[Row]:
        """Pass rates by category, and their plain mean with the authors' interval. Samples of one page of one PDF are repeats:
        a test is passed when more than half of them pass it."""
        pages = {sample.id: (sample.group, sample.images[0].page) for sample in samples}
        repeats: dict[str, dict[tuple[object, str], list[float]]] = defaultdict(lambda: defaultdict(list))
        for score in scores:
            for part, (done, _) in score.parts.items() if score.sample_id in pages else ():
                category, _, test = part.partition("/")
                repeats[category][pages[score.sample_id], test].append(done)
        passed = {
            category: sum(sum(done) / len(done) > 0.5 for done in tests.values()) for category, tests in sorted(repeats.items())
        }
        counts = {category: len(repeats[category]) for category in passed}
        rates = {category: passed[category] / counts[category] for category in passed}
        total = sum(counts.values())
        name = "Overall without math" if profile == WITHOUT_MATH else "Overall"
        low, high = _interval(passed, counts)
        return [
            *(Row(category, rate, counts[category]) for category, rate in rates.items()),
            Row(f"{name}, 95 % from", low, total),
            Row(f"{name}, 95 % to", high, total),
            Row(name, sum(rates.values()) / len(rates) if rates else None, total),
        ]


def _drawer() -> Drawer:
    """Asked for each page, whether or not it has formulas: what is missing is said before a model reads anything."""
    try:
        require_tools()
    except ResourceError as missing:
        raise ResourceError(
            f"the profile {FULL} draws formulas: {missing}", hint=f"{missing.hint}; --profile {WITHOUT_MATH} leaves them out"
        ) from missing
    return drawer()


def _interval(passed: Mapping[str, int], counts: Mapping[str, int]) -> tuple[float | None, float | None]:
    """Of the mean of categories whose tests are drawn again, each category by itself: the passes among n drawn are binomial."""
    if not passed:
        return None, None
    random = np.random.default_rng(0)
    means = np.mean([random.binomial(n, passed[name] / n, RESAMPLES) / n for name, n in counts.items()], axis=0)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


Key = tuple[str, int]


def _tests_of(folder: Path) -> dict[Key, list[dict[str, Any]]]:
    """Tests by PDF and page. A PDF without a baseline test gets one on its first page, even if nothing else is asked of it."""
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise InputError(f"{folder} holds no *.jsonl of olmOCR-bench", hint="give the folder bench_data of the dataset")
    pages: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for file in files:
        known: set[str] = set()
        for number, row in enumerate(read_rows(file), start=1):
            if wrong := _wrong(row, known):
                raise InputError(f"{file}, test {number}: {wrong}")
            known.add(str(row["id"]))
            pages[row["pdf"], int(row.get("page") or 1)].append({**_kept(row), "category": file.stem})
    has_baseline = {pdf for (pdf, _), tests in pages.items() if any(test["type"] == BASELINE for test in tests)}
    pdfs = {file.relative_to(folder / "pdfs").as_posix() for file in (folder / "pdfs").rglob("*.pdf")}
    for pdf in (pdfs | {pdf for pdf, _ in pages}) - has_baseline:
        pages[pdf, 1].append({"type": BASELINE, "id": f"{pdf}_{BASELINE}", "category": BASELINE})
    return dict(pages)


def _wrong(row: Mapping[str, Any], known: Container[str]) -> str | None:
    if not isinstance(row.get("pdf"), str) or not row["pdf"] or not row.get("id"):
        return "a test needs `pdf` and `id`"
    return f"there is another test with the id {row['id']}" if str(row["id"]) in known else complaint(row)


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
