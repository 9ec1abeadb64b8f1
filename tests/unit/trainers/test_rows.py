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
