"""Evaluation by reading: the model generates, the dialect decodes, the CER metric counts."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein
from tqdm import tqdm

from ocrtune import processes
from ocrtune.contracts import Ask, Dialect, Family, Loaded
from ocrtune.core import Prediction, Size
from ocrtune.imaging import open_image
from ocrtune.options import TrainOptions
from ocrtune.plugins import METRICS
from ocrtune.trainers._cache import Features
from ocrtune.trainers._rows import Row, placed


class Cer(NamedTuple):
    """Σ edits / Σ reference characters; `plus_minus` is half of a 95 % interval (ratio estimator over samples)."""

    cer: float
    plus_minus: float
    samples: int


def subset(rows: Sequence[Row], count: int, seed: int) -> list[Row]:
    """At most `count` rows, the same ones for the same seed, in order of length so that batches are alike."""
    chosen = list(rows) if len(rows) <= count else random.Random(f"eval/{seed}").sample(list(rows), count)
    return sorted(chosen, key=lambda r: (r.length, r.sample.id))


def read_cer(
    loaded: Loaded, rows: Sequence[Row], family: Family, dialect: Dialect, options: TrainOptions, features: Features | None = None
) -> Cer:
    """With `features` each picture goes through the frozen tower at the first evaluation only. Of several processes each
    reads every n-th batch; where none has all weights they read all batches, step by step together."""
    metric = METRICS.get("cer")()
    counts: list[tuple[float, float]] = []
    size = options.eval_batch_size
    shared = not processes.sharded()
    starts = list(range(0, len(rows), size))[processes.rank() if shared else 0 :: processes.count() if shared else 1]
    silent = len(rows) <= 2 * size or not processes.first()
    for start in tqdm(starts, desc="reading", unit="batch", leave=False, disable=silent):
        batch = rows[start : start + size]
        limits = [min(options.eval_max_tokens, 16 + 2 * len(family.answer_ids(loaded.processor, r.answer))) for r in batch]
        asks = [
            Ask(tuple(open_image(i.path) for i in r.sample.images), r.ask, limit) for r, limit in zip(batch, limits, strict=True)
        ]
        with _pictures(loaded, family, batch, asks, features):
            readings = family.read(loaded, asks)
        for row, ask, reading in zip(batch, asks, readings, strict=True):
            sees = family.sees(loaded.processor, Size(*ask.images[0].size))
            prediction = Prediction(sample_id=row.sample.id, text=reading.text, finish=reading.finish)
            score = metric.score(row.sample, prediction, dialect.decode(reading.text, sees=sees), "default")
            scored = score.value is not None
            counts.append((score.errors or 0.0, score.total or 0.0) if scored else _said(reading.text, row))
    return pooled([one for part in processes.gathered(counts) for one in part] if shared else counts)


def _said(text: str, row: Row) -> tuple[float, float]:
    """Edits and characters for targets without a text of their own, such as boxes: the reply against what was taught."""
    return float(Levenshtein.distance(text, row.answer)), float(len(row.answer))


def _pictures(
    loaded: Loaded, family: Family, rows: Sequence[Row], asks: Sequence[Ask], features: Features | None
) -> AbstractContextManager[None]:
    """Features are the reader's own only in the precision that it reads in."""
    model = loaded.model
    if features is None or features.store is None or features.precision not in (None, model.dtype):
        return nullcontext()
    shown = []
    for row, ask in zip(rows, asks, strict=True):
        paths = [i.path for i in row.sample.images]
        found = features.find(paths)
        if found is None:
            inputs = family.encode(loaded.processor, ask).inputs
            found = features.make(model, placed(inputs, model), paths)
        if found is None:
            return nullcontext()
        shown.append({name: value.to(model.device) for name, value in found.items()})
    return family.given(model, shown)


def pooled(counts: Sequence[tuple[float, float]]) -> Cer:
    wrong, total = (sum(c[i] for c in counts) for i in (0, 1))
    rate = wrong / max(total, 1.0)
    n = len(counts)
    spread = sum((e - rate * t) ** 2 for e, t in counts) / max(n - 1, 1)
    return Cer(rate, 1.96 * math.sqrt(n * spread) / max(total, 1.0), n)
