"""A document as one HTML page that runs nothing and loads nothing but its own figures."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Callable, Iterable, Iterator

from ocrtune.core import Page, Region
from ocrtune.exporters import _sanitise
from ocrtune.exporters._flow import one_line, reflow
from ocrtune.exporters._page import BULLET, NUMBERED, Shown, alternative, shown

Figure = Callable[[Page, Shown], str | None]  # where the picture of a figure is found

STYLE = """
:root { color-scheme: light dark; }
body { font: 1.05rem/1.6 Georgia, "Noto Serif", "Noto Serif CJK SC", serif; margin: 0 auto; max-width: 46rem; padding: 1.5rem; }
h1, h2, h3, h4, h5, h6 { font-family: system-ui, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif;
  line-height: 1.25; margin: 1.6em 0 .5em; }
p, ul, ol, table, pre { margin: 0 0 1em; }
section { border-top: 1px solid #8884; padding-top: .5rem; }
section > a.number { color: #888; float: right; font: .8rem system-ui, sans-serif; text-decoration: none; }
.problem { background: #f5b80033; border-left: 4px solid #f5b800; padding: .5em 1em; }
.caption, .footnote, .around { font-size: .88em; }
.caption { font-style: italic; }
.around { color: #888; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92em; }
th, td { border: 1px solid #8886; padding: .25em .6em; text-align: start; vertical-align: top; }
th { background: #8882; }
pre { overflow-x: auto; }
figure { margin: 1em 0; }
img { height: auto; max-width: 100%; }
li.own { list-style: none; margin-left: -1.2em; }
math[display=block] { margin: 1em 0; }
"""
EM = 15  # pixels: the letter size of the text that formulas stand among
SHOWN_AS = {"caption": "caption", "footnote": "footnote", "page-header": "around", "page-footer": "around"}
HEADING = re.compile(r"\A\s*(#{1,6})\s+")


def page_html(title: str, pages: Iterable[Page], *, headers: bool, figure: Figure) -> Iterator[str]:
    """The parts of the file, page by page. The policy forbids scripts and everything from elsewhere once more."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src 'self' file: data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    yield (
        '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{html.escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n"
    )
    for page in pages:
        number = page.number
        yield f'<section id="page-{number}">\n<a class="number" href="#page-{number}">{number}</a>\n'
        yield from (f'<p class="problem" dir="auto">{html.escape(problem)}</p>\n' for problem in page.problems)
        yield from _regions(page, headers, figure)
        yield "</section>\n"
    yield "</body>\n</html>\n"


def _regions(page: Page, headers: bool, figure: Figure) -> Iterator[str]:
    listed = False
    for part in shown(page, headers=headers):
        item = part.region.kind == "list-item"
        if item != listed:
            yield "<ul>\n" if item else "</ul>\n"
            listed = item
        yield _block(part, figure(page, part) if part.figure else None) + "\n"
    if listed:
        yield "</ul>\n"


def _block(part: Shown, figure: str | None) -> str:
    region, text = part.region, part.region.text.strip("\n")
    if part.figure is not None:
        words = html.escape(alternative(part), quote=True)
        wide = f' width="{round(part.ems * EM)}"' if part.ems else ""
        image = f'<img src="{html.escape(figure or "", quote=True)}" alt="{words}"{wide}>'
        return f"<figure>{image}</figure>" if figure else f"<p>{words}</p>"
    if region.kind == "code":
        return f"<pre><code>{html.escape(text)}</code></pre>"
    if region.markup == "html":
        return f'<div class="wide" dir="auto">{_sanitise.with_formulas(_sanitise.clean(text))}</div>'
    if region.markup == "latex":
        return f'<div class="wide">{_formula(text)}</div>'
    if region.kind in ("title", "section-header"):
        return _heading(region)
    if region.kind == "list-item":
        return _item(region)
    inner = _sanitise.from_markdown(text) if region.markup == "markdown" else _paragraphs(text)
    shape = f' class="{SHOWN_AS[region.kind]}"' if region.kind in SHOWN_AS else ""
    return f'<div{shape} dir="auto">{inner}</div>'


def _formula(text: str) -> str:
    bare = _sanitise.bare_formula(text)
    return _sanitise.from_markdown(text) if _sanitise.TEX.search(bare) else _sanitise.mathml(bare, display=True)


def _heading(region: Region) -> str:
    own = HEADING.match(region.text) if region.markup == "markdown" else None
    level = len(own[1]) if own else 1 if region.kind == "title" else 2
    text = one_line(region.text[own.end() :] if own else region.text)
    inner = _inline(text) if region.markup == "markdown" else html.escape(text)
    return f'<h{level} dir="auto">{inner}</h{level}>'


def _item(region: Region) -> str:
    text = region.text.strip()
    bullet = BULLET.match(text)
    text = text[bullet.end() :] if bullet else text
    own = ' class="own"' if NUMBERED.match(text) else ""
    return f'<li{own} dir="auto">{_inline(text) if region.markup == "markdown" else _lines(reflow(text))}</li>'


def _inline(text: str) -> str:
    """One line as words, so that a number at its beginning stays part of it; more lines may be a list."""
    return _sanitise.from_markdown(text) if "\n" in text else _sanitise.from_markdown_line(text)


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_lines(part)}</p>" for part in reflow(text).split("\n\n"))


def _lines(text: str) -> str:
    return html.escape(text).replace("\n", "<br>\n")
