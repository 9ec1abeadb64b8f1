"""What is asked: samples with or without a target, and the prompt that a dialect makes of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from ocrtune.core.base import Noun
from ocrtune.core.document import Box, Region
from ocrtune.core.image import ImageRef, Size

Task = Literal["read", "layout", "detect", "answer", "extract"]


class TextTarget(Noun):
    """The text of the image, lines separated by newlines."""

    kind: Literal["text"] = "text"
    text: str


class RegionsTarget(Noun):
    """Layout regions in reading order."""

    kind: Literal["regions"] = "regions"
    regions: tuple[Region, ...]


class AnswersTarget(Noun):
    """Acceptable answers to `Sample.question`."""

    kind: Literal["answers"] = "answers"
    answers: tuple[str, ...] = Field(min_length=1)


class BoxesTarget(Noun):
    """Objects to detect, in no particular order; `ignored` ones count neither for nor against."""

    kind: Literal["boxes"] = "boxes"
    boxes: tuple[Region, ...]
    ignored: tuple[Region, ...] = ()


class FieldsTarget(Noun):
    """Key information: field name → value."""

    kind: Literal["fields"] = "fields"
    fields: dict[str, JsonValue]


Target = Annotated[TextTarget | RegionsTarget | AnswersTarget | BoxesTarget | FieldsTarget, Field(discriminator="kind")]


class Sample(Noun):
    """One question about one or more images.

    `group` names the source document, so that splits by group do not leak; `tags` name slices, such as
    `{"language": "ru", "template": "invoice"}`; `box` is the part of the picture that is asked about, all of it when None.
    """

    id: str
    group: str
    images: tuple[ImageRef, ...] = Field(min_length=1)
    task: Task = "read"
    question: str | None = None
    box: Box | None = None
    target: Target | None = None
    tags: dict[str, str] = {}


class Prompt(Noun):
    """What an engine is given. `sees` are the pixel sizes the model really gets, when known beforehand; `temperature` replaces
    the engine's own."""

    sample_id: str
    images: tuple[ImageRef, ...]
    text: str
    max_tokens: int = Field(gt=0)
    sees: tuple[Size, ...] | None = None
    temperature: float | None = Field(default=None, ge=0)


def target_text(target: Target) -> str | None:
    """The plain text of a target, regions joined by newlines; None where a target has no text of its own."""
    if isinstance(target, TextTarget):
        return target.text
    if isinstance(target, RegionsTarget):
        return "\n".join(r.text for r in target.regions if r.text)
    if isinstance(target, AnswersTarget):
        return target.answers[0]
    return None
