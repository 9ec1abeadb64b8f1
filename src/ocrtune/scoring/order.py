"""Reading order: how far the order in which matched blocks were read is from the true one (OmniDocBench)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from ocrtune.scoring.text import Edits, distance


class Block(NamedTuple):
    """A block of the truth, by its places in the true order (several when merged), and its place in the reading.

    `read_at` None: it was not found.
    """

    places: tuple[int, ...]
    read_at: int | None


def order_edits(reference: Sequence[Hashable], reading: Sequence[Hashable]) -> Edits:
    """Insertions, deletions and substitutions from the one sequence of block names to the other, out of the longer one."""
    return Edits(distance(reference, reading), max(len(reference), len(reading)))


def order_edit(reference: Sequence[Hashable], reading: Sequence[Hashable]) -> float:
    """`order_edits` as a rate, 0 (the same order) to 1; two empty orders are the same."""
    return order_edits(reference, reading).rate


def block_order_edits(blocks: Iterable[Block]) -> Edits:
    """OmniDocBench's measure on one page: found blocks in the order they were read against all blocks in true order.

    Blocks at place 0 are of ignored kinds that a merge brought in; they stay out.
    """
    blocks = list(blocks)
    found = sorted((block for block in blocks if block.read_at is not None), key=lambda block: block.read_at or 0)
    reading = [place for block in found for place in block.places if place]
    return order_edits(sorted(place for block in blocks for place in block.places if place), reading)
