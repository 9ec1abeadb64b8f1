"""Small pages with known lines: the boxes are where the ink is, and the figures of `found.py` count what they say."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "recipes" / "nano"))

from found import matched
from pages import HEIGHT, WIDTH, noisy, page

from ocrtune.core import Box, Region


@pytest.fixture(scope="module")
def faces() -> tuple[str, ...]:
    matplotlib = pytest.importorskip("matplotlib")
    return (str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"),)


def test_boxes_hold_all_ink_and_nothing_else(faces: tuple[str, ...]) -> None:
    for seed in range(20):
        pixels, lines = page(random.Random(seed), faces, ("the quick brown fox jumps over the lazy dog",))
        assert lines or (pixels == 255).all()
        outside = pixels.copy()
        for text, (left, top, right, bottom) in lines:
            assert text and (pixels[top:bottom, left:right] < 128).any()
            assert (pixels[top, left:right] < 128).any() and (pixels[bottom - 1, left:right] < 128).any()
            outside[top:bottom, left:right] = 255
        assert (outside >= 128).all()


def test_noise_moves_nothing(faces: tuple[str, ...]) -> None:
    pixels, _ = page(random.Random(3), faces, ("a line of words",))
    spoilt = noisy(random.Random(3), pixels)
    assert spoilt.shape == (HEIGHT, WIDTH)
    assert spoilt[pixels < 64].mean() + 60 < spoilt[pixels > 250].mean()
    assert np.array_equal(spoilt, noisy(random.Random(3), pixels))


def region(left: float, right: float) -> Region:
    return Region(text="x", box=Box(left=left, top=0.1, right=right, bottom=0.2))


def test_each_line_is_found_once_and_by_the_nearest_box() -> None:
    truth = (region(0.0, 0.4), region(0.5, 0.9))
    said = [region(0.0, 0.3), region(0.0, 0.4), region(0.8, 0.99)]
    assert matched(truth, said) == [(truth[0], said[1])]
