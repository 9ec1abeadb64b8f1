"""The plug-ins of the synthesiser: manuscripts from the templates, printed by one of two renderers, read back for truth."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence

from ocrtune import chromium
from ocrtune.contracts import Made, Order
from ocrtune.fonts import Face, faces
from ocrtune.sources.synth import page_html, render_fpdf
from ocrtune.sources.synth.language import Tongue
from ocrtune.sources.synth.model import Manuscript
from ocrtune.sources.synth.scan import scanned
from ocrtune.sources.synth.templates import TEMPLATES, TONGUES, compose, tongue
from ocrtune.sources.synth.truth import locate


class PageGenerator(ABC):
    """What both renderers share."""

    name: str
    languages = tuple(TONGUES)
    templates = tuple(TEMPLATES)

    def __init__(self, fonts: Sequence[str] | None = None) -> None:
        self.fonts = None if fonts is None else tuple(fonts)
        self._tongues: dict[str, Tongue] = {}
        self._faces: dict[str, list[Face]] = {}

    def missing(self) -> str | None:
        return None

    def open(self, languages: Sequence[str]) -> None:
        for language in languages:
            self._tongues[language] = tongue(language)
            self._faces[language] = faces(language, self.fonts)

    def close(self) -> None:
        self._tongues.clear()

    def make(self, order: Order) -> Made:
        manuscript = compose(self._tongues[order.language], order.template, order.number, seed=order.seed, pages=order.pages)
        found = self._faces[order.language]
        face = found[manuscript.style.face % len(found)]
        pdf = self.render(manuscript, face)
        tags = {"language": order.language, "template": order.template, "font": face.family, "renderer": self.name}
        if order.scan > 0:
            pdf = scanned(pdf, zlib.crc32(f"{order.seed}/{manuscript.name}".encode()), order.scan)
            tags["scan"] = f"{order.scan:g}"
        truth = locate(pdf, manuscript).model_copy(update={"provenance": tags})
        return Made(pdf, truth, tags)

    @abstractmethod
    def render(self, manuscript: Manuscript, face: Face) -> bytes:
        """The manuscript as a PDF whose text layer holds every block."""


class ChromiumGenerator(PageGenerator):
    """The best pages, where Chromium or Chrome is installed: one browser process for all documents."""

    name = "chromium"

    def __init__(self, fonts: Sequence[str] | None = None) -> None:
        super().__init__(fonts)
        self._browser: chromium.Browser | None = None

    def missing(self) -> str | None:
        return None if chromium.program() else "Chromium or Chrome"

    def open(self, languages: Sequence[str]) -> None:
        super().open(languages)
        self._browser = chromium.Browser().__enter__()

    def close(self) -> None:
        super().close()
        if self._browser is not None:
            self._browser.__exit__(None, None, None)
            self._browser = None

    def render(self, manuscript: Manuscript, face: Face) -> bytes:
        if self._browser is None:
            raise RuntimeError("open() comes before render()")
        style = manuscript.style
        running = tuple(page_html.running(manuscript, face, footer=footer) for footer in (False, True))
        return self._browser.print_pdf(
            page_html.page(manuscript, face), (style.width, style.height), (style.margin, style.top), (running[0], running[1])
        )


class Fpdf2Generator(PageGenerator):
    """Needs nothing but Python packages. The same order and font give the same bytes."""

    name = "fpdf2"

    def render(self, manuscript: Manuscript, face: Face) -> bytes:
        return render_fpdf.Sheet(manuscript, face).render()
