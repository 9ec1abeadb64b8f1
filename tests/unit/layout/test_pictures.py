from __future__ import annotations

import math
import random

from PIL import Image, ImageDraw, ImageFont

from ocrtune.layout import Rect, Span, figures_in, rules_in

WHITE = (255, 255, 255)


def page() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (1240, 1754), WHITE)
    return image, ImageDraw.Draw(image)


def written(pen: ImageDraw.ImageDraw, left: int, top: int, lines: int) -> list[Span]:
    font = ImageFont.load_default(24)
    out = []
    for at in range(lines):
        text = "The harbour was quiet and the letters had not yet come over the river"
        pen.text((left, top + 34 * at), text, fill="black", font=font)
        box = pen.textbbox((left, top + 34 * at), text, font=font)
        out.append(Span(text, (box[0], box[1], box[2], box[3]), 24.0))
    return out


def close(one: Rect, other: Rect, slack: float = 14) -> bool:
    return all(abs(a - b) <= slack for a, b in zip(one, other, strict=True))


def photograph(size: tuple[int, int]) -> Image.Image:
    rng = random.Random(5)
    tones = [rng.randrange(20, 200) for _ in range(30)]
    return Image.frombytes("L", (6, 5), bytes(tones)).resize(size, Image.Resampling.BICUBIC).convert("RGB")


def test_the_lines_of_a_grid_are_found_and_letters_are_none() -> None:
    image, pen = page()
    written(pen, 100, 700, 8)
    for x in (100, 500, 900):
        pen.line((x, 200, x, 500), fill="black", width=3)
    for y in (200, 300, 500):
        pen.line((100, y, 900, y), fill="black", width=2)
    found = rules_in(image)
    assert sorted(round(r.box[1], -1) for r in found if r.horizontal) == [200, 300, 500]
    assert sorted(round(r.box[0], -1) for r in found if not r.horizontal) == [100, 500, 900]


def test_a_slightly_slanted_line_is_one_rule() -> None:
    image, pen = page()
    pen.line((100, 400, 1100, 400 + 1000 * math.tan(math.radians(0.4))), fill="black", width=3)
    (rule,) = rules_in(image)
    assert rule.horizontal
    assert close(rule.box, (100, 400, 1100, 408))


def test_photographs_are_found_and_text_is_not() -> None:
    image, pen = page()
    spans = written(pen, 100, 150, 10)
    image.paste(photograph((500, 380)), (300, 600))
    (box,) = figures_in(image, spans)
    assert close(box, (300, 600, 800, 980))


def test_a_drawing_takes_the_labels_around_it_along() -> None:
    image, pen = page()
    spans = written(pen, 100, 150, 6)
    pen.rectangle((300, 500, 800, 800), outline="black", width=3)
    points = [(300 + 5 * x, 650 + 120 * math.sin(x / 9)) for x in range(100)]
    for shift in range(-3, 4):
        pen.line([(x, y + 6 * shift) for x, y in points], fill=(200, 30, 30), width=3)
    label = Span("Time (h)", (500, 812, 600, 836), 24.0)
    (box,) = figures_in(image, [*spans, label])
    assert close(box, (300, 500, 800, 836))


def test_tables_and_coloured_ground_under_text_are_no_figures() -> None:
    image, pen = page()
    pen.rectangle((80, 130, 1100, 420), fill=(215, 225, 240))
    spans = written(pen, 100, 150, 7)
    for x in range(100, 1001, 150):
        pen.line((x, 600, x, 900), fill="black", width=3)
    for y in range(600, 901, 60):
        pen.line((100, y, 1000, y), fill="black", width=3)
    assert figures_in(image, spans) == []


def test_an_empty_page_has_neither() -> None:
    image, _ = page()
    assert rules_in(image) == []
    assert figures_in(image, []) == []


def test_a_frame_around_the_page_is_no_figure_but_the_photograph_that_touches_it_is() -> None:
    page = Image.new("RGB", (1000, 1400), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((60, 60, 940, 1340), outline="black", width=3)
    draw.line((500, 60, 500, 1340), fill="black", width=3)
    page.paste(Image.effect_noise((300, 240), 80).convert("RGB"), (502, 200))
    (box,) = figures_in(page, [])
    assert all(abs(a - b) < 25 for a, b in zip(box, (502, 200, 802, 440), strict=True))


def test_a_ground_with_lines_and_missed_letters_under_text_is_no_figure() -> None:
    image, pen = page()
    pen.rectangle((80, 130, 1100, 420), fill=(200, 215, 235))
    spans = written(pen, 100, 150, 7)
    for y in range(142, 400, 34):
        pen.line((80, y, 1100, y), fill="black", width=3)
    for x in range(950, 1080, 30):
        pen.text((x, 250), "17", fill="black", font=ImageFont.load_default(24))
    assert figures_in(image, spans) == []
