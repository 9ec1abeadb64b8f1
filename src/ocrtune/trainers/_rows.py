"""Samples on their way into batches: what does not fit is named first; prepared pictures are kept; lengths are alike."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from ocrtune.contracts import Ask, Dialect, Encoded, Family
from ocrtune.core import Sample, Size
from ocrtune.errors import InputError, OcrtuneError
from ocrtune.imaging import open_image
from ocrtune.options import TrainOptions
from ocrtune.trainers._cache import Features, Store, content_of, key_of

LOG = logging.getLogger("ocrtune")
WINDOW = 32  # batches that are sorted by length together
SHOWN = 20  # names in a message
PIXELS = "pixel"  # how the names of all inputs begin that only a tower looks at
PROMPT = "prompt tokens"
ALONE = (0, 1)


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


class Item(NamedTuple):
    """A row on its way into a batch. Where the tower is frozen, pixels are there only as long as features are not."""

    row: int
    encoded: Encoded
    features: dict[str, Any] | None
    counts: bool = True  # False: without labels


class Prepared:
    """The rows as model inputs, encoded at first use and kept up to a budget of memory, then on disk. `pixels` is the
    dtype pictures are kept in: the one the model computes them in, so that nothing is lost."""

    def __init__(self, rows: Sequence[Row], family: Family, processor: Any, *, pixels: Any, cache_mb: int) -> None:
        self.rows, self.family, self.processor, self.pixels = rows, family, processor, pixels
        self.features: Features | None = None
        self.store: Store | None = None
        self.setting = ""  # part of the keys in the store
        self.pack_for: Any = None  # the model, when the rows of a batch are packed into one
        self._room = cache_mb * 2**20
        self._kept: dict[int, Item] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Item:
        """The row; from behind (−1 is the first one) the row without weight, which fills up the batches of an epoch."""
        if index < 0:
            return self[~index]._replace(counts=False)
        if (kept := self._kept.get(index)) is not None:
            return kept
        found = self.features.find(self.pictures(index)) if self.features else None
        item = self._stored(index, found)
        if item is not None:
            self._remember(item)
            return item
        item = self._encoded(index, found)
        if self.features is None or found is not None:
            self._keep(item)
        return item

    def pictures(self, index: int) -> list[str]:
        return [i.path for i in self.rows[index].sample.images]

    def learn(self, index: int, encoded: Encoded, features: dict[str, Any]) -> None:
        """What the tower made of the row's pictures: its pixels are needed no more."""
        inputs = {name: value.cpu() for name, value in without_pixels(encoded).inputs.items()}
        if (old := self._kept.pop(index, None)) is not None:
            self._room += _size(old)
        self._keep(Item(index, Encoded(inputs, encoded.prompt), {name: value.cpu() for name, value in features.items()}))

    def _stored(self, index: int, features: dict[str, Any] | None) -> Item | None:
        """From disk, if all that is needed is there."""
        if self.store is None or (self.features is not None and features is None):
            return None
        inputs = self.store.get(self._key(index))
        return None if inputs is None else Item(index, Encoded(inputs, int(inputs.pop(PROMPT))), features)

    def _encoded(self, index: int, features: dict[str, Any] | None) -> Item:
        row = self.rows[index]
        images = tuple(open_image(i.path) for i in row.sample.images)
        made = self.family.encode(self.processor, Ask(images, row.ask), row.answer)
        made = Encoded({k: v.to(self.pixels) if v.is_floating_point() else v for k, v in made.inputs.items()}, made.prompt)
        return Item(index, without_pixels(made) if features else made, features)

    def _keep(self, item: Item) -> None:
        """In memory, else on disk."""
        import torch

        if not self._remember(item) and self.store is not None:
            self.store.put(self._key(item.row), {**item.encoded.inputs, PROMPT: torch.tensor(item.encoded.prompt)})

    def _remember(self, item: Item) -> bool:
        """In memory if there is room, apart from any mapped file: a process may map so many only."""
        size = _size(item)
        if size > self._room:
            return False
        self._room -= size
        inputs = {name: value.clone() for name, value in item.encoded.inputs.items()}
        features = {name: value.clone() for name, value in item.features.items()} if item.features else None
        self._kept[item.row] = Item(item.row, Encoded(inputs, item.encoded.prompt), features)
        return True

    def _key(self, index: int) -> str:
        row = self.rows[index]
        with_pixels = str(self.pixels) if self.features is None else None
        return key_of(self.setting, with_pixels, [content_of(path) for path in self.pictures(index)], row.ask, row.answer)

    def collate(self, items: Sequence[Item]) -> dict[str, Any]:
        """A right-padded or packed batch with `labels` on the tokens of the answers only. Where the tower is frozen it has
        no pixels but `rows` with their `features`, and `pictures`, the whole inputs of rows that have none yet."""
        rows = [item.encoded for item in items]
        if self.features is None:
            return self._labelled(items, rows)
        return {
            **self._labelled(items, [without_pixels(r) for r in rows]),
            "rows": [(item.row, item.encoded.prompt) for item in items],
            "features": [item.features for item in items],
            "pictures": [item.encoded.inputs if item.features is None else None for item in items],
        }

    def _labelled(self, items: Sequence[Item], rows: Sequence[Encoded]) -> dict[str, Any]:
        import torch

        answers = [torch.cat([torch.full((r.prompt,), -100), r.inputs["input_ids"][0, r.prompt :]]) for r in rows]
        answers = [answer if item.counts else torch.full_like(answer, -100) for answer, item in zip(answers, items, strict=True)]
        if self.pack_for is not None:
            return {**self.family.pack(self.processor, self.pack_for, rows), "labels": torch.cat(answers)[None]}
        batch = self.family.collate(self.processor, rows, "right")
        labels = torch.nn.utils.rnn.pad_sequence(answers, batch_first=True, padding_value=-100)
        return {**batch, "labels": labels}


def placed(inputs: dict[str, Any], model: Any) -> dict[str, Any]:
    """On the model's device, pixels in its precision."""
    return {k: v.to(model.device, model.dtype) if v.is_floating_point() else v.to(model.device) for k, v in inputs.items()}


def without_pixels(encoded: Encoded) -> Encoded:
    return Encoded({name: value for name, value in encoded.inputs.items() if not name.startswith(PIXELS)}, encoded.prompt)


def _size(item: Item) -> int:
    tensors = [*item.encoded.inputs.values(), *(item.features or {}).values()]
    return sum(t.numel() * t.element_size() for t in tensors)


class Buckets:
    """Batches of samples of like length in an order that depends on seed and epoch only, so any position can be found
    again. The batch with the longest sample comes first: what does not fit into memory shows at once.

    With a `budget` a batch has as many samples as keep it within that many tokens, padding included (at least one). Which
    places of the sorted samples share a batch is then the same in every epoch, so that all have equally many batches;
    samples of about the same length change places.

    Of several processes (`share` is this one's rank and their number) each takes every n-th batch of the same list, which
    is filled up with a batch without weight where the batches do not suffice for all.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        seed: int,
        budget: int | None = None,
        *,
        share: tuple[int, int] = ALONE,
    ) -> None:
        self.lengths, self.batch_size, self.seed, self.epoch = list(lengths), batch_size, seed, 0
        self.rank, self.processes = share
        self.drop_last = False
        self.levels = [_level(n) for n in self.lengths]
        self.cuts = _cuts(sorted(self.levels), budget) if budget is not None else None

    def __len__(self) -> int:
        batches = -(-len(self.lengths) // self.batch_size) if self.cuts is None else len(self.cuts) - 1
        return -(-batches // self.processes)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        rng = random.Random(f"{self.seed}/{self.epoch}")
        order = list(range(len(self.lengths)))
        rng.shuffle(order)
        if self.cuts is None:
            batches = self._windows(order)
        else:
            order.sort(key=self.levels.__getitem__)
            batches = [order[start:end] for start, end in pairwise(self.cuts)]
        rng.shuffle(batches)
        first = max(range(len(batches)), key=lambda n: max(self.lengths[i] for i in batches[n]))
        batches.insert(0, batches.pop(first))
        weightless = [~min(order, key=self.lengths.__getitem__)]
        batches += [weightless] * (-len(batches) % self.processes)
        return iter(batches[self.rank :: self.processes])

    def _windows(self, order: list[int]) -> list[list[int]]:
        batches = []
        step = self.batch_size * WINDOW
        for start in range(0, len(order), step):
            window = sorted(order[start : start + step], key=self.lengths.__getitem__)
            batches += [window[i : i + self.batch_size] for i in range(0, len(window), self.batch_size)]
        return batches


def _level(length: int) -> int:
    """`length` or up to 1/16 more: lengths that may change places without a batch outgrowing its budget."""
    step = 1 << max(0, length.bit_length() - 5)
    return -(-length // step) * step


def _cuts(levels: Sequence[int], budget: int) -> list[int]:
    """Where batches begin and end in the sorted samples."""
    cuts = [0]
    for n, level in enumerate(levels):
        if n > cuts[-1] and level * (n + 1 - cuts[-1]) > budget:
            cuts.append(n)
    return [*cuts, len(levels)]
