"""Tables with lines between their rows only."""

from itertools import pairwise

import pytest

from ocrtune.core import Size
from ocrtune.layout import Rule, Span, SpanWord, analyse

SIZE = Size(1000, 1400)
ROWS = [["No.", "Name", "Sum"], ["1", "Flat washer", "240.46"], ["2", "Facade paint", "19.12"], ["", "Total", "259.58"]]
LEFT = (100.0, 200.0, 600.0, 900.0)


def span(text: str, left: float, top: float) -> Span:
    words, x = [], left
    for word in text.split():
        words.append(SpanWord(word, (x, top, x + 10.0 * len(word), top + 20)))
        x += 10.0 * len(word) + 8
    return Span(text, (left, top, words[-1].box[2], top + 20), 24, words=tuple(words))


def spans() -> list[Span]:
    return [span(cell, LEFT[c] + 4, 300 + 40.0 * r) for r, row in enumerate(ROWS) for c, cell in enumerate(row) if cell]


def strokes(*, joined: bool) -> list[Rule]:
    pieces = list(pairwise(LEFT)) if joined else [(LEFT[0], LEFT[-1])]
    return [Rule((a, 328 + 40.0 * r, b, 330 + 40.0 * r)) for r in range(len(ROWS)) for a, b in pieces]


@pytest.mark.parametrize("joined", [True, False])
def test_rows_between_lines_become_a_table_with_the_head_above_the_first_line(joined: bool) -> None:
    (table,) = analyse(spans(), SIZE, rules=strokes(joined=joined))
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in ROWS)
    assert table.kind == "table" and table.text == f"<table>{rows}</table>"


def test_a_word_gap_over_a_joint_parts_two_cells_however_small() -> None:
    tight = [s for s in spans() if s.text not in ("Flat washer", "240.46")] + [span("Flat washer 240.46", 490.0, 340)]
    (table,) = analyse(tight, SIZE, rules=strokes(joined=True))
    assert "<td>Flat washer</td><td>240.46</td>" in table.text


def test_two_tables_of_one_width_below_each_other_stay_two() -> None:
    lower = [s._replace(box=(s.box[0], s.box[1] + 240, s.box[2], s.box[3] + 240), words=()) for s in spans()]
    shifted = [Rule((a + 60 if a > 100 else a, 568 + 40.0 * r, b + 60 if b < 900 else b, 570 + 40.0 * r))
               for r in range(len(ROWS)) for a, b in pairwise(LEFT)]  # fmt: skip
    between = span("A line of text between the two tables", 100.0, 490.0)
    regions = analyse([*spans(), between, *lower], SIZE, rules=[*strokes(joined=True), *shifted])
    assert [r.kind for r in regions] == ["table", "text", "table"]


def test_lines_under_one_column_of_text_are_no_table() -> None:
    lines = [span("Signed on behalf of the company by", 120.0, 300 + 40.0 * r) for r in range(4)]
    assert "table" not in {r.kind for r in analyse(lines, SIZE, rules=strokes(joined=False))}


def lowered(by: float) -> list[Span]:
    return [span(s.text, s.box[0], s.box[1] + by) for s in spans()]


@pytest.mark.parametrize("between", [True, False])
def test_two_tables_with_whole_lines_of_one_width_stay_two_and_each_keeps_its_head(between: bool) -> None:
    text = [span("A line of text between the two tables", 104.0, 490.0)] if between else []
    lines = strokes(joined=False)
    lower = [Rule((r.box[0] - 2, r.box[1] + 240, r.box[2] + 3, r.box[3] + 240)) for r in lines]
    regions = analyse([*spans(), *text, *lowered(240)], SIZE, rules=[*lines, *lower])
    upper, *_, last = regions
    assert [r.kind for r in regions] == ["table", *["text"] * between, "table"]
    assert upper.text == last.text and upper.text.startswith("<table><tr><td>No.</td><td>Name</td><td>Sum</td></tr>")


def test_a_line_that_the_scan_broke_is_one_and_its_gap_parts_no_cells() -> None:
    (whole,) = analyse(spans(), SIZE, rules=strokes(joined=False))
    first, second, *rest = strokes(joined=False)
    left, top, right, bottom = second.box
    broken = [Rule((left, top, 530.0, bottom)), Rule((560.0, top + 1, right, bottom + 1))]
    (table,) = analyse(spans(), SIZE, rules=[first, *broken, *rest])
    assert table.text == whole.text
