"""Latin text lines with known truth for pre-training the nano reader: text, fonts, rendering and scan-like damage.

Everything is a pure function of a seed. English comes from the docstrings and help topics of the Python standard
library (present on every machine, nothing to download); every line whose hash falls into the held-out share is kept
for evaluation only. Random strings, numbers and pseudo-words stop the decoder from becoming a dictionary.
"""

from __future__ import annotations

import ast
import functools
import pydoc_data.topics
import random
import re
import string
import sysconfig
import zlib
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONT_ROOTS = ("/usr/share/fonts", "/usr/share/texmf/fonts", "/Library/Fonts", "/System/Library/Fonts")
UNSEEN = ("Roboto", "Caladea", "Cantarell", "EB Garamond")
SEEN = (
    "DejaVu Sans",
    "DejaVu Serif",
    "DejaVu Sans Mono",
    "Liberation Sans",
    "Liberation Serif",
    "Liberation Mono",
    "Liberation Sans Narrow",
    "FreeSans",
    "FreeSerif",
    "FreeMono",
    "Noto Sans",
    "Noto Serif",
    "PT Sans",
    "PT Sans Narrow",
    "PT Serif",
    "PT Mono",
    "Carlito",
    "Lato",
    "Open Sans",
    "Linux Libertine O",
    "Linux Biolinum O",
    "Inconsolata",
    "Hack",
    "Charis SIL",
    "Junicode Two Beta",
    "C059",
    "P052",
    "URW Bookman",
    "URW Gothic",
    "Nimbus Sans",
    "Nimbus Sans Narrow",
    "Comfortaa",
)
STYLES = (
    "Regular",
    "Book",
    "Roman",
    "Bold",
    "Italic",
    "Oblique",
    "Bold Italic",
    "Bold Oblique",
    "BoldItalic",
    "Condensed",
    "Medium",
    "Semibold",
    "Demi",
    "08 Regular",
    "12 Regular",
    "12 Italic",
    "12 Bold",
)
ACCENTED = "".join(chr(c) for c in range(0xC0, 0x100) if c not in (0xD7, 0xF7)) + "ąćęłńśźżčďěňřšťůžőűğışœŒŠŽČŁ"
PUNCTUATION = "–—‘’“”„…«»№€£§©®°•×"
ALPHABET = "".join(chr(c) for c in range(33, 127)) + ACCENTED + PUNCTUATION


class Line(NamedTuple):
    """One rendered sample: grey image (H, W) uint8, its text, and per character (x, y) centres in pixels of the
    image (NaN for characters without ink of their own: spaces and newlines)."""

    image: np.ndarray
    text: str
    centres: np.ndarray


@functools.cache
def fonts(families: tuple[str, ...]) -> tuple[str, ...]:
    """Paths of all upright, italic and bold faces of `families` found on this machine."""
    found = []
    for path in sorted(p for root in FONT_ROOTS for p in Path(root).rglob("*") if p.suffix.lower() in (".ttf", ".otf")):
        try:
            family, style = ImageFont.truetype(str(path), 12).getname()
        except OSError:
            continue
        if family in families and style in STYLES:
            found.append(str(path))
    return tuple(found)


@functools.lru_cache(maxsize=4096)
def face(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@functools.cache
def english() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(training, held-out) sentences of the standard library's documentation, whitespace folded."""
    texts = list(pydoc_data.topics.topics.values())
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if {"test", "tests", "site-packages"} & set(path.parts):
            continue
        try:
            tree = ast.parse(path.read_text("utf-8", errors="ignore"))
        except (SyntaxError, ValueError):
            continue
        nodes = (n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.Module)))
        texts += [ast.get_docstring(n) or "" for n in nodes]
    lines = sorted({" ".join(p.split()) for t in texts for p in re.split(r"\n\s*\n|(?<=[.;:])\s", t)})
    lines = [x for x in lines if len(x) >= 12 and x.isascii() and sum(c.isalpha() for c in x) > 0.6 * len(x)]
    held = [x for x in lines if zlib.crc32(x.encode()) % 20 == 0]
    return tuple(x for x in lines if zlib.crc32(x.encode()) % 20 != 0), tuple(held)


def cut(rng: random.Random, text: str, length: int) -> str:
    """A run of whole words of about `length` characters from a random place of `text`."""
    words = text.split(" ")
    start = rng.randrange(len(words))
    out = words[start][:length]
    for word in words[start + 1 :]:
        if len(out) + 1 + len(word) > length:
            break
        out += " " + word
    return out


def pseudo_word(rng: random.Random) -> str:
    syllables = (
        rng.choice(("", *"bcdfghjklmnpqrstvwxz", "th", "st", "qu", "ch"))
        + rng.choice((*"aeiouy", "ea", "ou"))
        + rng.choice(("", "", *"nrstlmdkxz"))
        for _ in range(rng.randint(1, 3))
    )
    word = "".join(syllables)
    if rng.random() < 0.15:
        at = rng.randrange(len(word))
        word = word[:at] + rng.choice(ACCENTED) + word[at + 1 :]
    return rng.choice((word, word, word.capitalize(), word.upper()))


def number(rng: random.Random) -> str:
    d = "".join(rng.choice(string.digits) for _ in range(rng.randint(1, 9)))
    kinds = (
        d,
        f"{d}.{rng.randint(0, 99):02}",
        f"{rng.randint(1, 31):02}.{rng.randint(1, 12):02}.{rng.randint(1950, 2030)}",
        f"${d}",
        f"{d}%",
        f"№ {d}",
        f"{rng.randint(0, 23)}:{rng.randint(0, 59):02}",
        f"({d})",
        f"{d}-{d[:3]}",
        f"€{d},00",
        f"{rng.randint(1, 999)},{rng.randint(0, 999):03}",
    )
    return rng.choice(kinds)


def noise_word(rng: random.Random) -> str:
    pool = rng.choice((string.ascii_letters, string.ascii_letters + string.digits, ALPHABET, string.punctuation))
    return "".join(rng.choice(pool) for _ in range(rng.randint(1, 8)))


def random_text(rng: random.Random, length: int) -> str:
    """A training line of about `length` characters: half English, half words nobody can guess."""
    if rng.random() < 0.5:
        text = cut(rng, rng.choice(english()[0]), length)
        if rng.random() < 0.12:
            text = text.upper()
        return text
    makers = rng.choices((pseudo_word, number, noise_word), weights=(6, 2, 2), k=24)
    out = makers[0](rng)[:length]
    for maker in makers[1:]:
        word = maker(rng) + (rng.choice(",.;:!?") if rng.random() < 0.1 else "")
        if len(out) + 1 + len(word) > length:
            break
        out += " " + word
    return out


def draw(rng: random.Random, lines: list[str], font_path: str, size: int) -> Line:
    """Black text on white, tight around the ink plus a random margin; character centres from the font's advances."""
    over = rng.choice((1.0, 1.0, 1.5, 2.0))  # draw larger, then shrink: sub-pixel shapes as a PDF renderer makes them
    font = face(font_path, max(8, round(size * over)))
    over = max(8, round(size * over)) / size
    ascent, descent = font.getmetrics()
    pitch = round((ascent + descent) * rng.uniform(0.95, 1.35))
    pad = [round(rng.choice((0, 1, 2, 4, 8)) * over) + rng.randint(0, 2) for _ in range(4)]
    width = round(max(font.getlength(t) for t in lines)) + pad[0] + pad[2]
    height = pitch * (len(lines) - 1) + ascent + descent + pad[1] + pad[3]
    image = Image.new("L", (max(8, width), max(8, height)), 255)
    pen = ImageDraw.Draw(image)
    centres: list[tuple[float, float]] = []
    for row, text in enumerate(lines):
        y = pad[1] + row * pitch
        pen.text((pad[0], y), text, font=font, fill=0)
        edges = [font.getlength(text[:i]) for i in range(len(text) + 1)]
        middle = y + ascent * 0.62
        centres += [
            (pad[0] + (a + b) / 2, middle) if c != " " else (np.nan, np.nan)
            for c, a, b in zip(text, edges, edges[1:], strict=False)
        ]
        centres.append((np.nan, np.nan))  # the newline
    array = np.asarray(image)
    if over != 1.0:
        array = cv2.resize(array, None, fx=1 / over, fy=1 / over, interpolation=cv2.INTER_AREA)
    return Line(array, "\n".join(lines), np.array(centres[:-1], np.float32) / over)


def resized(line: Line, height: int, width: int) -> Line:
    """As the image processor does it: anisotropic, to whole tiles."""
    h, w = line.image.shape
    image = cv2.resize(line.image, (width, height), interpolation=cv2.INTER_AREA if width < w else cv2.INTER_CUBIC)
    return Line(image, line.text, line.centres * np.array([width / w, height / h], np.float32))


def damaged(rng: random.Random, line: Line) -> Line:
    """Rotation, blur, shading, uneven ink, noise and JPEG, each with its own chance; colours sometimes inverted."""
    image, centres = line.image.astype(np.float32), line.centres
    h, w = image.shape
    if rng.random() < 0.5:
        turn = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-1.2, 1.2) * min(1, 160 / w), 1.0)
        image = cv2.warpAffine(image, turn, (w, h), borderValue=255, flags=cv2.INTER_LINEAR)
        centres = centres @ turn[:, :2].T.astype(np.float32) + turn[:, 2].astype(np.float32)
    if rng.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.9))
    paper, ink = rng.uniform(200, 255), rng.uniform(0, 90)
    if rng.random() < 0.08:
        paper, ink = ink, paper
    image = ink + (paper - ink) * image / 255
    if rng.random() < 0.2:
        image += np.linspace(rng.uniform(-25, 25), rng.uniform(-25, 25), w, dtype=np.float32)[None, :]
    if rng.random() < 0.6:
        image += np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(1, 12), image.shape).astype(np.float32)
    out = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        ok, code = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, rng.randint(35, 85)])
        out = cv2.imdecode(code, cv2.IMREAD_GRAYSCALE) if ok else out
    return Line(out, line.text, centres)
