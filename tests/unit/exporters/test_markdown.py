"""Markdown of a parsed document."""

from __future__ import annotations

from html.parser import HTMLParser

from examples import SIMPLE, TABLE, box, document, exported, full_page
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ocrtune.core import ImageRef, Page, Region
from ocrtune.options import ExportOptions


def written(*regions: Region, options: ExportOptions | None = None) -> str:
    """The page's Markdown without the comment that begins it."""
    page = Page(number=1, regions=regions, image=ImageRef(path="a.png"))
    return exported("md", document(page), options)["a.md"].decode().removeprefix("<!-- page 1 -->\n\n").removesuffix("\n")


def shown(markdown: str) -> str:
    """What a reader sees, by a viewer that lets HTML through."""
    text: list[str] = []

    class Words(HTMLParser):
        def handle_data(self, data: str) -> None:
            text.append(data)

    parser = Words()
    parser.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))
    parser.close()
    return "".join(text)


def test_failed_pages_show_as_failed() -> None:
    out = exported("md", document(Page(number=4, problems=("timeout: no answer *within* 5 s",))))["a.md"].decode()
    assert out == "<!-- page 4 -->\n\n> **Page 4:** timeout: no answer \\*within\\* 5 s\n"


def test_kinds_become_headings_lists_figures_and_captions_and_lines_running_text() -> None:
    out = exported("md", document(full_page()))["a.md"].decode()
    assert out == (
        "<!-- page 1 -->\n\n# Annual report\n\n## 1. Доходы\n\nWe read every line of the page.\n\n- first\n2. second line\n\n"
        "![A cat](figures/0001-1.png)\n\n*Figure 1. A cat*\n\n"
        '<table><thead><tr><th rowspan="2">Год</th><th colspan="2">Income</th></tr><tr><th>net</th><th>gross</th></tr></thead>'
        "<tbody><tr><td>2025</td><td>1.50</td><td>=2+2</td></tr></tbody></table>\n\n"
        "$$\nx^2< y\n$$\n\n**Bold** and $a_1$\n\n這是第一行這是第二行\n\n1 See there.\n"
    )


def test_running_heads_are_kept_where_asked_for() -> None:
    assert "Running head" in exported("md", document(full_page()), ExportOptions(headers=True))["a.md"].decode()


def test_pages_are_files_too_where_asked_for_and_lead_to_the_same_figures() -> None:
    files = exported("md", document(full_page(1), full_page(2)), ExportOptions(per_page=True))
    assert list(files) == ["a.md", "pages/0001.md", "pages/0002.md"]
    assert b"](../figures/0002-1.png)" in files["pages/0002.md"] and b"](figures/0002-1.png)" in files["a.md"]


def test_figures_are_numbered_among_all_pictures_of_the_page() -> None:
    out = written(Region(kind="picture", text="no box"), Region(kind="picture", box=box(0, 0, 1, 1)))
    assert out == "no box\n\n![](figures/0001-2.png)"


def test_plain_text_is_shown_as_it_was_read() -> None:
    text = (
        "# not a heading, and it goes on for some time\n1. not a list\n*stars* <b> & a_b ~~c~~ $x$\n- dash\n===\n\nnew paragraph"
    )
    assert written(Region(text=text)).splitlines() == [
        "\\# not a heading, and it goes on for some time  ",
        "1\\. not a list  ",
        "\\*stars\\* &lt;b&gt; &amp; a\\_b \\~\\~c\\~\\~ \\$x\\$  ",
        "\\- dash  ",
        "\\===",
        "",
        "new paragraph",
    ]


LINES = st.text(st.sampled_from("ab1 #*_-+=.)(>&<[]!|`~$\\:é字"), max_size=30)


@given(st.lists(LINES, min_size=1, max_size=4), st.sampled_from(["text", "title", "list-item", "caption", "footnote"]))
def test_no_plain_text_means_anything_in_markdown(lines: list[str], kind: str) -> None:
    text = "x" + "\n".join(lines)
    seen = shown(written(Region(kind=kind, text=text)))
    assert "".join(seen.split()).replace("-", "") == "".join(text.split()).replace("-", "")


def test_words_divided_at_line_ends_are_joined_and_short_lines_stay() -> None:
    out = written(
        Region(text="Dear Sir,\nthe agree-\nment of the parties of 2019-\n2020 about COVID-\n19 was reached yester\u00ad\nday.")
    )
    assert out == "Dear Sir,  \nthe agreement of the parties of 2019-2020 about COVID-19 was reached yesterday."


def test_a_simple_table_is_a_pipe_table() -> None:
    out = written(Region(kind="table", markup="html", text=SIMPLE))
    assert out == "| a\\|b | $x_1$ |\n| --- | --- |\n| 1\\_2 | x<sup>2</sup><br>y &lt; z |"


def test_formulas_get_the_dollars_that_viewers_take_for_those_of_formulas() -> None:
    assert written(Region(markup="markdown", text="a $ x_1 $ and $ 5 or $ \\pm<b $")) == "a $x_1$ and $ 5 or $\\pm< b$"
    assert written(Region(markup="markdown", text="a $ x_1 $ costs $5")) == "a $x_1$ costs $5"
    assert written(Region(kind="table", markup="html", text="<table><td>$ |x_1| $ and $5</td></table>")).startswith(
        "| $\\vert x_1\\vert $ and \\$5 |"
    )


def test_a_table_with_spans_stays_html_without_anything_else_in_it() -> None:
    hostile = TABLE.replace("<table>", "<table onclick=x style=y>\n\n").replace(
        "2025", "<img src=x onerror=y>2025<script>z</script>"
    )
    out = written(Region(kind="table", markup="html", text=hostile))
    assert "on" not in out.replace("colspan", "") and "style" not in out and "\n" not in out and '<th rowspan="2">Год</th>' in out


def test_markdown_of_a_model_stays_markdown() -> None:
    regions = (
        Region(kind="title", text="# Annual *report*", markup="markdown"),
        Region(kind="section-header", text="### Scope", markup="markdown"),
        Region(kind="list-item", text="- **one**", markup="markdown"),
        Region(kind="list-item", text="two", markup="markdown"),
        Region(kind="table", text="| a |\n|---|\n| 1 |", markup="markdown"),
        Region(kind="formula", text=r"\[ x^{2} \]", markup="latex"),
        Region(kind="formula", text=r"where $x$ and $y$ are", markup="latex"),
        Region(kind="code", text="a < b\n```"),
    )
    assert written(*regions) == (
        "# Annual *report*\n\n### Scope\n\n- **one**\n- two\n\n| a |\n|---|\n| 1 |\n\n$$\nx^{2}\n$$\n\nwhere $x$ and $y$ are\n\n"
        "````\na < b\n```\n````"
    )


PIECES = [
    "<", ">", "script", "img src=x ", "onerror=a()", "[a]", "](", "(", ")", "javascript:", "!", "$", "`", "\n", "http://x", " ",
    "b", "table", "td ", "colspan=1", "/", '"', "'", "<svg/onload=a()>", "]:", "data:", "&#106;avascript:", "\\", "<a href=",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), st.sampled_from(["markdown", "html", "latex", "plain"]))
def test_nothing_runs_or_loads_in_a_viewer_that_lets_html_through(text: str, markup: str) -> None:
    region = Region(text=text, markup=markup)  # type: ignore[arg-type]
    viewer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    viewer.validateLink = lambda url: True  # type: ignore[method-assign]
    bad: list[str] = []

    class Look(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            links = [value or "" for name, value in attrs if name in ("href", "src")]
            if tag in ("script", "img", "svg", "iframe") or any(name.startswith("on") for name, _ in attrs):
                bad.append(tag)
            bad.extend(link for link in links if not link.startswith(("http://", "https://", "mailto:", "#")))

    parser = Look()
    parser.feed(viewer.render(written(region)))
    assert not bad
