"""OmniDocBench v1.5: how text and tables are cleaned before they are compared, and the averages of edits.

The matching of blocks is not here; what is, works on pairs that are matched already. Formulas: `formulas`; order: `order`.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ocrtune.errors import extra
from ocrtune.scoring.text import Edits, distance

_INLINE = re.compile(r"\$([^$\n]*)\$|\\\(")
_ESCAPED = re.compile(r"\\([\\_&%^])")
_KEPT = re.compile(r"[^\w\u4e00-\u9fff]")
_TABLE = re.compile(r"<table\b[^>]*>(.*)</table>", re.DOTALL | re.IGNORECASE)
_ATTRIBUTES = tuple(re.compile(f'( {name}=".*?")') for name in ("style", "height", "width", "align", "class"))
_UNWRAPPED = tuple(f"<{slash}{tag}>" for tag in ("sup", "sub", "span", "div", "p") for slash in ("", "/"))


class Pair(NamedTuple):
    """One matched pair of blocks on a page, cleaned; either side is empty where there is no partner."""

    page: str
    reference: str
    reading: str

    @property
    def edits(self) -> Edits:
        return Edits(distance(self.reference, self.reading), max(len(self.reference), len(self.reading)))


class Averages(NamedTuple):
    """`pages`: mean over pages of Σ edits / Σ longer lengths (the leaderboard's); `whole`: the same over all; `samples`: mean."""

    pages: float
    whole: float
    samples: float
    per_page: dict[str, float]


def normalise_text(text: str) -> str:
    """Letters, digits and "_" only: spaces and punctuation go; inline formulas with \\, ^ or _ become Unicode first."""
    return letters("".join(_inline_converted(text)))


def letters(text: str) -> str:
    """Letters, digits and "_" only."""
    for blank in ("\\t", "\\n", "\t", "\n", "/t", "/n"):
        text = text.replace(blank, "")
    return _KEPT.sub("", text)


def _inline_converted(text: str) -> Iterator[str]:
    """The text in pieces, with what stands in `$…$` or `\\(…\\)` on one line as Unicode.

    A pattern for the whole of `\\(…\\)` would read a line again for each one that is never closed.
    """
    at = begin = 0
    end = line_end = -1
    while opening := _INLINE.search(text, at):
        if opening.group(1) is not None:
            whole, content = opening.group(), opening.group(1)
        else:
            if end < opening.end():
                end = found if (found := text.find("\\)", opening.end())) >= 0 else len(text)
            if line_end < opening.end():
                line_end = found if (found := text.find("\n", opening.end())) >= 0 else len(text)
            if end >= line_end:
                at = opening.end()
                continue
            whole, content = text[opening.start() : end + 2], text[opening.end() : end]
        yield text[begin : opening.start()]
        yield _as_unicode(whole, content)
        at = begin = opening.start() + len(whole)
    yield text[begin:]


def _as_unicode(whole: str, content: str) -> str:
    content = _ESCAPED.sub("", content)
    if not any(mark in content for mark in "\\^_"):
        return whole
    if content.endswith("\\"):
        content += " "
    try:
        return plain(content).strip()
    except ValueError:
        return whole


def plain(latex: str) -> str:
    """LaTeX as plain text. Raises ValueError for what pylatexenc trips over."""
    with extra("scores"):
        from pylatexenc.latex2text import LatexNodes2Text
    try:
        return str(LatexNodes2Text().latex_to_text(latex))
    except (TypeError, IndexError, AttributeError, KeyError, RecursionError) as cause:
        raise ValueError(f"this LaTeX cannot be read: {latex[:80]!r}") from cause


def normalise_table(markup: str) -> str:
    """An HTML table of `td` cells without styling, in compatibility characters, wrapped in `<html><body><table border="1" >`.

    "" when there is no table in the text.
    """
    if "<table" not in markup.replace(" ", ""):
        return ""
    text = unicodedata.normalize("NFKC", html.unescape(_plain_cells(markup)).replace("\n", "")).strip()
    text = "".join(_TABLE.findall(text))
    for pattern in _ATTRIBUTES:
        text = pattern.sub("", text)
    text = re.sub(r"\s+", " ", re.sub("</?tbody>", "", text))
    text = f'<html><body><table border="1" >{text}</table></body></html>'
    for tag in _UNWRAPPED:
        text = text.replace(tag, "")
    return re.sub("<colgroup>.*?</colgroup>", "", text.replace('<spandata-span-identity="">', ""))


def _plain_cells(markup: str) -> str:
    with extra("scores"):
        from bs4 import BeautifulSoup
    soup = BeautifulSoup(markup, "html.parser")
    for heading in soup.find_all("th"):
        heading.name = "td"
    for head in soup.find_all("thead"):
        head.unwrap()
    for formula in soup.find_all("math"):
        formula.replace_with(f"${formula.get('alttext', '')}$")
    for span in soup.find_all("span"):
        span.unwrap()
    return str(soup)


def averages(pairs: Iterable[Pair]) -> Averages | None:
    """The three averages of the edit distance; None without any pair that has text."""
    by_page: dict[str, list[Edits]] = defaultdict(list)
    for pair in pairs:
        if pair.reference or pair.reading:
            by_page[pair.page].append(pair.edits)
    if not by_page:
        return None
    every = [edits for page in by_page.values() for edits in page]
    per_page = {page: _ratio(edits) for page, edits in sorted(by_page.items())}
    # numpy sums in the order that pandas, which the published figures come from, sums in: the last bit depends on it.
    pages, samples = (float(np.mean(values)) for values in (list(per_page.values()), [e.errors / e.total for e in every]))
    return Averages(pages, _ratio(every), samples, per_page)


def _ratio(edits: list[Edits]) -> float:
    return sum(e.errors for e in edits) / sum(e.total for e in edits)
