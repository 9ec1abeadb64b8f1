"""Samples on their way into batches: what does not fit is named first; prepared pictures are kept; lengths are alike."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from ocrtune.contracts import Ask, Dialect, Encoded, Family
from ocrtune.core import Sample, Size
from ocrtune.errors import InputError, OcrtuneError
from ocrtune.imaging import open_image
from ocrtune.options import TrainOptions

LOG = logging.getLogger("ocrtune")
WINDOW = 32  # batches that are sorted by length together
SHOWN = 20  # names in a message


class Row(NamedTuple):
    """A sample ready to be encoded: what is asked, what must be said, and how many tokens that takes."""

    sample: Sample
    ask: str
    answer: str
    length: int


class Rows(NamedTuple):
    kept: list[Row]
    left_out: list[str]  # "id: why", one line each


def prepare(samples: Sequence[Sample], *, dialect: Dialect, family: Family, processor: Any, options: TrainOptions) -> Rows:
    """The samples that can be trained on. Those that cannot are named in the log, or in an InputError when strict."""
    kept: list[Row] = []
    left_out: list[str] = []
    for sample in tqdm(samples, desc="measuring samples", unit="sample", leave=False, disable=len(samples) < 500):
        try:
            kept.append(_row(sample, dialect, family, processor, options))
        except OcrtuneError as why:
            left_out.append(f"{sample.id}: {why}")
    if left_out:
        text = "\n".join(f"  {line}" for line in left_out[:SHOWN])
        more = f"\n  … and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
        message = f"{len(left_out)} of {len(samples)} samples cannot be trained on:\n{text}{more}"
        if options.strict or not kept:
            raise InputError(message, hint="fix or drop them, raise --max-length, or lower --max-pixels")
        LOG.warning("%s\nthey are left out", message)
    return Rows(kept, left_out)


def _row(sample: Sample, dialect: Dialect, family: Family, processor: Any, options: TrainOptions) -> Row:
    if sample.target is None:
        raise InputError("it has no target")
    if missing := [i.path for i in sample.images if not Path(i.path).is_file()]:
        raise InputError(f"its picture {missing[0]} is missing")
    sizes = [Size(i.width, i.height) if i.width and i.height else Size(*open_image(i.path).size) for i in sample.images]
    seen = [family.sees(processor, size) for size in sizes]
    ask, answer = dialect.ask(sample, sees=seen[0]), dialect.encode(sample.target, sees=seen[0])
    length = family.length(processor, ask, sizes, answer)
    if length > options.max_length:
        pictures = sum(family.visual_tokens(processor, s) for s in seen)
        raise InputError(
            f"{length} tokens ({pictures} of pictures, {length - pictures} of text) exceed max_length {options.max_length}: "
            + ("lower max_pixels" if pictures > length / 2 else "raise max_length or split the sample")
        )
    return Row(sample, ask, answer, length)


class Prepared:
    """The rows as model inputs, encoded at first use and kept up to a budget of memory. `pixels` is the dtype pictures
    are kept in: the one the model computes them in, so that nothing is lost."""

    def __init__(self, rows: Sequence[Row], family: Family, processor: Any, *, pixels: Any, cache_mb: int) -> None:
        self.rows, self.family, self.processor, self.pixels = rows, family, processor, pixels
        self._room = cache_mb * 2**20
        self._kept: dict[int, Encoded] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Encoded:
        if (found := self._kept.get(index)) is not None:
            return found
        row = self.rows[index]
        images = tuple(open_image(i.path) for i in row.sample.images)
        made = self.family.encode(self.processor, Ask(images, row.ask), row.answer)
        inputs = {k: v.to(self.pixels) if v.is_floating_point() else v for k, v in made.inputs.items()}
        made = Encoded(inputs, made.prompt)
        size = sum(v.numel() * v.element_size() for v in inputs.values())
        if size <= self._room:
            self._room -= size
            self._kept[index] = made
        return made

    def collate(self, rows: Sequence[Encoded]) -> dict[str, Any]:
        """A right-padded batch with `labels` on the tokens of the answers only."""
        import torch

        batch = self.family.collate(self.processor, rows, "right")
        labels = torch.full_like(batch["input_ids"], -100)
        for n, row in enumerate(rows):
            ids = row.inputs["input_ids"][0]
            labels[n, row.prompt : len(ids)] = ids[row.prompt :]
        return {**batch, "labels": labels}


class Buckets:
    """Batches of samples of like length in an order that depends on seed and epoch only, so any position can be found
    again. The batch with the longest sample comes first: what does not fit into memory shows at once."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = list(lengths), batch_size, seed, 0
        self.drop_last = False

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        rng = random.Random(f"{self.seed}/{self.epoch}")
        order = list(range(len(self.lengths)))
        rng.shuffle(order)
        batches = []
        step = self.batch_size * WINDOW
        for start in range(0, len(order), step):
            window = sorted(order[start : start + step], key=self.lengths.__getitem__)
            batches += [window[i : i + self.batch_size] for i in range(0, len(window), self.batch_size)]
        rng.shuffle(batches)
        first = max(range(len(batches)), key=lambda n: max(self.lengths[i] for i in batches[n]))
        batches.insert(0, batches.pop(first))
        return iter(batches)
