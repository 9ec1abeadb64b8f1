from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from ocrtune.core import Region, Size
from ocrtune.layout import Rule, Span, SpanWord, analyse

A4 = Size(1000, 1414)
Setter = Callable[..., list[Span]]


def cell(text: str, left: float, top: float, size: float = 20.0) -> Span:
    return Span(text, (left, top, left + 0.5 * size * len(text), top + size), size)


def grid(xs: Sequence[float], ys: Sequence[float]) -> list[Rule]:
    return [*(Rule((xs[0], y - 1, xs[-1], y + 1)) for y in ys), *(Rule((x - 1, ys[0], x + 1, ys[-1])) for x in xs)]


def tables(spans: list[Span], **more: Any) -> list[Region]:
    mixed = list(spans)
    random.Random(1).shuffle(mixed)
    return [region for region in analyse(mixed, A4, **more) if region.kind == "table"]


def test_a_ruled_table_has_its_cells_escaped() -> None:
    spans = [
        cell(text, 110 + 200 * c, 210 + 40 * r)
        for r, row in enumerate((("a<b", "R&D"), ("1", "2"), ("", "4")))
        for c, text in enumerate(row)
    ]
    (table,) = tables(spans, rules=grid((100, 300, 500), (200, 240, 280, 320)))
    assert table.markup == "html"
    assert table.text == (
        "<table><tr><td>a&lt;b</td><td>R&amp;D</td></tr><tr><td>1</td><td>2</td></tr><tr><td></td><td>4</td></tr></table>"
    )


def test_cells_without_a_line_between_them_are_one() -> None:
    rules = [Rule((99, 200, 701, 202)), Rule((300, 240, 701, 242)), Rule((99, 280, 701, 282)), Rule((99, 320, 701, 322))]
    rules += [Rule((99, 200, 101, 322)), Rule((299, 200, 301, 322)), Rule((499, 240, 501, 322)), Rule((699, 200, 701, 322))]
    spans = [cell("Name", 110, 230), cell("Both years", 440, 210), cell("2024", 340, 250), cell("2025", 540, 250)]
    spans += [cell("Rent", 110, 290), cell("10", 340, 290), cell("12", 540, 290)]
    (table,) = tables(spans, rules=rules)
    assert table.text == (
        '<table><tr><td rowspan="2">Name</td><td colspan="2">Both years</td></tr><tr><td>2024</td><td>2025</td></tr>'
        "<tr><td>Rent</td><td>10</td><td>12</td></tr></table>"
    )


def test_a_table_open_at_its_sides_has_all_its_columns() -> None:
    rules = [*(Rule((100, y, 500, y + 2)) for y in (200, 240, 280)), Rule((299, 200, 301, 282))]
    (table,) = tables([cell("a", 110, 210), cell("b", 310, 210), cell("c", 110, 250), cell("d", 310, 250)], rules=rules)
    assert table.text == "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>"


def test_rows_without_lines_between_them_are_told_by_their_text() -> None:
    rules = grid((100, 300, 500), (200, 240, 400))
    spans = [cell("Item", 110, 210), cell("Price", 310, 210)]
    spans += [cell(text, x, 250 + 40 * r) for r in range(3) for x, text in ((110, f"thing {r}"), (310, f"{r}.50"))]
    (table,) = tables(spans, rules=rules)
    assert table.text.count("<tr>") == 4
    assert "<td>thing 1</td><td>1.50</td>" in table.text


def test_a_line_of_text_over_two_cells_is_divided_between_its_words() -> None:
    words = (SpanWord("left", (210, 210, 280, 230)), SpanWord("right", (310, 210, 380, 230)))
    spans = [Span("left right", (210, 210, 380, 230), 20.0, words=words), cell("x", 110, 250), cell("y", 310, 250)]
    (table,) = tables(spans, rules=grid((100, 300, 500), (200, 240, 280)))
    assert table.text == "<table><tr><td>left</td><td>right</td></tr><tr><td>x</td><td>y</td></tr></table>"
    assert table.words is not None
    assert [word.text for word in table.words] == ["left", "right"]


def test_a_form_that_nobody_filled_in_is_a_table() -> None:
    xs, ys = (100, 300, 400, 500, 600, 700, 800), (200, 240, 280, 320, 360)
    spans = [cell(text, 110, 210 + 40 * r) for r, text in enumerate(("Question", "Yes or no", "How often", "Since when"))]
    (table,) = tables(spans, rules=grid(xs, ys))
    assert table.text.count("<tr>") == 4 and table.text.count("<td></td>") == 20
    assert not tables(spans[:2], rules=grid(xs, ys))


def test_lines_of_a_cell_are_one_but_for_items() -> None:
    left = [cell("an agree-", 110, 205), cell("ment of both", 110, 230)]
    right = [cell("• ages", 310, 205), cell("• higher", 310, 230), cell("income", 310, 255)]
    lower = [cell("资产处置", 110, 305), cell("损益", 110, 330), cell("x", 310, 305)]
    (table,) = tables([*left, *right, *lower], rules=grid((100, 300, 500), (200, 300, 400)))
    assert table.text == (
        "<table><tr><td>an agreement of both</td><td>• ages<br>• higher income</td></tr>"
        "<tr><td>资产处置损益</td><td>x</td></tr></table>"
    )


def test_a_grid_with_words_in_it_is_a_table_though_somebody_saw_a_picture_there() -> None:
    xs, ys = [100.0 + 80 * n for n in range(7)], [200.0 + 40 * n for n in range(12)]
    spans = [cell("Name", 110 + 80 * c, 210 + 40 * r) for r in (0, 4, 8) for c in range(6)]
    (table,) = tables(spans, rules=grid(xs, ys), pictures=[(140, 300, 500, 600)])
    assert table.text.count("<tr>") == 11
    assert not tables(spans[:6], rules=grid(xs, ys), pictures=[(140, 300, 500, 600)])


def test_a_frame_around_text_and_the_axes_of_a_chart_are_no_tables(paragraph: Setter) -> None:
    assert not tables(paragraph(120, 220, 700, 5), rules=grid((100, 900), (200, 400)))
    ticks = [Rule((90, y, 110, y + 2)) for y in range(300, 700, 100)] + [Rule((x, 690, x + 2, 710)) for x in range(200, 800, 100)]
    axes = [Rule((100, 300, 102, 702)), Rule((100, 700, 800, 702)), Rule((100, 300, 800, 302)), Rule((798, 300, 800, 702))]
    labels = [cell(str(y), 110, y - 8, 14) for y in range(300, 700, 100)]
    assert not tables(labels, rules=[*ticks, *axes])


def test_short_cells_in_columns_are_a_table_without_rules(paragraph: Setter) -> None:
    rows = [
        ("Year", "Rent", "Light"),
        ("2023", "1,200.50", "80.10"),
        ("2024", "1,310.00", "92.00"),
        ("2025", "1,400.00", "95.75"),
    ]
    spans = [cell(text, 120 + 250 * c, 400 + 32 * r) for r, row in enumerate(rows) for c, text in enumerate(row)]
    around = [*paragraph(100, 200, 800, 6), *paragraph(100, 560, 800, 6)]
    regions = analyse([*spans, *around], A4)
    assert [r.kind for r in regions] == ["text", "table", "text"]
    assert (
        regions[1].text
        == "<table>" + "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows) + "</table>"
    )


def test_names_and_amounts_are_a_table_of_two_columns() -> None:
    rows = [("Coffee beans", "12.50"), ("Paper", "3.00"), ("Total due", "15.50")]
    spans = [cell(text, x, 300 + 30 * r) for r, row in enumerate(rows) for x, text in zip((120, 600), row, strict=True)]
    (table,) = tables(spans)
    assert table.text.count("<tr>") == 3


def test_a_table_in_one_of_two_columns_is_found(paragraph: Setter) -> None:
    spans = [
        cell(text, 110 + 130 * c, 500 + 30 * r) for r in range(5) for c, text in enumerate((f"row {r}", f"{r}.5", f"{r * 7}"))
    ]
    around = [*paragraph(100, 200, 380, 10), *paragraph(100, 690, 380, 10), *paragraph(520, 200, 380, 30)]
    regions = analyse([*spans, *around], A4)
    assert [r.kind for r in regions] == ["text", "table", "text", "text"]
    assert regions[1].text.count("<tr>") == 5


def test_running_text_in_columns_is_no_table(paragraph: Setter) -> None:
    for columns in ((100, 520), (60, 365, 670)):
        width = 380 if len(columns) == 2 else 270
        assert not tables([span for x in columns for span in paragraph(x, 200, width, 30)])


def test_lists_equations_and_tables_of_contents_are_no_tables() -> None:
    bullets = [s for r in range(4) for s in (cell("•", 100, 200 + 40 * r), cell(f"item {r} of the list", 150, 200 + 40 * r))]
    assert not tables(bullets)
    equations = [s for r in range(4) for s in (cell(f"x = {r} + y", 300, 200 + 60 * r), cell(f"({r})", 850, 200 + 60 * r))]
    assert not tables(equations)
    contents = [
        s for r in range(5) for s in (cell(f"Chapter {r} .........", 100, 200 + 30 * r), cell(str(9 * r), 600, 200 + 30 * r))
    ]
    assert not tables(contents)


def test_head_cells_over_several_columns_span_them() -> None:
    spans = [cell("Item", 120, 300), cell("Both years together", 360, 300)]
    rows = [("", "2024", "2025"), ("Rent", "1,200", "1,300"), ("Light", "80", "92"), ("Water", "14", "15")]
    spans += [cell(text, 120 + 200 * c, 332 + 32 * r) for r, row in enumerate(rows) for c, text in enumerate(row) if text]
    (table,) = tables(spans)
    assert table.text.startswith(
        '<table><tr><td>Item</td><td colspan="2">Both years together</td></tr><tr><td></td><td>2024</td>'
    )
