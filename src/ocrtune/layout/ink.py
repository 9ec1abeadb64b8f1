"""The ink of a page: where it is, and the pieces of it that hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocrtune.layout.parts import Rect

if TYPE_CHECKING:
    from PIL.Image import Image

DARK = 100  # grey of a page that is written on in light letters
SPECK = 3  # pixels: what is smaller in both directions is dirt


def ink_of(image: Image) -> Any:
    """255 where the page is darker than its neighbourhood (lighter, on a dark page), 0 elsewhere."""
    import cv2
    import numpy as np

    grey = np.asarray(image.convert("L"))
    if np.median(grey[::4, ::4]) < DARK:
        grey = 255 - grey
    return cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 15)


def marks_in(image: Image) -> list[Rect]:
    """Boxes of the pieces of ink that hang together, from top to bottom: letters, dots, brackets, lines."""
    import cv2

    found = cv2.connectedComponentsWithStats(ink_of(image), connectivity=8)[2][1:]
    kept = found[found[:, 2:4].max(axis=1) >= SPECK] if len(found) else found
    return sorted((float(x), float(y), float(x + w), float(y + h)) for x, y, w, h, _ in kept.tolist())
