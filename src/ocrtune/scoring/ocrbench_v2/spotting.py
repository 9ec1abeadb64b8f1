"""Text spotting of OCRBench v2: the ICDAR end-to-end protocol on one image, boxes on both sides."""

from __future__ import annotations

from ocrtune.scoring.boxes import read_words
from ocrtune.scoring.icdar import Quad, bounding_rectangle, pool, score_image, unquoted
from ocrtune.scoring.ocrbench_v2.items import Item, Profile


def spotting_score(item: Item, answer: str, profile: Profile) -> float:
    """Harmonic mean of precision and recall; polygons of the truth are replaced by their upright rectangles."""
    found = [
        Quad(bounding_rectangle(word[:4]), unquoted(_lines(word.text)[0]))
        for word in read_words(answer)
        if word.left < word.right and word.top < word.bottom
    ]
    wanted = [
        (polygon, _lines(text))
        for polygon, text in zip(item.bbox, item.content, strict=False)
        if isinstance(polygon, list | tuple)
    ]
    if not found or not wanted or any(any(lines[1:]) for _, lines in wanted):  # what follows a line break is no word with a box
        return 0
    truth = [Quad(bounding_rectangle([float(str(x)) for x in polygon]), unquoted(lines[0])) for polygon, lines in wanted]
    image = score_image(truth, found, mode="e2e")
    if profile == "lmms_current" and any(not truth[pair.truth].text and not pair.correct for pair in image.pairs):
        return 0  # an empty truth crashes the published script; this profile catches that, and the whole picture has nothing
    return pool([image]).hmean


def _lines(text: str) -> list[str]:
    """The published code writes both sides to files, a word a line, and reads them back without carriage returns."""
    return text.replace("\r", "").split("\n")
