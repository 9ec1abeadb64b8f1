"""Text and Markdown of a parsed document."""

from ocrtune.core import Document, Page, Region
from ocrtune.exporters.text import Markdown, Text
from ocrtune.options import ExportOptions


def document(*pages: Page) -> Document:
    return Document(source="a.pdf", pages=pages)


def written(exporter: type[Markdown] | type[Text], *pages: Page) -> str:
    (only,) = exporter(ExportOptions()).export(document(*pages), "a")
    return only.content.decode()


def test_text_keeps_one_form_feed_per_page_break_even_around_failed_pages() -> None:
    read = [Page(number=n, regions=(Region(text=text),)) for n, text in ((1, "one\ntwo"), (3, "три"))]
    pages = (read[0], Page(number=2, problems=("timeout",)), read[1])
    assert written(Text, *pages) == "one\ntwo\n\f\fтри\n"


def test_markdown_shows_failed_pages_as_failed() -> None:
    out = written(Markdown, Page(number=4, problems=("timeout: no answer *within* 5 s",)))
    assert out == "<!-- page 4 -->\n\n> **Page 4:** timeout: no answer \\*within\\* 5 s\n"


def test_markdown_shows_plain_text_as_it_was_read() -> None:
    text = "# not a heading\n1. not a list\n*stars* <b> & a_b\n- dash\n\nnew paragraph"
    out = written(Markdown, Page(number=1, regions=(Region(text=text),)))
    assert out.splitlines()[2:] == [
        "\\# not a heading  ",
        "1\\. not a list  ",
        "\\*stars\\* &lt;b&gt; &amp; a\\_b  ",
        "\\- dash",
        "",
        "new paragraph",
    ]


def test_markdown_passes_markup_on_and_marks_titles_and_formulas() -> None:
    regions = (
        Region(kind="title", text="Annual\nreport"),
        Region(kind="table", text="<table><tr><td>1</td></tr></table>", markup="html"),
        Region(kind="formula", text="x^{2}", markup="latex"),
        Region(text="**bold**", markup="markdown"),
        Region(kind="picture"),
    )
    out = written(Markdown, Page(number=1, regions=regions))
    assert out == "<!-- page 1 -->\n\n# Annual report\n\n<table><tr><td>1</td></tr></table>\n\n$$\nx^{2}\n$$\n\n**bold**\n"
