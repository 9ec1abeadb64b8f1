"""How one question to an engine went."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ocrtune.core.base import Noun

Finish = Literal["stop", "length", "loop", "error"]


class Usage(Noun):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Failure(Noun):
    """Why there is no text: `kind` is short and stable ("timeout", "http 400", "unreadable image").

    `retry_after` is how many seconds the other side asked to wait before the next attempt, where it did.
    """

    kind: str
    message: str
    retryable: bool = False
    retry_after: float | None = Field(default=None, ge=0)


class Attempt(Noun):
    """The trace an attempt leaves: `step` is what was done differently from the first attempt ("at half the pixels"), `why`
    the reason for trying again ("loop")."""

    finish: Finish
    seconds: float
    error: Failure | None = None
    step: str | None = None
    why: str | None = None
