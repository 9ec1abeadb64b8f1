"""mAP as COCO has it, through pycocotools: IoU 0.50 to 0.95, by kind of region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from ocrtune.contracts import Read, Row
from ocrtune.core import Decoded, Prediction, Region, Sample, Score, Size
from ocrtune.core.outcome import Direction
from ocrtune.metrics._quads import found_in, objects, size_of
from ocrtune.metrics._texts import unscored
from ocrtune.scoring.coco import Box, Detection, MeanAp, Page, mean_ap

WITHOUT = "without confidences average precision depends on the order of a list: det_hmean needs none"


class AveragePrecision:
    """The score of a sample is the mAP of its picture alone; the figure with the interval is their mean. COCO's mAP is no mean
    over pictures: it stands in the table, as `map`, `ap50`, `ap75` and by kind.

    Boxes only: the rectangle around a quad stands for it. A reading whose boxes have no confidence is unscored, nothing found
    is 0.
    """

    name = "map"
    direction: ClassVar[Direction] = "higher"
    pool: ClassVar[Literal["micro", "macro"]] = "macro"

    def score(self, sample: Sample, prediction: Prediction, decoded: Decoded, normalisation: str) -> Score:
        wanted = objects(sample)
        if isinstance(wanted, str):
            return unscored(sample, self.name, wanted)
        if not wanted.wanted:
            return unscored(sample, self.name, "there is nothing to find: average precision is not defined")
        page = _page(sample, decoded)
        found = None if page is None else _mean_ap([page])
        if found is None or found.map is None:
            return unscored(sample, self.name, WITHOUT)
        return Score(sample_id=sample.id, metric=self.name, value=0.0 if prediction.error else found.map)

    def table(self, read: Sequence[Read]) -> list[Row]:
        """COCO's figures over all pictures."""
        pages = [_page(one.sample, one.decoded) for one in read if not isinstance(objects(one.sample), str)]
        known = [page for page in pages if page is not None]
        found = _mean_ap(known) if len(known) == len(pages) and known else None
        if found is None:
            return []
        rows = [Row("map", found.map, len(known)), Row("ap50", found.ap50, len(known)), Row("ap75", found.ap75, len(known))]
        return [*rows, *(Row(f"map: {kind}", value, len(known)) for kind, value in found.by_kind.items())]


def _mean_ap(pages: Sequence[Page]) -> MeanAp | None:
    try:
        return mean_ap(pages)
    except ValueError:  # all confidences are one
        return None


def _page(sample: Sample, decoded: Decoded) -> Page | None:
    """None where a detection has no confidence."""
    wanted, size, found = objects(sample), size_of(sample), found_in(decoded)
    if isinstance(wanted, str):
        return None
    truth = [Box(*_corners(region, size), region.kind) for region in wanted.wanted]
    truth += [Box(*_corners(region, size), region.kind, ignored=True) for region in wanted.ignored]
    detections = [
        Detection(*_corners(region, size), region.confidence, region.kind) for region in found if region.confidence is not None
    ]
    return Page(truth, detections) if len(detections) == len(found) else None


def _corners(region: Region, size: Size) -> tuple[float, float, float, float]:
    assert region.box is not None
    return region.box.to_pixels(*size)
