"""Scores of many samples on all cores. Small work is done here; for more, processes get rows as lines of JSON and send
scores back the same way, so that neither side holds more than it works on.

They are started as `python -c …`: the spawn of `multiprocessing` would import a user's script once more.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO

from tqdm import tqdm

from ocrtune.contracts import Benchmark, Metric, Read
from ocrtune.core import Decoded, Noun, Prediction, Sample, Score
from ocrtune.plugins import BENCHMARKS, METRICS

TASTED = 64  # rows that are scored here first, to know what the rest would take
WORTH = 4.0  # seconds of work from which on processes pay: one takes about a second to start
CODE = "from ocrtune.verbs._scoring import serve; serve()"


class Work(Noun):
    """What is scored for each row: the benchmark's own rule first, where there is one."""

    metrics: tuple[str, ...]
    normalisation: str
    benchmark: str | None = None
    profile: str | None = None


def scores_of(rows: Sequence[Read], work: Work) -> list[list[Score]]:
    """The scores of each row, in the order of the rows. Raises what a metric raises."""
    score = _scorer(work)
    with tqdm(total=len(rows), desc="scoring", unit="sample", leave=False, disable=len(rows) < 200) as bar:
        began = time.monotonic()
        out = [score(*row) for row in rows[:TASTED]]
        bar.update(len(out))
        left = (time.monotonic() - began) / max(len(out), 1) * (len(rows) - len(out))
        count = min(os.cpu_count() or 1, 16)
        if count < 2 or left < WORTH:
            for row in rows[TASTED:]:
                out.append(score(*row))
                bar.update()
            return out
        return out + _spread(rows[TASTED:], work, count, bar.update)


def serve() -> None:
    """A process of `_spread`: three lines in for each row, one line out for each score."""
    lines = (line.rstrip("\n") for line in sys.stdin)
    score = _scorer(Work.model_validate_json(next(lines)))
    for sample in lines:
        row = Read(
            Sample.parse_line(sample), Prediction.model_validate_json(next(lines)), Decoded.model_validate_json(next(lines))
        )
        sys.stdout.write("".join(f"{found.line()}\n" for found in score(*row)))
        sys.stdout.flush()


def _scorer(work: Work) -> Callable[[Sample, Prediction, Decoded], list[Score]]:
    metrics: list[Metric] = [METRICS.get(name)() for name in work.metrics]
    benchmark: Benchmark | None = None if work.benchmark is None else BENCHMARKS.get(work.benchmark)()

    def score(sample: Sample, prediction: Prediction, decoded: Decoded) -> list[Score]:
        own = [] if benchmark is None else [benchmark.score(sample, prediction, work.profile or benchmark.profiles[0])]
        return own + [metric.score(sample, prediction, decoded, work.normalisation) for metric in metrics]

    return score


def _spread(rows: Sequence[Read], work: Work, count: int, done: Callable[[int], object]) -> list[list[Score]]:
    """Each process takes every `count`th row, so that long pages are spread; one that fails leaves its rows to this one."""
    found: dict[int, list[Score]] = {}
    parts = [range(first, len(rows), count) for first in range(count)]
    threads = [threading.Thread(target=_ask, args=(rows, part, work, found, done)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    score = _scorer(work)
    return [found[i] if i in found else score(*row) for i, row in enumerate(rows)]


def _ask(rows: Sequence[Read], part: range, work: Work, found: dict[int, list[Score]], done: Callable[[int], object]) -> None:
    each = len(work.metrics) + (work.benchmark is not None)
    quiet = {**os.environ, "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          encoding="utf-8", env=quiet) as child:  # fmt: skip
        assert child.stdin is not None and child.stdout is not None
        feeder = threading.Thread(target=feed, args=(child.stdin, _lines(rows, part, work)))
        feeder.start()
        for i in part:
            said = [line for _ in range(each) if (line := child.stdout.readline())]
            if len(said) < each:
                break
            found[i] = [Score.parse_line(line) for line in said]
            done(1)
        child.stdout.close()
        feeder.join()


def _lines(rows: Sequence[Read], part: range, work: Work) -> Iterator[str]:
    yield work.line()
    for i in part:
        yield from (noun.line() for noun in rows[i])


def feed(pipe: IO[str], lines: Iterable[str]) -> None:
    """A process that ended early has closed its end; what it did not score is noticed by who reads."""
    with contextlib.suppress(BrokenPipeError, OSError):
        for line in lines:
            pipe.write(f"{line}\n")
        pipe.close()
