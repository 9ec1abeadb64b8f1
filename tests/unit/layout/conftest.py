"""Pages set by hand: paragraphs of words at known places."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from ocrtune.layout import Span

WORDS = "river stone window harbour letter early market over garden under the of and with yellow brother morning paper"

Setter = Callable[..., list[Span]]


@pytest.fixture
def paragraph() -> Setter:
    """`paragraph(left, top, width, lines)`: justified lines of words, the last one shorter; the first may be indented."""
    rng = random.Random(7)

    def set_lines(left: float, top: float, width: float, lines: int, **options: float) -> list[Span]:
        size, step = options.get("size", 20.5), options.get("step", 26.0)
        out = []
        for at in range(lines):
            begin = left + (options.get("indent", 0.0) if at == 0 else options.get("hang", 0.0))
            end = left + width * (0.55 if at == lines - 1 and lines > 1 else 1.0)
            text = ""
            while len(text) * size * 0.5 < end - begin - 4 * size:
                text += (" " if text else "") + rng.choice(WORDS.split())
            text = text.capitalize() if at == 0 else text
            out.append(Span(text, (begin, top + at * step, end, top + at * step + size), size))
        return out

    return set_lines
