"""Formulas drawn by KaTeX in a headless Chromium, which stays open for all of them.

What a model wrote is hostile: it is data to KaTeX (`trust: false`, bounded macros), the page may load nothing and runs no scripts
of its own, and a formula that takes too long to lay out counts as one that cannot be read.
"""

from __future__ import annotations

import atexit
import json
import re
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ocrtune import chromium
from ocrtune.benchmarks._olm_formulas import Drawing, Symbol
from ocrtune.errors import EngineError, ResourceError
from ocrtune.katex import INSTALL, SCRIPT, STYLE, katex_dist

PATIENCE = 5.0  # seconds for a batch, and for each of its formulas after a batch that failed; one takes milliseconds
START = 60.0  # seconds for a browser to start and read KaTeX
LONGEST = 10_000  # characters of a formula; longer ones are prose between stray dollars, and not drawn
KEPT = 4096  # drawings: tests of a page ask for the same formulas
_SPACE = re.compile(r"[\s\u200a-\u200d\u2060\ufeff]+")

# The window, font size and centring of the authors' page: symbols are compared by their places. KaTeX's fonts are not loaded
# there, so they are not here.
_PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body {{ display: flex; justify-content: center; align-items: center; height: 100vh; margin: 0; background: white; color: black }}
#formula {{ padding: 0; font-size: 24px }}
{style}
</style></head><body><div id="formula"></div></body></html>
"""
_WINDOW = (800, 400)
_DRAW = """(formulas => {
  const place = document.getElementById("formula");
  return formulas.map(latex => {
    place.replaceChildren();
    try {
      katex.render(latex, place, {displayMode: true, throwOnError: true, trust: false, maxExpand: 1000});
    } catch (error) {
      return null;
    }
    const meaning = place.querySelector(".katex-mathml semantics");
    const parts = meaning ? Array.from(meaning.children).filter(part => part.localName !== "annotation") : [];
    const leaves = Array.from(place.querySelectorAll("span")).filter(
      span => span.children.length === 0 && /\\S/.test(span.textContent));
    return [parts.map(part => part.outerHTML).join(""), leaves.map(span => {
      const box = span.getBoundingClientRect();
      return [span.textContent.trim(), box.x, box.y, box.width, box.height];
    })];
  });
})"""
_IS_THERE = "\n;typeof katex === 'object' && typeof katex.render === 'function'"


class Drawer:
    """Draws on demand. The browser is started with the first formula, and again after one that it did not survive."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._browser: chromium.Browser | None = None
        self._known: OrderedDict[str, Drawing | None] = OrderedDict()

    def __call__(self, formulas: Sequence[str]) -> list[Drawing | None]:
        """None for what KaTeX cannot read. Raises ResourceError where KaTeX or a browser is missing."""
        found = {latex: self._known[latex] for latex in formulas if latex in self._known}
        new = [latex for latex in dict.fromkeys(formulas) if latex not in found]
        if fitting := [latex for latex in new if len(latex) <= LONGEST]:
            found.update(zip(fitting, self._drawn(fitting), strict=True))
        found.update((latex, None) for latex in new if latex not in found)
        self._known.update(found)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return [found[latex] for latex in formulas]

    def _drawn(self, formulas: list[str]) -> list[Drawing | None]:
        browser = self._opened()
        try:
            return [_drawing(one) for one in browser.evaluate(f"{_DRAW}({json.dumps(formulas)})", self.patience)]
        except EngineError as hung:  # one of them took too long, or too much memory
            self.close(hung)
        return [None] if len(formulas) == 1 else [drawing for one in formulas for drawing in self._drawn([one])]

    def _opened(self) -> chromium.Browser:
        if self._browser is None:
            dist = require_tools()
            browser = chromium.Browser(START).__enter__()
            try:
                browser.show(_PAGE.format(style=(dist / STYLE).read_text("utf-8")), _WINDOW)
                if not browser.evaluate((dist / SCRIPT).read_text("utf-8") + _IS_THERE, START):
                    raise ResourceError(f"{dist / SCRIPT} is not KaTeX", hint=INSTALL)
            except BaseException:
                browser.__exit__(None, None, None)
                raise
            browser.patience = self.patience + 1
            self._browser = browser
        return self._browser

    def close(self, because: EngineError | None = None) -> None:
        if self._browser is not None:
            self._browser.__exit__(None if because is None else EngineError, because, None)
            self._browser = None


def require_tools() -> Path:
    """Where KaTeX is. Raises ResourceError where formulas cannot be drawn."""
    dist = katex_dist()
    if chromium.program() is None:
        raise ResourceError("no Chromium or Chrome is installed, which draws formulas", hint="apt install chromium")
    return dist


@cache
def drawer() -> Drawer:
    """The one of this process."""
    made = Drawer()
    atexit.register(made.close)
    return made


def _drawing(told: Any) -> Drawing | None:
    """Characters of one element share its box evenly."""
    if told is None:
        return None
    symbols: list[Symbol] = []
    for text, x, y, width, height in told[1]:
        shown = _SPACE.sub("", text)
        each = width / max(len(shown), 1)
        symbols += [Symbol(letter, x + (width * at) / len(shown) + each / 2, y + height / 2) for at, letter in enumerate(shown)]
    return Drawing(_SPACE.sub("", told[0].replace("&nbsp;", "")), tuple(symbols))
