"""The waist: the one place where an engine is asked. Parsing, evaluating and labelling all come through `predict`."""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import NamedTuple, NoReturn

from tqdm import tqdm

from ocrtune.contracts import Dialect, Engine
from ocrtune.core import Answer, Attempt, Failure, Prediction, Prompt, Sample, Size
from ocrtune.errors import EngineError, InputError, OcrtuneError
from ocrtune.repetition import looping
from ocrtune.runs import RunDir, read_lines

log = logging.getLogger("ocrtune")

PREDICTIONS = "predictions.jsonl"
FIRST_PAUSE = 1.0  # seconds before the first retry; doubles with every further one
LONGEST_PAUSE = 60.0  # seconds; also bounds what a server may ask for
STRIKES = 32  # retryable failures in a row after which a pass stops asking: the other side is down, not the sample
UNANSWERED = Failure(kind="no answer", message="the engine ended without answering", retryable=True)
NOT_ASKED = Failure(kind="not asked", message="the engine was not asked: too many failures came before", retryable=True)


def predict(samples: Sequence[Sample], dialect: Dialect, engine: Engine, run: RunDir, *, max_tokens: int = 1024,
            retries: int = 2, each: Callable[[Prediction], object] = id) -> list[Prediction]:  # fmt: skip
    """`predictions`, all of them, in the order of the samples; `each` is called with every one as it comes."""
    got = {}
    for found in predictions(samples, dialect, engine, run, max_tokens=max_tokens, retries=retries):
        got[found.sample_id] = found
        each(found)
    return [got[sample.id] for sample in samples]


def predictions(samples: Sequence[Sample], dialect: Dialect, engine: Engine, run: RunDir, *, max_tokens: int = 1024,
                retries: int = 2, temperature: float | None = None) -> Generator[Prediction]:  # fmt: skip
    """Ask the open `engine` about every sample; one prediction each as soon as it is final, failures included.

    Prompts are built lazily, as the engine has room. Each finished sample is appended to `predictions.jsonl` of the run
    at once, so a kill or Ctrl-C loses at most what is in flight; samples that are there already are not asked again,
    except those whose failure was retryable. Retryable failures are asked again up to `retries` times, in later passes
    with growing pauses; every attempt is kept in `events.jsonl` and in `Prediction.attempts`.

    Raises InputError for repeated sample ids, EngineError when nothing at all came back and trying again may help, and
    whatever OcrtuneError the engine raises because it cannot go on.
    """
    board = _Board(samples, run, read_predictions(run.path / PREDICTIONS))
    how = _How(dialect, max_tokens, temperature)
    yield from board.known()
    with tqdm(total=len(samples), initial=len(board.done), desc=f"reading ({engine.name})", unit="image") as bar:
        board.bar = bar
        alone = False
        for number in range(retries + 1):
            pending = board.pending()
            if number and pending:
                _pause(number, board)
            board.last = number == retries
            groups = [[sample] for sample in pending] if alone else [pending]
            alone = False
            for group in groups:
                alone |= yield from _ask(group, how, engine, board)
        for sample in board.pending():
            board.give_up(sample.id, NOT_ASKED)
        yield from board.news()
    board.refuse_total_loss()


def read_predictions(path: Path) -> dict[str, Prediction]:
    """Predictions by sample id; of several for one sample (it was tried again on resume) the last counts."""
    return {prediction.sample_id: prediction for prediction in read_lines(path, Prediction)}


def in_flight(prompts: Iterable[Prompt], submit: Callable[[Prompt], Future[Answer]], width: int) -> Iterator[Answer]:
    """Answers as they come, with at most `width` futures under way; prompts are taken only as there is room.

    Shared by the engines that work concurrently. Closing the iterator cancels what is under way.
    """
    source = iter(prompts)
    flying: set[Future[Answer]] = set()
    try:
        while True:
            while len(flying) < width and (prompt := next(source, None)) is not None:
                flying.add(submit(prompt))
            if not flying:
                return
            landed, flying = wait(flying, return_when=FIRST_COMPLETED)
            for future in landed:
                yield future.result()
    finally:
        for future in flying:
            future.cancel()


class _Board:
    """What is known of each sample of this call: attempts so far, and the prediction once it is final."""

    def __init__(self, samples: Sequence[Sample], run: RunDir, found: dict[str, Prediction]) -> None:
        self.samples = {sample.id: sample for sample in samples}
        if len(self.samples) != len(samples):
            name, times = Counter(sample.id for sample in samples).most_common(1)[0]
            raise InputError(f"{times} samples are called {name!r}", hint="ids must be unique; run prepare again")
        self.run = run
        self.done = {name: p for name, p in found.items() if name in self.samples and not _retryable(p)}  # told: without text
        self.attempts = {name: list(p.attempts) for name, p in found.items() if name in self.samples and _retryable(p)}
        self.failed = sum(p.error is not None for p in self.done.values())
        self.asked: set[str] = set()
        self.strikes = 0
        self.last = False
        self.wait = 0.0
        self.bar: tqdm[NoReturn] | None = None
        self.fresh: deque[Prediction] = deque()

    def known(self) -> Iterator[Prediction]:
        """What was final before this call."""
        for name in list(self.done):
            yield self.done[name]
            self.done[name] = _without_text(self.done[name])

    def news(self) -> Iterator[Prediction]:
        """What became final since the last call."""
        while self.fresh:
            yield self.fresh.popleft()

    def pending(self) -> list[Sample]:
        return [sample for name, sample in self.samples.items() if name not in self.done]

    def take(self, answer: Answer) -> None:
        """Record one attempt; final when it succeeded, cannot be helped, or no attempts are left."""
        if answer.sample_id not in self.asked:
            self.run.event("answer nobody asked for", sample=answer.sample_id)
            return
        self.asked.remove(answer.sample_id)
        answer = _storable(answer)
        attempt = Attempt(finish=answer.finish, seconds=answer.seconds, error=answer.error)
        trail = self.attempts.setdefault(answer.sample_id, [])
        trail.append(attempt)
        self.run.event(
            "attempt", sample=answer.sample_id, number=len(trail), **attempt.model_dump(mode="json", exclude_none=True)
        )
        again = _retryable(answer)
        self.strikes = self.strikes + 1 if again else 0
        if answer.error and answer.error.retry_after:
            self.wait = max(self.wait, answer.error.retry_after)
        if self.last or not again:
            self._final(Prediction(**dict(answer), attempts=tuple(trail)))

    def lose(self, why: Failure) -> None:
        """What was asked and will not be answered any more."""
        for name in sorted(self.asked):
            self.take(Answer(sample_id=name, finish="error", error=why))

    def give_up(self, name: str, why: Failure) -> None:
        """A sample without an answer and without attempts left keeps its own last failure, if it has one."""
        trail = tuple(self.attempts.get(name, ()))
        last = trail[-1].error if trail else None
        self._final(Prediction(sample_id=name, finish="error", error=last or why, attempts=trail))

    def _final(self, prediction: Prediction) -> None:
        self.run.append(PREDICTIONS, prediction)
        self.fresh.append(prediction)
        self.done[prediction.sample_id] = _without_text(prediction)
        self.failed += prediction.error is not None
        if self.bar is not None:
            self.bar.set_postfix(failed=self.failed, refresh=False)
            self.bar.update()

    def refuse_total_loss(self) -> None:
        """Not one answer, and the cause may pass: that is no result, it is an engine that is not there."""
        if self.done and all(_retryable(p) for p in self.done.values()):
            error = next(iter(self.done.values())).error
            what = f"{error.kind}: {error.message}" if error else "unknown"
            raise EngineError(
                f"not one of {len(self.done)} samples could be read; the first failed with {what}",
                hint="see to the engine, then give the same command again: it resumes",
            )


class _How(NamedTuple):
    """What all prompts of a call have in common."""

    dialect: Dialect
    max_tokens: int
    temperature: float | None


def _ask(samples: Iterable[Sample], how: _How, engine: Engine, board: _Board) -> Generator[Prediction, None, bool]:
    """One pass over `samples`. True when the engine crashed, so that one of them may be what kills it."""
    queue = deque(samples)
    crashed = False
    board.strikes = 0
    while queue and board.strikes < STRIKES:
        before = len(queue)
        try:
            with contextlib.closing(_closable(engine.stream(_prompts(queue, how, engine, board)))) as answers:
                for answer in answers:
                    board.take(answer)
                    yield from board.news()
            board.lose(UNANSWERED)
        except OcrtuneError:
            raise  # the engine says that it cannot go on; what it was asked stays open and is asked on resume
        except Exception as error:
            crashed = True
            log.warning("the engine %s crashed; the other samples go on", engine.name, exc_info=True)
            board.lose(Failure(kind="crash", message=f"{type(error).__name__}: {error}", retryable=True))
        yield from board.news()
        if len(queue) == before:
            break
    return crashed


def _prompts(queue: deque[Sample], how: _How, engine: Engine, board: _Board) -> Iterator[Prompt]:
    while queue and board.strikes < STRIKES:
        sample = queue.popleft()
        board.asked.add(sample.id)
        try:
            text = how.dialect.ask(sample, sees=_seen(sample, engine))
        except OcrtuneError as error:
            board.take(Answer(sample_id=sample.id, finish="error", error=Failure(kind="no prompt", message=str(error))))
            continue
        yield Prompt(sample_id=sample.id, images=sample.images, text=text, max_tokens=how.max_tokens, temperature=how.temperature)


def _seen(sample: Sample, engine: Engine) -> Size | None:
    image = sample.images[0]
    return engine.sees(Size(image.width, image.height)) if image.width and image.height else None


def _closable(answers: Iterator[Answer]) -> Generator[Answer, None, None]:
    """A generator around any iterator, so that leaving early always closes what is underneath."""
    try:
        yield from answers
    finally:
        if callable(close := getattr(answers, "close", None)):
            close()


def _pause(number: int, board: _Board) -> None:
    """Exponential with jitter, so that many clients of one server do not return together; never shorter than asked for."""
    seconds = min(LONGEST_PAUSE, max(FIRST_PAUSE * 2 ** (number - 1) * random.uniform(0.5, 1.0), board.wait))
    board.wait = 0.0
    log.info("%d samples failed and are tried again in %.1f s", len(board.pending()), seconds)
    time.sleep(seconds)


def _without_text(prediction: Prediction) -> Prediction:
    """The words of a book's pages take gigabytes, and they are on disk."""
    return prediction.model_copy(update={"text": None})


def _retryable(answer: Answer) -> bool:
    return answer.error is not None and answer.error.retryable


def _storable(answer: Answer) -> Answer:
    """The answer with `finish` "loop" where it runs in circles, and without lone surrogates, which are no text.

    Byte-level tokenizers and servers can produce halves of surrogate pairs; UTF-8 cannot hold them, so each becomes U+FFFD.
    """
    if answer.error is not None:
        return answer.model_copy(update={"error": answer.error.model_copy(update={"message": _utf8(answer.error.message)})})
    text = _utf8(answer.text or "")
    return answer.model_copy(update={"text": text, "finish": "loop" if looping(text) else answer.finish})


def _utf8(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
