"""The score while reading goes on, for someone who waits: a hopeless evaluation is seen early."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

from ocrtune.contracts import Dialect, Read
from ocrtune.core import Prediction, Sample, Score
from ocrtune.plugins import METRICS
from ocrtune.runs import RunDir
from ocrtune.stats import Rule, corpus_figure
from ocrtune.verbs._scoring import Work, scores_of
from ocrtune.verbs.score import Scoring, chosen, decode

FILE = "so_far.json"

log = logging.getLogger("ocrtune")


class SoFar:
    """Scores replies in lots of `every` by the first figure of the run and writes what they come to."""

    def __init__(self, samples: Sequence[Sample], dialect: Dialect, scoring: Scoring, into: RunDir, every: int) -> None:
        benchmark = chosen(scoring)
        metric = METRICS.get(scoring.metrics[0])()
        self._rule = (
            Rule(metric.name, metric.direction, metric.pool) if benchmark is None else Rule(benchmark.name, "higher", "macro")
        )
        profile = None if benchmark is None else scoring.profile or benchmark.profiles[0]
        names = scoring.metrics[:1] if benchmark is None else ()
        self._work = Work(metrics=names, normalisation=scoring.normalisation, benchmark=scoring.benchmark, profile=profile)
        self._samples, self._dialect, self._into, self._every = {s.id: s for s in samples}, dialect, into, every
        self._waiting: list[Read] = []
        self._scores: list[Score] = []
        self._failed = 0

    def add(self, prediction: Prediction) -> None:
        sample = self._samples[prediction.sample_id]
        self._waiting.append(Read(sample, prediction, decode(prediction, self._dialect)))
        self._failed += prediction.error is not None
        if len(self._waiting) < self._every:
            return
        self._scores += [found[0] for found in scores_of(self._waiting, self._work)]
        self._waiting.clear()
        figure = corpus_figure(self._scores, self._rule)
        state = {"read": len(self._scores), "of": len(self._samples), "failed": self._failed, self._rule.metric: figure}
        self._into.write(FILE, json.dumps(state) + "\n")
        shown = "none" if figure is None else f"{figure:.4f}"
        log.info("%d of %d read, %d failed: %s %s", *list(state.values())[:3], self._rule.metric, shown)
