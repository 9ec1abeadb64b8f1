"""Loops at the end of a sequence."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocrtune.dialects._loops import tail_loop


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text("abc", max_size=30), st.text("abc", min_size=1, max_size=6), st.integers(0, 20), st.integers(0, 5))
def test_what_it_finds_is_what_counting_finds(head: str, unit: str, times: int, cut: int) -> None:
    text = head + unit * times + unit[: cut % len(unit)]
    found = tail_loop(text, repeats=4)

    def run(period: int) -> int:
        start = len(text) - period
        while start and text[start - 1] == text[start - 1 + period]:
            start -= 1
        return start

    loops = {period: run(period) for period in range(1, len(text) // 4 + 1) if (len(text) - run(period)) // period >= 4}
    assert (found is None) == (not loops)
    if found:
        assert found.start == min(loops.values()) and loops[found.period] == found.start


def test_short_repeats_are_no_loop() -> None:
    assert tail_loop("abcabcabc", repeats=4) is None
    assert tail_loop("....", repeats=4, length=100) is None
    assert tail_loop([], repeats=2) is None
