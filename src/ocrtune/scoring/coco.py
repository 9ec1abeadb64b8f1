"""mAP of upright boxes through pycocotools, which prints what it does and keeps it to itself here.

A confidence is needed: without one, average precision depends on the order of a list (`ValueError`). Quads are no boxes;
score them with `icdar`.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

from ocrtune.errors import extra


class Box(NamedTuple):
    """left, top, right, bottom in pixels (COCO's small, medium and large are pixels); `ignored` is COCO's crowd."""

    left: float
    top: float
    right: float
    bottom: float
    kind: str = "text"
    ignored: bool = False


class Detection(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float
    confidence: float
    kind: str = "text"


class Page(NamedTuple):
    truth: Sequence[Box]
    found: Sequence[Detection]


class MeanAp(NamedTuple):
    """Average precision in 0..1, interpolated at 101 points; None where there is nothing to find. `map`: IoU 0.50:0.95."""

    map: float | None
    ap50: float | None
    ap75: float | None
    by_kind: dict[str, float | None]


def mean_ap(pages: Sequence[Page], *, most: int = 100) -> MeanAp:
    """COCO mAP over `pages`; the `most` surest detections of a page and kind count.

    Raises ValueError when every detection has the same confidence: the ranking would be that of the list.
    """
    confidences = {found.confidence for page in pages for found in page.found}
    if len(confidences) == 1 and sum(len(page.found) for page in pages) > 1:
        raise ValueError("all confidences are equal, so average precision would depend on the order of the list; use icdar")
    kinds = sorted({box.kind for page in pages for box in page.truth} | {box.kind for page in pages for box in page.found})
    if not any(page.truth for page in pages):
        return MeanAp(None, None, None, dict.fromkeys(kinds))
    precision = _precision(pages, kinds, most)
    by_kind = {kind: _mean(precision[:, :, at, 0, -1]) for at, kind in enumerate(kinds)}
    whole, at_50, at_75 = (_mean(precision[rows, :, :, 0, -1]) for rows in (slice(None), 0, 5))
    return MeanAp(whole, at_50, at_75, by_kind)


def _mean(precision: Any) -> float | None:
    known = precision[precision > -1]  # -1: no truth of that kind
    return float(known.mean()) if known.size else None


def _precision(pages: Sequence[Page], kinds: list[str], most: int) -> Any:
    """pycocotools' table: IoU threshold, recall point, kind, size, detections a page."""
    with extra("scores"):
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    number = {kind: at for at, kind in enumerate(kinds, start=1)}
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = _dataset(pages, number)
        truth.createIndex()
        found = COCO()
        found.dataset = {**truth.dataset, "annotations": _detections(pages, number)}
        found.createIndex()
        evaluation = COCOeval(truth, found, iouType="bbox")
        evaluation.params.maxDets = [most]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"]


def _dataset(pages: Sequence[Page], number: dict[str, int]) -> dict[str, Any]:
    boxes = [(at, box) for at, page in enumerate(pages, start=1) for box in page.truth]
    annotations = [
        {**_annotation(at, box), "id": n, "category_id": number[box.kind], "iscrowd": int(box.ignored)}
        for n, (at, box) in enumerate(boxes, start=1)  # an id of 0 would count as unmatched
    ]
    return {
        "info": {},
        "images": [{"id": at} for at in range(1, len(pages) + 1)],
        "categories": [{"id": n, "name": kind} for kind, n in number.items()],
        "annotations": annotations,
    }


def _detections(pages: Sequence[Page], number: dict[str, int]) -> list[dict[str, Any]]:
    boxes = [(at, box) for at, page in enumerate(pages, start=1) for box in page.found]
    return [
        {**_annotation(at, box), "id": n, "category_id": number[box.kind], "iscrowd": 0, "score": box.confidence}
        for n, (at, box) in enumerate(boxes, start=1)
    ]


def _annotation(page: int, box: Box | Detection) -> dict[str, Any]:
    width, height = box.right - box.left, box.bottom - box.top
    return {"image_id": page, "bbox": [box.left, box.top, width, height], "area": width * height}
