"""Tables with a line above, below and under the head, and white between the columns."""

from ocrtune.core import Size
from ocrtune.layout import Rule, Span, SpanWord, analyse
from ocrtune.layout.framed import framed_tables

SIZE = Size(1000, 1400)
LEFT = (100.0, 420.0, 560.0, 700.0)


def span(text: str, left: float, top: float) -> Span:
    words, x = [], left
    for word in text.split():
        words.append(SpanWord(word, (x, top, x + 9.0 * len(word), top + 18)))
        x += 9.0 * len(word) + 7
    return Span(text, (left, top, words[-1].box[2], top + 18), 20, words=tuple(words))


def line(y: float, left: float = 90.0, right: float = 900.0) -> Rule:
    return Rule((left, y, right, y + 2))


def table(rows: list[list[str]], top: float) -> list[Span]:
    return [span(cell, LEFT[c], top + 30.0 * r) for r, row in enumerate(rows) for c, cell in enumerate(row) if cell]


BODY = [["Never exposed", "315", "1.00", "–"], ["Ever exposed", "24", "1.06", "0.65–1.71"], ["Duration", "", "", ""],
        ["up to five years", "12", "1.14", "0.57–2.30"], ["longer", "8", "0.98", "0.44–2.20"]]  # fmt: skip


def html(rows: list[str]) -> str:
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def row(cells: list[str]) -> str:
    return "".join(f"<td>{cell}</td>" for cell in cells)


def test_a_table_of_a_book_is_one_table_with_its_empty_cells() -> None:
    head = ["Exposure", "Cases", "Odds", "Interval"]
    spans = [*table([head], 200), *table(BODY, 240)]
    (found,) = analyse(spans, SIZE, rules=[line(190), line(228), line(395)])
    assert found.text == html([row(head), *map(row, BODY)])


def test_a_head_with_a_line_of_its_own_spans_the_columns_below_the_line() -> None:
    upper = [span("Hodgkin lymphoma", 540.0, 172)]
    spans = [*upper, *table([["", "Cases", "Odds", "Interval"]], 200), *table(BODY, 240)]
    (found,) = analyse(spans, SIZE, rules=[line(164), line(194, 410, 800), line(228), line(395)])
    assert found.text.startswith('<table><tr><td></td><td colspan="3">Hodgkin lymphoma</td></tr>')


def test_columns_full_of_numbers_are_no_running_text() -> None:
    rows = [("10.0", f"1.1{n} 0.17{n}–2.1{n}0 0.0{n}1 11{n}.0", f"2.1{n} 0.27{n}–4.2{n}0 0.1{n}4 22{n}.0", "–") for n in range(8)]
    places = (100.0, 158.0, 426.0, 694.0)
    spans = [span(c, x, 230 + 26.0 * r) for r, row in enumerate(rows) for c, x in zip(row, places, strict=True)]
    (found,) = analyse(spans, SIZE, rules=[line(220, 90, 712), line(450, 90, 712)])
    assert found.kind == "table" and found.text.count("<tr>") == 8


def test_a_head_on_a_ground_above_the_lines_between_rows_is_the_first_row() -> None:
    rows = [["Rent", "18,052.05", "13,087.73"], ["Heat", "5,226.11", "4,828.92"], ["Water", "39,758.09", "37,809.94"]]
    head = [span(text, x, 204) for text, x in zip(["Index", "Plan", "Fact"], (100, 236, 352), strict=True)]
    body = [span(c, x, 234 + 30.0 * r) for r, row in enumerate(rows) for c, x in zip(row, (100, 260, 420), strict=True)]
    (found,) = framed_tables([*head, *body], [line(228 + 30.0 * n, 90, 520) for n in range(4)], 1400)
    assert found.html() == html([row(["Index", "Plan", "Fact"]), *map(row, rows)])


def test_the_edges_of_a_sheet_are_no_lines_of_a_table() -> None:
    words = "the quick brown fox jumps over lazy dogs and goes home again to sleep until the sun is up"
    left = [span(words[r : r + 40].strip(), 100.0, 160 + 26.0 * r) for r in range(14)]
    right = [span(f"x{r} = {r} y", 600.0, 160 + 26.0 * r) for r in range(14)]
    rules = [line(140), line(540)]
    assert "table" not in [r.kind for r in analyse([*left, *right], SIZE, rules=rules)]
    assert "table" in [r.kind for r in analyse([*left, *right], SIZE, rules=[*rules, line(180)])]


def test_lines_around_a_page_with_a_table_in_it_are_no_table() -> None:
    words = "the quick brown fox jumps over lazy dogs and goes home again to sleep until the sun is up"
    beside = [span(words[r : r + 42].strip(), 480.0, 160 + 26.0 * r) for r in range(14)]
    rows = [("up to five years", "12"), ("longer", "8"), ("all her life", "31")] * 4
    inner = [span(c, x, 160 + 26.0 * r) for r, row in enumerate(rows) for c, x in zip(row, (100.0, 350.0), strict=True)]
    rules = [line(140), line(540), line(152, 90, 460), line(476, 90, 460)]
    found = [r.box for r in analyse([*beside, *inner], SIZE, rules=rules) if r.kind == "table"]
    assert [box.right < 0.47 for box in found if box] == [True]


def test_a_double_line_parts_two_tables() -> None:
    spans = [*table(BODY, 240), *table(BODY, 440)]
    regions = analyse(spans, SIZE, rules=[line(230), line(395), line(401), line(598)])
    assert [r.kind for r in regions] == ["table", "table"]


def test_a_page_of_two_columns_between_two_lines_is_no_table() -> None:
    words = "the quick brown fox jumps over lazy dogs and goes home again to sleep"
    spans = [span(words[i:i + 38].strip(), left, 240 + 26.0 * r)
             for r in range(20) for left, i in ((100.0, r % 5), (520.0, (r + 3) % 7))]  # fmt: skip
    assert "table" not in {r.kind for r in analyse(spans, SIZE, rules=[line(220), line(790)])}
