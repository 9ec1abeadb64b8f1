"""The document as running text on A4: headings, paragraphs, lists, rendered tables and formulas, figures."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ocrtune import chromium
from ocrtune.contracts import Artefact
from ocrtune.core import Document, Page
from ocrtune.errors import EngineError
from ocrtune.exporters._crops import figures
from ocrtune.exporters._flow_setting import Flow
from ocrtune.exporters._html import page_html
from ocrtune.exporters._page import Shown
from ocrtune.options import ExportOptions

if TYPE_CHECKING:
    from PIL.Image import Image

log = logging.getLogger("ocrtune")

SIZE, MARGINS = (210.0, 297.0), (22.0, 20.0)  # millimetres
PATIENCE = 60.0  # seconds for a browser, and some for each page
PATIENCE_PER_PAGE = 2.0
FOOTER = (
    '<div style="font: 8pt sans-serif; width: 100%; text-align: center; color: #777">'
    '<span class="pageNumber"></span> / <span class="totalPages"></span></div>'
)
STYLE = """
body { font: 10.5pt/1.45 "Noto Serif", "PT Serif", Georgia, "Noto Serif CJK SC", "Noto Serif CJK TC", serif; margin: 0; }
h1, h2, h3, h4, h5, h6 { break-after: avoid; font-family: "Noto Sans", "PT Sans", "Noto Sans CJK SC", sans-serif;
  line-height: 1.2; margin: 1.1em 0 .4em; }
h1 { font-size: 18pt; } h2 { font-size: 14pt; } h3, h4, h5, h6 { font-size: 11.5pt; }
p, ul, ol, table, pre, figure { margin: 0 0 .7em; }
p { orphans: 2; widows: 2; text-align: start; hyphens: auto; }
section > a.number { color: #999; float: right; font: 7.5pt sans-serif; margin: 0 -14mm 0 0; text-decoration: none; }
section > a.number::before { content: "p. "; }
.problem { border-left: 3pt solid #b00020; color: #b00020; padding: .3em .8em; }
.caption, .footnote, .around { font-size: 9pt; }
.caption { font-style: italic; }
.around { color: #777; }
table { border-collapse: collapse; font-size: 9pt; width: auto; max-width: 100%; }
th, td { border: .6pt solid #999; padding: .2em .5em; text-align: start; vertical-align: top; overflow-wrap: break-word; }
th { background: #eceef2; }
tr, figure, img { break-inside: avoid; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 8.5pt; }
img { display: block; margin: 0 auto; max-height: 200mm; max-width: 100%; }
li.own { list-style: none; margin-left: -1.2em; }
math { font-size: 1.05em; } math[display=block] { margin: .7em 0; }
"""


class FlowPdf:
    """`<stem>.flow.pdf`: printed by a Chromium or Chrome where one is installed, else set by ourselves, more simply.

    Small grey numbers in the margin say where a page of the original begins. Nothing is loaded, and no script runs.
    """

    name = "flow"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        yield Artefact(f"{stem}.flow.pdf", self._printed(document, stem) or Flow(document, stem, self.options).pdf())

    def _printed(self, document: Document, stem: str) -> bytes | None:
        if chromium.program() is None:
            return None
        try:
            with chromium.Browser(PATIENCE + PATIENCE_PER_PAGE * len(document.pages)) as browser:
                return browser.print_pdf(self._html(document, stem), SIZE, MARGINS, ("<span></span>", FOOTER))
        except (EngineError, OSError) as problem:
            log.warning("%s: %s; the flow PDF is set without a browser", stem, problem)
            return None

    def _html(self, document: Document, stem: str) -> str:
        """The body of the HTML export with a style for paper, its figures inside, and a policy that allows nothing else."""
        digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
        policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        whole = "".join(page_html(stem, document.pages, headers=self.options.headers, figure=_Figures()))
        return (
            '<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            f"<title>{html.escape(stem)}</title>\n<style>{STYLE}</style>\n</head>\n{whole[whole.index('<body>') :]}"
        )


class _Figures:
    """The pictures of one page after the other, as addresses that hold them."""

    def __init__(self) -> None:
        self._page: Page | None = None
        self._named: dict[str, str] = {}

    def __call__(self, page: Page, part: Shown) -> str | None:
        if page is not self._page:
            self._page = page
            self._named = {name: _address(image) for name, image in figures(page)}
        return self._named.get(part.figure or "")


def _address(image: Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
