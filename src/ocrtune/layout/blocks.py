"""Lines become paragraphs: by their distance, letter size, indentation, the marks of lists and lines that end early."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from statistics import median, pstdev
from typing import NamedTuple

from ocrtune.layout.lines import BRIDGED_GAP, CAPTION, Line, is_bullet, is_wide, list_mark
from ocrtune.layout.parts import Rect, Rule, bounds, shared, usual

FARTHEST = 2.6  # letter heights between the baselines of two lines of one paragraph
SAME_SIZE = 1.07  # ratio of letter heights up to which lines may belong together
LOOSER = 1.33  # times the usual distance of lines: a paragraph begins
INDENT = 0.8  # letter heights
SHORT = 0.6  # of the column's width: a numbered line up to this long is a heading, not the begin of a paragraph
HEADED = re.compile(
    r"[一二三四五六七八九十]{1,3}[、.．]\s*\S|第[一二三四五六七八九十百\d]{1,4}[章节節编編部]|\d{1,2}(\.\d{1,2}){1,3}\.?\s+\S"
)
CLAUSE = re.compile(r"(\d{1,2}(?:\.\d{1,2}){1,3})\.?\s*[^\W\d]")
BEGUN, HANGING = 0.8, 2.0  # letter heights by which the line below one of bold words may stand out, or in, and go on with it
RUNNING = 1.5  # letter heights from its first line to the second
ENDS = (".", "。", ":", "：", "!", "?")
USUAL_LEADING = 1.25  # letter heights, for pages with too few lines to tell


class Block(NamedTuple):
    """A paragraph, heading or item of a list: its lines from top to bottom."""

    lines: tuple[Line, ...]

    @property
    def box(self) -> Rect:
        return bounds(line.box for line in self.lines)

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @property
    def size(self) -> float:
        return usual([line.size for line in self.lines], [len(line.text) for line in self.lines])

    @property
    def bold(self) -> bool | None:
        known = [line.bold for line in self.lines if line.bold is not None]
        return all(known) if known else None


def build_blocks(lines: Sequence[Line], rules: Sequence[Rule] = ()) -> list[Block]:
    """Paragraphs of a horizontal page; a ruling line between two lines keeps them apart."""
    chains = _chains(lines, [r for r in rules if r.horizontal])
    steps = [step / chain[0].size for chain in chains for step in _steps(chain, _item_starts(chain))]
    leading = _tight(steps) if len(steps) >= 3 else USUAL_LEADING
    return [Block(tuple(part)) for chain in chains for part in _paragraphs(chain, leading)]


def _tight(steps: Sequence[float]) -> float:
    """The usual step from line to line among steps of which many lead to the next paragraph."""
    return sorted(steps)[int(0.3 * len(steps))]


def _steps(chain: Sequence[Line], items: set[int]) -> list[float]:
    """Distances from line to line within an item or a paragraph; items may stand farther apart."""
    return [_step(chain[at - 1], chain[at]) for at in range(1, len(chain)) if at not in items]


def _step(above: Line, below: Line) -> float:
    return ((below.box[1] + below.box[3]) - (above.box[1] + above.box[3])) / 2


# --- chains: lines one below the other -----------------------------------------------------------------------------------


def _chains(lines: Sequence[Line], rules: Sequence[Rule]) -> list[list[Line]]:
    below = _nearest(lines, rules)
    above: dict[int, list[int]] = {}
    for one, others in below.items():
        for other in others:
            above.setdefault(other, []).append(one)
    sizes = _even_sizes(lines, above, below)
    follows = {}
    for one, others in below.items():
        if len(others) == 1 and len(above[others[0]]) == 1 and _alike(lines[one], lines[others[0]], sizes[one], sizes[others[0]]):
            follows[one] = others[0]
    out = []
    for start in sorted(set(range(len(lines))) - set(follows.values())):
        chain = [lines[start]]
        bold, at = lines[start].bold, start
        while at in follows:
            at = follows[at]
            now = bold if lines[at].bold is None else lines[at].bold
            if bold is not None and now != bold and not _runs_on(chain[-1], lines[at]):  # lines too short to tell stand between
                out.append(chain)
                chain = []
            chain.append(lines[at])
            bold = now
        out.append(chain)
    return out


def _nearest(lines: Sequence[Line], rules: Sequence[Rule]) -> dict[int, list[int]]:
    """For each line those that stand directly below it: one in a column, several where columns begin."""
    middles = [(line.box[1] + line.box[3]) / 2 for line in lines]
    by_middle = sorted(range(len(lines)), key=middles.__getitem__)
    heights = [middles[i] for i in by_middle]
    out: dict[int, list[int]] = {}
    for one, line in enumerate(lines):
        found: list[int] = []
        for other in by_middle[bisect_left(heights, middles[one] + 0.3 * line.size) :]:
            step = middles[other] - middles[one]
            if step > FARTHEST * line.size or (found and middles[other] - middles[found[0]] > 0.4 * line.size):
                break
            if shared(line.box, lines[other].box, 0) > 0.1 * line.size and not _ruled_off(line, lines[other], rules):
                found.append(other)
        if found:
            out[one] = found
    return out


def _ruled_off(above: Line, below: Line, rules: Sequence[Rule]) -> bool:
    """Whether a rule runs between the two for a third of their width; one close under the first only underlines it."""
    top, bottom = above.box[3] + 0.2 * above.size, (below.box[1] + below.box[3]) / 2
    least = 0.33 * min(above.box[2] - above.box[0], below.box[2] - below.box[0])
    return any(
        top < rule.box[1] < bottom and min(shared(rule.box, above.box, 0), shared(rule.box, below.box, 0)) > least
        for rule in rules
    )


def _even_sizes(lines: Sequence[Line], above: dict[int, list[int]], below: dict[int, list[int]]) -> list[float]:
    """Letter heights, where one line of a column was measured otherwise than both its neighbours, theirs."""
    sizes = [line.size for line in lines]
    for at, line in enumerate(lines):
        if len(above.get(at, ())) != 1 or len(below.get(at, ())) != 1:
            continue
        upper, lower = lines[above[at][0]], lines[below[at][0]]
        steps = _step(upper, line), _step(line, lower)
        even = max(steps) < 1.15 * min(steps) and line.box[2] - line.box[0] > 0.6 * (upper.box[2] - upper.box[0])
        if even and upper.size == lower.size and max(line.size, upper.size) < 1.6 * min(line.size, upper.size):
            sizes[at] = upper.size
    return sizes


def _alike(one: Line, other: Line, *sizes: float) -> bool:
    if max(sizes) > SAME_SIZE * min(sizes):
        return False
    return one.bold == other.bold or one.bold is None or other.bold is None or _runs_on(one, other)


def _runs_on(one: Line, other: Line) -> bool:
    """Whether a line that is not bold goes on with the sentence after the bold words of the line above, which is full."""
    left, right = other.box[0] - one.box[0], other.box[2] - one.box[2]
    level = -BEGUN * one.size < left < HANGING * one.size and right < 0.5 * one.size
    close = _step(one, other) < RUNNING * max(one.size, other.size)
    return one.bold is True and other.bold is False and level and close and not one.text.endswith(ENDS)


# --- paragraphs of a chain -----------------------------------------------------------------------------------------------


class _Shape(NamedTuple):
    """What is usual in a chain, in pixels."""

    right: float
    size: float
    step: float
    centred: bool
    width: float
    justified: bool
    full: bool


def _shape(chain: Sequence[Line], items: set[int], leading: float) -> _Shape:
    size, right = median(line.size for line in chain), max(line.box[2] for line in chain)
    steps = _steps(chain, items)
    few = min(max(min(steps, default=0.0), leading * size), 1.3 * leading * size)
    lefts, rights = [line.box[0] for line in chain], [line.box[2] for line in chain]
    middles = [(a + b) / 2 for a, b in zip(lefts, rights, strict=True)]
    centred = len(chain) > 1 and pstdev(middles) < 0.5 * size and min(pstdev(lefts), pstdev(rights)) > size
    close, closer = (sum(x > right - room * size for x in rights) / len(chain) for room in (5.0, 0.8))
    return _Shape(
        right=right,
        size=size,
        step=_tight(steps) if len(steps) >= 4 else few,
        centred=centred,
        width=right - min(lefts),
        justified=len(chain) >= 4 and closer >= 0.6,
        full=len(chain) >= 4 and close >= 0.6,
    )


def _paragraphs(chain: Sequence[Line], leading: float) -> list[list[Line]]:
    marks = _item_starts(chain)
    shape = _shape(chain, marks, leading)
    out = [[chain[0]]]
    for at in range(1, len(chain)):
        if at in marks or _begins(chain, at, shape, out[-1]):
            out.append([chain[at]])
        else:
            out[-1].append(chain[at])
    return out


def _item_starts(chain: Sequence[Line]) -> set[int]:
    """Lines that begin an item: those with a bullet, and those with a number where the chain has two of them at one edge."""
    marks = {at: mark for at, line in enumerate(chain) if (mark := list_mark(line.text)) is not None}
    starts = {at for at, mark in marks.items() if is_bullet(mark) and not _is_dash_inside(chain, at)}
    numbered = [at for at in marks if at not in starts and not is_bullet(marks[at])]
    for at in numbered:
        peers = [o for o in numbered if o != at and abs(chain[o].box[0] - chain[at].box[0]) < 0.7 * chain[at].size]
        hanging = at + 1 < len(chain) and chain[at + 1].box[0] > chain[at].box[0] + INDENT * chain[at].size
        if peers or hanging:
            starts.add(at)
    return starts | _clauses(chain)


def _clauses(chain: Sequence[Line]) -> set[int]:
    """Lines that begin a clause of a contract: `2.1.` where `2.2.` follows at the same edge."""
    found = {at: [int(n) for n in m[1].split(".")] for at, line in enumerate(chain) if (m := CLAUSE.match(line.text))}
    out = set()
    for (at, number), (next_at, next_number) in pairwise(found.items()):
        level = abs(chain[at].box[0] - chain[next_at].box[0]) < 0.7 * chain[at].size
        if level and next_number == [*number[:-1], number[-1] + 1]:
            out |= {at, next_at}
    return out


def _is_dash_inside(chain: Sequence[Line], at: int) -> bool:
    """A dash, or the end of a quotation, that a line happens to begin with in the middle of a sentence."""
    if chain[at].text[0] not in "–—-·∙»›":
        return False
    others = sum(line.text[0] == chain[at].text[0] for line in chain)
    return others < 2 and chain[at].box[0] < chain[at - 1].box[0] + 0.3 * chain[at].size if at else False


def _begins(chain: Sequence[Line], at: int, shape: _Shape, block: Sequence[Line]) -> bool:
    """Whether the line at `at` begins a paragraph; `block` is the one before it."""
    last, line = chain[at - 1], chain[at]
    if _step(last, line) > LOOSER * shape.step:
        return True
    if any(_is_signed(x) for x in (last, line)) or _is_caption(last, line):
        return True
    if shape.centred:
        return False
    if any(_is_headline(x, shape) for x in (last, line)) and not line.text[0].islower():
        return True
    after = chain[at + 1] if at + 1 < len(chain) else None
    step_in = INDENT * shape.size
    if line.box[0] > last.box[0] + step_in and list_mark(block[0].text) is None:
        back = after is not None and after.box[0] < line.box[0] - step_in
        if back and (len(block) == 1 or block[-2].box[0] < line.box[0] - step_in):
            return True
    if line.box[0] < last.box[0] - step_in and len(block) > 1 and block[0].box[0] < line.box[0] + 0.3 * shape.size:
        return True
    return shape.full and _ended_early(last, line, shape)


def _is_signed(line: Line) -> bool:
    """Whether it has white in it that nothing but a rule to sign on can bridge."""
    return any(b.box[0] - a.box[2] > BRIDGED_GAP * line.size for a, b in pairwise(line.spans))


def _is_caption(last: Line, line: Line) -> bool:
    """Whether after a whole sentence the line begins as captions do: `Table 4. Prices`, not `Table 4 shows`."""
    found = CAPTION.match(line.text)
    named = found is not None and any(c.isdigit() for c in found[0]) and bool(found["end"].strip())
    return named and last.text.endswith((*ENDS, ";"))


def _is_headline(line: Line, shape: _Shape) -> bool:
    short = line.box[2] - line.box[0] < SHORT * shape.width and not line.text.endswith((".", "。", ";", "；", ","))
    return short and HEADED.match(line.text) is not None


def _ended_early(last: Line, line: Line, shape: _Shape) -> bool:
    """Whether the first word of `line` would have found room at the end of `last`."""
    room = shape.right - last.box[2]
    if last.text.endswith("-") or line.text[0].islower():
        return False
    if is_wide(line.text[0]):
        return room > 1.6 * shape.size and not (room < 2.6 * shape.size and is_wide(last.text[-1]))
    word = line.text.split()[0]
    width = (line.box[2] - line.box[0]) * (len(word) + 1) / max(len(line.text), 1)
    return room > (max(1.3 * width, 2.0 * shape.size) if shape.justified else max(2.0 * width, 0.25 * shape.width))
