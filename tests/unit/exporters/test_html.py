"""HTML of a parsed document: readable, and dead."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from examples import TABLE, document, exported, full_page
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.core import Page, Region
from ocrtune.exporters import _sanitise
from ocrtune.options import ExportOptions

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CODE = "document.documentElement.dataset.ran='yes'"
HOSTILE = [
    f"<script>{CODE}</script>",
    f'<img src=x onerror="{CODE}">',
    f'<svg onload="{CODE}">',
    f"<svg><script>{CODE}</script></svg>",
    f'</style></title></textarea></noscript><script>{CODE}</script>',
    f'<iframe srcdoc="<script>parent.{CODE}</script>"></iframe>',
    f'<iframe src="javascript:parent.{CODE}"></iframe>',
    f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={CODE}&gt;">',
    f'<noscript><p title="</noscript><img src=x onerror={CODE}>">',
    f'<svg></p><style><a id="</style><img src=1 onerror={CODE}>">',
    f'<form><math><mtext></form><form><mglyph><style></math><img src onerror={CODE}>',
    f'<math><annotation-xml encoding="text/html"><img src=x onerror={CODE}></annotation-xml></math>',
    f'<td colspan="2" onmouseover="{CODE}" onfocus="{CODE}" autofocus tabindex=1>x</td>',
    f'<table background="javascript:{CODE}"><tr><td>1<script>{CODE}</script></table>',
    f'<body onload="{CODE}"><input autofocus onfocus="{CODE}"><details open ontoggle="{CODE}">x</details>',
    f'<video><source onerror="{CODE}"></video><audio src=x onerror="{CODE}"></audio>',
    f'<object data="data:text/html,<script>{CODE}</script>"></object><embed src="javascript:{CODE}">',
    f'<meta http-equiv="refresh" content="0;url=javascript:{CODE}"><base href="javascript:{CODE}//">',
    f'<link rel=stylesheet href="javascript:{CODE}"><style>@import "javascript:{CODE}"</style>',
    f'<!--><img src=x onerror="{CODE}">--><![CDATA[<img src=x onerror="{CODE}">]]>',
    f'<template><script>{CODE}</script></template><xmp><img src=x onerror="{CODE}"></xmp>',
    f"[click](javascript:{CODE}) ![x](javascript:{CODE}) <javascript:{CODE}>",
    f'$\\href{{javascript:{CODE}}}{{x}}$ $\\text{{<img src=x onerror={CODE}>}}$',
    f'\\style{{x:expression({CODE})}}{{y}} \\text{{</math><img src=x onerror={CODE}>}}',
    f"```\n</code></pre><script>{CODE}</script>\n```",
]  # fmt: skip
MARKUPS = ("plain", "markdown", "html", "latex")
KINDS = ("text", "title", "list-item", "table", "formula", "picture", "caption", "code", 'x" onload="1')


def page(*texts: str) -> Page:
    """Every text in every markup and kind, and as a problem."""
    regions = tuple(Region(kind=k, markup=m, text=t) for t in texts for m in MARKUPS for k in KINDS)  # type: ignore[arg-type]
    return Page(number=1, regions=regions, problems=tuple(texts))


def html(*pages: Page, options: ExportOptions | None = None) -> str:
    return exported("html", document(*pages), options)["a.html"].decode()


def ran(content: str, tmp_path: Path) -> bool:
    """Whether a browser that opens the page runs a model's code."""
    file = tmp_path / "a.html"
    file.write_text(content, "utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [str(CHROMIUM), *flags, "--virtual-time-budget=2000", "--dump-dom", file.as_uri()]
    dom = subprocess.run(command, capture_output=True, timeout=120, check=True).stdout.decode()
    assert "</html>" in dom
    return re.search(r'<html[^>]*data-ran="yes"', dom) is not None


class Tags(HTMLParser):
    """What there is in a page: names of tags, of attributes, and addresses."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: set[str] = set()
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses |= {value or "" for name, value in attrs if name in ("href", "src")}


def look(content: str) -> Tags:
    return Tags(content.partition("</head>")[2])


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_hostile_output_runs_nothing_in_a_browser(tmp_path: Path) -> None:
    content = html(page(*HOSTILE))
    assert not ran(content, tmp_path)
    without_policy = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", content)
    assert without_policy != content and not ran(without_policy, tmp_path)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_browser_would_have_run_it(tmp_path: Path) -> None:
    assert ran(f"<!DOCTYPE html><html><body>{HOSTILE[1]}</body></html>", tmp_path)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_policy_alone_stops_what_cleaning_let_through(tmp_path: Path) -> None:
    assert not ran(html(full_page()).replace("</body>", f"{HOSTILE[0]}{HOSTILE[1]}</body>"), tmp_path)


def test_only_harmless_tags_attributes_and_addresses_are_left_of_hostile_output() -> None:
    found = look(html(page(*HOSTILE)))
    assert not found.tags & {
        "script",
        "style",
        "img",
        "svg",
        "iframe",
        "object",
        "embed",
        "form",
        "input",
        "link",
        "meta",
        "base",
    }
    assert not {name for name in found.attributes if name.startswith("on")} | found.attributes & {"style", "srcdoc"}
    assert all(address.startswith(("#", "http://", "https://", "mailto:")) for address in found.addresses)


PIECES = st.sampled_from(
    ["<", ">", "</", "script", "style", "svg", "math", "mtext", "table", "img src=x", " onerror=a()", "<!--", "-->", '"', "'",
     "=", "$", "$$", "`", "[x](", "javascript:", ")", "\\href{", "}", "\\text{", "&lt;", "&#60;", "\n", "x", "\x00", "href="]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25).map("".join))
def test_no_text_becomes_a_script_a_handler_or_an_address(text: str) -> None:
    found = look(html(page(text)))
    assert not found.tags & {"script", "style", "img", "svg", "iframe"}
    assert not [name for name in found.attributes if name.startswith("on")]
    assert all(address.startswith(("#", "http://", "https://", "mailto:")) for address in found.addresses)


def test_kinds_become_the_tags_that_mean_them() -> None:
    body = html(full_page()).partition("<body>")[2]
    for part in (
        '<section id="page-1">',
        '<h1 dir="auto">Annual report</h1>',
        '<h2 dir="auto">1. Доходы</h2>',
        "<p>We read every line of the page.</p>",
        '<ul>\n<li dir="auto">first</li>\n<li class="own" dir="auto">2. second line</li>\n</ul>',
        '<figure><img src="figures/0001-1.png" alt="A cat"></figure>',
        '<div class="caption" dir="auto"><p>Figure 1. A cat</p></div>',
        '<th rowspan="2">Год</th>',
        "<mo>&lt;</mo>",
        "<strong>Bold</strong> and <math",
        "<p>這是第一行這是第二行</p>",
    ):
        assert part in body, part
    assert "Running head" not in body and "Running head" in html(full_page(), options=ExportOptions(headers=True))


def test_formulas_in_cells_are_rendered_and_amounts_of_money_are_not() -> None:
    table = TABLE.replace("net", "$x_1$").replace("gross", "$5 or $6")
    out = html(Page(number=1, regions=(Region(kind="table", markup="html", text=table),)))
    assert "<msub><mi>x</mi><mn>1</mn></msub>" in out and "$5 or $6" in out


def test_formulas_in_words_are_rendered_with_or_without_spaces_inside_their_dollars() -> None:
    text = "from $x_1$ and y to $ \\pm 5 $ for $5 or $6 \\, each $ ^{\\textcircled{3}} $"
    out = html(Page(number=1, regions=(Region(markup="markdown", text=text),)))
    assert out.count("<math") == 3 and "±" in out and "③" in out and "for $5 or $6" in out


def test_a_formula_that_cannot_be_read_is_shown_as_latex() -> None:
    for latex in (r"\frac{", r"\begin{array}{", "x" * 5000):
        assert f"<code>{latex}</code>" in html(Page(number=1, regions=(Region(kind="formula", markup="latex", text=latex),))), (
            latex
        )


def test_pages_are_files_too_where_asked_for() -> None:
    files = exported("html", document(full_page(1), full_page(2)), ExportOptions(per_page=True))
    assert list(files) == ["a.html", "pages/0001.html", "pages/0002.html"]
    assert b'src="../figures/0002-1.png"' in files["pages/0002.html"]


def test_failed_pages_show_as_failed() -> None:
    assert '<p class="problem" dir="auto">timeout: &lt;none&gt;</p>' in html(Page(number=3, problems=("timeout: <none>",)))


class Levels(HTMLParser):
    """How deep elements are nested, and the words; fails where tags are not in pairs."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.deepest = 0
        self.words = ""
        self.feed(fragment)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _sanitise.VOID:
            self.open.append(tag)
        self.deepest = max(self.deepest, len(self.open))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@given(
    st.lists(
        st.sampled_from(
            ["<table>", "<tr>", "<td>", "</td>", "</table>", "<b>", "</b>", "<br>", "<ul><li>", "x", '<td colspan="2">']
        ),
        max_size=400,
    )
)
def test_cleaned_html_is_no_deeper_than_pages_are_and_loses_no_word(parts: list[str]) -> None:
    found = Levels(_sanitise.clean("".join(parts)))
    assert found.deepest <= _sanitise.DEEPEST and found.words.count("x") == parts.count("x")


def test_a_table_in_a_table_in_a_table_keeps_its_tags() -> None:
    text = "<table><tbody><tr><td>" * 10 + "x" + "</td></tr></tbody></table>" * 10
    assert _sanitise.clean_table(text) == text


def test_tables_that_were_never_closed_are_as_deep_as_pages_are() -> None:
    found = Levels(_sanitise.clean_table("".join(f"<table><tr><td>n{n}" for n in range(3000))))
    assert found.deepest == _sanitise.DEEPEST
    assert found.words.count("n") == 3000
