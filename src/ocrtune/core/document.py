"""Documents as they are read: pages of regions in reading order."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from ocrtune.core.attempt import Attempt, Finish, Usage
from ocrtune.core.base import Noun
from ocrtune.core.image import ImageRef

Point = tuple[float, float]
Markup = Literal["plain", "markdown", "html", "latex"]


class Box(Noun):
    """A rectangle in fractions of the image, origin top-left: 0 ≤ left ≤ right ≤ 1, 0 ≤ top ≤ bottom ≤ 1.

    `polygon` keeps the original quadrilateral or outline where the source had one. Pixels, 0–1000 grids and PDF points
    exist only in dialects, families and renderers.
    """

    left: float = Field(ge=0, le=1)
    top: float = Field(ge=0, le=1)
    right: float = Field(ge=0, le=1)
    bottom: float = Field(ge=0, le=1)
    polygon: tuple[Point, ...] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.right < self.left or self.bottom < self.top:
            raise ValueError(f"box corners are out of order: {self.left, self.top, self.right, self.bottom}")
        return self

    @classmethod
    def from_pixels(cls, corners: tuple[float, float, float, float], width: float, height: float) -> Self:
        """Left, top, right, bottom in pixels of a `width` × `height` image; clamped to it, corners put in order."""
        xs = sorted(min(max(x / width, 0.0), 1.0) for x in (corners[0], corners[2]))
        ys = sorted(min(max(y / height, 0.0), 1.0) for y in (corners[1], corners[3]))
        return cls(left=xs[0], top=ys[0], right=xs[1], bottom=ys[1])

    def to_pixels(self, width: float, height: float) -> tuple[float, float, float, float]:
        return self.left * width, self.top * height, self.right * width, self.bottom * height


class Word(Noun):
    """A word and where it stands. `placed`: "read" there, "aligned" to a word that was found there, or "interpolated" between
    such; `confidence` as in a Region."""

    text: str
    box: Box
    confidence: float | None = Field(default=None, ge=0, le=1)
    placed: Literal["read", "aligned", "interpolated"] = "read"


class Region(Noun):
    """A piece of a page: a paragraph, title, table, picture … `kind` is the layout category, lower case.

    `confidence` is a probability that the engine gave, or the agreement with a second reading; never made up. `flag` is what
    a second reading says of the region: on the page but not read (omitted), read but not on the page (invented), or neither
    for certain.
    """

    kind: str = "text"
    text: str = ""
    markup: Markup = "plain"
    box: Box | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)
    words: tuple[Word, ...] | None = None
    flag: Literal["omitted", "invented", "uncertain"] | None = None


class Ledger(Noun):
    """How a page was read: by which engine and for what reason by that one, all attempts, seconds and tokens of all of them.
    `reply` is the raw reply where it was broken or cut short."""

    engine: str
    why: str | None = None
    finish: Finish = "stop"
    attempts: tuple[Attempt, ...] = ()
    seconds: float = Field(default=0.0, ge=0)
    usage: Usage | None = None
    reply: str | None = None


class Page(Noun):
    """One page; `number` counts from 1; `image` is its clean picture, None where there is none. Boxes of the regions are
    fractions of that picture. `missed` are blocks that only a second reading has."""

    number: int = Field(ge=1)
    width: int | None = Field(default=None, gt=0)
    height: int | None = Field(default=None, gt=0)
    image: ImageRef | None = None
    regions: tuple[Region, ...] = ()
    missed: tuple[Region, ...] = ()
    problems: tuple[str, ...] = ()
    ledger: Ledger | None = None

    @property
    def text(self) -> str:
        return "\n".join(r.text for r in self.regions if r.text)


class Leaf(Noun):
    """A page and the name of its document, for pages that come one by one."""

    document: str
    page: Page


class Document(Noun):
    """A source file, its pages in order, and how they were read (engine, model, version)."""

    source: str
    pages: tuple[Page, ...]
    provenance: dict[str, str] = {}
