"""Detection through the front door: pooled counts are the protocol's corpus figure; boxes and quads stay apart."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from ocrtune.contracts import Metric, Read
from ocrtune.core import Box, BoxesTarget, Decoded, Failure, ImageRef, Prediction, Region, Sample, Score, TextTarget
from ocrtune.metrics.average_precision import AveragePrecision
from ocrtune.metrics.detection import DetHmean, DetPrecision, DetQuadHmean, DetRecall, E2eHmean, WordSpotting
from ocrtune.scoring.icdar import read_quads

ICDAR = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "golden" / "icdar"
SIDE = 200


class E2eQuads(E2eHmean):
    quads = True


class SpottingQuads(WordSpotting):
    quads = True


def box(left: int, top: int, right: int, bottom: int, text: str = "", confidence: float | None = None) -> Region:
    return Region(text=text, box=Box.from_pixels((left, top, right, bottom), SIDE, SIDE), confidence=confidence)


def quad(points: tuple[int, ...], text: str = "", width: int = SIDE, height: int = SIDE) -> Region:
    xs, ys = points[0::2], points[1::2]
    outline = tuple((x / width, y / height) for x, y in zip(xs, ys, strict=True))
    made = Box.from_pixels((min(xs), min(ys), max(xs), max(ys)), width, height)
    return Region(text=text, box=made.model_copy(update={"polygon": outline}))


def sample(wanted: tuple[Region, ...], ignored: tuple[Region, ...] = (), width: int = SIDE, height: int = SIDE) -> Sample:
    image = ImageRef(path="x.png", width=width, height=height)
    return Sample(id="s", group="g", images=(image,), target=BoxesTarget(boxes=wanted, ignored=ignored))


def score(metric: Metric, asked: Sample, found: tuple[Region, ...] | None) -> Score:
    if found is None:
        failed = Prediction(sample_id="s", finish="error", error=Failure(kind="timeout", message="no answer"))
        return metric.score(asked, failed, Decoded(), "none")
    return metric.score(asked, Prediction(sample_id="s", text="said"), Decoded(regions=found), "none")


WORD, OTHER = box(10, 10, 60, 30, "Word"), box(10, 100, 60, 120, "Other")


def test_hmean_counts_pool_to_precision_and_recall() -> None:
    asked = sample((WORD, OTHER))
    found = (box(11, 10, 61, 30, "word"), box(150, 150, 180, 180), box(150, 10, 180, 30))
    hmean, precision, recall = (score(metric, asked, found) for metric in (DetHmean(), DetPrecision(), DetRecall()))
    assert (precision.errors, precision.total) == (1, 3)
    assert (recall.errors, recall.total) == (1, 2)
    read = Read(asked, Prediction(sample_id="s", text="said"), Decoded(regions=found))
    assert [tuple(row) for row in DetHmean().table([read, read])] == [
        ("det_hmean: precision", pytest.approx(1 / 3), 2),
        ("det_hmean: recall", 0.5, 2),
    ]
    assert (hmean.errors, hmean.total, hmean.value) == (2, 5, pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2)))


def test_ignored_objects_count_neither_way() -> None:
    hidden = box(100, 100, 150, 150)
    asked = sample((WORD,), (hidden,))
    assert score(DetHmean(), asked, (WORD, hidden)).value == 1
    assert score(DetHmean(), asked, (WORD,)).value == 1


def test_reading_counts_end_to_end_only() -> None:
    asked = sample((WORD,))
    wrong = (WORD.model_copy(update={"text": "World"}),)
    assert score(DetHmean(), asked, wrong).value == 1
    assert score(E2eHmean(), asked, wrong).value == 0
    assert score(E2eHmean(), asked, (WORD.model_copy(update={"text": "WORD"}),)).value == 1


def test_word_spotting_ignores_what_is_no_word() -> None:
    number = box(10, 50, 60, 70, "12")
    asked = sample((WORD, number))
    assert score(WordSpotting(), asked, (WORD,)).value == 1
    assert score(E2eHmean(), asked, (WORD,)).value == pytest.approx(2 / 3)


def test_a_failed_request_finds_nothing_even_where_nothing_is() -> None:
    assert score(DetHmean(), sample((WORD,)), None).value == 0
    assert score(DetHmean(), sample(()), ()).value == 1
    failed = score(DetHmean(), sample(()), None)
    assert (failed.value, failed.total) == (0, 1)


def test_boxes_are_no_quads_and_quads_are_no_boxes() -> None:
    slanted = quad((10, 30, 60, 10, 70, 30, 20, 50), "Word")
    asked = sample((slanted,))
    around = box(10, 10, 70, 50)
    assert score(DetQuadHmean(), asked, (slanted,)).value == 1
    assert score(DetQuadHmean(), asked, (around,)).value == 0
    assert score(DetHmean(), asked, (around,)).value == 1
    upright = score(DetQuadHmean(), sample((WORD,)), (WORD,))
    assert upright.value is None
    assert "not quads" in str(upright.why)


def test_text_has_no_boxes_to_find() -> None:
    asked = sample((WORD,)).model_copy(update={"target": TextTarget(text="a")})
    for metric in (DetHmean(), E2eHmean(), AveragePrecision()):
        assert score(metric, asked, (WORD,)).value is None


def test_average_precision_needs_confidences_that_differ() -> None:
    asked = sample((WORD, OTHER))
    sure = (WORD.model_copy(update={"confidence": 0.9}), OTHER.model_copy(update={"confidence": 0.8}))
    assert score(AveragePrecision(), asked, sure).value == pytest.approx(1)
    assert "without confidences" in str(score(AveragePrecision(), asked, (WORD, OTHER)).why)
    assert score(AveragePrecision(), asked, ()).value == 0


def test_the_table_has_cocos_figure_over_all_pictures() -> None:
    asked = sample((WORD, OTHER))
    good = Decoded(regions=(WORD.model_copy(update={"confidence": 0.9}), OTHER.model_copy(update={"confidence": 0.5})))
    bad = Decoded(regions=(box(150, 150, 190, 190, confidence=0.8),))
    said = Prediction(sample_id="s", text="said")
    rows = AveragePrecision().table([Read(asked, said, good), Read(asked, said, bad)])
    figures = {row.name: row.value for row in rows}
    # Ranked by confidence: right, wrong, right, of four objects: precision 1 up to recall 1/4, 2/3 up to 1/2, 0 beyond.
    assert figures["ap50"] == pytest.approx((26 * 1 + 25 * (2 / 3)) / 101, abs=1e-6)
    assert AveragePrecision().table([Read(asked, said, Decoded(regions=(WORD,)))]) == []


@pytest.mark.parametrize(
    ("metric", "mode"), [(DetQuadHmean(), "detection"), (E2eQuads(), "e2e"), (SpottingQuads(), "word_spotting")]
)
def test_icdar_figures_come_out_of_regions_as_published(metric: Metric, mode: str) -> None:
    expected = ICDAR / "expected_images_1_to_250.json"
    if not expected.is_file():
        pytest.skip("the ICDAR vectors (shared/data/golden/icdar beside the repository) are not here")
    published = json.loads(expected.read_text())[mode]["per_sample"]
    truth, found = _read("gt.zip", "gt_img_"), _read("submit.zip", "res_img_")
    for number in list(published)[:60]:
        asked = sample(tuple(truth[number]), width=1280, height=720)
        value = score(metric, asked, tuple(found.get(number, []))).value
        assert value == pytest.approx(published[number]["hmean"], abs=1e-12), number


def _read(archive: str, prefix: str) -> dict[str, list[Region]]:
    with zipfile.ZipFile(ICDAR / archive) as opened:
        return {
            name.removeprefix(prefix).removesuffix(".txt"): [
                quad(one.points, one.text, 1280, 720) for one in read_quads(io.TextIOWrapper(opened.open(name), "utf-8").read())
            ]
            for name in opened.namelist()
        }
