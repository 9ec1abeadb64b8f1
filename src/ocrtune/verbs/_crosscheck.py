"""Stored replies scored a second time by another harness, in a process of its own: does it say the same of each?"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from tqdm import tqdm

from ocrtune.contracts import Row
from ocrtune.core import AnswersTarget, FieldsTarget, Noun, Prediction, Sample, Score
from ocrtune.errors import ConfigError, EngineError, InputError, MissingExtraError, OcrtuneError
from ocrtune.verbs import _lmms_eval
from ocrtune.verbs._scoring import feed

HARNESS = "lmms-eval"
NAMED = 10  # disagreements that are printed; the file has all
LAST_LINES = 3  # of what a process said before it died
SAME_TOTAL = 1e-9  # relative: sums of the same scores in another order
UNDECLARED = {"Polygon": "Polygon3"}  # modules whose distribution has another name


class Difference(Noun):
    """A reply with two scores; None is none, with its reason."""

    id: str
    here: float | None
    there: float | None
    why: str | None = None


class Total(Noun):
    name: str
    here: float | None
    there: float


class CrossCheck(Noun):
    """What another harness says of the same replies. `failed` are those that it could not score; they agree nowhere.
    `totals` are its own aggregates, where it scored everything and aggregates that much."""

    harness: str
    version: str
    benchmark: str
    profile: str
    n: int
    agreeing: int
    failed: int
    differences: tuple[Difference, ...]
    totals: tuple[Total, ...]

    @property
    def summary(self) -> str:
        lines = [
            f"{self.harness} {self.version} gives {self.agreeing} of {self.n} replies the score that they have here "
            f"({self.benchmark}, profile {self.profile})"
        ]
        lines += [f"  {one.id}: {_said(one.here)} here, {_said(one.there, one.why)} there" for one in self.differences[:NAMED]]
        if (more := len(self.differences) - NAMED) > 0:
            lines.append(f"  and {more} more")
        lines += [f"its {one.name}: {one.there:.6g} ({_said(one.here)} here)" for one in self.totals]
        return "\n".join(lines)

    @property
    def objection(self) -> str | None:
        """Why a gate does not let this pass."""
        differing = [one.name for one in self.totals if not _same(one.here, one.there)]
        if not self.differences and not differing:
            return None
        totals = f"; and in {', '.join(differing)}" if differing else ""
        return f"{self.harness} {self.version} differs in {len(self.differences)} of {self.n} replies{totals}"


def _said(score: float | None, why: str | None = None) -> str:
    return f"none ({why})" if score is None and why else "none" if score is None else f"{score:.6g}"


def _same(here: float | None, there: float) -> bool:
    return here is not None and abs(here - there) <= SAME_TOTAL * max(abs(here), abs(there))


def refuse_unknown(benchmark: str | None) -> None:
    """Raises ConfigError for what lmms-eval is not asked about."""
    if benchmark not in _lmms_eval.TASKS:
        raise ConfigError(
            f"{HARNESS} can check {', '.join(_lmms_eval.TASKS)}, not {benchmark or 'a reading of no benchmark'}",
            hint="leave --cross-check out, or give --benchmark",
        )


class Scored(NamedTuple):
    """Replies with their scores by a benchmark's profile, and its published aggregates."""

    samples: Sequence[Sample]
    predictions: Mapping[str, Prediction]
    scores: Sequence[Score]
    rows: Sequence[Row]


def cross_check(scored: Scored, *, benchmark: str, profile: str, python: str | None = None) -> CrossCheck:
    """Ask lmms-eval, as the interpreter `python` (this one when None) has it. Scores are compared to the last bit.

    Raises MissingExtraError when it is not there, EngineError when it cannot be asked, or dies.
    """
    questions = (_question(sample, scored.predictions[sample.id]) for sample in scored.samples)
    with _Peer(python or sys.executable, benchmark, questions) as peer:
        there = {one["id"]: one for one in tqdm(peer.scores(len(scored.samples)), desc=HARNESS, total=len(scored.samples),
                                                unit="sample", leave=False, delay=2)}  # fmt: skip
        totals = peer.read()["totals"]
    here = {score.sample_id: score.value for score in scored.scores}
    found = [Difference(id=s.id, here=here.get(s.id), there=there[s.id].get("score"), why=there[s.id].get("why"))
             for s in scored.samples]  # fmt: skip
    differences = tuple(one for one in found if one.there is None or one.here != one.there)
    own = {row.name: row.value for row in scored.rows}
    return CrossCheck(
        harness=HARNESS,
        version=peer.version,
        benchmark=benchmark,
        profile=profile,
        n=len(found),
        agreeing=len(found) - len(differences),
        failed=sum(one.there is None for one in found),
        differences=differences,
        totals=tuple(Total(name=name, here=own.get(name), there=value) for name, value in totals.items()),
    )


def _question(sample: Sample, prediction: Prediction) -> dict[str, Any]:
    if isinstance(sample.target, AnswersTarget):
        fields: dict[str, Any] = {"answers": list(sample.target.answers)}
    elif isinstance(sample.target, FieldsTarget):
        fields = dict(sample.target.fields)
    else:
        raise InputError(f"the sample {sample.id!r} is not of this benchmark: it has no answers")
    tags = dict(sample.tags)
    return {"id": sample.id, "question": sample.question, "tags": tags, "fields": fields, "group": sample.group,
            "reply": prediction.text}  # fmt: skip


class _Peer:
    """A process with lmms-eval. Started in an empty folder, as text: neither finds modules of ours in place of others."""

    def __init__(self, python: str, benchmark: str, questions: Iterator[Mapping[str, Any]]) -> None:
        self._python, self._benchmark = python, benchmark
        self._lines = (json.dumps(line) for line in ({"benchmark": benchmark}, *questions))
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._threads: list[threading.Thread] = []
        self.version = ""

    def __enter__(self) -> _Peer:
        self._folder = tempfile.TemporaryDirectory(prefix="ocrtune-cross-check-")
        code = Path(_lmms_eval.__file__).read_text("utf-8")
        quiet = {**os.environ, "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        try:
            self._child = subprocess.Popen([self._python, "-c", code], cwd=self._folder.name, env=quiet, encoding="utf-8",
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
        except OSError as cause:
            self._folder.cleanup()
            raise EngineError(
                f"{self._python} cannot be started ({cause})", hint="--cross-check-python takes the Python of an environment"
            ) from cause
        self._start(feed, self._child.stdin, self._lines)
        self._start(self._listen, self._child.stderr)
        try:
            self._greet()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self, target: Any, pipe: IO[str] | None, *more: Any) -> None:
        self._threads.append(threading.Thread(target=target, args=(pipe, *more), daemon=True))
        self._threads[-1].start()

    def _listen(self, pipe: IO[str]) -> None:
        self._last.extend(line.rstrip() for line in pipe if line.strip())

    def _greet(self) -> None:
        hello = self.read()
        if "version" not in hello:
            raise _cannot(self._python, hello.get("lacks"), str(hello.get("why")))
        self.version = str(hello["version"])

    def read(self) -> dict[str, Any]:
        """The next line. Raises EngineError where there is none."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        try:
            said = json.loads(line)
        except ValueError as cause:
            code = self._child.wait()
            self._threads[1].join()
            told = " | ".join(self._last) or "it said nothing"
            raise EngineError(
                f"{HARNESS} in {self._python} ended with exit code {code} before it was done: {told}",
                hint=f"try `{self._python} -c 'import lmms_eval.tasks'`; the figures of this run do not depend on it",
            ) from cause
        return dict(said)

    def scores(self, count: int) -> Iterator[dict[str, Any]]:
        for _ in range(count):
            yield self.read()

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            assert pipe is not None
            with contextlib.suppress(OSError):  # what could not be sent to a process that is dead
                pipe.close()
        self._folder.cleanup()


def _cannot(python: str, lacks: str | None, why: str) -> OcrtuneError:
    """What to do about an lmms-eval that cannot be imported."""
    if lacks == "lmms_eval":
        return MissingExtraError(
            f"{HARNESS} is not installed in {python}",
            hint=f"`pip install {HARNESS}` in an environment of its own, and give its Python with --cross-check-python",
        )
    if lacks is not None:
        name = UNDECLARED.get(lacks, lacks)
        return MissingExtraError(
            f"{HARNESS} in {python} needs the package {name!r}, which it does not install by itself",
            hint=f"{python} -m pip install {name}",
        )
    if "torchvision" in why:
        return EngineError(
            f"{HARNESS} in {python} cannot be imported: its torchvision does not fit its torch ({why})",
            hint=f"scoring needs none: {python} -m pip uninstall torchvision",
        )
    return EngineError(f"{HARNESS} in {python} cannot be imported: {why}", hint="repair that environment, or make a new one")
