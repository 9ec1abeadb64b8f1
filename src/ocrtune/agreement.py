"""A second reading of a page beside the first: where the words of the first stand, how far the two agree, what one of them lacks.

The first is a model's, often without the places of words; the second comes from the text layer of a PDF or from a classic
engine and has them. Nothing of the first reading is changed but places, agreement and flags.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from html import unescape
from typing import NamedTuple

from rapidfuzz.distance import Indel, Levenshtein, Opcodes

from ocrtune.core import Box, Region, Word

MARGIN = 0.006  # of the page: how far a word's middle may lie outside the box of its region
ALIKE = 0.5  # similarity from which on two words at the same place are taken for two readings of one
FEWEST = 8  # letters and digits a region needs to be judged: shorter ones agree or disagree by chance
INVENTED = 0.2  # share of a region's words that the second reading has anywhere on the page; with fewer it is invented
UNCERTAIN = 0.7  # agreement below which a region is worth a look
BELIEVED = 0.6  # confidence from which on a second reading is believed where the first has nothing
UNSPOKEN = frozenset({"picture", "formula"})  # kinds whose words a second reading does not have
MARKS = re.compile(r"<[^>]*>|[*_`~]{1,3}|^\s*(?:#{1,6}|[-+>]|\|)\s|\|", re.MULTILINE)


class Checked(NamedTuple):
    """The regions with words, agreement and flags; `missed` are blocks that only the second reading has, flagged omitted."""

    regions: tuple[Region, ...]
    missed: tuple[Region, ...]


class _Unit(NamedTuple):
    """A word, or one ideograph. `key` is what is compared."""

    text: str
    key: str
    box: Box | None = None
    block: int = 0


def check(regions: Sequence[Region], reference: Sequence[Region]) -> Checked:
    """`regions` held against the `reference` reading of the same page; unchanged where the reference has no words."""
    second = [unit for number, region in enumerate(reference) for unit in _placed_units(region, number)]
    if not second:
        return Checked(tuple(regions), ())
    common = Counter(unit.key for unit in second)
    used: set[int] = set()
    out = []
    for region in regions:
        units = list(_spoken(region))
        if not units:
            out.append(region)
            continue
        near = [i for i, unit in enumerate(second) if i not in used and _within(unit, region.box)]
        words = _align(units, second, near, used)
        out.append(_judged(region, units, [second[i] for i in near], common, words))
    return Checked(tuple(out), tuple(_missed(reference, second, used, regions)))


def _judged(region: Region, units: Sequence[_Unit], near: Sequence[_Unit], common: Counter[str], words: Sequence[Word]) -> Region:
    """The region with its words, its agreement where it has no confidence of its own, and a flag where it is doubtful."""
    said = "".join(unit.key for unit in units)
    agreement = Indel.normalized_similarity(said, "".join(unit.key for unit in near)) if near else 0.0
    found = sum((Counter(unit.key for unit in units) & common).values()) / len(units)
    flag = None
    if len(said) >= FEWEST:
        flag = "invented" if max(found, agreement) < INVENTED else "uncertain" if agreement < UNCERTAIN else None
    changes = {
        "words": region.words or tuple(words) or None,
        "confidence": region.confidence if region.confidence is not None else round(agreement, 4),
        "box": region.box or (_around([word.box for word in words]) if words else None),
        "flag": flag,
    }
    return region.model_copy(update=changes)


# --- units ------------------------------------------------------------------------------------------------------------


def _spoken(region: Region) -> Iterator[_Unit]:
    """What a reader would say of the region; nothing for pictures and formulas."""
    if region.kind in UNSPOKEN or region.markup == "latex":
        return
    text = region.text if region.markup == "plain" else unescape(MARKS.sub(" ", region.text))
    for word in text.split():
        for piece in _pieces(word):
            yield _Unit(piece, _key(piece))


def _placed_units(region: Region, number: int) -> Iterator[_Unit]:
    for word in region.words or ():
        pieces = _pieces(word.text)
        for index, piece in enumerate(pieces):
            yield _Unit(piece, _key(piece), _part(word.box, index / len(pieces), (index + 1) / len(pieces)), number)


def _pieces(word: str) -> list[str]:
    """The word, with each ideograph or kana for itself: texts in these scripts have no spaces to go by."""
    pieces: list[str] = []
    wide = True
    for letter in word:
        ideograph = unicodedata.east_asian_width(letter) in "WF"
        if ideograph or wide or not pieces:
            pieces.append(letter)
        else:
            pieces[-1] += letter
        wide = ideograph
    return pieces


def _key(text: str) -> str:
    """Letters and digits in one width and case; what has none is compared as it is."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum()) or folded


# --- places -----------------------------------------------------------------------------------------------------------


def _align(units: Sequence[_Unit], second: Sequence[_Unit], near: Sequence[int], used: set[int]) -> list[Word]:
    """The units as words at the places of the second reading; what is not there stands between its neighbours."""
    here = [second[i] for i in near]
    words: list[Word | None] = [None] * len(units)
    keys = [u.key for u in units], [u.key for u in here]
    for step in Opcodes.from_editops(Levenshtein.editops(*keys)):
        ours, theirs = range(step.src_start, step.src_end), range(step.dest_start, step.dest_end)
        if step.tag == "equal":
            for i, j in zip(ours, theirs, strict=True):
                words[i] = Word(text=units[i].text, box=_box(here[j]), placed="aligned")
                used.add(near[j])
        elif step.tag == "replace":
            for i, j in zip(ours, theirs, strict=True):
                alike = Indel.normalized_similarity(units[i].key, here[j].key) >= ALIKE
                words[i] = Word(text=units[i].text, box=_box(here[j]), placed="aligned" if alike else "interpolated")
                used.add(near[j])
    return _between(words, units)


def _between(words: Sequence[Word | None], units: Sequence[_Unit]) -> list[Word]:
    """Words without a place share the gap between their neighbours on one line, or follow the one before them."""
    known = [i for i, word in enumerate(words) if word is not None]
    if not known:
        return []
    out = list(words)
    for i in range(len(out)):
        if out[i] is not None:
            continue
        before = next((j for j in reversed(known) if j < i), None)
        after = next((j for j in known if j > i), None)
        box = _gap(words, before, after, i)
        out[i] = Word(text=units[i].text, box=box, placed="interpolated")
    return [word for word in out if word is not None]


def _gap(words: Sequence[Word | None], before: int | None, after: int | None, i: int) -> Box:
    first = words[before] if before is not None else None
    last = words[after] if after is not None else None
    if first and last and before is not None and after is not None and _one_row(first.box, last.box):
        left, right = sorted((first.box.right, last.box.left))
        step = (right - left) / (after - before - 1)
        return first.box.model_copy(
            update={"left": left + step * (i - before - 1), "right": left + step * (i - before), "polygon": None}
        )
    near = first or last
    assert near is not None
    edge = near.box.right if first else near.box.left
    return near.box.model_copy(update={"left": edge, "right": edge, "polygon": None})


def _one_row(one: Box, other: Box) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared > 0.5 * min(one.bottom - one.top, other.bottom - other.top) and other.left >= one.left


def _within(unit: _Unit, box: Box | None) -> bool:
    if box is None:
        return True
    place = _box(unit)
    x, y = (place.left + place.right) / 2, (place.top + place.bottom) / 2
    return box.left - MARGIN <= x <= box.right + MARGIN and box.top - MARGIN <= y <= box.bottom + MARGIN


def _box(unit: _Unit) -> Box:
    assert unit.box is not None
    return unit.box


def _part(box: Box, start: float, end: float) -> Box:
    """A share of the box along its longer side: lines run across, or down."""
    width, height = box.right - box.left, box.bottom - box.top
    if (start, end) == (0.0, 1.0):
        return box
    if width >= height:
        return Box(left=box.left + width * start, top=box.top, right=box.left + width * end, bottom=box.bottom)
    return Box(left=box.left, top=box.top + height * start, right=box.right, bottom=box.top + height * end)


def _around(boxes: Sequence[Box]) -> Box:
    return Box(
        left=min(b.left for b in boxes),
        top=min(b.top for b in boxes),
        right=max(b.right for b in boxes),
        bottom=max(b.bottom for b in boxes),
    )


# --- what was not read ------------------------------------------------------------------------------------------------


def _missed(reference: Sequence[Region], second: Sequence[_Unit], used: set[int], regions: Sequence[Region]) -> Iterator[Region]:
    """Blocks of the second reading of which at least half was matched by nothing, and whose words the first reading does not
    say anywhere else."""
    said = Counter(unit.key for region in regions for unit in _spoken(region))
    for number, block in enumerate(reference):
        units = [(i, unit) for i, unit in enumerate(second) if unit.block == number]
        open_ = [unit for i, unit in units if i not in used]
        sure = block.confidence is None or block.confidence >= BELIEVED
        if not sure or sum(len(u.key) for u in open_) < FEWEST or 2 * len(open_) < len(units):
            continue
        elsewhere = sum((Counter(u.key for u in open_) & said).values()) / len(open_)
        if elsewhere < UNCERTAIN:
            yield block.model_copy(update={"flag": "omitted"})
