"""What paper, scanner and JPEG do to a page: skew, blur, shading, tint, noise, compression. Everything from one generator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
SKEW_DEGREES = 0.6  # at full strength: 1.8 mm over the width of a page


def degrade(image: Pixels, rng: np.random.Generator, strength: float = 0.5) -> Pixels:
    """A scan-like copy of an RGB image (height × width × 3, any size); `strength` 0 changes nothing, 1 is a poor scan."""
    if strength <= 0:
        return image
    return wear(turn(image, skew(rng, strength)), rng, strength)


def skew(rng: np.random.Generator, strength: float) -> float:
    """An angle in degrees, counter-clockwise, small enough that lines stay lines."""
    return float(rng.uniform(-1, 1) * SKEW_DEGREES * strength)


def turn(image: Pixels, degrees: float) -> Pixels:
    """Turned about the middle, same size, corners filled from the edge."""
    import cv2

    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turned: Pixels = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return turned


def turn_matrix(degrees: float, width: float, height: float) -> tuple[float, float, float, float, float, float]:
    """The same turn as a PDF matrix a b c d e f on a page of that size (y upwards)."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = width / 2, height / 2
    return cos, sin, -sin, cos, x - cos * x + sin * y, y - sin * x - cos * y


def wear(image: Pixels, rng: np.random.Generator, strength: float) -> Pixels:
    """All that does not move anything. Blur is in fractions of the text height that 150 dpi pages have."""
    import cv2

    page: npt.NDArray[np.float32] = image.astype(np.float32)
    if rng.random() < 0.8:
        page = cv2.GaussianBlur(page, (0, 0), 0.25 + 0.75 * strength * float(rng.random()))
    ink = float(rng.uniform(0, 70)) * strength
    page = ink + page * ((255 - ink) / 255)
    page *= _paper(rng, strength) * _shade(page.shape[0], page.shape[1], rng, strength)
    sigma = float(rng.uniform(2, 14)) * strength
    grain = rng.standard_normal(page.shape[:2], dtype=np.float32) * sigma
    if rng.random() < 0.5:
        grain = cv2.GaussianBlur(grain, (0, 0), 0.7) * 1.8
    noisy = np.clip(page + grain[..., None], 0, 255).astype(np.uint8)
    quality = int(95 - rng.uniform(10, 60) * strength)
    packed: Any = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    compressed: Any = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return np.asarray(compressed, dtype=np.uint8)


def _paper(rng: np.random.Generator, strength: float) -> npt.NDArray[np.float32]:
    """White that is not white: yellowish or greyish paper."""
    tint = rng.uniform(0, 0.12 * strength) * np.array([0.3, 0.5, 1.3])
    return (1 - tint - rng.uniform(0, 0.06 * strength)).astype(np.float32)


def _shade(height: int, width: int, rng: np.random.Generator, strength: float) -> npt.NDArray[np.float32]:
    """Light that falls off across the page, sometimes a dark gutter along one side."""
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    slope_x, slope_y, bow = rng.uniform(-1, 1, 3) * 0.09 * strength
    light = 1 - abs(slope_x) - abs(slope_y) + slope_x * x + slope_y * y - abs(bow) * (x * x + y * y) / 2
    if rng.random() < 0.3:
        side = 1.0 if rng.random() < 0.5 else -1.0
        light = light - 0.35 * strength * np.exp(-(1 - side * x) * 18)
    return np.asarray(np.clip(light, 0.2, 1.0), dtype=np.float32)[..., None]
