"""Detection by the ICDAR protocol: IoU above 0.5 with each object found once, in the order of the lists.

The harmonic mean of precision (correct / found) and recall (correct / wanted) is 2 · correct / (found + wanted). A score keeps
numerator and denominator, so that the figure over a dataset is the pooled one that the protocol reports, not a mean of means.

Boxes and quads are different benchmarks. `det_hmean`, `e2e_hmean` and `word_spotting` compare upright rectangles, around the
quads where the data have quads; `det_quad_hmean` compares quads, and a box is no quad there: it counts as a wrong detection.
Precision and recall of each stand in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Literal

from ocrtune.contracts import Read, Row
from ocrtune.core import Decoded, Prediction, Region, Sample, Score, Size
from ocrtune.core.outcome import Direction
from ocrtune.metrics._quads import as_boxes, as_quads, found_in, has_quads, objects, size_of
from ocrtune.metrics._texts import unscored
from ocrtune.scoring.icdar import ILLEGIBLE, ImageResult, Mode, Quad, score_image

Shaped = Callable[[Iterable[Region], Size, str | None], list[Quad]]


class _Detection:
    """One picture by the protocol, as a share of counts that can be pooled; `twice` and `counted` say of which."""

    name: ClassVar[str]
    direction: ClassVar[Direction] = "higher"
    pool: ClassVar[Literal["micro", "macro"]] = "micro"
    mode: ClassVar[Mode] = "detection"
    quads: ClassVar[bool] = False

    def score(self, sample: Sample, prediction: Prediction, decoded: Decoded, normalisation: str) -> Score:
        result = self.result(sample, decoded)
        if isinstance(result, str):
            return unscored(sample, self.name, result)
        found = self.found(result, failed=prediction.error is not None)
        total = self.counted(found, result.truth)
        value = float(self.twice * result.correct / total) if total else 1.0
        return Score(sample_id=sample.id, metric=self.name, value=value, errors=float(self.twice * result.correct), total=total)

    def result(self, sample: Sample, decoded: Decoded) -> ImageResult | str:
        """What the protocol says of one picture, or a sentence saying why it says nothing."""
        wanted = objects(sample)
        if isinstance(wanted, str):
            return wanted
        if self.quads and not has_quads((*wanted.wanted, *wanted.ignored)):
            return "its objects are boxes, not quads: det_hmean scores those"
        shape: Shaped = as_quads if self.quads else as_boxes
        size = size_of(sample)
        truth = [*shape(wanted.wanted, size, None), *shape(wanted.ignored, size, ILLEGIBLE)]
        return score_image(truth, shape(found_in(decoded), size, None), mode=self.mode)

    @staticmethod
    def found(result: ImageResult, *, failed: bool) -> int:
        """A failed request on a picture without objects counts as one wrong detection: failing must not be right."""
        return result.found + int(failed and not result.truth)

    twice: ClassVar[int] = 2

    def counted(self, found: int, wanted: int) -> int:
        return found + wanted


class DetHmean(_Detection):
    """Where things are; what they say does not count."""

    name = "det_hmean"

    def table(self, read: Sequence[Read]) -> list[Row]:
        """Precision and recall of the same matches, pooled."""
        results = [(self.result(one.sample, one.decoded), one) for one in read]
        known = [(r, self.found(r, failed=one.prediction.error is not None)) for r, one in results if not isinstance(r, str)]
        correct, wanted = sum(r.correct for r, _ in known), sum(r.truth for r, _ in known)
        found = sum(count for _, count in known)
        rows = (("precision", correct / found if found else 0.0), ("recall", correct / wanted if wanted else 0.0))
        return [Row(f"{self.name}: {what}", value, len(known)) for what, value in rows if known]


class DetQuadHmean(DetHmean):
    """`det_hmean` of quads."""

    name = "det_quad_hmean"
    quads = True


class DetPrecision(_Detection):
    """Correct / found; 1 where nothing was found, as far as one picture goes."""

    name = "det_precision"
    twice = 1

    def counted(self, found: int, wanted: int) -> int:
        return found


class DetRecall(_Detection):
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
