"""From lines of text to the regions of a page, in steps: tables, margins, paragraphs, their kinds, their order."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from ocrtune.core import Box, Region, Size, Word
from ocrtune.layout.aligned import aligned_tables
from ocrtune.layout.blocks import Block, build_blocks
from ocrtune.layout.cells import Table
from ocrtune.layout.formulas import is_numbered_by
from ocrtune.layout.framed import framed_tables
from ocrtune.layout.grids import ruled_tables
from ocrtune.layout.kinds import kinds
from ocrtune.layout.lines import Line, build_lines, bulleted, levelled, pieces
from ocrtune.layout.margins import margins
from ocrtune.layout.parts import Rect, Rule, Span, area, bounds, covers, mirrored, overlap, shared, within
from ocrtune.layout.reading import halves, order, turned
from ocrtune.layout.rowed import rowed_tables

FIRST_FROM_RIGHT = "\u0590"
BACKGROUND = 0.6  # of the page: a picture this large lies behind the text
SHEET = 0.9  # of the page: a picture this large is the scan itself
LABELS = 0.35  # of a picture: text that covers more of it is set on a coloured ground, not part of a drawing


class _Part(NamedTuple):
    """A region before its place in the order is known; `box` in pixels."""

    kind: str
    box: Rect
    text: str = ""
    spans: tuple[Span, ...] = ()
    markup: str = "plain"

    def mirrored(self, width: float) -> _Part:
        return self._replace(box=mirrored(self.box, width), spans=tuple(s.mirrored(width) for s in self.spans))


def analyse(
    spans: Sequence[Span],
    size: Size,
    *,
    rules: Sequence[Rule] = (),
    pictures: Sequence[Rect] = (),
    formulas: Sequence[Rect] = (),
) -> tuple[Region, ...]:
    """Regions of a page in reading order; `spans` may come in any order, their text is lost in `formulas` only.

    `size` and all boxes are pixels. Kinds are dots.ocr's names in lower case. A paragraph keeps its lines, separated by "\\n";
    a table is HTML. Text on a picture (labels of a drawing) becomes the text of the `picture` region. One of the `formulas`
    becomes a region without text, because nobody could read it, unless it is part of a table. Confidence is the mean of the
    words', where they have one, else of the lines', else None. Two facing pages are read one after the other.

    What is written from right to left is understood in a mirror: there lines begin, and columns follow each other, as in Latin.
    """
    if not _runs_left(spans):
        return tuple(_region(part, size) for part in _parts(spans, size, rules, pictures, formulas))
    boxes = ([mirrored(box, size.width) for box in some] for some in ((r.box for r in rules), pictures, formulas))
    ruled, shown, unread = boxes
    parts = _parts([s.mirrored(size.width) for s in spans], size, [Rule(box) for box in ruled], shown, unread)
    return tuple(_region(part.mirrored(size.width), size) for part in parts)


def _parts(
    spans: Sequence[Span], size: Size, rules: Sequence[Rule], pictures: Sequence[Rect], formulas: Sequence[Rect]
) -> list[_Part]:
    written = sorted(
        (piece for s in bulleted(levelled([s for s in spans if s.text.strip()])) for piece in pieces(s)),
        key=lambda s: (s.box, s.text, s.size),
    )
    rules = [rule for rule in rules if not _is_stroke(rule, written)]
    parts: list[_Part] = []
    boxes = [*(s.box for s in written), *pictures, *formulas]
    ends = len(written), len(written) + len(pictures)
    pages = halves(boxes, size)
    if _runs_down(written):
        pages.reverse()
    for half in pages:
        here = [written[i] for i in half if i < ends[0]]
        shown, unread = [boxes[i] for i in half if ends[0] <= i < ends[1]], [boxes[i] for i in half if i >= ends[1]]
        frame = _frame(len(half) < len(boxes), [boxes[i] for i in half], size)
        parts += _Frame(frame, size).parts(here, rules, shown, unread)
    return parts


def _runs_left(spans: Sequence[Span]) -> bool:
    """Whether most of the letters are Arabic or Hebrew."""
    letters = [letter for span in spans for letter in span.text if letter.isalpha()]
    foreign = [letter for letter in letters if letter >= FIRST_FROM_RIGHT]
    return 2 * sum(unicodedata.bidirectional(letter) in ("R", "AL") for letter in foreign) > len(letters)


def _is_stroke(rule: Rule, spans: Sequence[Span]) -> bool:
    """Whether a line of a picture is a stroke of letters, or of two that touch: short, and inside a piece of text."""
    long = max(rule.box[2] - rule.box[0], rule.box[3] - rule.box[1])
    return any(
        long < 3 * s.size
        and s.box[0] <= rule.box[0]
        and rule.box[2] <= s.box[2]
        and s.box[1] <= rule.box[1] <= rule.box[3] <= s.box[3]
        for s in spans
    )


def _runs_down(spans: Sequence[Span]) -> bool:
    """Whether most of the text is written in vertical lines; such pages are read from right to left."""
    return sum(len(s.text) for s in spans if s.vertical) > 0.5 * sum(len(s.text) for s in spans)


def _frame(facing: bool, boxes: Sequence[Rect], size: Size) -> Rect:
    """The page, or the one of two facing pages that the boxes are on."""
    if not facing:
        return (0.0, 0.0, float(size.width), float(size.height))
    middle, box = size.width / 2, bounds(boxes)
    left = box[0] + box[2] < size.width
    return (0.0 if left else middle, 0.0, middle if left else float(size.width), float(size.height))


class _Frame(NamedTuple):
    """One page of text: the whole picture, or half of it."""

    box: Rect
    size: Size

    def parts(
        self, spans: Sequence[Span], rules: Sequence[Rule], pictures: Sequence[Rect], formulas: Sequence[Rect]
    ) -> list[_Part]:
        rules = [rule for rule in rules if within(rule.box, self.box)]
        tables = self._ruled(spans, rules, pictures)
        tables = [t for t in tables if not any(covers(f, t.box) for f in formulas)]
        formulas = [f for f in formulas if not any(covers(t.box, f) for t in tables)]
        rules = [rule for rule in rules if not any(within(rule.box, f) for f in formulas)]
        rest = [s for s in _without(spans, tables) if not any(covers(f, s.box) for f in formulas)]
        pictures = [p for p in pictures if not _covered(p, tables) and not any(covers(f, p) for f in formulas)]
        figures, rest = self._figures(rest, pictures)
        numbers = [s for s in rest if any(is_numbered_by(f, s, rest) for f in formulas)]
        rest = [s for s in rest if s not in numbers]
        shown = [*(p.box for p in figures), *formulas]
        flat, down = [s for s in rest if not s.vertical], [s for s in rest if s.vertical]
        aligned = aligned_tables(flat, [r for r in rules if not any(within(r.box, box) for box in shown)], shown)
        tables += [t for t in aligned if not _is_drawn(t)]
        flat = _without(flat, tables)
        objects = [*(p.box for p in figures), *(t.box for t in tables)]
        cells = [s for t in tables for s in t.sources]
        head, body, foot = self._flat(flat, objects, _free(rules, tables), cells)
        body += [*(_Part("formula", f) for f in formulas), *(_Part("text", s.box, s.text, (s,)) for s in numbers)]
        body += [*figures, *map(_table_part, tables), *self._vertical(down)]
        return [*head, *self._ordered(body, vertical=_runs_down(spans)), *foot]

    def _ruled(self, spans: Sequence[Span], rules: Sequence[Rule], pictures: Sequence[Rect]) -> list[Table]:
        """Tables with lines."""
        tables = ruled_tables(spans, rules, pictures, max(self.size))
        tables += rowed_tables(_without(spans, tables), _free(rules, tables), max(self.size))
        framed = framed_tables(_without(spans, tables), _free(rules, tables), max(self.size))
        every = [*tables, *framed]
        tables += [t for t in framed if not any(o is not t and within(o.box, t.box) for o in every)]  # else the frame of a page
        return [t for t in tables if not _is_drawn(t)]

    def _figures(self, spans: Sequence[Span], pictures: Sequence[Rect]) -> tuple[list[_Part], list[Span]]:
        """Pictures with the labels on them, and the text that is on none. What lies behind text is left out or has no text."""
        rest, out = list(spans), []
        page = area(self.box)
        for box in sorted(pictures, key=area):
            if area(box) > SHEET * page and rest:
                continue
            labels = [s for s in rest if within(s.box, box)]
            covered = sum(area(s.box) for s in labels)
            if area(box) > BACKGROUND * page or covered > LABELS * area(box) or len(labels) > 0.6 * len(rest) > 3:
                labels = []
            rest = [s for s in rest if s not in labels]
            lines = build_lines(labels)
            out.append(_Part("picture", box, "\n".join(line.text for line in lines), tuple(s for x in lines for s in x.spans)))
        return out, rest

    def _flat(
        self, spans: Sequence[Span], objects: Sequence[Rect], rules: Sequence[Rule], cells: Sequence[Span]
    ) -> tuple[list[_Part], list[_Part], list[_Part]]:
        """Heads, paragraphs and feet of horizontal text."""
        if not spans:
            return [], [], []
        head, inner, foot = margins(build_lines(spans, rules), self.box, rules=rules, objects=objects)
        blocks = build_blocks(inner, rules)
        named = zip(blocks, kinds(blocks, self.box, objects, rules, cells), strict=True)
        body = [_block_part(block, kind) for block, kind in named]
        return [_line_part(x, "page-header") for x in head], body, [_line_part(x, "page-footer") for x in foot]

    def _vertical(self, spans: Sequence[Span]) -> list[_Part]:
        """Paragraphs of lines that run down, from right to left: found on the page turned by a quarter."""
        upright = [s._replace(box=turned(s.box, self.size)) for s in spans]
        home = dict(zip(upright, spans, strict=True))
        blocks = build_blocks(build_lines(upright))
        box = turned(self.box, self.size)
        out = []
        for block, kind in zip(blocks, kinds(blocks, box, ()), strict=True):
            inside = tuple(home[s] for line in block.lines for s in line.spans)
            out.append(_Part(kind, bounds(s.box for s in inside), block.text, inside))
        return out

    def _ordered(self, parts: Sequence[_Part], *, vertical: bool) -> list[_Part]:
        """In reading order; a caption goes with its picture or table as one piece."""
        groups = _with_captions(parts)
        boxes = [bounds(p.box for p in group) for group in groups]
        moved = [(b[0] - self.box[0], b[1] - self.box[1], b[2] - self.box[0], b[3] - self.box[1]) for b in boxes]
        size = Size(round(self.box[2] - self.box[0]), round(self.box[3] - self.box[1]))
        return [part for i in order(moved, size, vertical=vertical) for part in groups[i]]


def _covered(picture: Rect, tables: Sequence[Table]) -> bool:
    """Whether a table was found where somebody saw a picture: coloured cells, or a scan behind it all."""
    inside = sum(max(shared(picture, t.box, 0), 0) * max(shared(picture, t.box, 1), 0) for t in tables)
    return inside > 0.5 * area(picture)


def _is_drawn(table: Table) -> bool:
    """Whether it is the frame of a drawing: signs and single letters are all that recognition made of what is in it."""
    letters = [sum(c.isalnum() for c in span.text) for span in table.sources]
    return max(letters, default=0) < 2 and 0 in letters


def _without(spans: Sequence[Span], tables: Sequence[Table]) -> list[Span]:
    taken = {s for table in tables for s in table.sources}
    return [s for s in spans if s not in taken]


def _free(rules: Sequence[Rule], tables: Sequence[Table]) -> list[Rule]:
    """Rules that are no part of a table."""
    return [
        r
        for r in rules
        if not any(within(r.box, t.box) or overlap(r.box, t.box, 1) > 0.5 < overlap(r.box, t.box, 0) for t in tables)
    ]


def _with_captions(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Each picture or table with the caption that stands nearest above or below it, from top to bottom."""
    groups = [[p] for p in parts if p.kind != "caption"]
    for caption in sorted((p for p in parts if p.kind == "caption"), key=lambda p: (p.box, p.text)):
        near = [
            (-shared(caption.box, group[0].box, 1), at)
            for at, group in enumerate(groups)
            if group[0].kind in ("picture", "table") and len(group) == 1 and overlap(caption.box, group[0].box, 0) > 0.5
        ]
        gap, at = min(near, default=(float("inf"), -1))
        if gap < 3.0 * max(s.size for s in caption.spans) and not _between(
            bounds([caption.box, groups[at][0].box]), caption, groups[at][0], parts
        ):
            groups[at] = sorted([*groups[at], caption], key=lambda p: p.box[1])
        else:
            groups.append([caption])
    return groups


def _between(box: Rect, caption: _Part, other: _Part, parts: Sequence[_Part]) -> bool:
    return any(p is not caption and p is not other and within(p.box, box) for p in parts)


def _block_part(block: Block, kind: str) -> _Part:
    return _Part(kind, block.box, block.text, tuple(s for line in block.lines for s in line.spans))


def _line_part(line: Line, kind: str) -> _Part:
    return _Part(kind, line.box, line.text, line.spans)


def _table_part(table: Table) -> _Part:
    return _Part("table", table.box, table.html(), table.spans, "html")


def _region(part: _Part, size: Size) -> Region:
    words = tuple(
        Word(text=w.text, box=Box.from_pixels(w.box, *size), confidence=w.confidence) for s in part.spans for w in s.words
    )
    sure = [w.confidence for s in part.spans for w in s.words if w.confidence is not None]
    sure = sure or [s.confidence for s in part.spans if s.confidence is not None]
    return Region(
        kind=part.kind,
        text=part.text,
        markup="html" if part.markup == "html" else "plain",
        box=Box.from_pixels(part.box, *size),
        confidence=fmean(sure) if sure else None,
        words=words or None,
    )
