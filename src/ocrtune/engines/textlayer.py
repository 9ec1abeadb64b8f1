"""The text that a born-digital PDF carries, where it can be trusted: the fastest reading, and one without a wrong letter."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from ocrtune.core import Failure, ImageRef, Prompt
from ocrtune.engines._pooled import Pooled, Said, Unread, single
from ocrtune.errors import InputError
from ocrtune.layout import Rect, Rule, Span, SpanWord, analyse
from ocrtune.layout.parts import bounds
from ocrtune.rendering import TextLayer, text_layer
from ocrtune.textlayer import Glyph, Line

ABSENT = "no text layer"  # the kind of failure: nothing is wrong with the page, but it must be read in another way


class TextLayerReader(Pooled):
    """Fails page by page with the kind "no text layer" where there is none, or one that cannot be what the page shows."""

    name = "textlayer"
    uses = ("layout", "concurrency")

    def describe(self) -> dict[str, str]:
        return {"engine": self.name}

    def load(self) -> None:
        """Nothing: pdfium comes with the package."""

    def say(self, prompt: Prompt) -> Said:
        if not self.options.layout:
            layers = [_standing(ref) for ref in prompt.images]
            return Said("\n".join(line.text for layer in layers for line in layer.lines), ())
        ref = single(prompt)
        layer = _standing(ref)
        size = ref.turned(layer.turn).size
        if size is None:
            raise InputError(f"{ref.path}: the size at which the page is seen is not known")
        spans = [span for line in layer.lines if (span := _span(line)) is not None]
        rules = [Rule(rule) for rule in layer.rules]
        return Said(self.encoded(analyse(spans, size, rules=rules, pictures=layer.pictures)), (size,), layer.turn)


def _standing(ref: ImageRef) -> TextLayer:
    """What the page says where it is turned by `turn`, so that its text stands upright."""
    layer = _trusted(ref)
    return _trusted(ref.turned(layer.turn))._replace(turn=layer.turn) if layer.turn else layer


def _trusted(ref: ImageRef) -> TextLayer:
    layer = text_layer(ref)
    problem = "a picture has no text layer" if layer is None else layer.problem
    if layer is None or problem is not None:
        raise Unread(Failure(kind=ABSENT, message=f"{ref.path}, page {ref.page or 1}: {problem}"))
    return layer


def _span(line: Line) -> Span | None:
    words = tuple(_words(line))
    if not words:
        return None
    return Span(line.text, line.box, line.height, bold=line.bold, vertical=line.vertical, words=words)


def _words(line: Line) -> Iterator[SpanWord]:
    """The glyphs between spaces."""
    word: list[Glyph] = []
    for glyph in (*line.glyphs, Glyph(" ")):
        if glyph.inked:
            word.append(glyph)
        elif word:
            text = unicodedata.normalize("NFC", "".join(g.text for g in word))
            yield SpanWord(text, _bounds([g.box for g in word], [g.cell for g in word]))
            word = []


def _bounds(inks: list[Rect], cells: list[Rect]) -> Rect:
    """Around the ink; around the cells where no glyph has any."""
    return bounds([box for box in inks if box[2] > box[0] or box[3] > box[1]] or cells)
