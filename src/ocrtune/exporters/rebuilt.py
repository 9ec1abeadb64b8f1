"""The document set anew: every region as visible text, table, formula or picture at its place on pages of the old size."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from ocrtune.contracts import Artefact
from ocrtune.core import Document, Page, Region
from ocrtune.errors import InputError
from ocrtune.exporters import _table_setting
from ocrtune.exporters._crops import crops
from ocrtune.exporters._formulas import POINTS, drawing, readable, spoken
from ocrtune.exporters._page import is_figure
from ocrtune.exporters._placing import Piece, Placed, word_lines
from ocrtune.exporters._sizes import Paper, papers
from ocrtune.exporters._tables import grids
from ocrtune.exporters._typesetter import Typesetter
from ocrtune.exporters._wording import plain
from ocrtune.options import ExportOptions
from ocrtune.rendering import picture

if TYPE_CHECKING:
    from PIL.Image import Image

BOLD = ("title", "section-header")
BODY_LARGEST, TITLE_LARGEST = 18.0, 60.0  # letter sizes of text whose lines are not known
FITTING = 0.65
LETTER_OF_LINE = 0.78  # the letter size in a line's height, as boxes are drawn
LEAST_STRETCH, MOST_STRETCH = 0.75, 1.3  # letter sizes that are believed, in those with which a line is filled
ALIKE = 0.45  # heights of lines in a region, that differ because boxes end with the ink
DEPTH = 0.24  # of a line's height, below the foot of its letters
WIDE_GAP = 2.0  # heights of a line, between words that do not belong together
Rect = tuple[float, float, float, float]


class Rebuilt:
    """`<stem>.rebuilt.pdf`: real, visible text that can be selected. Fonts are embedded as subsets.

    Words stand where they were found; text without words is fitted into its box. Formulas that cannot be drawn, and pages
    that could not be read, are shown as they look in the original.
    """

    name = "rebuilt"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        setter = Typesetter(all_text(document), stem)
        for page, paper in papers(document):
            setter.page(*paper)
            _Sheet(setter, page, paper).draw()
        yield Artefact(f"{stem}.rebuilt.pdf", setter.content())


def all_text(document: Document) -> str:
    """Everything that is set, to choose fonts by."""
    regions = [region for page in document.pages for region in page.regions]
    words = [word.text for region in regions for word in region.words or ()]
    return "\n".join([*(region.text for region in regions), *words, *(p for page in document.pages for p in page.problems)])


class _Sheet:
    """One page."""

    def __init__(self, setter: Typesetter, page: Page, paper: Paper) -> None:
        self.setter, self.page, self.paper = setter, page, paper
        self._crops: dict[str, dict[int, Image]] = {}
        self._largest = self._usual_sizes()

    def draw(self) -> None:
        if not self.page.regions and self.page.problems:
            self._original()
        self._pictures()
        unplaced = []
        for region in self.page.regions:
            if region.box is not None:
                self._region(region, self._rect(region))
            elif text := readable(plain(region)).strip():
                unplaced.append(text)
        if unplaced:
            if len(unplaced) < len(self.page.regions):
                self.setter.page(*self.paper)  # or it would lie over what has its place
            width, height = self.paper
            box = (0.08 * width, 0.06 * height, 0.84 * width, 0.88 * height)
            self._text("\n".join(unplaced), box, bold=False, largest=11.0)
        self._problems()

    def _usual_sizes(self) -> dict[str, float]:
        """A letter size that fits most text of each kind, so that paragraphs of a page look alike; headings have their own."""
        sizes: dict[str, list[tuple[float, int]]] = {kind: [] for kind in BOLD}
        for region in self.page.regions:
            if region.box is None or region.words or region.markup == "latex" or region.kind in (*BOLD, "table", "picture"):
                continue
            text = readable(plain(region)).strip()
            box = self._rect(region)
            fitted = self.setter.fitted(text, (box[2], box[3]), largest=BODY_LARGEST)
            sizes.setdefault(region.kind, []).extend([(fitted.size, len(fitted.lines))])
        return {kind: _common(found) if found else TITLE_LARGEST for kind, found in sizes.items()}

    def _rect(self, region: Region) -> Rect:
        assert region.box is not None
        left, top, right, bottom = region.box.to_pixels(*self.paper)
        return left, top, max(right - left, 1.0), max(bottom - top, 1.0)

    def _pictures(self) -> None:
        """Below the text. Where text was found within a picture, there is paper, so that it is not seen twice."""
        pictures = [(region, self._rect(region)) for region in self.page.regions if region.kind == "picture" and region.box]
        for region, box in pictures:
            if (image := self._seen(region)) is not None:
                self.setter.picture(image, box)
        for region in self.page.regions:
            if region.kind != "picture" and region.box is not None and region.text.strip():
                box = self._rect(region)
                if any(_overlap(box, other) for _, other in pictures):
                    self.setter.paper(box)

    def _region(self, region: Region, box: Rect) -> None:
        if region.kind == "picture":
            return
        if region.kind == "table" and (found := grids(region)):
            _table_setting.draw(self.setter, _table_setting.fitted(self.setter, found[0], box[2], box[3]), box[0], box[1])
        elif is_figure(region):
            if (image := self._seen(region)) is not None:
                self.setter.picture(image, box)
        elif region.markup == "latex":
            self._formula(region, box)
        elif region.words:
            set_lines = list(word_lines(region.words, self.paper.height / self.paper.width))
            usual = median([_height(line) for line in set_lines] or [0.0])
            for line in set_lines:
                high = usual if abs(_height(line) - usual) < ALIKE * usual else _height(line)
                self._line(line, high * self.paper.height, bold=region.kind in BOLD)
        elif text := readable(plain(region)).strip():
            self._text(text, box, bold=region.kind in BOLD, largest=self._largest.get(region.kind, BODY_LARGEST))

    def _seen(self, region: Region) -> Image | None:
        """How the region looks in the original."""
        if region.kind not in self._crops:
            self._crops[region.kind] = {id(crop.region): crop.image for crop in crops(self.page, kind=region.kind)}
        return self._crops[region.kind].get(id(region))

    def _text(self, text: str, box: Rect, *, bold: bool, largest: float) -> None:
        fitted = self.setter.fitted(text, (box[2], box[3]), bold=bold, largest=largest)
        self.setter.lines(fitted, box[0], box[1], bold=bold)

    def _formula(self, region: Region, box: Rect) -> None:
        made = drawing(region.text)
        if made is not None:
            scale = min(box[2] / made.width, box[3] / made.height, 2 * BODY_LARGEST / POINTS)
            width, height = made.width * scale, made.height * scale
            self.setter.drawing(made.svg, (box[0] + (box[2] - width) / 2, box[1] + (box[3] - height) / 2, width, height))
        elif (image := self._seen(region)) is not None:
            self.setter.picture(image, box)
        else:
            self._text(spoken(region.text), box, bold=False, largest=BODY_LARGEST)

    def _line(self, line: Placed, high: float, *, bold: bool) -> None:
        """A line of words, about `high`: as one stretch of text where it is level, else word by word."""
        first, last = line[0], line[-1]
        if any(piece.direction != "right" for piece in line):
            for piece in line:
                self._standing(piece)
            return
        width, height = self.paper
        text = "".join(piece.text + (" " if piece.spaced else "") for piece in line)
        length, ems = (last.end[0] - first.start[0]) * width, self.setter.width(text, bold=bold)
        if ems <= 0 or high <= 0:
            return
        level = len({piece.start[1] for piece in line}) == 1
        if level and not any(_gap(one, other) * width > WIDE_GAP * high for one, other in pairwise(line)):
            size = _likely(high, length / ems)
            self.setter.line(text, first.start[0] * width, first.start[1] * height - DEPTH * high, size, bold=bold, length=length)
            return
        size = median(_likely((p.start[1] - p.upper[1]) * height, self._filling(p, bold)) for p in line)
        for piece in line:
            at, foot, filling = piece.start[0] * width, piece.start[1] * height - DEPTH * high, self._filling(piece, bold)
            room = (piece.end[0] - piece.start[0]) * width
            self.setter.line(piece.text, at, foot, size, bold=bold, length=room if size > filling else None)

    def _filling(self, piece: Piece, bold: bool) -> float:
        """The letter size at which a word is as long as its place."""
        return (piece.end[0] - piece.start[0]) * self.paper.width / max(self.setter.width(piece.text, bold=bold), 0.1)

    def _standing(self, piece: Piece) -> None:
        """Ideographs below one another; other text turned to the left."""
        width, height = self.paper
        (x, y), (end_x, end_y), (upper_x, _) = piece.start, piece.end, piece.upper
        if piece.direction == "down":
            step = (end_y - y) * height / len(piece.text)
            size = min(abs(upper_x - x) * width, step)
            for number, character in enumerate(piece.text):
                left = min(x, upper_x) * width + (abs(upper_x - x) * width - self.setter.width(character) * size) / 2
                self.setter.line(character, left, y * height + step * number + 0.88 * step, size)
            return
        size = abs(upper_x - x) * width * LETTER_OF_LINE
        with self.setter.turned_left(end_x * width - 0.2 * size, y * height):
            self.setter.line(piece.text, end_x * width - 0.2 * size, y * height, size, length=abs(end_y - y) * height)

    def _original(self) -> None:
        if self.page.image is None:
            return
        try:
            self.setter.picture(picture(self.page.image), (0.0, 0.0, *self.paper))
        except InputError:
            return

    def _problems(self) -> None:
        """What went wrong with the page, small and red at its head."""
        self.setter.colour(176, 0, 32)
        for number, problem in enumerate(self.page.problems[:5]):
            text = f"Page {self.page.number}: {' '.join(problem.split())}"
            room = (self.paper.width - 16) / 7
            shown = self.setter.wrapped(text, room)
            self.setter.line(shown[0] + ("…" if len(shown) > 1 else ""), 8, 12 + 9 * number, 7)
        self.setter.colour(0, 0, 0)


def _common(sizes: list[tuple[float, int]]) -> float:
    """The size that FITTING of the lines have room for."""
    left = sum(lines for _, lines in sizes) * (1 - FITTING)
    for size, lines in sorted(sizes):
        left -= lines
        if left <= 0:
            return size
    return sizes[-1][0]


def _likely(high: float, filling: float) -> float:
    """The letter size of a line by its height, unless its length says otherwise: boxes are drawn in many ways."""
    return min(max(high * LETTER_OF_LINE, filling * LEAST_STRETCH), filling * MOST_STRETCH)


def _height(line: Placed) -> float:
    return line[0].start[1] - line[0].upper[1]


def _gap(one: Piece, other: Piece) -> float:
    return other.start[0] - one.end[0]


def _overlap(one: Rect, other: Rect) -> bool:
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    return across > 1 and min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1]) > 1
