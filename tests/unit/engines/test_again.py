"""The second look at doubtful pieces, with Tesseract itself."""

from __future__ import annotations

import random

import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrtune.engines import _tesseract as tess
from ocrtune.engines._again import MOST, looked_again
from ocrtune.layout import Span, SpanWord

pytest.importorskip("tesserocr", reason="the extra cpu-ocr is not installed")

SIZE = 22


@pytest.fixture(scope="module")
def api() -> object:
    return tess.opened(tess.data_for("eng"), 7)


def line(api: object, image: Image.Image) -> list[Span]:
    tess.show(api, image)
    assert api.Recognize(10_000)  # type: ignore[attr-defined]
    return tess.recognised(api)


def cell(text: str, page: Image.Image, at: tuple[int, int]) -> tuple[float, float, float, float]:
    """A number close to the ruling lines of its cell; the box of its ink."""
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(SIZE)
    left, top, right, bottom = pen.textbbox(at, text, font=font)
    pen.rectangle((at[0] - 60, top - 9, right + 7, bottom + 9), outline="black", width=3)
    pen.text(at, text, "black", font=font)
    return float(left), float(top), float(right), float(bottom)


def span(text: str, box: tuple[float, float, float, float], sure: float) -> Span:
    return Span(text, box, float(SIZE), confidence=sure, words=(SpanWord(text, box, sure),))


@pytest.mark.parametrize(
    ("truth", "text", "sure"),
    [("45,844.39", "45,844.39}", 0.93), ("27.3", "243.", 0.46), ("77,611.27", "TL011,27,", 0.24), ("25.1", "Paspil", 0.0)],
)
def test_a_doubtful_number_beside_ruling_lines_is_read_again(api: object, truth: str, text: str, sure: float) -> None:
    page = Image.new("L", (700, 300), 255)
    box = cell(truth, page, (320, 140))
    (seen,) = looked_again([span(text, box, sure)], page, lambda part: line(api, part))
    assert seen.text == truth and [word.text for word in seen.words] == [truth] and (seen.confidence or 0) > 0.75
    (place,) = (word.box for word in seen.words)
    assert all(abs(a - b) < 5 for a, b in zip(place, box, strict=True))
    assert (seen.box, seen.size) == (box, SIZE)


def test_what_is_sure_long_or_without_letters_is_not_read_again(api: object) -> None:
    page = Image.new("L", (700, 300), 255)
    box = cell("27.3", page, (320, 140))
    kept = [span("28.3", box, 0.95), span("a line of many words that is doubtful", box, 0.4), span("•", box, 0.2)]
    assert looked_again(kept, page, lambda part: line(api, part)) == kept


def test_stains_stay_as_doubtful_as_they_were(api: object) -> None:
    rng = random.Random(5)
    page = Image.new("L", (700, 300), 255)
    for _ in range(60):
        x, y = rng.randrange(300, 420), rng.randrange(130, 160)
        ImageDraw.Draw(page).ellipse((x, y, x + rng.randrange(2, 9), y + rng.randrange(2, 9)), fill=rng.randrange(60, 160))
    stain = span("ee 1;", (295.0, 125.0, 430.0, 170.0), 0.05)
    assert looked_again([stain], page, lambda part: line(api, part)) == [stain]


def test_a_page_of_nothing_but_doubt_is_left_alone() -> None:
    page = Image.new("L", (700, 300), 255)
    doubtful = [span(f"{n}", (10.0, 10.0, 40.0, 30.0), 0.3) for n in range(MOST + 1)]

    def never(part: Image.Image) -> list[Span]:
        raise AssertionError("it was read again")

    assert looked_again(doubtful, page, never) == doubtful
