"""Dialects whose reply is the text itself."""

from __future__ import annotations

from ocrtune.contracts import Coordinates
from ocrtune.core import Decoded, Problem, Region, Sample, Size, Target, Task, target_text
from ocrtune.errors import InputError


class Verbatim:
    """The whole reply is one region, verbatim: `decode(encode(target)).text` is the target's text, whatever it holds.

    Splitting into paragraphs would have to guess which blank lines the page really shows; exporters may, this may not.
    """

    name = ""
    tasks: tuple[Task, ...] = ("read", "answer")
    coordinates: Coordinates | None = None
    words = ""

    def __init__(self, prompt: str | None = None) -> None:
        self.prompt = self.words if prompt is None else prompt

    def ask(self, sample: Sample, *, sees: Size | None = None) -> str:
        """The sample's own question where it has one, else the prompt."""
        return sample.question or self.prompt

    def encode(self, target: Target, *, sees: Size | None = None) -> str:
        """Raises InputError for targets without a text of their own (boxes, fields)."""
        text = target_text(target)
        if text is None:
            raise InputError(
                f"a target of kind {target.kind!r} has no plain text", hint="choose a --dialect that can say it, or another task"
            )
        return text

    def decode(self, text: str, *, sees: Size | None = None) -> Decoded:
        if not text:
            return Decoded(problems=(Problem(kind="empty", detail="the model said nothing"),))
        return Decoded(regions=(Region(text=text),))
