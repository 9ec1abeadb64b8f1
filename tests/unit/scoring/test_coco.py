"""mAP through pycocotools."""

from __future__ import annotations

import pytest

from ocrtune.scoring.coco import Box, Detection, Page, mean_ap


def test_finding_every_box_is_perfect_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    truth = [Box(0, 0, 10, 10), Box(20, 0, 50, 10, "table")]
    found = [Detection(0, 0, 10, 10, 0.9), Detection(20, 0, 50, 10, 0.8, "table")]
    result = mean_ap([Page(truth, found)])
    assert result[:3] == pytest.approx((1, 1, 1))
    assert result.by_kind == pytest.approx({"table": 1, "text": 1})
    assert capsys.readouterr().out == ""


def test_a_loose_box_counts_up_to_its_overlap() -> None:
    found = mean_ap([Page([Box(0, 0, 10, 10)], [Detection(0, 0, 10, 8, 0.9)])])
    assert (found.ap50, found.ap75) == pytest.approx((1, 1))
    assert found.map == pytest.approx(0.7)


def test_an_ignored_box_is_neither_missed_nor_wrong() -> None:
    page = Page(
        [Box(0, 0, 10, 10), Box(20, 0, 30, 10, ignored=True)], [Detection(0, 0, 10, 10, 0.5), Detection(20, 0, 30, 10, 0.9)]
    )
    assert mean_ap([page]).map == pytest.approx(1)


def test_a_sure_mistake_costs_more_than_an_unsure_one() -> None:
    truth = [Box(0, 0, 10, 10)]
    right, wrong = Detection(0, 0, 10, 10, 0.5), Detection(70, 70, 80, 80, 0.9)
    assert mean_ap([Page(truth, [right, wrong])]).map == pytest.approx(0.5)
    assert mean_ap([Page(truth, [right, wrong._replace(confidence=0.1)])]).map == pytest.approx(1)


def test_pages_without_detections_or_truth_have_plain_answers() -> None:
    assert mean_ap([Page([Box(0, 0, 1, 1)], [])]).map == 0
    assert mean_ap([Page([], [Detection(0, 0, 1, 1, 0.5)])]) == (None, None, None, {"text": None})
    assert mean_ap([]) == (None, None, None, {})


def test_equal_confidences_are_refused() -> None:
    with pytest.raises(ValueError, match="order of the list"):
        mean_ap([Page([Box(0, 0, 1, 1)], [Detection(0, 0, 1, 1, 1.0), Detection(5, 5, 6, 6, 1.0)])])
