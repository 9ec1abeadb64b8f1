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
    found = connected(ink_of(image))
    kept = found[found[:, 2:4].max(axis=1) >= SPECK] if len(found) else found
    return sorted((float(x), float(y), float(x + w), float(y + h)) for x, y, w, h, _ in kept.tolist())


def connected(ink: Any) -> Any:
    """Left, top, width, height and number of pixels of each piece of ink, (n, 5).

    Short labels take a third of the time; a page of nothing but dots has more pieces than they can count.
    """
    import cv2

    try:
        return cv2.connectedComponentsWithStatsWithAlgorithm(ink, 8, cv2.CV_16U, cv2.CCL_DEFAULT)[2][1:]
    except cv2.error:
        return cv2.connectedComponentsWithStats(ink, connectivity=8)[2][1:]
