"""Tables: HTML as it is, OTSL for the same table, spans and all."""

from __future__ import annotations

import pytest

from ocrtune.core import Decoded, Region, RegionsTarget, TextTarget
from ocrtune.dialects.tables import TableHtml, TableOtsl
from ocrtune.errors import InputError

SPANS = (
    '<table><tr><th rowspan="2">a</th><th colspan="2">b &amp; c</th></tr><tr><td>1</td><td></td></tr>'
    '<tr><td rowspan="2" colspan="3">&lt;x&gt; <b>q</b></td></tr><tr></tr></table>'
)
OTSL = "<ched>a<ched>b & c<lcel><nl><ucel><fcel>1<ecel><nl><fcel>&lt;x&gt; <b>q</b><lcel><lcel><nl><ucel><xcel><xcel><nl>"


def kinds(decoded: Decoded) -> list[str]:
    return [problem.kind for problem in decoded.problems]


def test_spans_over_rows_and_columns_come_through_otsl() -> None:
    assert TableOtsl().encode(TextTarget(text=SPANS)) == OTSL
    decoded = TableOtsl().decode(OTSL)
    assert decoded.regions == (Region(kind="table", markup="html", text=SPANS),) and not decoded.problems


def test_html_is_written_in_its_plainest_spelling() -> None:
    html = (
        '<table border="1"><thead><tr><TH colspan=2> a </TH></tr></thead><tbody><tr><td>b</td><td>c < d</td></tr></tbody></table>'
    )
    plain = '<table><tr><th colspan="2">a</th></tr><tr><td>b</td><td>c &lt; d</td></tr></table>'
    assert TableOtsl().decode(TableOtsl().encode(TextTarget(text=html))).text == plain


def test_row_headers_are_told_from_column_headers() -> None:
    html = "<table><tr><th>x</th><th>y</th></tr><tr><th>r</th><td>1</td></tr></table>"
    assert TableOtsl().encode(TextTarget(text=html)) == "<ched>x<ched>y<nl><rhed>r<fcel>1<nl>"


def test_short_rows_are_filled_with_empty_cells() -> None:
    html = "<table><tr><td>1</td></tr><tr><td>2</td><td>3</td></tr></table>"
    assert TableOtsl().encode(TextTarget(text=html)) == "<fcel>1<ecel><nl><fcel>2<fcel>3<nl>"


def test_a_nested_table_stays_in_its_cell() -> None:
    html = "<table><tr><td>a<table><tr><td>b</td></tr></table></td><td>c</td></tr></table>"
    assert TableOtsl().decode(TableOtsl().encode(TextTarget(text=html))).text == html
    assert [r.text for r in TableHtml().decode(html).regions] == [html]


def test_marks_around_a_table_are_taken_off() -> None:
    decoded = TableOtsl().decode("```otsl\n<otsl><loc_1><loc_2><fcel>1<fcel>2<nl><fcel>3<ecel><nl></otsl>\n```")
    assert decoded.text == "<table><tr><td>1</td><td>2</td></tr><tr><td>3</td><td></td></tr></table>" and not decoded.problems
    html = TableHtml().decode(f"Here:\n```html\n{SPANS}\n```")
    assert [r.text for r in html.regions] == [SPANS] and kinds(html) == ["fence", "prose"]


@pytest.mark.parametrize("otsl", ["<lcel><fcel>a<nl>", "<ucel><fcel>a<nl>", "<xcel><fcel>a<nl>", "<fcel>a<nl><xcel><nl>"])
def test_spans_of_nothing_are_empty_cells_and_named(otsl: str) -> None:
    decoded = TableOtsl().decode(otsl)
    assert "<td></td>" in decoded.text and "<td>a</td>" in decoded.text and kinds(decoded) == ["bad-span"]


def test_a_cell_that_was_cut_off_is_kept() -> None:
    decoded = TableOtsl().decode("<fcel>a<fcel>b<nl><fcel>c<fcel>hal")
    assert decoded.text == "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>hal</td></tr></table>"
    assert kinds(decoded) == ["truncated"]
    html = TableHtml().decode("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>hal</t")
    assert html.text == decoded.text and kinds(html) == ["truncated"]


def test_endless_rows_are_cut_and_named() -> None:
    decoded = TableHtml().decode("<table><tr><td>1</td></tr>" + "<tr><td></td></tr>" * 300 + "<tr><td>")
    assert decoded.text == "<table><tr><td>1</td></tr><tr><td></td></tr></table>" and kinds(decoded) == [
        "truncated",
        "repetition",
    ]
    otsl = TableOtsl().decode("<fcel>1<nl>" + "<ecel><ecel><nl>" * 300 + "<ecel>")
    assert otsl.text.count("<tr>") < 5 and kinds(otsl) == ["truncated", "repetition"]


@pytest.mark.parametrize("reply", ["no table here", "<tr><td>1</td></tr>"])
def test_a_reply_without_a_table_is_kept_as_text(reply: str) -> None:
    for dialect in (TableHtml(), TableOtsl()):
        assert dialect.decode(reply).text == reply and kinds(dialect.decode(reply)) == ["no-table"]


def test_targets_that_are_no_table_are_refused() -> None:
    for text in ("words", f"{SPANS} and words", "<table><tr>"):
        with pytest.raises(InputError, match="teaches HTML tables"):
            TableHtml().encode(TextTarget(text=text))
    two = RegionsTarget(regions=(Region(kind="table", text=SPANS, markup="html"),) * 2)
    assert TableHtml().decode(TableHtml().encode(two)).regions == two.regions
    with pytest.raises(InputError, match="one table with rows"):
        TableOtsl().encode(two)


def test_a_span_that_is_no_span_takes_no_memory() -> None:
    html = '<table><tr><td colspan="999999999" rowspan="9999">a</td></tr></table>'
    assert TableOtsl().encode(TextTarget(text=html)).count("<lcel>") == 999
