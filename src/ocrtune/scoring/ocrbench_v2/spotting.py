"""Text spotting of OCRBench v2: the ICDAR end-to-end protocol on one image, boxes on both sides."""

from __future__ import annotations

from ocrtune.scoring.boxes import read_words
from ocrtune.scoring.icdar import Quad, bounding_rectangle, pool, score_image, unquoted
from ocrtune.scoring.ocrbench_v2.items import Item


def spotting_score(item: Item, answer: str) -> float:
    """Harmonic mean of precision and recall; polygons of the truth are replaced by their upright rectangles."""
    found = [
        Quad(bounding_rectangle(word[:4]), _read_back(word.text))
        for word in read_words(answer)
        if word.left < word.right and word.top < word.bottom
    ]
    truth = [
        Quad(bounding_rectangle([float(str(x)) for x in polygon]), _read_back(text))
        for polygon, text in zip(item.bbox, item.content, strict=False)
        if isinstance(polygon, list | tuple)
    ]
    if not found or not truth:
        return 0
    return pool([score_image(truth, found, mode="e2e")]).hmean


def _read_back(text: str) -> str:
    """The published code writes both sides to files of lines, and reads them back without carriage returns."""
    return unquoted(text.replace("\r", ""))
