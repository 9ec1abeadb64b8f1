"""The ICDAR / Robust Reading protocol: detection, end-to-end recognition and word spotting at IoU > 0.5.

Quadrilaterals only: points are cut to integers and must go clockwise in image coordinates. A model that gives boxes is
scored against the bounding rectangles of the quads (`bounding_rectangle`), which is another benchmark: never compare the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from ocrtune.scoring.polygons import Region, as_region, intersection

Mode = Literal["detection", "e2e", "word_spotting"]
Points = tuple[int, int, int, int, int, int, int, int]

ILLEGIBLE = "###"
_SPECIAL = "!?.:,*\"()·[]/'"
_MIN_WORD = 3
# Latin with its extensions, Greek, hyphen; × ÷ · are excluded from the ranges that contain them.
_DICTIONARY_WORD = re.compile("(?:(?![×÷·])[a-zA-Z\u00c0-\u01bf\u01c4-\u027f\u0386-\u03ff-])*")
_LINE = re.compile(r"\s*" + r"\s*,\s*".join([r"(-?[0-9]+)"] * 8) + r"\s*,(.*)")
_QUOTED = re.compile(r'\s*"(.*)"\s*$')


class Quad(NamedTuple):
    """A word: four points clockwise from any corner, its text ("###": nobody can read it), a confidence if there is one."""

    points: Points
    text: str = ""
    confidence: float | None = None


class Match(NamedTuple):
    """`truth` and `found` are places in the two lists; `correct` tells whether the text agrees as well."""

    truth: int
    found: int
    correct: bool


class ImageResult(NamedTuple):
    """One image. `ignored_truth` and `ignored_found` count neither for nor against."""

    precision: float
    recall: float
    hmean: float
    ignored_truth: list[int]
    ignored_found: list[int]
    pairs: list[Match]
    ap: float | None
    correct: int
    truth: int
    found: int
    ranked: list[tuple[float, bool]]


class CorpusResult(NamedTuple):
    """All images pooled; `ap` is None unless every detection has a confidence."""

    precision: float
    recall: float
    hmean: float
    ap: float | None


def read_quads(text: str) -> list[Quad]:
    """The lines `x1,y1,…,x4,y4,text` of a ground truth or result file.

    Text wholly in double quotes loses them. Raises ValueError for a line of another form and for points that are not clockwise.
    """
    return [_read_line(line) for raw in text.removeprefix("\ufeff").split("\n") if (line := raw.replace("\r", ""))]


def _read_line(line: str) -> Quad:
    fields = _LINE.match(line)
    if fields is None:
        raise ValueError(f"not a line of x1,y1,x2,y2,x3,y3,x4,y4,text: {line[:80]!r}")
    *numbers, text = fields.groups()
    return Quad(clockwise([int(n) for n in numbers]), unquoted(text))


def unquoted(text: str) -> str:
    """The text itself; without its double quotes and their escapes if it is wholly in some."""
    quoted = _QUOTED.match(text)
    return quoted.group(1).replace("\\\\", "\\").replace('\\"', '"') if quoted else text


def clockwise(points: Sequence[float]) -> Points:
    """Eight coordinates as integers. Raises ValueError unless they go clockwise (y points down)."""
    if len(points) != 8:
        raise ValueError(f"a quadrilateral has 8 coordinates, not {len(points)}")
    a, b, c, d, e, f, g, h = (int(p) for p in points)
    if (c - a) * (d + b) + (e - c) * (f + d) + (g - e) * (h + f) + (a - g) * (b + h) > 0:
        raise ValueError(f"the points {tuple(points)} are not clockwise in image coordinates")
    return a, b, c, d, e, f, g, h


def bounding_rectangle(points: Sequence[float]) -> Points:
    """The upright rectangle around any number of points, as a clockwise quad."""
    left, top, right, bottom = min(points[0::2]), min(points[1::2]), max(points[0::2]), max(points[1::2])
    return clockwise([left, top, right, top, right, bottom, left, bottom])


def score_image(truth: Sequence[Quad], found: Sequence[Quad], *, mode: Mode = "detection", threshold: float = 0.5) -> ImageResult:
    """Match one image greedily in list order; see the module for what the lists must be.

    Where all detections have confidences, the surest come first. A detection more than half of which lies in an ignored truth is
    ignored. The first free pair with IoU above `threshold` is taken, also when its text is wrong. Where nothing is to be found,
    recall is 1, and so is precision if nothing was.
    """
    wanted = [_wanted(quad, mode) for quad in truth]
    ignored_truth = [at for at, text in enumerate(wanted) if text is None]
    regions, finds = [as_region(q.points) for q in truth], [as_region(q.points) for q in found]
    ignored_found = [
        at for at, region in enumerate(finds) if any(_mostly_inside(region, regions[other]) for other in ignored_truth)
    ]
    pairs: list[Match] = []
    skipped = set(ignored_found)
    free = [at for at in _surest_first(found) if at not in skipped]
    for at, text in enumerate(wanted):
        taken = None if text is None else next((i for i in free if _overlap(regions[at], finds[i]) > threshold), None)
        if taken is not None and text is not None:
            free.remove(taken)
            pairs.append(Match(at, taken, mode == "detection" or agrees(text, found[taken].text, mode)))
    return _summed(found, pairs, ignored_truth, ignored_found, len(truth))


def _surest_first(found: Sequence[Quad]) -> list[int]:
    confidences = [quad.confidence for quad in found if quad.confidence is not None]
    order = list(range(len(found)))
    return sorted(order, key=lambda at: -confidences[at]) if len(confidences) == len(found) else order


def _summed(
    found: Sequence[Quad], pairs: list[Match], ignored_truth: list[int], ignored_found: list[int], size: int
) -> ImageResult:
    correct = sum(pair.correct for pair in pairs)
    n_truth, n_found = size - len(ignored_truth), len(found) - len(ignored_found)
    hits = {pair.found for pair in pairs if pair.correct}
    skipped = set(ignored_found)
    kept = [(quad.confidence, at in hits) for at, quad in enumerate(found) if at not in skipped]
    ranked = [(confidence, hit) for confidence, hit in kept if confidence is not None]
    if n_truth:
        recall, precision = correct / n_truth, correct / n_found if n_found else 0.0
        ap = average_precision(ranked, n_truth) if len(ranked) == len(kept) and kept else None
    else:
        recall, precision = 1.0, 0.0 if n_found else 1.0
        ap = precision
    return ImageResult(
        precision=precision,
        recall=recall,
        hmean=_hmean(precision, recall),
        ignored_truth=ignored_truth,
        ignored_found=ignored_found,
        pairs=pairs,
        ap=ap,
        correct=correct,
        truth=n_truth,
        found=n_found,
        ranked=ranked,
    )


def pool(images: Iterable[ImageResult]) -> CorpusResult:
    """Σ correct over Σ counted detections and over Σ counted truth; 0 where a sum is empty."""
    images = list(images)
    correct, truth, found = (sum(getattr(image, name) for image in images) for name in ("correct", "truth", "found"))
    precision, recall = correct / found if found else 0.0, correct / truth if truth else 0.0
    ranked = [one for image in images for one in image.ranked]
    ap = average_precision(ranked, truth) if ranked and len(ranked) == found else None
    return CorpusResult(precision, recall, _hmean(precision, recall), ap)


def average_precision(ranked: Iterable[tuple[float, bool]], truth: int) -> float:
    """Σ precision at each hit, by falling confidence, over the truth: the RRC's AP, not COCO's interpolated one."""
    hits, total = 0, 0.0
    for rank, (_, hit) in enumerate(sorted(ranked, key=lambda one: -one[0]), start=1):
        if hit:
            hits += 1
            total += hits / rank
    return total / truth if truth else 0.0


def _hmean(precision: float, recall: float) -> float:
    return 2.0 * precision * recall / (precision + recall) if precision + recall else 0.0


def _mostly_inside(region: Region, other: Region) -> bool:
    return region.area != 0 and intersection(other, region) / region.area > 0.5


def _overlap(one: Region, two: Region) -> float:
    shared = intersection(two, one)
    union = two.area + one.area - shared
    return shared / union if union else 0.0


def _wanted(quad: Quad, mode: Mode) -> str | None:
    """The text to be read, or None where the word does not count."""
    if quad.text == ILLEGIBLE:
        return None
    return dictionary_word(quad.text) if mode == "word_spotting" else quad.text


def dictionary_word(text: str) -> str | None:
    """The word that word spotting asks for: without a final 's, outer hyphens and special marks; None if it is not one.

    A dictionary word has three or more Latin or Greek letters or hyphens, and no space or mark inside.
    """
    word = text[:-2] if text[-2:] in ("'s", "'S") else text
    word = word.strip("-").translate(dict.fromkeys(map(ord, _SPECIAL), " ")).strip()
    if " " in word or len(word) < _MIN_WORD or not _DICTIONARY_WORD.fullmatch(word):
        return None
    return word


def agrees(truth: str, found: str, mode: Mode = "e2e") -> bool:
    """Whether two texts are equal but for case; end to end, one special mark at either end of the truth may be missing."""
    truth, found = truth.upper(), found.upper()
    if truth == found or mode == "word_spotting":
        return truth == found
    # An empty truth crashes the published script; nothing but the empty text equals it.
    first, last = bool(truth) and truth[0] in _SPECIAL, bool(truth) and truth[-1] in _SPECIAL
    return (first and truth[1:] == found) or (last and truth[:-1] == found) or (first and last and truth[1:-1] == found)
