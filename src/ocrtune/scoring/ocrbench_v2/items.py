"""What a rule of OCRBench v2 is given and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

Profile = Literal["official", "vlmevalkit", "lmms_legacy", "lmms_current"]
PROFILES: tuple[Profile, ...] = get_args(Profile)


class Item(NamedTuple):
    """One question as the data set has it.

    `answers`: a list, rarely a bare text; for text grounding the four coordinates themselves. `method`: the column `eval`
    ("multiple choice", "case sensitive", "exact match", "regression"; absent or the text "None" otherwise). `bbox`: the box
    of "VQA with position", or the polygons of text spotting (`bbox_list` in the copy on the Hub), whose texts are `content`.
    """

    type: str
    question: str
    answers: str | Sequence[object]
    method: str | None = None
    bbox: Sequence[object] = ()
    content: Sequence[str] = ()

    @property
    def references(self) -> list[object]:
        return [self.answers] if isinstance(self.answers, str) else list(self.answers)

    @property
    def reference(self) -> object:
        """The first answer, where only one is used; "" if there is none."""
        return next(iter(self.references), "")

    @property
    def indexed(self) -> str:
        """The first answer as the published code takes it from pages: of a bare text that is no list, the first character."""
        return self.answers[:1] if isinstance(self.answers, str) else str(self.reference)


class Outcome(NamedTuple):
    """A score in 0..1 (a table with nothing right can fall below 0: `tables.teds`); `ignored` ones stay out of all averages."""

    value: float
    ignored: bool = False
