"""olmOCR-bench: a folder as it is published, its profiles, repeats and totals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ocrtune.benchmarks._olm_drawing import require_tools
from ocrtune.benchmarks.olmocr import WITHOUT_MATH, OlmOcrBench
from ocrtune.core import FieldsTarget, ImageRef, Sample
from ocrtune.errors import InputError, ResourceError

from .conftest import answered, scored


def _folder(tmp_path: Path) -> Path:
    import pypdfium2

    (tmp_path / "bench_data" / "pdfs" / "old").mkdir(parents=True)
    document = pypdfium2.PdfDocument.new()
    for _ in range(2):
        document.new_page(300, 600)
    document.save(str(tmp_path / "bench_data" / "pdfs" / "old" / "a.pdf"))
    document.close()
    tests = [
        {"pdf": "old/a.pdf", "page": 2, "id": "1", "type": "present", "text": "Title", "max_diffs": 0},
        {"pdf": "old/a.pdf", "page": 2, "id": "2", "type": "absent", "text": "Page 7", "max_diffs": 0},
    ]
    (tmp_path / "bench_data" / "headers.jsonl").write_text("\n".join(map(json.dumps, tests)))
    formula = {"pdf": "old/a.pdf", "page": 2, "id": "3", "type": "math", "math": "x"}
    (tmp_path / "bench_data" / "math.jsonl").write_text(json.dumps(formula))
    return tmp_path


def test_a_page_is_asked_once_for_all_its_tests(tmp_path: Path) -> None:
    benchmark = OlmOcrBench()
    first, second = benchmark.load(_folder(tmp_path))
    assert [first.id, second.id] == ["old/a_pg1", "old/a_pg2"]
    assert (second.images[0].page, second.images[0].size) == (2, (1024, 2048))
    scores = [
        benchmark.score(sample, answered(sample.id, text), WITHOUT_MATH)
        for sample, text in ((first, "words"), (second, "Title of\n\nPage 7"))
    ]
    assert [score.value for score in scores] == [1, 0.5]
    table = {row.name: (row.value, row.n) for row in benchmark.table([first, second], scores, WITHOUT_MATH)}
    assert table == {
        "baseline": (1, 1),
        "headers": (0.5, 2),
        "Overall without math, 95 % from": (0.5, 3),
        "Overall without math, 95 % to": (1, 3),
        "Overall without math": (0.75, 3),
    }


def test_formulas_belong_to_the_official_figure(tmp_path: Path) -> None:
    try:
        require_tools()
    except ResourceError as missing:
        pytest.skip(f"formulas cannot be drawn here: {missing}")
    benchmark = OlmOcrBench()
    samples = benchmark.load(_folder(tmp_path))
    scores = scored(benchmark, samples, ["words", "Title of $\\mathit{x}$"])
    assert [score.value for score in scores] == [1, 1]
    rows = benchmark.table(samples, scores, benchmark.profiles[0])
    assert [(row.name, row.n) for row in rows if "95" not in row.name] == [
        ("baseline", 1), ("headers", 2), ("math", 1), ("Overall", 4)]  # fmt: skip
    assert rows[-1].value == 1


def test_without_katex_the_official_figure_is_an_error_on_any_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = OlmOcrBench().load(_folder(tmp_path))[0]
    monkeypatch.setenv("OCRTUNE_KATEX", str(tmp_path))
    with pytest.raises(ResourceError, match="katex"):
        OlmOcrBench().score(first, answered(first.id, ""), OlmOcrBench.profiles[0])


def test_a_test_is_passed_when_more_than_half_of_the_repeats_pass_it(tmp_path: Path) -> None:
    benchmark = OlmOcrBench()
    _, page = benchmark.load(_folder(tmp_path))
    repeats = [page.model_copy(update={"id": f"{page.id}_repeat{k}"}) for k in (1, 2, 3, 4)]
    replies = ["Title", "Title Page 7", "Title", "Page 7"]
    for count, rate in ((1, 1), (2, 0.5), (3, 1), (4, 0.5)):
        scores = scored(benchmark, repeats[:count], replies[:count], WITHOUT_MATH)
        (row, *_) = benchmark.table(repeats[:count], scores, WITHOUT_MATH)
        assert (row.name, row.value, row.n) == ("headers", rate, 2)


def test_the_interval_is_that_of_tests_drawn_again_within_their_category() -> None:
    benchmark = OlmOcrBench()
    tests = [{"type": "present", "text": "a" if at < 20 else "b", "id": str(at), "category": "texts"} for at in range(25)]
    tests += [{"type": "absent", "text": "b", "id": str(at), "category": "others"} for at in range(5)]
    page = Sample(id="p", group="p", images=(ImageRef(path="p.pdf", page=1),), target=FieldsTarget(fields={"tests": tests}))
    rows = {row.name: row.value for row in benchmark.table([page], scored(benchmark, [page], ["a"], WITHOUT_MATH), WITHOUT_MATH)}
    assert rows["Overall without math"] == 0.9
    assert rows["Overall without math, 95 % from"] == pytest.approx(0.82)  # half of what 15 to 23 of 25 are from 20
    assert rows["Overall without math, 95 % to"] == pytest.approx(0.98)


def test_a_pdf_that_no_test_names_must_be_read_too(tmp_path: Path) -> None:
    folder = _folder(tmp_path) / "bench_data"
    (folder / "pdfs" / "b.pdf").write_bytes((folder / "pdfs" / "old" / "a.pdf").read_bytes())
    samples = OlmOcrBench().load(tmp_path)
    assert [sample.id for sample in samples] == ["b_pg1", "old/a_pg1", "old/a_pg2"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"pdf": "a.pdf", "id": "1", "type": "colour"}], "test 1: no such type"),
        ([{"pdf": "a.pdf", "id": "1", "type": "baseline"}] * 2, "test 2: there is another test with the id 1"),
        ([{"pdf": "a.pdf", "type": "baseline"}], "needs `pdf` and `id`"),
    ],
)
def test_a_row_that_cannot_be_run_is_refused_with_its_place(rows: list[dict[str, str]], said: str, tmp_path: Path) -> None:
    (tmp_path / "tests.jsonl").write_text("\n\n" + "\n".join(map(json.dumps, rows)))
    with pytest.raises(InputError, match=said):
        OlmOcrBench().load(tmp_path)


def test_a_failed_request_passes_not_even_what_must_be_absent(tmp_path: Path) -> None:
    benchmark = OlmOcrBench()
    _, sample = benchmark.load(_folder(tmp_path))
    assert benchmark.score(sample, answered(sample.id, ""), WITHOUT_MATH).value == 0.5
    assert benchmark.score(sample, answered(sample.id, None), WITHOUT_MATH).value == 0


def test_formulas_alone_are_unscored_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "math.jsonl").write_text(json.dumps({"pdf": "a.pdf", "page": 2, "id": "3", "type": "math", "math": "x"}))
    sample = OlmOcrBench().load(tmp_path)[-1]
    score = OlmOcrBench().score(sample, answered(sample.id, "x"), WITHOUT_MATH)
    assert score.value is None
    assert "does not run" in str(score.why)


def test_a_folder_without_tests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \*\.jsonl"):
        OlmOcrBench().load(tmp_path)
