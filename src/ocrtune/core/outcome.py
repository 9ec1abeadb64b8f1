"""What came back, what it was worth, and how sure we are."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from ocrtune.core.attempt import Attempt, Failure, Finish, Usage
from ocrtune.core.base import Noun
from ocrtune.core.document import Region
from ocrtune.core.image import Size

Direction = Literal["lower", "higher"]


class Answer(Noun):
    """One attempt of an engine at one prompt. Either `text` (maybe empty, verbatim) or `error`, never both.

    `engine` and `why` are there where an engine chooses another one to answer: which, and for what reason. `turn` is by how
    many degrees clockwise the engine turned the picture to read it: boxes refer to the turned picture. `sure` is the mean
    confidence of all letters that OCR recognised, `weak` the part of them in words of a confidence below one half: those in
    formulas, of which the text has none, count too.
    """

    sample_id: str
    text: str | None = None
    finish: Finish = "stop"
    error: Failure | None = None
    sees: tuple[Size, ...] | None = None
    usage: Usage | None = None
    seconds: float = Field(default=0.0, ge=0)
    engine: str | None = None
    why: str | None = None
    turn: Literal[0, 90, 180, 270] = 0
    sure: float | None = None
    weak: float | None = None

    @model_validator(mode="after")
    def _text_or_error(self) -> Self:
        if (self.text is None) != (self.error is not None) or (self.finish == "error") != (self.error is not None):
            raise ValueError("an answer has either text or an error, and finish is 'error' exactly with an error")
        return self


class Prediction(Answer):
    """The last answer for a sample, verbatim, with all attempts that led to it."""

    attempts: tuple[Attempt, ...] = ()


class Problem(Noun):
    """Something wrong with one reply that did not lose the rest: `kind` is stable, `detail` is for people."""

    kind: str
    detail: str = ""


class Decoded(Noun):
    """A reply read back through its dialect; `fields` where it is key information."""

    regions: tuple[Region, ...] = ()
    problems: tuple[Problem, ...] = ()
    fields: dict[str, JsonValue] | None = None

    @property
    def text(self) -> str:
        return "\n".join(r.text for r in self.regions if r.text)


class Score(Noun):
    """One metric on one sample. `value` is None with a reason `why` when it cannot be scored.

    `errors` and `total` are numerator and denominator where the metric is a rate, so that corpus figures can be pooled
    (CER: edits and reference characters). `parts` are those of a composed figure by name, each with its own numerator and
    denominator.
    """

    sample_id: str
    metric: str
    value: float | None
    errors: float | None = None
    total: float | None = None
    parts: dict[str, tuple[float, float]] = {}
    why: str | None = None

    @model_validator(mode="after")
    def _reason(self) -> Self:
        if (self.value is None) != (self.why is not None):
            raise ValueError("a score has a value, or None with a reason")
        return self


class Slice(Noun):
    """An estimate for the samples that carry one tag value, e.g. tag "language", value "ru"."""

    tag: str
    value: str
    n: int
    mean: float
    low: float | None = None
    high: float | None = None


class Estimate(Noun):
    """One metric over a dataset, with a 95 % interval and everything needed to decide what it may be compared with.

    `mean` is None only when nothing could be scored. `low`/`high` come from a bootstrap over `groups` source documents
    and are None with fewer than two. `protocol` lists how the figure was made; `protocol_digest` is its digest.
    """

    metric: str
    direction: Direction
    mean: float | None
    low: float | None = None
    high: float | None = None
    n: int
    groups: int
    failed: int = 0
    truncated: int = 0
    empty: int = 0
    looped: int = 0
    duplicates: int = 0
    echoed: int = 0
    unscored: int = 0
    status: Literal["ok", "suspect"] = "ok"
    doubts: tuple[str, ...] = ()
    benchmark_digest: str
    protocol: dict[str, str]
    protocol_digest: str
    slices: tuple[Slice, ...] = ()
