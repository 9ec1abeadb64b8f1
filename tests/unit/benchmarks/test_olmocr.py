"""olmOCR-bench: its kinds of tests on small pages, and a folder as it is published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from ocrtune.benchmarks._olm_rules import normalise, passes, starts
from ocrtune.benchmarks.olmocr import OlmOcrBench
from ocrtune.errors import InputError

from .conftest import answered

PAGE = "# The Title\n\nFirst comes *this*, then comes **that**.\n\nAnd “quotes” – too."
TABLE = (
    "<table><thead><tr><th>Item</th><th colspan='2'>Year</th></tr></thead>"
    "<tr><td rowspan='2'>Coal</td><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>"
)
PIPES = "| Item | 1990 | 1991 |\n|---|---|---|\n| Coal | 1 | 2 |\n| Oil | 3 | 4 |"


@pytest.mark.parametrize(
    ("rule", "page", "passed"),
    [
        ({"type": "present", "text": "then comes that."}, PAGE, True),
        ({"type": "present", "text": 'And "quotes" - too.'}, PAGE, True),
        ({"type": "present", "text": "the title"}, PAGE, False),
        ({"type": "present", "text": "the title", "case_sensitive": False}, PAGE, True),
        ({"type": "present", "text": "Thy Tatal", "max_diffs": 1}, PAGE, False),
        ({"type": "present", "text": "First comes thus", "max_diffs": 1}, PAGE, True),
        ({"type": "present", "text": "quotes", "first_n": 20}, PAGE, False),
        ({"type": "absent", "text": "quotes", "last_n": 5}, PAGE, True),
        ({"type": "absent", "text": "quotes"}, PAGE, False),
        ({"type": "order", "before": "First", "after": "quotes"}, PAGE, True),
        ({"type": "order", "before": "quotes", "after": "First"}, PAGE, False),
        ({"type": "order", "before": "Firzt", "after": "qotes", "max_diffs": 1}, PAGE, True),
        ({"type": "order", "before": "First", "after": "nowhere"}, PAGE, False),
        ({"type": "table", "cell": "4", "up": "2", "left": "3", "top_heading": "Year"}, TABLE, True),
        ({"type": "table", "cell": "3", "left": "Coal", "right": "4"}, TABLE, True),
        ({"type": "table", "cell": "3", "up": "2"}, TABLE, False),
        ({"type": "table", "cell": "Coal", "right": "3"}, TABLE, True),
        ({"type": "table", "cell": "4", "left_heading": "Oil", "top_heading": "1991", "up": "2"}, PIPES, True),
        ({"type": "table", "cell": "4", "left_heading": "Coal"}, PIPES, False),
        ({"type": "table", "cell": "4", "ignore_markdown_tables": True}, PIPES, False),
        ({"type": "table", "cell": "4"}, PAGE, False),
        ({"type": "baseline"}, PAGE, True),
        ({"type": "baseline"}, " \n—", False),
        ({"type": "baseline"}, "text " + "ab" * 31, False),
        ({"type": "baseline"}, "text " + "ab" * 30, True),
        ({"type": "baseline"}, "一页", False),
        ({"type": "baseline", "check_disallowed_characters": False}, "一页", True),
        ({"type": "baseline", "max_length": 3}, "ab", True),
        ({"type": "baseline", "max_length": 3}, "abcd", False),
        ({"type": "format", "text": "The Title", "format": "heading"}, PAGE, True),
        ({"type": "format", "text": "that", "format": "italic"}, PAGE, False),
        ({"type": "math", "math": "x^2"}, "$x^2$", None),
        ({"type": "footnote", "marker": "1"}, "[^1]", None),
    ],
)
def test_a_page_passes_or_fails(rule: dict[str, Any], page: str, passed: bool | None) -> None:
    assert passes(rule, page) is passed


def test_marks_of_italics_and_bold_are_no_text() -> None:
    assert normalise("**a** __b__ <b>c</b>\n *d*<br/>e") == "a b c d e"


@given(st.text("ab", min_size=2, max_size=4), st.text("ab", max_size=10), st.integers(0, 2))
def test_pieces_are_found_exactly_where_an_exhaustive_search_finds_them(part: str, text: str, most: int) -> None:
    wanted = [
        start
        for start in range(len(text) + 1)
        if any(Levenshtein.distance(part, text[start:end]) <= most for end in range(start, len(text) + 1))
    ]
    assert sorted(starts(part, text, most)) == wanted


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
        benchmark.score(sample, answered(sample.id, text), "")
        for sample, text in ((first, "words"), (second, "Title of\n\nPage 7"))
    ]
    assert [score.value for score in scores] == [1, 0.5]
    table = {row.name: (row.value, row.n) for row in benchmark.table([first, second], scores, "")}
    assert table == {"baseline": (1, 1), "headers": (0.5, 2), "Overall without math": (0.75, 3)}


def test_a_failed_request_passes_not_even_what_must_be_absent(tmp_path: Path) -> None:
    benchmark = OlmOcrBench()
    _, sample = benchmark.load(_folder(tmp_path))
    assert benchmark.score(sample, answered(sample.id, ""), "").value == 0.5
    assert benchmark.score(sample, answered(sample.id, None), "").value == 0


def test_formulas_alone_are_unscored_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "math.jsonl").write_text(json.dumps({"pdf": "a.pdf", "page": 2, "id": "3", "type": "math", "math": "x"}))
    sample = OlmOcrBench().load(tmp_path)[-1]
    score = OlmOcrBench().score(sample, answered(sample.id, "x"), "")
    assert score.value is None
    assert "not run" in str(score.why)


def test_a_folder_without_tests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \*\.jsonl"):
        OlmOcrBench().load(tmp_path)
