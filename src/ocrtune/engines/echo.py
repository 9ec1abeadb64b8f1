"""Answers that are known beforehand, for tests, demonstrations and dry rehearsals: no model, no picture is looked at."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ocrtune.core import Answer, Failure, Prompt, Sample, Size, Usage, target_text
from ocrtune.errors import ConfigError, InputError
from ocrtune.options import EngineOptions
from ocrtune.runs import read_lines

GRAMMAR = "echo | text:WORDS | table:FILE.jsonl, then optionally ;fail=N ;broken=N ;delay=SECONDS"


class Echo:
    """`options.model` says what to answer; a token of this engine is one character.

    * `echo` (default): the prompt's own text
    * `text:WORDS`: always these words
    * `table:FILE.jsonl`: the target text of the sample of that id (what `prepare` writes: a perfect reader)
    * `;fail=N`: the first attempt at every Nth prompt fails and may be tried again
    * `;broken=N`: every Nth prompt always fails, for good
    * `;delay=S`: seconds per answer

    A prompt that the table does not know fails for good. `answers` gives the table directly, from Python.
    """

    name = "echo"
    native: str | None = None

    def __init__(self, options: EngineOptions, answers: Mapping[str, str] | None = None) -> None:
        options.only(self.name, "model")
        self.model = options.model or ("echo" if answers is None else "table:")
        self._what, *faults = self.model.split(";")
        self._faults = dict(_fault(fault) for fault in faults)
        kind = self._what.partition(":")[0]
        if kind not in ("echo", "text", "table"):
            raise ConfigError(f"the echo engine does not know the model {self._what!r}", hint=f"--model {GRAMMAR}")
        self._table = dict(answers or {})
        self._seen: Counter[str] = Counter()
        self._numbers: dict[str, int] = {}

    def describe(self) -> dict[str, str]:
        return {"engine": self.name, "model": self.model}

    def open(self) -> None:
        kind, _, file = self._what.partition(":")
        if kind == "table" and file:
            self._table = _targets(Path(file))

    def close(self) -> None:
        pass

    def sees(self, size: Size) -> Size | None:
        return size

    def stream(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        for prompt in prompts:
            begun = time.monotonic()
            time.sleep(self._faults.get("delay", 0.0))
            yield self._answer(prompt).model_copy(update={"seconds": time.monotonic() - begun})

    def _answer(self, prompt: Prompt) -> Answer:
        if (failure := self._failure(prompt.sample_id)) is not None:
            return Answer(sample_id=prompt.sample_id, finish="error", error=failure)
        text = self._text(prompt)
        if text is None:
            missing = Failure(kind="unknown sample", message=f"the table holds no answer for {prompt.sample_id!r}")
            return Answer(sample_id=prompt.sample_id, finish="error", error=missing)
        said = text[: prompt.max_tokens]
        usage = Usage(prompt_tokens=len(prompt.text), completion_tokens=len(said))
        return Answer(sample_id=prompt.sample_id, text=said, finish="stop" if said == text else "length", usage=usage)

    def _text(self, prompt: Prompt) -> str | None:
        kind, _, words = self._what.partition(":")
        return {"echo": prompt.text, "text": words}.get(kind, self._table.get(prompt.sample_id))

    def _failure(self, name: str) -> Failure | None:
        number = self._numbers.setdefault(name, len(self._numbers) + 1)
        self._seen[name] += 1
        if _hits(self._faults.get("broken"), number):
            return Failure(kind="broken", message="the echo engine was asked to fail here")
        if _hits(self._faults.get("fail"), number) and self._seen[name] == 1:
            return Failure(kind="hiccup", message="the echo engine was asked to fail here once", retryable=True)
        return None


def _hits(every: float | None, number: int) -> bool:
    return every is not None and number % int(every) == 0


def _fault(text: str) -> tuple[str, float]:
    name, _, value = text.strip().partition("=")
    try:
        amount = float(value)
    except ValueError:
        amount = -1.0
    if name not in ("fail", "broken", "delay") or amount < 0 or (name != "delay" and (amount < 1 or amount % 1)):
        raise ConfigError(f"the echo engine does not understand {text!r}", hint=f"--model {GRAMMAR}")
    return name, amount


def _targets(file: Path) -> dict[str, str]:
    if not file.is_file():
        raise InputError(f"no such table of answers: {file}", hint="a JSONL file of samples, such as test.jsonl of a dataset")
    texts = {sample.id: target_text(sample.target) for sample in read_lines(file, Sample) if sample.target is not None}
    return {name: text for name, text in texts.items() if text is not None}
