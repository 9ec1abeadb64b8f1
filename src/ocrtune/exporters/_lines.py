"""The lines of a region with their words, in pixels of the page picture, for formats that describe pages.

Lines of text that the engine placed are where its words are. A text without words is spread over its box, evenly: such places
are interpolated and say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, pairwise
from typing import Literal, NamedTuple

from ocrtune.core import Box, Page, Region, Size, Word
from ocrtune.exporters._page import is_figure
from ocrtune.exporters._tables import Cell, Grid
from ocrtune.exporters._wording import plain

Placed = Literal["read", "aligned", "interpolated"]
NO_SIZE = Size(1000, 1000)  # of a page whose picture is unknown: boxes are thousandths then
SHARED = 0.5  # of the lower of two words' heights overlap: they stand in one line
ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Rect(NamedTuple):
    """Whole pixels, right and bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


class LineWord(NamedTuple):
    text: str
    rect: Rect
    confidence: float | None = None
    placed: Placed = "read"


class Line(NamedTuple):
    text: str
    rect: Rect
    words: tuple[LineWord, ...]

    @property
    def placed(self) -> bool:
        return all(word.placed != "interpolated" for word in self.words)


def page_size(page: Page) -> Size:
    if page.width and page.height:
        return Size(page.width, page.height)
    return (page.image.size if page.image else None) or NO_SIZE


def rect_of(box: Box | None, size: Size) -> Rect:
    """At least one pixel, within the page; the whole page for what stands nobody knows where."""
    if box is None:
        return Rect(0, 0, *size)
    left, top, right, bottom = box.to_pixels(*size)
    first_x, first_y = min(int(left + 1e-6), size.width - 1), min(int(top + 1e-6), size.height - 1)
    return Rect(first_x, first_y, max(_up(right), first_x + 1), max(_up(bottom), first_y + 1))


def _up(value: float) -> int:
    return -int(-(value - 1e-6) // 1)


def around(rects: Sequence[Rect]) -> Rect:
    lefts, tops, rights, bottoms = zip(*rects, strict=True)
    return Rect(min(lefts), min(tops), max(rights), max(bottoms))


def legal(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return ILLEGAL.sub("", text)


def lines(region: Region, size: Size) -> list[Line]:
    """Lines from top to bottom as the region has them; none for a region without text and words."""
    texts = [text for raw in legal(plain(region)).splitlines() if (text := " ".join(raw.split()))]
    words = [word for word in region.words or () if legal(word.text).strip()]
    if not words:
        return spread(texts, rect_of(region.box, size))
    parts = divided(words, texts)
    if parts is not None:
        return [_line(part, size, text) for part, text in zip(parts, texts, strict=True)]
    return [_line(part, size) for part in _rows(words)]


def cell_lines(region: Region, grid: Grid, size: Size) -> Iterator[tuple[Cell, Rect, list[Line]]]:
    """The cells of a table that hold text: where their words are, else their share of the table's box."""
    filled = [cell for cell in grid.cells if legal(cell.text).strip()]
    parts = divided(list(region.words or ()), [legal(cell.text) for cell in filled]) if region.words else None
    whole = rect_of(region.box, size)
    for number, cell in enumerate(filled):
        if parts is not None:
            found = [_line(row, size) for row in _rows(parts[number])]
            yield cell, around([line.rect for line in found]), found
        else:
            rect = Rect(
                whole.left + whole.width * cell.column // grid.width,
                whole.top + whole.height * cell.row // grid.height,
                max(whole.left + whole.width * (cell.column + cell.columns) // grid.width, whole.left + 1),
                max(whole.top + whole.height * (cell.row + cell.rows) // grid.height, whole.top + 1),
            )
            yield cell, rect, spread([" ".join(t.split()) for t in legal(cell.text).split("\n") if t.strip()], rect)


def divided(words: Sequence[Word], texts: Sequence[str]) -> list[list[Word]] | None:
    """The words of each text, where the words one after the other are the texts one after the other; else None."""
    parts: list[list[Word]] = [[] for _ in texts]
    wanted = ["".join(text.split()) for text in texts]
    number, at = 0, 0
    for word in words:
        said = "".join(legal(word.text).split())
        while number < len(wanted) and at == len(wanted[number]):
            number, at = number + 1, 0
        if number == len(wanted) or not wanted[number].startswith(said, at):
            return None
        parts[number].append(word)
        at += len(said)
    return parts if all(parts) and number == len(wanted) - 1 and at == len(wanted[number]) else None


def _rows(words: Sequence[Word]) -> list[list[Word]]:
    """Words in their order; a new row where one does not stand beside the last one, or goes back before the row."""
    rows: list[list[Word]] = []
    for word in words:
        if rows and _beside(rows[-1][-1].box, word.box):
            rows[-1].append(word)
        else:
            rows.append([word])
    return rows


def _beside(last: Box, box: Box) -> bool:
    overlap = min(last.bottom, box.bottom) - max(last.top, box.top)
    lower = min(last.bottom - last.top, box.bottom - box.top)
    return overlap >= SHARED * lower and not box.right <= last.left


def _line(words: Sequence[Word], size: Size, text: str | None = None) -> Line:
    found = tuple(LineWord(legal(w.text).strip(), rect_of(w.box, size), w.confidence, w.placed) for w in words)
    return Line(text or " ".join(w.text for w in found), around([w.rect for w in found]), found)


def spread(texts: Sequence[str], rect: Rect) -> list[Line]:
    """One line for each text, as high as the box allows; words as wide as their share of the longest line."""
    longest = max(map(len, texts), default=1)
    found = []
    for number, text in enumerate(texts):
        top = min(rect.top + rect.height * number // len(texts), rect.bottom - 1)
        bottom = max(rect.top + rect.height * (number + 1) // len(texts), top + 1)
        words, at = [], 0
        for word in text.split(" "):
            left = min(rect.left + rect.width * at // longest, rect.right - 1)
            right = max(rect.left + rect.width * (at + len(word)) // longest, left + 1)
            words.append(LineWord(word, Rect(left, top, right, bottom), None, "interpolated"))
            at += len(word) + 1
        found.append(Line(text, around([word.rect for word in words]), tuple(words)))
    return found


def gaps(line: Line) -> list[bool]:
    """For each word whether a space follows it in the text of the line."""
    rest = iter(line.text)
    found = []
    for word in line.words:
        for character in word.text:
            if not character.isspace():
                next((c for c in rest if not c.isspace()), None)
        at = next(rest, "")
        found.append(at.isspace())
        if at and not at.isspace():
            rest = chain(at, rest)
    return found


def boxed(page: Page) -> list[Region]:
    """The regions of a page, each with a box. Where none has one, they share the page by their lines."""
    regions = [region for region in page.regions if _has_place(region) or region.words or legal(plain(region)).strip()]
    if not regions or any(region.box is not None for region in regions):
        return [region if region.box else region.model_copy(update={"box": _hull(region)}) for region in regions]
    heights = [len(plain(region).splitlines()) or 1 for region in regions]
    ends = [0, *accumulate(heights)]
    shares = [Box(left=0, right=1, top=a / ends[-1], bottom=b / ends[-1]) for a, b in pairwise(ends)]
    return [r.model_copy(update={"box": _hull(r) if r.words else share}) for r, share in zip(regions, shares, strict=True)]


def _has_place(region: Region) -> bool:
    """Whether it is something to see without text: pictures, and unread formulas with a box."""
    return region.kind == "picture" or (is_figure(region) and region.box is not None)


def _hull(region: Region) -> Box:
    """Around its words; the whole page without words."""
    boxes = [word.box for word in region.words or ()] or [Box(left=0, top=0, right=1, bottom=1)]
    return Box(
        left=min(box.left for box in boxes),
        top=min(box.top for box in boxes),
        right=max(box.right for box in boxes),
        bottom=max(box.bottom for box in boxes),
    )
