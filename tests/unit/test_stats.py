"""Intervals that cover, tests that err as often as they say, and verdicts."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.core import ImageRef, Sample, Score
from ocrtune.errors import ComparisonError
from ocrtune.stats import (
    Benchmark,
    Comparison,
    Counts,
    Pair,
    Plan,
    Rule,
    compare,
    corrected,
    crossed,
    documents_needed,
    estimate,
    exact_binomial,
    holm,
    mcnemar,
    pair,
)

CER = Rule("cer", "lower", "micro")
EXACT = Rule("exact", "higher", "macro")
IMAGE = (ImageRef(path="x.png"),)


def sample(name: str, group: str, **tags: str) -> Sample:
    return Sample(id=name, group=group, images=IMAGE, tags=tags)


def cer(name: str, errors: float, total: float) -> Score:
    return Score(sample_id=name, metric="cer", value=errors / max(total, 1), errors=errors, total=total)


def pairs_of(groups: Sequence[str], base: Sequence[float], tuned: Sequence[float], total: float = 40) -> list[Pair]:
    return [
        Pair(sample(str(i), g), cer(str(i), a, total), cer(str(i), b, total))
        for i, (g, a, b) in enumerate(zip(groups, base, tuned, strict=True))
    ]


def binary(base: Sequence[int], tuned: Sequence[int]) -> list[Pair]:
    one = lambda i, v: Score(sample_id=str(i), metric="exact", value=float(v))  # noqa: E731
    return [Pair(sample(str(i), f"g{i}"), one(i, a), one(i, b)) for i, (a, b) in enumerate(zip(base, tuned, strict=True))]


def test_micro_pools_errors_and_macro_averages_values() -> None:
    samples = [sample("a", "1"), sample("b", "2")]
    scores = [cer("a", 10, 10), cer("b", 0, 90)]
    assert estimate(scores, CER, Benchmark(samples, "d", {})).mean == pytest.approx(0.1)
    assert estimate(scores, CER._replace(pool="macro"), Benchmark(samples, "d", {})).mean == pytest.approx(0.5)


def test_text_invented_on_empty_pages_is_paid_for_in_the_corpus_figure() -> None:
    samples = [sample("a", "1"), sample("b", "2")]
    assert estimate([cer("a", 0, 50), cer("b", 5, 0)], CER, Benchmark(samples, "d", {})).mean == pytest.approx(0.1)


def test_unscored_samples_are_counted_and_never_guessed() -> None:
    samples = [sample("a", "1"), sample("b", "2")]
    scores = [cer("a", 1, 10), Score(sample_id="b", metric="cer", value=None, why="no target")]
    found = estimate(scores, CER, Benchmark(samples, "d", {"engine": "echo"}, Counts(failed=1, empty=2)))
    assert (found.n, found.unscored, found.failed, found.empty, found.groups) == (1, 1, 1, 2, 1)
    assert found.low is None and found.high is None
    assert found.protocol == {"engine": "echo", "metric": "cer", "pool": "micro"}


def test_nothing_scored_is_none_not_zero() -> None:
    assert estimate([], CER, Benchmark([sample("a", "1")], "d", {})).mean is None
    assert estimate([cer("a", 3, 0)], CER, Benchmark([sample("a", "1")], "d", {})).mean is None


def test_slices_are_made_by_tags_that_divide() -> None:
    samples = [sample(str(i), f"g{i}", language="ru" if i % 2 else "en", source="same", page=str(i)) for i in range(60)]
    scores = [cer(str(i), 10 if i % 2 else 1, 20) for i in range(60)]
    slices = estimate(scores, CER, Benchmark(samples, "d", {}), Plan(200)).slices
    assert [(s.tag, s.value, s.n, s.mean) for s in slices] == [("language", "en", 30, 0.05), ("language", "ru", 30, 0.5)]


def test_the_same_seed_gives_the_same_digits() -> None:
    rng = np.random.default_rng(0)
    samples = [sample(str(i), f"g{i}") for i in range(30)]
    scores = [cer(str(i), float(rng.integers(0, 20)), 40) for i in range(30)]
    benchmark = Benchmark(samples, "d", {})
    assert estimate(scores, CER, benchmark, Plan(500, 3)) == estimate(scores, CER, benchmark, Plan(500, 3))
    assert estimate(scores, CER, benchmark, Plan(500, 3)) != estimate(scores, CER, benchmark, Plan(500, 4))


def test_intervals_of_clustered_samples_cover_the_truth_about_as_often_as_they_say() -> None:
    """True CER 0.2 with strong document effects: intervals over documents cover ≈ 95 %, over samples far fewer."""
    rng = np.random.default_rng(7)
    covered, naive, rounds = 0, 0, 150
    for _ in range(rounds):
        errors = rng.binomial(40, np.repeat(rng.beta(2, 8, size=40), 5)).astype(float)
        scores = [cer(str(i), e, 40) for i, e in enumerate(errors)]
        for clustered in (True, False):
            samples = [sample(str(i), f"g{i // 5 if clustered else i}") for i in range(200)]
            found = estimate(scores, CER, Benchmark(samples, "d", {}), Plan(400))
            assert found.low is not None and found.high is not None
            covered += clustered and found.low <= 0.2 <= found.high
            naive += not clustered and found.low <= 0.2 <= found.high
    assert 0.89 <= covered / rounds <= 0.99
    assert naive / rounds < 0.8


def simulated(rng: np.random.Generator, effect: float, documents: int = 20, lines: int = 4) -> Comparison:
    """Two models on documents of different difficulty, each with its own luck per document."""
    groups = np.repeat(np.arange(documents), lines)
    difficulty = rng.uniform(0.05, 0.5, documents)

    def read(shift: float) -> list[float]:
        chance = np.clip(difficulty + shift + rng.normal(0, 0.05, documents), 0, 1)
        return rng.binomial(40, chance[groups]).astype(float).tolist()

    return compare(pairs_of([str(g) for g in groups], read(0), read(effect)), CER, Plan(500, 1))


def test_equal_models_are_called_different_about_one_time_in_twenty() -> None:
    rng = np.random.default_rng(11)
    verdicts = [simulated(rng, 0.0).verdict for _ in range(400)]
    assert 0.015 <= sum(v != "cannot tell" for v in verdicts) / 400 <= 0.075


def test_a_large_effect_is_found_in_the_right_direction() -> None:
    rng = np.random.default_rng(12)
    assert all(simulated(rng, -0.15).verdict == "better" for _ in range(40))
    assert all(simulated(rng, +0.15).verdict == "worse" for _ in range(40))


def test_the_minimum_detectable_effect_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(13)
    mde = float(np.mean([simulated(rng, 0.0).mde or math.nan for _ in range(30)]))
    found = sum(simulated(rng, mde).verdict == "worse" for _ in range(200)) / 200
    assert 0.65 <= found <= 0.9


def test_a_metric_where_higher_is_better_is_judged_that_way() -> None:
    found = compare(binary([0] * 20 + [1] * 10, [1] * 20 + [1] * 10), EXACT)
    assert (found.verdict, found.better, found.worse, found.same) == ("better", 20, 0, 10)
    assert found.difference == pytest.approx(2 / 3)


def test_few_documents_never_give_a_verdict_and_the_statement_says_why() -> None:
    groups = [f"g{i % 5}" for i in range(50)]
    found = compare(pairs_of(groups, [30.0] * 50, [1.0] * 50), CER)
    assert found.verdict == "cannot tell" and found.p_value == pytest.approx(2 / 2**5)
    assert "fewer than 6 documents" in found.statement
    one = compare(pairs_of(["g"] * 50, [30.0] * 50, [1.0] * 50), CER)
    assert one.verdict == "cannot tell" and one.low is None and "single document" in one.statement


def test_identical_results_cannot_be_told_apart() -> None:
    found = compare(pairs_of([f"g{i}" for i in range(30)], [3.0] * 30, [3.0] * 30), CER)
    assert (found.verdict, found.difference, found.low, found.high, found.p_value) == ("cannot tell", 0, 0, 0, 1)
    assert found.needed is None


def test_an_undecided_comparison_says_what_would_decide_it() -> None:
    rng = np.random.default_rng(5)
    found = simulated(rng, 0.004)
    assert found.verdict == "cannot tell" and found.needed is not None and found.needed > found.groups
    assert f"About {found.needed} documents" in found.statement


def test_what_would_decide_an_undecided_comparison_grows_with_the_number_of_comparisons() -> None:
    rng = np.random.default_rng(5)
    alone = simulated(rng, 0.004)
    clear, unclear, *_ = corrected([simulated(rng, -0.15), alone, *(simulated(rng, 0.0) for _ in range(8))])
    assert clear.verdict == "better" and clear.needed is None
    assert unclear.verdict == "cannot tell" and unclear.mde is not None and alone.mde is not None and unclear.mde > alone.mde
    assert unclear.needed is not None and alone.needed is not None and unclear.needed > alone.needed
    assert f"About {unclear.needed} documents" in unclear.statement and f"below {unclear.mde:.4f}" in unclear.statement


def test_as_many_documents_as_are_said_to_be_needed_find_the_difference_four_times_in_five() -> None:
    rng = np.random.default_rng(8)
    mde = float(np.mean([simulated(rng, 0.0).mde or math.nan for _ in range(30)]))
    needed = documents_needed(20, mde, mde / 2)
    assert needed == 80
    found = sum(simulated(rng, mde / 2, documents=needed).verdict == "worse" for _ in range(100)) / 100
    assert 0.65 <= found <= 0.92


def test_slices_of_right_and_wrong_have_the_exact_test() -> None:
    found = binary([0] * 12 + [1] * 20 + [0] * 8, [1] * 9 + [0] * 3 + [1] * 18 + [0] * 2 + [1] * 8)
    tagged = [p._replace(sample=p.sample.model_copy(update={"tags": {"kind": "ab"[i % 2]}})) for i, p in enumerate(found)]
    for one in compare(tagged, EXACT).slices:
        assert one.p_value == mcnemar([p for p in tagged if p.sample.tags["kind"] == one.value])


def test_a_slice_that_cannot_tell_says_how_many_documents_could() -> None:
    rng = np.random.default_rng(3)
    groups, kinds = [f"g{i}" for i in range(40)], ["clear", "unclear"] * 20
    base = rng.integers(5, 15, 40).astype(float)
    tuned = [b - 4 if kind == "clear" else b + rng.integers(-3, 4) for b, kind in zip(base, kinds, strict=True)]
    pairs = [p._replace(sample=p.sample.model_copy(update={"tags": {"kind": kind}}))
             for p, kind in zip(pairs_of(groups, base.tolist(), tuned), kinds, strict=True)]  # fmt: skip
    clear, unclear = compare(pairs, CER).slices
    assert clear.verdict == "better" and clear.needed is None
    assert unclear.verdict == "cannot tell" and unclear.needed is not None and unclear.needed > 20


def test_the_permutation_test_is_exact_for_few_documents() -> None:
    """Six documents, each 10 errors better: only the two extreme of 64 sign patterns are as far from zero."""
    found = compare(pairs_of([f"g{i}" for i in range(6)], [20.0] * 6, [10.0] * 6), CER)
    assert found.p_value == pytest.approx(2 / 64)


def test_slices_are_corrected_and_small_ones_noted() -> None:
    rng = np.random.default_rng(2)
    kinds = ["ru"] * 20 + ["en"] * 20 + ["zh"] * 3
    base = rng.integers(15, 25, 43).astype(float)
    tuned = base - np.array([12.0] * 20 + [0.0] * 20 + [14.0] * 3) + rng.integers(-1, 2, 43)
    pairs = [
        p._replace(sample=p.sample.model_copy(update={"tags": {"language": kind}}))
        for p, kind in zip(pairs_of([f"g{i}" for i in range(43)], base.tolist(), tuned.tolist()), kinds, strict=True)
    ]
    slices = {s.value: s for s in compare(pairs, CER, Plan(1000)).slices}
    assert slices["ru"].verdict == "better" and slices["ru"].p_holm >= slices["ru"].p_value
    assert slices["en"].verdict == "cannot tell"
    assert slices["zh"].verdict == "cannot tell" and slices["zh"].note == "3 documents: cannot be significant"


def test_mcnemar_gives_the_binomial_tail() -> None:
    assert mcnemar(binary([0] * 8 + [1] * 2 + [1] * 5, [1] * 8 + [0] * 2 + [1] * 5)) == pytest.approx(112 / 1024)
    assert mcnemar(binary([1, 0], [1, 0])) == 1.0
    assert mcnemar(pairs_of(["g"], [3.0], [4.0])) is None


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_a_p_value_nor_changes_their_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(q >= p for p, q in zip(p_values, corrected, strict=True)) and max(corrected) <= 1
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    assert [corrected[i] for i in order] == sorted(corrected)


def test_only_samples_scored_on_both_sides_are_paired() -> None:
    samples = [sample(name, name) for name in "abc"]
    missing = Score(sample_id="b", metric="cer", value=None, why="no target")
    found = pair(samples, [cer("a", 1, 9), missing], [cer("a", 2, 9), cer("b", 1, 9), cer("c", 1, 9)], "cer")
    assert [(p.sample.id, p.delta) for p in found] == [("a", pytest.approx(1 / 9))]
    with pytest.raises(ComparisonError, match="no sample has a value"):
        compare([], CER)


def test_ten_thousand_resamples_of_two_thousand_documents_take_no_patience() -> None:
    rng = np.random.default_rng(0)
    samples = [sample(str(i), str(i)) for i in range(2000)]
    scores = [cer(str(i), e, 40) for i, e in enumerate(rng.binomial(40, 0.2, 2000).astype(float))]
    started = time.process_time()
    estimate(scores, CER, Benchmark(samples, "d", {}), Plan(10_000))
    assert time.process_time() - started < 2


def test_the_table_of_two_models_is_the_one_of_the_textbook() -> None:
    """59 won, 42 lost: p = 0.11 (the published gain of dots.ocr on OCRBench)."""
    cells = [(True, True)] * 518 + [(True, False)] * 42 + [(False, True)] * 59 + [(False, False)] * 381
    found = crossed(cells)
    assert (found.both, found.only_base, found.only_tuned, found.neither) == (518, 42, 59, 381)
    assert found.p_value == pytest.approx(0.1109, abs=5e-5)
    assert found.odds == pytest.approx(59 / 42) and found.odds_low is not None and found.odds_high is not None
    assert found.odds_low < 1 < found.odds < found.odds_high
    assert "won 59, lost 42: McNemar exact p = 0.11" in found.lines()[4]


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_exact_test_is_the_sum_of_the_binomial_tail(won: int, lost: int) -> None:
    tail = sum(math.comb(won + lost, k) for k in range(min(won, lost) + 1)) / 2 ** (won + lost)
    assert exact_binomial(won, lost) == pytest.approx(min(1.0, 2 * tail))
    assert exact_binomial(won, lost) == exact_binomial(lost, won)


def test_mcnemar_decides_where_samples_are_documents_and_only_there() -> None:
    alone = compare(binary([0] * 12 + [1] * 2, [1] * 12 + [0] * 2), EXACT, Plan(300))
    assert alone.test == "exact McNemar" and alone.p_value == alone.mcnemar
    paired = [
        p._replace(sample=p.sample.model_copy(update={"group": f"g{i // 2}"})) for i, p in enumerate(binary([0] * 14, [1] * 14))
    ]
    shared = compare(paired, EXACT, Plan(300))
    assert shared.test == "sign-flip permutation" and shared.crossed is not None and shared.crossed.clustered
    assert shared.p_value == pytest.approx(2 / 2**7) and shared.mcnemar == pytest.approx(2 / 2**14)


def test_correction_makes_a_verdict_harder_and_ignores_what_cannot_be_significant() -> None:
    weak = compare(binary([0] * 9 + [1], [1] * 9 + [0]), EXACT, Plan(300))
    none = compare(binary([0] * 10, [0] * 10), EXACT, Plan(300))
    assert weak.verdict == "better" and 0.02 < weak.p_value < 0.025
    assert [c.verdict for c in corrected([weak, none])] == ["better", "cannot tell"]
    first, second, third = corrected([weak, weak, weak])
    assert (first.verdict, first.tests, third.p_holm) == ("cannot tell", 3, pytest.approx(3 * weak.p_value))
    assert "corrected for 3 comparisons" in second.statement


def test_bands_are_listed_in_their_order() -> None:
    lengths = ["1–20", "101–500", "21–100", "2001 or more", "ru"]
    samples = [sample(str(i), f"g{i}", length=lengths[i % 5]) for i in range(20)]
    slices = estimate([cer(str(i), 1, 20) for i in range(20)], CER, Benchmark(samples, "d", {}), Plan(200)).slices
    assert [s.value for s in slices] == ["1–20", "21–100", "101–500", "2001 or more", "ru"]
