"""Write words in capitals.

What is written goes to `shout.txt` in the run directory.

Examples:
  ocrtune shout hello world --times 2
  ocrtune shout hello \\
      --voice.mood calm
"""

from __future__ import annotations

import errno
import logging
from typing import Literal, NamedTuple

from pydantic import Field

from ocrtune.config import Section
from ocrtune.errors import InputError
from ocrtune.runs import RunDir

LOG = logging.getLogger("ocrtune")
CALLS: list[str] = []


class Voice(Section):
    """How it sounds."""

    mood: Literal["calm", "angry"] = Field("angry", description="how it feels")
    pitch: float = Field(1.0, gt=0, description="octaves above middle C")


class Config(Section):
    """What to shout."""

    words: list[str] = Field(description="what to shout")
    times: int = Field(1, ge=1, description="how often")
    loud: bool = Field(True, description="in capitals")
    marks: tuple[str, ...] = Field((), description="what to put behind it")
    trouble: str | None = Field(None, description="go wrong in this way")
    voice: Voice = Field(Voice(), description="the voice")


class Shouted(NamedTuple):
    text: str
    length: int


def run(config: Config, into: RunDir) -> Shouted:
    CALLS.append(into.id)
    LOG.info("shouting %d words", len(config.words))
    if config.trouble == "input":
        into.write("half.txt", "what was done before stays")
        raise InputError("the word is unreadable", hint="write it again")
    if config.trouble == "interrupt":
        raise KeyboardInterrupt
    if config.trouble == "memory":
        raise MemoryError
    if config.trouble == "disk":
        raise OSError(errno.ENOSPC, "No space left on device", "shout.txt")
    if config.trouble == "bug":
        raise AssertionError("two and two make five")
    text = " ".join(config.words * config.times) + "".join(config.marks)
    text = text.upper() if config.loud else text
    into.write("shout.txt", text)
    into.finish("partial" if config.trouble == "partial" else "done", shout="shout.txt")
    return Shouted(text, len(text))
