"""The JSON of a parsed document: everything that is known of it, for programs that know nothing of this package."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field

from ocrtune.core.base import Noun
from ocrtune.core.document import Box, Document, Page, Region, Word

Pixels = tuple[float, float, float, float]

PIXELS = "left, top, right, bottom of the box in pixels of the page picture; absent without a box or the picture's size"


class ParsedWord(Word):
    """A word of a region."""

    pixels: Pixels | None = Field(default=None, description=PIXELS)


class ParsedRegion(Region):
    """A piece of the page."""

    order: int = Field(ge=1, description="place in the reading order of the page")
    pixels: Pixels | None = Field(default=None, description=PIXELS)
    words: tuple[ParsedWord, ...] | None = None


class ParsedPage(Page):
    """A page; `width` and `height` are pixels of its picture, `box`es are fractions of it, `ledger` says how it was read."""

    regions: tuple[ParsedRegion, ...] = ()


class ParsedDocument(Noun):
    """A parsed document, version 1 of its form. A change that breaks readers raises the number."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    schema_number: Literal[1] = Field(default=1, alias="schema")
    source: str = Field(description="the file that was read")
    provenance: dict[str, str] = Field(default={}, description="how: engine, model, dialect, versions")
    pages: tuple[ParsedPage, ...]

    @classmethod
    def of(cls, document: Document) -> Self:
        return cls(source=document.source, provenance=document.provenance, pages=tuple(map(_page, document.pages)))

    def document(self) -> Document:
        """What `of` was given, unchanged."""
        pages = tuple(Page(**{**_fields(page), "regions": tuple(map(_region, page.regions))}) for page in self.pages)
        return Document(source=self.source, provenance=self.provenance, pages=pages)

    @classmethod
    def written(cls, document: Document) -> bytes:
        """The JSON of `of`, a page a line. Pages are taken one by one: thousands of them need not be in memory at once."""
        frame = cls(source=document.source, provenance=document.provenance, pages=())
        head = frame.model_dump_json(exclude={"pages"}, by_alias=True).removesuffix("}").encode()
        pages = [_page(page).model_dump_json(exclude_none=True, by_alias=True).encode() for page in document.pages]
        return head + b',"pages":[\n' + b",\n".join(pages) + b"\n]}\n"


def _page(page: Page) -> ParsedPage:
    size = (page.width, page.height) if page.width and page.height else page.image.size if page.image else None
    regions = tuple(
        ParsedRegion(**{**_fields(region), "words": _words(region.words, size)}, order=order, pixels=_pixels(region.box, size))
        for order, region in enumerate(page.regions, start=1)
    )
    return ParsedPage(**{**_fields(page), "regions": regions})


def _words(words: tuple[Word, ...] | None, size: tuple[int, int] | None) -> tuple[ParsedWord, ...] | None:
    return None if words is None else tuple(ParsedWord(**_fields(word), pixels=_pixels(word.box, size)) for word in words)


def _pixels(box: Box | None, size: tuple[int, int] | None) -> Pixels | None:
    if box is None or size is None:
        return None
    left, top, right, bottom = (round(side, 2) for side in box.to_pixels(*size))
    return left, top, right, bottom


def _region(region: ParsedRegion) -> Region:
    words = None if region.words is None else tuple(Word(**_fields(word, but="pixels")) for word in region.words)
    return Region(**{name: value for name, value in _fields(region, but="pixels").items() if name != "order"} | {"words": words})


def _fields(noun: Noun, *, but: str = "") -> dict[str, object]:
    return {name: getattr(noun, name) for name in type(noun).model_fields if name != but}
