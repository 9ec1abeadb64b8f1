"""Pieces of text that stand side by side become lines; marks of lists are known here."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from ocrtune.layout.parts import Rect, Rule, Span, SpanWord, bounds, overlap, shared, usual

NOISE, NOISE_PIXELS = 1.3, 3.0  # ratio, and pixels, by which heights of letters measured on a picture are off
COLUMN_GAP = 1.3  # letter heights between two words of one span: it runs over two columns
WORD_GAP = 0.5  # letter heights: pieces of one row closer than this are one line
WIDE_GAP = 0.9  # letter heights, where the line above or the one below runs through
BRIDGED_GAP = 6.0  # letter heights, where both do, or the other is short: lines set to both margins
SIGNED = 0.6  # of a gap between two pieces: a rule this long in it is there to be signed on
EVEN, UNEVEN = 1.3, 1.5  # ratios of the widest to the least gap, and word, of a line that is stretched to both margins
SPREAD = 2.5  # letter heights between the words of such a line, at most
STRETCHED = 0.6  # of the gap between two pieces: where gaps between their words are as wide, they are one stretched line
MARK_GAP = 5.0  # letter heights between the mark of a list and its text
MARK_OFF = 0.25  # letter heights by which marks of one list, and the texts after them, stand off a common edge
MISREAD = frozenset("¢©®°«¤¥ec")  # what recognition takes dots of lists for
BULLET = re.compile(r"[•‣▪▫◦●○■□◆◇►▶➢➤✓✔★☆❖»›·∙–—*-]|\uf0b7|o(?=\s)")
NUMBER = re.compile(r"\(?(\d{1,3}|[a-zа-я]|[ivx]{1,4}|[①-⑳])[.)．、]|[①-⑳]|\[\d{1,3}\]|[(（][一二三四五六七八九十\d]{1,3}[)）]")
CAPTION = re.compile(
    r"((extended data |supplementary )?(figure|fig\.?|table|tab\.?|chart|scheme|plate|diagram|photo|map|box|"
    r"abbildung|abb\.|tabelle|tableau|рисунок|рис\.?|таблица|табл\.?|схема|фото|диаграмма)\s*[№#]?\s*[A-ZА-Я]{0,2}[.\-–]?\d{0,3}([.\-–]\d+)*[a-z]?|"
    r"[图圖表]\s*[\d一二三四五六七八九十]+([.\-–]\d+)*)(?P<end>\s*[.:：|—–-]|\s|$)",
    re.IGNORECASE,
)

SECTION = re.compile(r"\d{1,2}(\.\d{1,2}){1,4}\.?|[A-ZА-Я]\.\d{1,2}|§\s?\d+|[IVX]{1,5}\.|\d{1,2}")

RISING, FALLING = frozenset("bdfhiklt!?()[]{}/|\\'\"&%$€£№ёйбф"), frozenset("gjpqy,;()[]{}/|Qруфцщ§")


class _Line(NamedTuple):
    spans: tuple[Span, ...]


class Line(_Line):
    """Spans of one row from left to right. Compared by identity of its spans; figures are kept once computed."""

    @cached_property
    def box(self) -> Rect:
        return bounds(s.box for s in self.spans)

    @cached_property
    def size(self) -> float:
        return max(self.spans, key=lambda s: len(s.text)).size

    @cached_property
    def bold(self) -> bool | None:
        """Of most of its letters; None where nobody knows."""
        known = [(s.bold, len(s.text)) for s in self.spans if s.bold is not None]
        return sum(n for bold, n in known if bold) * 2 > sum(n for _, n in known) if known else None

    @cached_property
    def text(self) -> str:
        out = self.spans[0].text
        for one, other in pairwise(self.spans):
            out += _between(one, other) + other.text
        return out


def _between(one: Span, other: Span) -> str:
    """A space, but not between full-width letters, nor before or after a single sign set close or in another size."""
    if is_wide(one.text[-1:]) and is_wide(other.text[:1]):
        return ""
    close = other.box[0] - one.box[2] <= 0.15 * max(one.size, other.size)
    sign = min(len(one.text), len(other.text)) == 1 or max(one.size, other.size) > 1.2 * min(one.size, other.size)
    return "" if close and sign else " "


def is_wide(letter: str) -> bool:
    """Whether it belongs to a script that is written without spaces in full-width cells."""
    return bool(letter) and unicodedata.east_asian_width(letter[0]) in ("W", "F")


def list_mark(text: str) -> str | None:
    """The bullet or number that a list's item begins with."""
    for pattern in (BULLET, NUMBER):
        found = pattern.match(text)
        if found and (len(text) > found.end() and (text[found.end()].isspace() or found[0][-1] in "、．①②③④⑤⑥⑦⑧⑨")):
            return found[0]
    return None


def is_bullet(mark: str) -> bool:
    return BULLET.fullmatch(mark) is not None or mark == "o"


def levelled(spans: Sequence[Span]) -> list[Span]:
    """Spans with sizes as a typesetter has them: few and exact. Font sizes stay.

    What has a confidence was recognised in a picture: its heights were measured and vary from line to line, so that those close
    to each other become one, from the most usual on.
    """
    if not any(s.confidence is not None or any(w.confidence is not None for w in s.words) for s in spans):
        return list(spans)
    sizes = sorted({span.size for span in spans})
    levels: dict[float, float] = {}
    while rest := [s for s in spans if s.size not in levels]:
        middle = usual([s.size for s in rest], [float(len(s.text)) for s in rest])
        noise = max(NOISE, 1 + NOISE_PIXELS / max(middle, 1e-6))
        levels |= {size: middle for size in sizes if size not in levels and middle / noise <= size <= middle * noise}
    return [span._replace(size=levels[span.size]) for span in spans]


def bulleted(spans: Sequence[Span]) -> list[Span]:
    """Spans with the dots of lists that were read as letters put right: they stand exactly where other items have their dots."""
    dots = [s for s in spans if len(s.words) > 1 and BULLET.fullmatch(s.words[0].text)]

    def is_dot(span: Span) -> bool:
        if len(span.words) < 2 or span.words[0].text not in MISREAD or span.words[0].confidence is None:
            return False
        near = MARK_OFF * span.size
        peers = [
            dot for dot in dots if all(abs(a.box[0] - b.box[0]) < near for a, b in zip(dot.words[:2], span.words, strict=False))
        ]
        return len(peers) >= 2

    return [_with_dot(span) if is_dot(span) else span for span in spans]


def _with_dot(span: Span) -> Span:
    words = (span.words[0]._replace(text="•"), *span.words[1:])
    return span._replace(text=" ".join(w.text for w in words), words=words)


def pieces(span: Span) -> list[Span]:
    """A span divided where its words stand so far apart that columns lie between them, and no word of the line does: Latin
    words within Arabic jump."""
    least = COLUMN_GAP * span.size
    wide = [at for at, (one, other) in enumerate(pairwise(span.words), 1) if other.box[0] - one.box[2] > least]
    cuts = [at for at in wide if min(w.box[0] for w in span.words[at:]) - max(w.box[2] for w in span.words[:at]) > least]
    if not cuts or span.vertical or is_stretched(span.words):
        return [span]
    edges = [0, *cuts, len(span.words)]
    return [of_words(span, span.words[a:b]) for a, b in pairwise(edges)]


def is_stretched(words: Sequence[SpanWord]) -> bool:
    """Whether words as different as those of a sentence stand equally far apart: a line set to both margins, no row of cells."""
    gaps = [other.box[0] - one.box[2] for one, other in pairwise(words)]
    widths = [word.box[2] - word.box[0] for word in words]
    if len(gaps) < 3 or max(gaps) > min(EVEN * min(gaps), SPREAD * max(word.box[3] - word.box[1] for word in words)):
        return False
    lettered = sum(any(c.isalpha() for c in word.text) for word in words)
    return 3 * lettered >= len(words) and max(widths) > UNEVEN * min(widths)


def of_words(span: Span, words: Sequence[SpanWord]) -> Span:
    """The part of a span that these words of it make."""
    box = (min(w.box[0] for w in words), span.box[1], max(w.box[2] for w in words), span.box[3])
    return span._replace(text=" ".join(w.text for w in words), box=box, words=tuple(words))


def letter_height(text: str, height: float) -> float:
    """The font size of a line or word whose ink is `height` pixels high, from which letters it has.

    Capitals and b, d, f … rise above the small letters, g, p, q … reach below: ink of "no" is half as high as the font is
    large, of "Big" nine tenths. For `Span.size` where only boxes are known (OCR); take the median over the words of a line.
    """
    if any(is_wide(letter) for letter in text):
        return height / 0.92
    up = any(letter in RISING or letter.isupper() or letter.isdigit() for letter in text)
    down = any(letter in FALLING for letter in text)
    return height / (0.5 + 0.22 * up + 0.21 * down)


def build_lines(spans: Sequence[Span], rules: Sequence[Rule] = ()) -> list[Line]:
    """Spans of a horizontal page joined into lines, from top to bottom; a rule to sign on joins what stands on both sides."""
    ordered = sorted(spans, key=lambda s: (s.box[1] + s.box[3], s.box, s.text))
    follows = _neighbours(ordered, [r for r in rules if r.horizontal])
    out = []
    for start in sorted(set(range(len(ordered))) - set(follows.values())):
        line = [start]
        while line[-1] in follows:
            line.append(follows[line[-1]])
        out.append(Line(tuple(ordered[i] for i in line)))
    return sorted(out, key=lambda line: (line.box[1], line.box[0], line.text))


def _neighbours(spans: Sequence[Span], rules: Sequence[Rule]) -> dict[int, int]:
    """For each span the next one of its line; `spans` stand in the order of their middles."""
    middles = [(s.box[1] + s.box[3]) / 2 for s in spans]
    pairs = []
    for one, span in enumerate(spans):
        reach = 0.7 * (span.box[3] - span.box[1])
        for other in range(bisect_left(middles, middles[one] - reach), bisect_right(middles, middles[one] + reach)):
            gap = spans[other].box[0] - span.box[2]
            right = spans[other].box[0] + spans[other].box[2] > span.box[0] + span.box[2]
            if other != one and right and -0.5 * span.size < gap and overlap(span.box, spans[other].box, 1) >= 0.5:
                pairs.append((gap, one, other))
    follows: dict[int, int] = {}
    taken: set[int] = set()
    for _, one, other in sorted(pairs):
        if one not in follows and other not in taken:
            follows[one] = other
            taken.add(other)
    size = max((s.size for s in spans), default=0.0)
    near = [spans[bisect_left(middles, m - 3.3 * size) : bisect_right(middles, m + 3.3 * size)] for m in middles]
    return {
        one: other
        for one, other in follows.items()
        if _same_line(spans[one], spans[other], near[one]) or _is_signed(spans[one], spans[other], rules)
    }


def _is_signed(one: Span, other: Span, rules: Sequence[Rule]) -> bool:
    """Whether a rule at the foot of the letters fills the gap between two pieces and ends with it: the place of a signature."""
    left, right, size = one.box[2], other.box[0], max(one.size, other.size)
    top, bottom = (one.box[1] + one.box[3]) / 2, max(one.box[3], other.box[3]) + 0.5 * size
    return any(
        top < rule.box[1] < bottom
        and rule.box[2] - rule.box[0] > SIGNED * (right - left)
        and rule.box[0] > left - size
        and rule.box[2] < right + size
        for rule in rules
    )


def _same_line(one: Span, other: Span, near: Sequence[Span]) -> bool:
    size, gap = max(one.size, other.size), other.box[0] - one.box[2]
    if gap < WORD_GAP * min(one.size, other.size):
        return gap < 0 or not _is_gutter(one, other, near)
    mark = one.text.strip()
    if gap < MARK_GAP * size and len(mark) < 10 and any(p.fullmatch(mark) for p in (BULLET, NUMBER, SECTION)):
        return True
    if gap > BRIDGED_GAP * size or max(one.size, other.size) > 1.2 * min(one.size, other.size):
        return False
    if _goes_on_evenly(one, other, gap) and not _is_gutter(one, other, near):
        return True
    bridges = [s for s in near if s.box[0] <= one.box[2] - size and s.box[2] >= other.box[0] + size]
    middle = (one.box[1] + one.box[3]) / 2
    close = [b for b in bridges if -shared(b.box, one.box, 1) < 1.3 * size and b.size < 1.2 * size]
    below, above = any(b.box[1] > middle for b in close), any(b.box[3] < middle for b in close)
    if gap < WIDE_GAP * size or (below and above):
        return below or above
    return (below or above) and not _is_white(one, other, near, 1 if above else -1)


def _goes_on_evenly(one: Span, other: Span, gap: float) -> bool:
    gaps = [b.box[0] - a.box[2] for span in (one, other) for a, b in pairwise(span.words)]
    return len(gaps) > 1 and min(gaps) > STRETCHED * gap


def _is_white(one: Span, other: Span, near: Sequence[Span], way: int) -> bool:
    """Whether the lines below (1) or above (-1) have text on both sides of the gap between two pieces, none running over it."""
    middle = one.box[1] + one.box[3]
    there = [s for s in near if one.size < way * (s.box[1] + s.box[3] - middle) < 6 * one.size]
    return any(s.box[2] < other.box[0] for s in there) and any(s.box[0] > one.box[2] for s in there)


def _is_gutter(one: Span, other: Span, near: Sequence[Span]) -> bool:
    """Whether the lines around keep the white between two pieces free, and begin where the second piece does: tight columns."""
    size, at = max(one.size, other.size), (one.box[2] + other.box[0]) / 2
    height = (one.box[1] + one.box[3]) / 2
    around = [s for s in near if 0.5 * size < abs((s.box[1] + s.box[3]) / 2 - height) < 3.2 * size]
    begin = sum(abs(s.box[0] - other.box[0]) < 0.5 * size for s in around)
    across = sum(s.box[0] < at - 0.5 * size and s.box[2] > at + 0.5 * size for s in around)
    return begin >= 2 and begin > across
