"""Born-digital PDFs: pictures of pages, blocks or lines, with the text layer as their truth.

A page whose text layer cannot be trusted is rejected with the reason; so is a line or block whose picture would show
something else than its text. Tags for slices may stand beside the file: `x.tags.json`, e.g. {"language": "ru"}.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import Box, Region, RegionsTarget, Size, TextTarget
from ocrtune.errors import InputError
from ocrtune.options import SourceOptions
from ocrtune.rendering import Truth, count, truth
from ocrtune.textlayer import Block, Glyph, Line, Rect, build_blocks, build_lines

if TYPE_CHECKING:
    from PIL.Image import Image

PADDING_INCHES = 0.015  # 2 pixels at 150 dpi
INK_CONTRAST = 24  # of 255, between the paper and the ink around one glyph
AHEAD = 4  # pages that are rendered while one is cut up

T = TypeVar("T")


class Pdf:
    """Every page, block or line of a PDF, by its text layer."""

    name = "pdf"

    def claims(self, path: Path) -> bool:
        if not path.is_file():
            return False
        if path.suffix.lower() == ".pdf":
            return True
        with path.open("rb") as file:
            return file.read(5) == b"%PDF-"

    def read(self, path: Path, options: SourceOptions) -> Iterator[Draft | Rejected]:
        try:
            tags = _tags_beside(path)
            numbers = range(1, count(path) + 1)
        except InputError as cause:
            yield Rejected(str(path), _why(cause, path))
            return
        with contextlib.closing(
            _ahead(truth(path, number, dpi=options.dpi, hidden=options.hidden_text) for number in numbers)
        ) as found:
            for number, page in zip(numbers, found, strict=True):
                yield from _read_page(page, f"{path} page {number}", path, options, tags)


def _tags_beside(path: Path) -> dict[str, str]:
    file = path.with_suffix(".tags.json")
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as cause:
        raise InputError(
            f"{path}: its tags {file.name} cannot be read as JSON ({cause})", hint="repair or remove the file"
        ) from cause
    if not isinstance(content, dict):
        raise InputError(f"{path}: its tags {file.name} must be an object of names and values", hint="repair or remove the file")
    return {str(key): str(value) for key, value in content.items()}


def _ahead(pages: Iterator[Future[T]]) -> Generator[Future[T]]:
    """Each one in turn, asked for while those before it are still worked on."""
    asked = deque(islice(pages, AHEAD))
    try:
        while asked:
            yield asked.popleft()
            asked.extend(islice(pages, 1))
    finally:
        for page in asked:
            page.cancel()


def _why(cause: InputError, path: Path) -> str:
    """Without the name of the file, which stands beside it."""
    return re.sub(rf"^{re.escape(os.path.abspath(path))}(, page \d+)?: ", "", str(cause))  # noqa: PTH100 - as it was opened


def _read_page(
    page: Future[Truth | str], where: str, path: Path, options: SourceOptions, tags: dict[str, str]
) -> Iterator[Draft | Rejected]:
    try:
        found = page.result()
    except InputError as cause:
        found = _why(cause, path)
    if isinstance(found, str):
        yield Rejected(where, found)
        return
    view = _View(where, found, options, tags)
    yield from {"page": view.whole, "block": view.blocks, "line": view.lines}[options.unit]()


class _Piece(NamedTuple):
    """What is to be cut out: `own` are the glyphs that the picture may show."""

    text: str
    box: Rect
    own: Sequence[Glyph]


class _View:
    """One rendered page with the glyphs that are painted on it."""

    def __init__(self, where: str, page: Truth, options: SourceOptions, tags: dict[str, str]) -> None:
        import numpy as np

        image, glyphs = page
        self._where = where
        self._image = image
        self._size = Size(*image.size)
        self._grey = np.asarray(image.convert("L"))
        self._inked = [g for g in glyphs if g.inked]
        self._boxes = np.array([g.box for g in self._inked], dtype=float).reshape(-1, 4)
        self._pad = max(2, round(PADDING_INCHES * options.dpi))
        self._hidden_text = options.hidden_text
        self._tags = tags
        self._lines = build_lines(self._split_at_rules(glyphs))

    def _split_at_rules(self, glyphs: Sequence[Glyph]) -> list[Glyph]:
        """A line break where a ruled table has a vertical rule between two cells."""
        out: list[Glyph] = []
        last: Glyph | None = None
        for glyph in glyphs:
            if glyph.inked:
                if last is not None and self._ruled(last, glyph):
                    out.append(Glyph("\n"))
                last = glyph
            out.append(glyph)
        return out

    def _ruled(self, last: Glyph, glyph: Glyph) -> bool:
        left, right = int(last.box[2]) + 1, int(glyph.box[0])
        if not (glyph.upright and 0.3 * glyph.height < right - left < 3 * glyph.height):
            return False
        between = self._grey[max(int(glyph.cell[1]), 0) : int(glyph.cell[3]) + 1, max(left, 0) : right].astype(int)
        if between.size == 0:
            return False
        # in a rule every pixel from top to bottom is darker, or every one lighter, than the paper
        return bool(
            (between.max(axis=0).min() <= between.max() - INK_CONTRAST)
            or (between.min(axis=0).max() >= between.min() + INK_CONTRAST)
        )

    def whole(self) -> Iterator[Draft | Rejected]:
        """The page with its blocks as regions."""
        seen = [g for g in self._inked if self._is_painted(g)]
        if len(seen) < 0.98 * len(self._inked) and not self._hidden_text:
            yield Rejected(self._where, f"{1 - len(seen) / len(self._inked):.0%} of the text is not to be seen in the picture")
            return
        regions = tuple(
            Region(kind=b.kind, text=text, box=Box.from_pixels(b.box, *self._size))
            for b in build_blocks(self._lines)
            if (text := _without_garbage(b.text))
        )
        yield self._draft(self._image, RegionsTarget(regions=regions), self._where)

    def blocks(self) -> Iterator[Draft | Rejected]:
        """Paragraphs and headings."""
        faults: Counter[str] = Counter()
        for number, block in enumerate(build_blocks(self._lines), start=1):
            yield from self._cut(_piece_of(block), _block_fault(block), f"block {number}", faults)
        yield from self._report(faults, "block")

    def lines(self) -> Iterator[Draft | Rejected]:
        """Lines that show exactly their text."""
        faults: Counter[str] = Counter()
        for number, line in enumerate(self._lines, start=1):
            yield from self._cut(_Piece(line.text, line.box, line.glyphs), _line_fault(line), f"line {number}", faults)
        yield from self._report(faults, "line")

    def _cut(self, piece: _Piece, fault: str | None, name: str, faults: Counter[str]) -> Iterator[Draft]:
        """The crop as a draft, or one more of a fault: pages have hundreds of lines, so faults are counted per page."""
        left, top = max(int(piece.box[0]) - self._pad, 0), max(int(piece.box[1]) - self._pad, 0)
        right = min(int(piece.box[2]) + 1 + self._pad, self._size.width)
        bottom = min(int(piece.box[3]) + 1 + self._pad, self._size.height)
        fault = fault or self._fault(piece, (left, top, right, bottom))
        if fault:
            faults[fault] += 1
        else:
            yield self._draft(self._image.crop((left, top, right, bottom)), TextTarget(text=piece.text), f"{self._where} {name}")

    def _fault(self, piece: _Piece, crop: tuple[int, int, int, int]) -> str | None:
        import numpy as np

        own = [g for g in piece.own if g.inked]
        if crop[2] - crop[0] <= 2 * self._pad or crop[3] - crop[1] <= 2 * self._pad:
            return "without any extent"
        painted = sum(self._is_painted(g) for g in own)
        if painted < (0.8 if self._hidden_text else 1.0) * len(own):
            return "blank or covered in the picture" if painted == 0 else "partly not to be seen in the picture"
        if any(
            g.box[0] < -1 or g.box[1] < -1 or g.box[2] > self._size.width + 1 or g.box[3] > self._size.height + 1 for g in own
        ):
            return "cut off by the edge of the page"
        across = np.minimum(self._boxes[:, 2], crop[2]) - np.maximum(self._boxes[:, 0], crop[0])
        down = np.minimum(self._boxes[:, 3], crop[3]) - np.maximum(self._boxes[:, 1], crop[1])
        area = (self._boxes[:, 2] - self._boxes[:, 0]) * (self._boxes[:, 3] - self._boxes[:, 1])
        within = (across > 0) & (down > 0) & (across * down > 0.5 * np.maximum(area, 1.0))
        mine = Counter(own)
        if Counter(self._inked[i] for i in np.flatnonzero(within).tolist()) - mine:
            return "showing letters of another line too"
        return None

    def _is_painted(self, glyph: Glyph) -> bool:
        """Is there any contrast where the glyph stands? Marks below a pixel and a half cannot be judged and count as seen."""
        left, top, right, bottom = glyph.box
        if right - left < 1.5 and bottom - top < 1.5:
            return True
        area = self._grey[max(int(top) - 1, 0) : int(bottom) + 2, max(int(left) - 1, 0) : int(right) + 2]
        return area.size > 0 and int(area.max()) - int(area.min()) >= INK_CONTRAST

    def _draft(self, image: Image, target: TextTarget | RegionsTarget, where: str) -> Draft:
        source = Path(self._where.rpartition(" page ")[0])
        return Draft(image=image, target=target, group=source.stem, where=where, tags=self._tags)

    def _report(self, faults: Counter[str], unit: str) -> Iterator[Rejected]:
        for fault, times in faults.items():
            yield Rejected(self._where, f"{times} {unit}{'s' * (times > 1)} {fault}")


def _piece_of(block: Block) -> _Piece:
    return _Piece(block.text, block.box, [g for line in block.lines for g in line.glyphs])


def _line_fault(line: Line) -> str | None:
    if line.vertical or not line.upright:
        return "of vertical or slanted text"
    words = line.text.split()
    if len(words) >= 4 and sum(len(w) == 1 and w.isalpha() for w in words) > 0.6 * len(words):
        return "of spaced letters, whose words cannot be told apart"
    if any(g.garbage or "\ufffd" in g.text for g in line.glyphs):
        return "with glyphs that have no Unicode"
    return None


def _block_fault(block: Block) -> str | None:
    return next(filter(None, map(_line_fault, block.lines)), None)


def _without_garbage(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.replace("\ufffd", "").split("\n") if line.strip())
