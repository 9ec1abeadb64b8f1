"""Detection by the ICDAR protocol: IoU above 0.5 with each object found once, in the order of the lists.

The harmonic mean of precision (correct / found) and recall (correct / wanted) is 2 · correct / (found + wanted). A score keeps
numerator and denominator, so that the figure over a dataset is the pooled one that the protocol reports, not a mean of means.

Boxes and quads are different benchmarks. `det_hmean`, `e2e_hmean` and `word_spotting` compare upright rectangles, around the
quads where the data have quads; `det_quad_hmean` compares quads, and a box is no quad there: it counts as a wrong detection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Literal

from ocrtune.core import Decoded, Prediction, Region, Sample, Score, Size
from ocrtune.core.outcome import Direction
from ocrtune.metrics._quads import as_boxes, as_quads, found_in, has_quads, objects, size_of
from ocrtune.metrics._texts import unscored
from ocrtune.scoring.icdar import ILLEGIBLE, ImageResult, Mode, Quad, score_image

Shaped = Callable[[Iterable[Region], Size, str | None], list[Quad]]


class DetHmean:
    """Where things are; what they say does not count."""

    name = "det_hmean"
    direction: ClassVar[Direction] = "higher"
    pool: ClassVar[Literal["micro", "macro"]] = "micro"
    mode: ClassVar[Mode] = "detection"
    quads: ClassVar[bool] = False

    def score(self, sample: Sample, prediction: Prediction, decoded: Decoded, normalisation: str) -> Score:
        wanted = objects(sample)
        if isinstance(wanted, str):
            return unscored(sample, self.name, wanted)
        if self.quads and not has_quads((*wanted.wanted, *wanted.ignored)):
            return unscored(sample, self.name, "its objects are boxes, not quads: det_hmean scores those")
        shape: Shaped = as_quads if self.quads else as_boxes
        size = size_of(sample)
        truth = [*shape(wanted.wanted, size, None), *shape(wanted.ignored, size, ILLEGIBLE)]
        result = score_image(truth, shape(found_in(decoded), size, None), mode=self.mode)
        return self.of(sample, result, failed=prediction.error is not None)

    def of(self, sample: Sample, result: ImageResult, *, failed: bool) -> Score:
        # A failed request on a picture without objects counts as one wrong detection: failing must not be right.
        found = result.found + int(failed and not result.truth)
        total = self.counted(found, result.truth)
        value = float(self.twice * result.correct / total) if total else 1.0
        return Score(sample_id=sample.id, metric=self.name, value=value, errors=float(self.twice * result.correct), total=total)

    twice: ClassVar[int] = 2

    def counted(self, found: int, wanted: int) -> int:
        return found + wanted


class DetQuadHmean(DetHmean):
    """`det_hmean` of quads."""

    name = "det_quad_hmean"
    quads = True


class DetPrecision(DetHmean):
    """Correct / found; 1 where nothing was found, as far as one picture goes."""

    name = "det_precision"
    twice = 1

    def counted(self, found: int, wanted: int) -> int:
        return found


class DetRecall(DetHmean):
    """Correct / wanted."""

    name = "det_recall"
    twice = 1

    def counted(self, found: int, wanted: int) -> int:
        return wanted


class E2eHmean(DetHmean):
    """Found and read: the texts are equal but for case and one special mark at either end."""

    name = "e2e_hmean"
    mode = "e2e"


class WordSpotting(DetHmean):
    """As `e2e_hmean`, for dictionary words alone: three or more Latin or Greek letters; everything else is ignored."""

    name = "word_spotting"
    mode = "word_spotting"
