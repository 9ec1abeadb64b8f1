"""Whether a figure can be believed at all: what went wrong with the replies, against stated limits."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import Field

from ocrtune.config import Section


class Limits(Section):
    """Shares of samples above which a figure is suspect; 1 turns a limit off."""

    failed: float = Field(0.02, ge=0, le=1, description="share of requests that may fail")
    empty: float = Field(0.05, ge=0, le=1, description="share of replies that may be empty where there is something to read")
    truncated: float = Field(0.02, ge=0, le=1, description="share of replies that may be cut off at the token limit")
    looped: float = Field(0.02, ge=0, le=1, description="share of replies that may run in circles")
    duplicates: float = Field(0.02, ge=0, le=1, description="share of samples that may repeat another one's picture and question")
    echoed: float = Field(0.01, ge=0, le=1, description="share of replies that may contain their own prompt")


class Counts(NamedTuple):
    """What happened to the requests, whatever a metric says. `blank` of the empty replies are right: there is nothing to
    read; `duplicates` are samples that ask the same of the same picture as an earlier one."""

    failed: int = 0
    truncated: int = 0
    empty: int = 0
    looped: int = 0
    duplicates: int = 0
    echoed: int = 0
    blank: int = 0


SAID = {
    "failed": "of {n} requests failed",
    "empty": "of {n} replies are empty though there is something to read",
    "truncated": "of {n} replies were cut off at the token limit",
    "looped": "of {n} replies run in circles",
    "duplicates": "of {n} samples repeat the picture and the question of another",
    "echoed": "of {n} replies contain their own prompt",
}


def doubts(counts: Counts, n: int, limits: Limits) -> tuple[str, ...]:
    """A sentence for each limit that is exceeded; none is no reason for doubt."""
    found = {**counts._asdict(), "empty": counts.empty - counts.blank}
    return tuple(
        f"{found[name]} {text.format(n=n)} ({found[name] / n:.1%}, the limit is {getattr(limits, name) * 100:.3g}%)"
        for name, text in SAID.items()
        if n and found[name] / n > getattr(limits, name)
    )
