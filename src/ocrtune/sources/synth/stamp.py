"""A round stamp as a transparent picture: text on the rim, text in the middle, ink that is not even."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from ocrtune.fonts import Face

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 420
INKS = ((32, 62, 150), (45, 45, 140), (150, 30, 45), (70, 40, 130))


def draw(text: str, face: Face, seed: str) -> Image:
    """`text` is the rim, a newline, the centre. SIDE × SIDE pixels, RGBA; the same arguments give the same picture."""
    from PIL import Image, ImageDraw, ImageFont

    rng = random.Random(seed)
    ink = rng.choice(INKS)
    rim, _, centre = text.partition("\n")
    picture = Image.new("RGBA", (SIDE, SIDE), (*ink, 0))
    pen = ImageDraw.Draw(picture)
    middle = SIDE / 2
    for radius, width in ((204, 7), (196, 2), (128, 3)):
        pen.ellipse((middle - radius, middle - radius, middle + radius, middle + radius), outline=(*ink, 225), width=width)
    font = ImageFont.truetype(str(face.bold), 40 if len(rim) < 26 else 32, index=face.number)
    step = math.radians(min(330 / max(len(rim), 1), 15))
    for place, letter in enumerate(rim):
        angle = (place - (len(rim) - 1) / 2) * step
        tile = Image.new("RGBA", (80, 80), (*ink, 0))
        ImageDraw.Draw(tile).text((40, 40), letter, font=font, fill=(*ink, 225), anchor="mm")
        tile = tile.rotate(-math.degrees(angle), resample=Image.Resampling.BICUBIC)
        picture.alpha_composite(tile, (round(middle + 161 * math.sin(angle) - 40), round(middle - 161 * math.cos(angle) - 40)))
    size = max(20, min(44, int(230 / max(1, max(len(w) for w in centre.split() or [centre])) * (1.0 if face.number else 1.45))))
    font = ImageFont.truetype(str(face.bold), size, index=face.number)
    pen.multiline_text((middle, middle), "\n".join(centre.split()), font=font, fill=(*ink, 225), anchor="mm", align="center")
    return picture.rotate(rng.uniform(-18, 18), resample=Image.Resampling.BICUBIC)
