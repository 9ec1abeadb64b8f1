"""Answers to questions about a picture."""

from __future__ import annotations

from ocrtune.core import Sample, Size, Task
from ocrtune.dialects._verbatim import Verbatim
from ocrtune.errors import InputError


class Answers(Verbatim):
    """The first acceptable answer is taught; the whole reply is the answer, verbatim. A prompt follows the question, such as
    "Answer with a single word."; without one the question stands alone.
    """

    name = "answers"
    tasks: tuple[Task, ...] = ("answer",)

    def ask(self, sample: Sample, *, sees: Size | None = None) -> str:
        """Raises InputError where there is neither a question nor a prompt."""
        text = "\n".join(part for part in (sample.question, self.prompt) if part)
        if not text:
            raise InputError(
                f"the sample {sample.id!r} has no question to answer",
                hint="choose a --dialect that reads, or give the question as --prompt",
            )
        return text
