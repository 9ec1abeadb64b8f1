from __future__ import annotations

import random
import time

from hypothesis import given
from hypothesis import strategies as st

from ocrtune.core import Size
from ocrtune.layout import Rect, order

A4 = Size(1000, 1414)


def read(boxes: list[Rect], size: Size = A4, *, vertical: bool = False) -> bool:
    """Whether boxes that are listed in their true order are put into it, however they are shuffled."""
    for seed in range(5):
        mixed = list(range(len(boxes)))
        random.Random(seed).shuffle(mixed)
        got = [mixed[i] for i in order([boxes[i] for i in mixed], size, vertical=vertical)]
        if got != list(range(len(boxes))):
            return False
    return True


def test_one_column_is_read_from_top_to_bottom() -> None:
    assert read([(100, 100, 900, 200), (100, 220, 500, 300), (100, 320, 900, 600), (300, 620, 900, 640)])


def test_two_columns_under_a_spanning_title_are_read_one_after_the_other() -> None:
    title = (100.0, 100.0, 900.0, 160.0)
    left, right = [(100, 200, 480, 500), (100, 520, 480, 900)], [(520, 200, 900, 420), (520, 440, 900, 900)]
    assert read([title, *left, *right])


def test_columns_of_paragraphs_that_happen_to_align_stay_columns() -> None:
    assert read([(100, 200, 480, 400), (100, 430, 480, 600), (520, 200, 900, 400), (520, 430, 900, 600)])


def test_three_columns_above_and_two_below_a_wide_table() -> None:
    above = [(60, 100, 340, 500), (360, 100, 640, 500), (660, 100, 940, 480)]
    assert read([*above, (60, 540, 940, 800), (60, 840, 480, 1200), (520, 840, 940, 1200)])


def test_a_title_over_two_of_three_columns_belongs_to_them() -> None:
    assert read([(60, 100, 640, 160), (60, 180, 340, 900), (360, 180, 640, 900), (660, 100, 940, 900)])


def test_running_heads_come_first_and_feet_last() -> None:
    heads, feet = [(60, 30, 200, 50), (800, 30, 940, 50)], [(60, 1360, 200, 1380), (480, 1360, 520, 1380)]
    assert read([*heads, (60, 120, 480, 1200), (520, 120, 940, 1200), *feet])


def test_facing_pages_are_read_one_after_the_other_with_their_feet() -> None:
    left = [(60, 100, 330, 900), (360, 100, 640, 900), (60, 960, 100, 975)]
    right = [(760, 100, 1030, 900), (1060, 100, 1340, 900), (1300, 960, 1340, 975)]
    assert read([*left, *right], Size(1414, 1000))


def test_the_number_of_an_equation_follows_it() -> None:
    boxes: list[Rect] = []
    for top in (100, 220, 340):
        boxes += [(100, top, 700, top + 40), (200, top + 50, 500, top + 80), (860, top + 55, 900, top + 75)]
    assert read(boxes)


def test_a_common_caption_follows_both_figures_and_their_own_captions() -> None:
    assert read(
        [
            (100, 100, 480, 400),
            (250, 404, 330, 420),
            (500, 100, 880, 400),
            (650, 404, 730, 420),
            (400, 450, 600, 470),
            (100, 500, 900, 700),
        ]
    )


def test_a_wide_band_of_white_separates_what_is_above_from_what_is_below() -> None:
    assert read([(100, 100, 480, 300), (520, 100, 900, 300), (100, 420, 480, 700), (520, 420, 900, 700)])


def test_vertical_lines_are_read_from_right_to_left() -> None:
    assert read([(880, 100, 920, 1300), (820, 100, 860, 900), (760, 100, 800, 1300)], vertical=True)


def test_tiers_of_a_vertical_page_are_read_from_the_upper_one_on() -> None:
    upper = [(800, 100, 900, 700), (650, 100, 780, 700), (500, 100, 630, 650)]
    lower = [(750, 760, 900, 1300), (500, 760, 730, 1300)]
    assert read([*upper, *lower], vertical=True)


def test_a_title_at_the_right_edge_of_a_vertical_page_comes_before_both_tiers() -> None:
    assert read([(860, 100, 940, 1300), (500, 100, 820, 680), (500, 740, 820, 1300)], vertical=True)


coordinate = st.integers(0, 60)
boxes = st.lists(
    st.builds(
        lambda x, y, w, h: (10.0 * x, 10.0 * y, 10.0 * (x + w + 1), 10.0 * (y + h + 1)),
        coordinate,
        coordinate,
        coordinate,
        coordinate,
    ),
    max_size=25,
    unique=True,
)


@given(boxes, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_is_a_permutation_that_does_not_depend_on_the_order_given(
    boxes: list[Rect], vertical: bool, rng: random.Random
) -> None:
    size = Size(1250, 1250)
    got = order(boxes, size, vertical=vertical)
    assert sorted(got) == list(range(len(boxes)))
    mixed = list(range(len(boxes)))
    rng.shuffle(mixed)
    again = [mixed[i] for i in order([boxes[i] for i in mixed], size, vertical=vertical)]
    assert again == got


def test_a_crowd_of_overlapping_boxes_is_ordered_within_seconds() -> None:
    rng = random.Random(3)
    crowd = [(x, y, x + 300.0, y + 300.0) for x, y in ((rng.random() * 700, rng.random() * 1100) for _ in range(1500))]
    begun = time.process_time()
    assert len(set(order(crowd, A4))) == 1500
    assert time.process_time() - begun < 5


def test_a_line_across_both_columns_is_read_before_them_though_it_is_narrow() -> None:
    """A date in the middle, which touches the left column as little as the right one, above columns that begin with a heading."""
    date = (390.0, 120.0, 610.0, 132.0)
    left = [(90.0, 140.0, 260.0, 154.0), (90.0, 166.0, 156.0, 175.0), (90.0, 185.0, 480.0, 600.0)]
    right = [(518.0, 140.0, 910.0, 186.0), (518.0, 198.0, 910.0, 600.0)]
    boxes = [(355.0, 85.0, 647.0, 104.0), date, *left, *right]
    assert order(boxes, Size(1000, 1400)) == [0, 1, 2, 3, 4, 5, 6]


COLUMNS = [
    *((90.0, 100.0 + 60 * n, 440.0, 150.0 + 60 * n) for n in range(5)),
    *((520.0, 100.0 + 60 * n, 880.0, 150.0 + 60 * n) for n in range(5)),
]


def test_lines_to_sign_on_below_columns_are_read_last_where_they_reach_into_the_gutter() -> None:
    assert read([*COLUMNS, (90.0, 406.0, 500.0, 422.0), (90.0, 430.0, 490.0, 446.0)])


def test_what_stands_below_columns_of_one_height_after_more_white_is_read_last() -> None:
    assert read([*COLUMNS, (90.0, 430.0, 300.0, 446.0), (90.0, 454.0, 320.0, 470.0)])


def test_columns_below_narrower_figures_are_no_lines_to_sign_on() -> None:
    figures = [(90.0, 100.0, 480.0, 300.0), (600.0, 100.0, 820.0, 290.0)]
    left, right = (
        [(90.0, 320.0, 480.0, 500.0), (90.0, 530.0, 480.0, 700.0)],
        [(510.0, 310.0, 900.0, 520.0), (510.0, 540.0, 900.0, 700.0)],
    )
    assert read([figures[0], *left, figures[1], *right])


def test_words_down_the_edge_of_a_page_are_no_marks_of_its_lines() -> None:
    edge = [(10.0, 100.0, 50.0, 270.0), (10.0, 290.0, 50.0, 400.0)]
    lines = [
        (100.0, 100.0, 500.0, 145.0),
        (100.0, 180.0, 900.0, 222.0),
        (100.0, 300.0, 900.0, 330.0),
        (100.0, 360.0, 900.0, 700.0),
    ]
    assert read([*edge, *lines])


def test_the_longer_column_is_read_to_its_end_before_the_next_one() -> None:
    longer = [(90.0, 430.0, 440.0, 480.0), (90.0, 490.0, 430.0, 540.0)]
    assert read([*COLUMNS[:5], *longer, *COLUMNS[5:8]])
    assert read([*COLUMNS[:5], (90.0, 400.0, 440.0, 450.0), *COLUMNS[5:]])


def test_columns_whose_boxes_begin_within_some_pixels_of_one_another_are_read_one_after_the_other() -> None:
    left, right = (
        [(150.0, 364.0, 264.0, 386.0), (148.0, 407.0, 818.0, 470.0)],
        [(881.0, 309.0, 1552.0, 410.0), (879.0, 532.0, 1505.0, 633.0)],
    )
    assert read([*left, *right], Size(1700, 2200))
