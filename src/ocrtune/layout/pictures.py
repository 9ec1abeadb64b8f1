"""What is drawn on a page, not written: ruling lines, and figures such as photographs and drawings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ocrtune.layout.parts import Rect, Rule, Span

if TYPE_CHECKING:
    from PIL.Image import Image


def rules_in(image: Image) -> list[Rule]:
    """Straight horizontal and vertical lines in the picture of a page, from morphological opening."""
    import cv2
    import numpy as np

    ink = _ink(image)
    least = max(24, min(image.size) // 40)
    found = []
    for kernel in ((least, 1), (1, least)):
        lines = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(kernel[::-1], np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(lines)
        for x, y, w, h, _count in stats[1:].tolist():
            if max(w, h) >= 8 * min(w, h):
                found.append(Rule((float(x), float(y), float(x + w), float(y + h))))
    return found


def figures_in(image: Image, spans: Sequence[Span]) -> list[Rect]:
    """Boxes of ink that is not text: photographs and drawings."""
    import cv2
    import numpy as np

    ink = _ink(image)
    for span in spans:
        left, top, right, bottom = (round(v) for v in span.box)
        ink[max(top - 2, 0) : bottom + 2, max(left - 2, 0) : right + 2] = 0
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    least = min(image.size) / 12
    return [(float(x), float(y), float(x + w), float(y + h)) for x, y, w, h, _ in stats[1:].tolist() if min(w, h) >= least]


def _ink(image: Image) -> Any:
    """255 where the page is darker than its neighbourhood, 0 elsewhere."""
    import cv2
    import numpy as np

    grey = np.asarray(image.convert("L"))
    return cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 15)
