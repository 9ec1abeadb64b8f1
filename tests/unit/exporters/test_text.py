"""Plain text of a parsed document."""

from __future__ import annotations

from examples import SIMPLE, document, exported, full_page

from ocrtune.core import Page, Region
from ocrtune.options import ExportOptions


def text(*pages: Page, options: ExportOptions | None = None) -> str:
    return exported("txt", document(*pages), options)["a.txt"].decode()


def one(**region: str) -> str:
    return text(Page(number=1, regions=(Region(**region),)))  # type: ignore[arg-type]


def test_text_keeps_one_form_feed_per_page_break_even_around_failed_pages() -> None:
    read = [Page(number=n, regions=(Region(text=text),)) for n, text in ((1, "one\ntwo"), (3, "три\fчетыре"))]
    pages = (read[0], Page(number=2, problems=("timeout",)), read[1])
    assert text(*pages) == "one\ntwo\n\f\fтри\nчетыре\n"


def test_running_heads_are_left_out_unless_asked_for() -> None:
    assert "Running head" not in text(full_page())
    assert text(full_page(), options=ExportOptions(headers=True)).startswith("Running head\n")


def test_every_page_is_a_file_too_where_asked_for() -> None:
    files = exported("txt", document(full_page(1), Page(number=2)), ExportOptions(per_page=True))
    assert list(files) == ["a.txt", "pages/0001.txt", "pages/0002.txt"]
    assert files["a.txt"] == files["pages/0001.txt"] + b"\f"


def test_tables_become_rows_with_tabs() -> None:
    assert one(kind="table", markup="html", text=SIMPLE) == "a|b\t$x_1$\n1_2\tx2 y < z\n"
    assert one(kind="table", markup="markdown", text="| a | b |\n|---|---|\n| 1 | **2** |") == "a\tb\n1\t2\n"


def test_signs_of_markdown_and_latex_are_not_read_out() -> None:
    assert one(markup="markdown", kind="section-header", text="## 1. *Scope*") == "1. Scope\n"
    assert one(markup="markdown", text="2 \\* 3 and $a_1$<br>\n<i>x</i>") == "2 * 3 and $a_1$\n\nx\n"
    assert one(markup="markdown", text="7. seven\n8. eight") == "7. seven\n8. eight\n"
    assert one(kind="formula", markup="latex", text="$$\nx^{2}\n$$") == "x^{2}\n"


def test_what_only_looks_like_a_tag_is_text() -> None:
    assert one(markup="markdown", text="if a <b then <script>") == "if a <b then <script>\n"
