"""Batches of like length: nothing lost, the same order for the same seed and epoch, little padding."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from ocrtune.trainers._rows import Buckets

LENGTHS = st.lists(st.integers(1, 500), min_size=1, max_size=400)


@given(lengths=LENGTHS, size=st.integers(1, 17), seed=st.integers(0, 9), epoch=st.integers(0, 5))
def test_every_sample_is_in_one_batch_and_the_order_is_a_function_of_seed_and_epoch(
    lengths: list[int], size: int, seed: int, epoch: int
) -> None:
    def order() -> list[list[int]]:
        buckets = Buckets(lengths, size, seed)
        buckets.set_epoch(epoch)
        return list(buckets)

    batches = order()
    assert sorted(i for b in batches for i in b) == list(range(len(lengths)))
    assert len(batches) == len(Buckets(lengths, size, seed)) and max(map(len, batches)) <= size
    assert max(lengths[i] for i in batches[0]) == max(lengths)
    assert order() == batches


@given(lengths=LENGTHS, budget=st.integers(16, 2000), seed=st.integers(0, 9))
def test_a_budget_of_tokens_holds_and_all_epochs_have_equally_many_batches(lengths: list[int], budget: int, seed: int) -> None:
    buckets = Buckets(lengths, 4, seed, budget)
    orders = []
    for epoch in (0, 1, 0):
        buckets.set_epoch(epoch)
        orders.append(list(buckets))
        assert len(orders[-1]) == len(buckets)
        assert sorted(i for b in orders[-1] for i in b) == list(range(len(lengths)))
        assert all(len(b) == 1 or max(lengths[i] for i in b) * len(b) <= budget for b in orders[-1])
        assert max(lengths[i] for i in orders[-1][0]) == max(lengths)
    assert orders[0] == orders[2]


def test_a_budget_is_used_and_mixes_samples_anew_each_epoch() -> None:
    lengths = [(37 * n) % 300 + 20 for n in range(2000)]
    buckets = Buckets(lengths, 4, 0, 4096)
    first = {frozenset(b) for b in buckets}
    assert sum(lengths) / len(buckets) > 0.85 * 4096
    buckets.set_epoch(1)
    assert len(first & {frozenset(b) for b in buckets}) < len(first) / 10


def test_epochs_differ() -> None:
    buckets = Buckets(list(range(100)), 4, 0)
    first = list(buckets)
    buckets.set_epoch(1)
    assert list(buckets) != first


def test_padding_stays_small() -> None:
    lengths = [(37 * n) % 300 + 20 for n in range(2000)]
    padded = sum(max(lengths[i] for i in b) * len(b) for b in Buckets(lengths, 16, 0))
    assert padded / sum(lengths) < 1.06


def test_the_order_of_many_samples_is_found_at_once() -> None:
    began = time.process_time()
    list(Buckets([(37 * n) % 3000 + 20 for n in range(50_000)], 4, 0))
    assert time.process_time() - began < 5


@given(
    lengths=LENGTHS,
    size=st.integers(1, 9),
    budget=st.none() | st.integers(16, 2000),
    count=st.integers(1, 5),
    each=st.integers(1, 3),
)
def test_processes_share_the_steps_of_one_and_only_batches_without_weight_are_added(
    lengths: list[int], size: int, budget: int | None, count: int, each: int
) -> None:
    whole = list(Buckets(lengths, size, 1, budget))
    shares = [Buckets(lengths, size, 1, budget, share=(rank, count)) for rank in range(count)]
    taken = [list(share) for share in shares]
    assert {len(share) for share in shares} == {len(batches) for batches in taken} == {-(-len(whole) // count)}
    for step, start in enumerate(range(0, len(whole), count * each)):
        seen = [b for batches in taken for b in batches[step * each : (step + 1) * each]]
        wanted = whole[start : start + count * each]
        assert sorted(b for b in seen if b[0] >= 0) == sorted(wanted)
        assert all(lengths[~b[0]] == min(lengths) for b in seen if b[0] < 0)
