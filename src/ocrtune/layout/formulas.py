"""Display formulas that recognition could not read, told by how they stand on the page and by the look of their ink.

What recognition makes of a fraction, a sum or a matrix are scattered signs, misread surely or not, or nothing at all. So formulas
are looked for in the ink: pieces of it that belong to no line of text, stand alone in their rows, and have among them what only
mathematics has: signs of equality, bars with something above and below, tall brackets, small letters above or below the others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ocrtune.layout.lines import is_wide, pieces
from ocrtune.layout.mathematics import SURE, Look, Signs, height, width
from ocrtune.layout.parts import Rect, Span, area, bounds, covers, middle, overlap, shared, usual, within

SOUND = 0.5  # confidence from which on a word is one
WORDY, MANY = 0.5, 4  # part of a line's signs in words, and number of words, that make it text
KNOWN = 0.4  # of a page's signs outside numbers are in lines of text: less is a drawing, or a script that nobody recognised
FEWEST, CROWD = 4, 600  # marks of a formula
LETTER = 0.25  # letter heights: smaller marks are dots and dirt
SHORT = 14.0  # letter heights: width up to which text may be a part of a formula
ASIDE, APART = 1.2, 0.8  # letter heights between two marks of one formula, across and down
WIDE, FAR = 3.5, 10.0  # letter heights of white in a row of a formula; to the text that tells its column
RELATION = re.compile(r"[=≈≠≡≤≥<>∑∏∫√±∈∂≪≫∼∝→⇒⇔↔]")
NUMBERED = re.compile(r"\W{0,2}[(\[]\s?[A-ZА-Я]?\.?\d{1,3}([.\-–]\d{1,3}){0,2}[a-zа-я]?[)\]]\W?")
ITEM = re.compile(r"(\d{1,3}[.)]|[A-Za-zА-Яа-я][.)]|[•·▪*])\s")
LETTERS = re.compile(r"[^\W\d_]+")
SPELT = re.compile(r"[A-Za-zÀ-ɏ]+|[Ѐ-ӿ]+|[Α-ωά-ώ]+")  # scripts with capitals: a word has one of them, and vowels
VOWELS = frozenset("aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýœаеёиоуыэюяіїєαεηιουωάέήίόύώ")


def formulas_in(spans: Sequence[Span], marks: Sequence[Rect], figures: Sequence[Rect] = ()) -> list[Rect]:
    """Boxes of display formulas that could not be read, among the `marks`, the pieces of a page's ink, from top to bottom.

    `spans` are what recognition made of the page; without confidences it was not recognised in a picture, and has none.
    """
    flat = [piece for span in spans if span.text.strip() and not span.vertical for piece in _numbered(span)]
    lines = [_Line.of(span) for span in flat if _confidence(span) is not None]
    if not lines or not marks:
        return []
    if sum(x.signs for x in lines if x.is_text) < KNOWN * sum(x.signs for x in lines if not x.is_number):
        return []
    page = _Page.of(lines, marks)
    found = [box for group in page.groups() if (box := page.judged(group)) is not None]
    return [box for box in found if not any(_is_label(box, figure) for figure in figures)]


def _numbered(span: Span) -> list[Span]:
    """The span, and the number of the equation apart, where recognition took both for one line."""
    parts = pieces(span)
    return parts if any(NUMBERED.fullmatch(part.text.strip()) for part in parts) else [span]


def is_numbered_by(formula: Rect, span: Span, spans: Sequence[Span]) -> bool:
    """Whether a span is the number of the formula: in its rows, beside it, with nothing between."""
    if NUMBERED.fullmatch(span.text.strip()) is None or overlap(formula, span.box, 1) <= 0.5 or shared(formula, span.box, 0) > 0:
        return False
    between = (min(formula[2], span.box[2]), span.box[1], max(formula[0], span.box[0]), span.box[3])
    return not any(other is not span and within(other.box, between) for other in spans)


class _Line(NamedTuple):
    """What is known of one span: how sure its signs are, how many there are, and which part of them is in words."""

    span: Span
    sure: float
    signs: int
    wordy: float
    words: int

    @classmethod
    def of(cls, span: Span) -> _Line:
        signs = max(sum(c.isalnum() or not is_wide(c) for c in span.text if not c.isspace()), 1)
        told = [(w.text, w.confidence) for w in span.words] if any(w.confidence is not None for w in span.words) else []
        sound = [word for text, sure in told or [(span.text, span.confidence)] if (sure or 0.0) >= SOUND for word in _words(text)]
        return cls(span, _confidence(span) or 0.0, signs, sum(map(len, sound)) / signs, len(sound))

    @property
    def is_text(self) -> bool:
        return self.wordy > WORDY or self.words >= MANY or (self.sure > SURE and sum(map(is_wide, self.span.text)) > 1)

    @property
    def begins(self) -> bool:
        """Whether it begins like a sentence."""
        first = self.span.words[0] if self.span.words else None
        return first is not None and (first.confidence or 0.0) >= SURE and bool(_words(first.text))

    @property
    def is_number(self) -> bool:
        """A number of a page, a price, a year: nothing but digits and signs between them, read surely."""
        return self.sure >= SURE and self.signs > 1 and re.fullmatch(r"[\d\s.,:/%$€£¥₽+()\-–—]*\d", self.span.text) is not None

    @property
    def counts(self) -> bool:
        """Whether it is the number of an equation."""
        return NUMBERED.fullmatch(self.span.text.strip()) is not None


class _Page(NamedTuple):
    """`text` are boxes of running text, `loose` what else was recognised, `marks` the ink that is neither text nor figure."""

    size: float
    text: list[Rect]
    loose: list[_Line]
    numbers: list[Rect]
    marks: list[Rect]

    @classmethod
    def of(cls, lines: Sequence[_Line], marks: Sequence[Rect]) -> _Page:
        prose = [x for x in lines if x.is_text and not x.counts] or lines
        size = usual([x.span.size for x in prose], [float(x.signs) for x in prose])
        numbers = [x.span.box for x in lines if x.counts]
        fitting = [m for m in marks if not _is_drawn(m, size)]
        outside = _outside(fitting, numbers, 0.2 * size)
        free = _outside(outside, [x.span.box for x in lines if x.is_text], 0.2 * size)
        wide = [x.span.box for x in lines if x.is_text and width(x.span.box) > SHORT * size]
        aside = [x for x in lines if x.is_text and _floats(x.span.box, free, wide, size)]
        text = [x for x in lines if (x.is_text and x not in aside) or _is_sentence(x, wide, size)]
        loose = [x for x in lines if not x.counts and x not in text]
        running = [x.span.box for x in text]
        return cls(size, running, loose, numbers, _outside(outside, running, 0.2 * size))

    # --- groups -----------------------------------------------------------------------------------------------------------

    def groups(self) -> list[list[Rect]]:
        """Marks that stand close together, with no line of text between them."""
        parts = self._clusters()
        merged = True
        while merged:
            merged = False
            for at, one in enumerate(parts):
                other = next((o for o in parts[at + 1 :] if self._is_one(bounds(one), bounds(o))), None)
                if other is not None:
                    parts = [p for p in parts if p is not one and p is not other] + [[*one, *other]]
                    merged = True
                    break
        return sorted(parts, key=lambda p: bounds(p)[1::-1])

    def _clusters(self) -> list[list[Rect]]:
        import cv2
        import numpy as np

        if not self.marks:
            return []
        step = self.size / 6
        right, bottom = (max(m[side] for m in self.marks) for side in (2, 3))
        sheet = np.zeros((int(bottom / step) + 12, int(right / step) + 12), np.uint8)
        for left, top, right, bottom in self.marks:
            x, y = ASIDE / 2 * self.size, APART / 2 * self.size
            sheet[max(int((top - y) / step), 0) : int((bottom + y) / step) + 1,
                  max(int((left - x) / step), 0) : int((right + x) / step) + 1] = 1  # fmt: skip
        for left, top, right, bottom in self.text:
            sheet[int(top / step) + 1 : int(bottom / step), int(left / step) : int(right / step) + 1] = 0
        _, labels = cv2.connectedComponents(sheet, connectivity=4)
        out: dict[int, list[Rect]] = {}
        for mark in self.marks:
            x, y = middle(mark)
            out.setdefault(int(labels[int(y / step), int(x / step)]), []).append(mark)
        out.pop(0, None)
        return [part for part in out.values() if len(part) > 1 or height(part[0]) > 0.3 * self.size]

    def _is_one(self, one: Rect, other: Rect) -> bool:
        """Whether two clusters are one row of a column with white in it."""
        near = shared(one, other, 1) > 0.3 * self.size and -shared(one, other, 0) < WIDE * self.size
        if not near:
            return False
        both = bounds([one, other])
        left, right = self._column(both)
        return left - self.size < both[0] and both[2] < right + self.size and not self._beside(both)

    def _column(self, box: Rect) -> tuple[float, float]:
        """The edges of the text directly above and below."""
        over = [t for t in self.text if shared(t, box, 0) > 0 and -shared(t, box, 1) < FAR * self.size]
        above = sorted((t for t in over if middle(t)[1] < middle(box)[1]), key=lambda t: -t[3])[:2]
        below = sorted((t for t in over if middle(t)[1] >= middle(box)[1]), key=lambda t: t[1])[:2]
        near = [*above, *below]
        if not near:
            return (0.0, max(m[2] for m in self.marks))
        return min(t[0] for t in near), max(t[2] for t in near)

    def _beside(self, box: Rect) -> bool:
        """Whether text of the same column stands in its rows."""
        left, right = self._column(box)
        return any(overlap(t, box, 1) > 0.5 and left < middle(t)[0] < right for t in self.text)

    # --- judgement --------------------------------------------------------------------------------------------------------

    def judged(self, marks: Sequence[Rect]) -> Rect | None:
        """The box of a group that is a formula; None where it is something else."""
        large = [m for m in marks if max(height(m), width(m)) > LETTER * self.size]
        if not FEWEST <= len(large) <= CROWD:
            return None
        box = bounds(large)
        near = (box[0] - self.size, box[1] - 0.3 * self.size, box[2] + 2 * self.size, box[3] + 0.3 * self.size)
        box = bounds([box, *_within(marks, near)])
        if self._beside(box) or not self._look(marks, large, box).convinces:
            return None
        return self._with_white(box)

    def _look(self, marks: Sequence[Rect], large: Sequence[Rect], box: Rect) -> Look:
        inside = [x for x in self.loose if covers(box, x.span.box)]
        texted = [x.span.box for x in inside if x.wordy > WORDY or x.is_number]
        left, right = self._column(box)
        indent = box[0] - left
        return Look(
            signs=Signs.of(marks, self.size),
            wordy=1 - len(_outside(large, texted, 0.0)) / len(large),
            read=sum(x.sure * len(_within(large, x.span.box)) for x in inside) / len(large),
            related=any(RELATION.search(x.span.text) for x in inside),
            numbered=any(overlap(n, box, 1) > 0.5 and shared(n, box, 0) < 0 for n in self.numbers),
            centred=indent > 2 * self.size and abs(indent - (right - box[2])) < 3 * self.size,
            indented=indent > 0.7 * self.size,
            listed=any(ITEM.match(x.span.text) and x.span.box[0] - box[0] < self.size for x in inside),
        )

    def _with_white(self, box: Rect) -> Rect:
        """The box with a little paper around, as far as no text stands there."""
        white = 0.15 * self.size
        over = [t for t in self.text if shared(t, box, 0) > 0]
        top = max([box[1] - white, *(t[3] for t in over if t[3] <= box[1])])
        bottom = min([box[3] + white, *(t[1] for t in over if t[1] >= box[3])])
        return (max(box[0] - white, 0.0), max(top, 0.0), box[2] + white, bottom)


# --- boxes -----------------------------------------------------------------------------------------------------------------


def _is_label(box: Rect, figure: Rect) -> bool:
    """Whether it belongs to a figure, rather than the figure to it: a tall bracket, a fraction."""
    both = max(shared(box, figure, 0), 0) * max(shared(box, figure, 1), 0)
    return both > 0.3 * area(box) and both < 0.7 * area(figure)


def _floats(box: Rect, free: Sequence[Rect], wide: Sequence[Rect], size: float) -> bool:
    """Whether a short text belongs to no paragraph and stands close to something that is none: conditions in a formula."""
    if width(box) > SHORT * size:
        return False
    if _is_flush(box, wide, size, 2.5):
        return False
    large = [m for m in free if max(height(m), width(m)) > 0.4 * size]
    row = [m for m in large if overlap(m, box, 1) > 0.5]
    if any(-0.3 * size < box[0] - m[2] < 8 * size or -0.3 * size < m[0] - box[2] < 1.5 * size for m in row):
        return True
    over = [m for m in large if overlap(m, box, 0) > 0.5 and width(m) < 1.6 * width(box)]
    return any(-0.3 * size < -shared(m, box, 1) < 0.5 * size for m in over)


def _is_sentence(line: _Line, wide: Sequence[Rect], size: float) -> bool:
    """Whether a line of few words reads on from the one above, or begins a paragraph."""
    return _is_flush(line.span.box, wide, size, 2.5 if line.begins else 0.7) and (line.begins or line.words > 1)


def _is_flush(box: Rect, wide: Sequence[Rect], size: float, indent: float) -> bool:
    """Whether it begins where long lines of text near it begin, or up to so many letter heights later."""
    return any(-0.7 * size < box[0] - w[0] < indent * size and -shared(w, box, 1) < 15 * size for w in wide)


def _outside(marks: Sequence[Rect], boxes: Sequence[Rect], reach: float) -> list[Rect]:
    """The marks whose middle is in none of the boxes, grown by `reach` to both sides and half of it up and down."""
    import numpy as np

    if not marks or not boxes:
        return list(marks)
    at, place = np.asarray(marks), np.asarray(boxes) + np.array([-reach, -reach / 2, reach, reach / 2])
    x, y = (at[:, 0] + at[:, 2])[:, None] / 2, (at[:, 1] + at[:, 3])[:, None] / 2
    hit = ((x >= place[:, 0]) & (x <= place[:, 2]) & (y >= place[:, 1]) & (y <= place[:, 3])).any(axis=1)
    return [mark for mark, covered in zip(marks, hit.tolist(), strict=True) if not covered]


def _within(marks: Sequence[Rect], box: Rect) -> list[Rect]:
    return [mark for mark in marks if within(mark, box)]


def _is_drawn(mark: Rect, size: float) -> bool:
    """Frames, long lines and drawings."""
    wide, high = width(mark), height(mark)
    return (wide > 8 * size and high > 5 * size) or wide > 30 * size or high > (12 if wide < 0.3 * size else 30) * size


def _confidence(span: Span) -> float | None:
    """Of its letters; None where it was not recognised."""
    known = [(w.confidence, len(w.text)) for w in span.words if w.confidence is not None]
    total = sum(n for _, n in known)
    return sum(c * n for c, n in known) / total if total else span.confidence


def _words(text: str) -> list[str]:
    """What may stand in a dictionary: three letters or more of one script, spelt as words are; any two where vowels or capitals
    tell nothing."""
    return [word for word in LETTERS.findall(text) if _is_word(word)]


def _is_word(word: str) -> bool:
    if not any(SPELT.match(letter) for letter in word):
        return len(word) > 1 or is_wide(word)
    if len(word) < 3 or SPELT.fullmatch(word) is None:
        return False
    return (word.isupper() or word[1:].islower()) and not VOWELS.isdisjoint(word.lower())
