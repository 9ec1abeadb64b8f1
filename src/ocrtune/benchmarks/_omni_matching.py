"""Which block of a reading stands for which of the annotation: OmniDocBench v1.5's "quick match", in our own words.

Blocks are compared as edit distance of their cleaned texts / length of the longer. Blocks of ignored kinds (captions, running
heads …) take what is near them out first. A true block may be several consecutive blocks of the reading, and several true
blocks may be one of the reading.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from ocrtune.benchmarks._omni_reading import FORMULA, IGNORED, Found, Truth, split_found
from ocrtune.scoring.assignment import assigned
from ocrtune.scoring.text import ned

SURE = 0.25  # below it two blocks are the same
FAR = 0.7  # above it an assigned pair is dissolved
PART = 0.4  # below it a true block is part of a longer block of the reading
JOINED = 0.6  # below it a block of the reading is part of a longer true one


class Matched(NamedTuple):
    """True blocks and what was read for them, joined; several formulas are one array in `content` and in `source`.

    `read_at` None where nothing was read. `fine`: kind of the first block read. `source`: what was read, as it was.
    `numbers`: the orders of the true blocks and where reading begins, then the places of both among the page's lines.
    """

    category: str
    content: str
    reference: str
    reading: str
    orders: tuple[float, ...]
    read_at: int | None
    fine: str
    source: str
    numbers: frozenset[int]


class _Page(NamedTuple):
    """Cleaned lines of both sides, and the blocks that they are taken to be of.

    Slip of the published code: lines that are cleaned away are left out of the lines but not of the blocks, so that after one
    of them places and kinds are those of an earlier block.
    """

    wanted: list[str]
    truths: list[Truth]
    categories: list[str]
    contents: list[str]
    found: list[str]
    sources: list[str]
    blocks: list[Found]
    wanted_at: list[int]
    found_at: list[int]


def match(truths: Sequence[Truth], blocks: Sequence[Found]) -> list[Matched]:
    """One entry for each true block or group of them that is one block of the reading."""
    page = _page(truths, blocks)
    if len(page.wanted) == len(page.found) == 1:
        return [_entry(page, [0], (0,))]
    if not page.found or not page.wanted:
        return [_entry(page, [at], ()) for at in range(len(page.wanted))]
    kept = _without_ignored(page)
    matches = _groups(kept.wanted, kept.found)
    entries = [_entry(kept, wanted, found) for found, wanted in matches]
    done = {at for _, wanted in matches for at in wanted}
    return [*entries, *(_entry(kept, [at], ()) for at in range(len(kept.wanted)) if at not in done)]


def _page(truths: Sequence[Truth], blocks: Sequence[Found]) -> _Page:
    ordered = sorted(blocks, key=lambda block: (block.fine == "equation_inline", block.start))
    split = split_found(ordered)
    wanted = [(t.normal, t) for t in truths]
    read = [block.normal for block in split]
    lines = [(normal, t) for normal, t in wanted if t.content and normal]
    found = [(normal, block.content) for normal, block in zip(read, split, strict=True) if block.content and normal]
    return _Page(
        [normal for normal, _ in lines],
        list(truths),
        [t.category for _, t in lines],
        [t.content for _, t in lines],
        [normal for normal, _ in found],
        [content for _, content in found],
        split,
        list(range(len(lines))),
        list(range(len(found))),
    )


def _without_ignored(page: _Page) -> _Page:
    ignored = [at for at, category in enumerate(page.categories) if category in IGNORED]
    taken = {to for at in ignored for to, line in enumerate(page.found) if ned(page.wanted[at], line) < SURE}
    left = [at for at in range(len(page.wanted)) if at not in set(ignored)]
    read = [to for to in range(len(page.found)) if to not in taken]
    return _Page(
        [page.wanted[at] for at in left],
        [page.truths[at] for at in left],
        [page.categories[at] for at in left],
        [page.contents[at] for at in left],
        [page.found[to] for to in read],
        [page.sources[to] for to in read],
        [page.blocks[to] for to in read],
        left,
        read,
    )


def _entry(page: _Page, wanted: Sequence[int], found: Sequence[int]) -> Matched:
    orders = tuple(page.truths[at].order for at in wanted)
    kinds = [page.categories[at] for at in wanted if page.categories[at] not in IGNORED] or [page.categories[wanted[0]]]
    first = page.blocks[found[0]] if found else None
    category, contents = max(kinds, key=kinds.count), [page.contents[at] for at in wanted]
    sources = [page.sources[to] for to in found]
    numbers = [int(order) for order in orders if order] + ([first.start] if first else [])
    places = [page.wanted_at[at] for at in wanted] + [page.found_at[to] for to in found]
    return Matched(
        category,
        stacked(contents) if category == FORMULA and len(contents) > 1 else "".join(contents),
        "".join(page.wanted[at] for at in wanted),
        "".join(page.found[to] for to in found),
        orders,
        first.start if first else None,
        first.fine if first else "",
        stacked(sources) if first and "equation" in first.fine and len(sources) > 1 else "".join(sources),
        frozenset(numbers + places),
    )


def stacked(formulas: Sequence[str]) -> str:
    """Formulas one below the other, as one."""
    lines = " \\\\ ".join("{" + formula.strip("$").strip("\n") + "}" for formula in formulas)
    return f"\\begin{{array}}{{l}} {lines} \\end{{array}}"


Group = tuple[tuple[int, ...], list[int]]


def _groups(wanted: list[str], found: list[str]) -> list[Group]:
    """Blocks of the reading with the true blocks that they stand for."""
    runs = _runs(wanted, found)
    costs = _costs(wanted, [" ".join(found[to] for to in run) for run in runs])
    kept: dict[tuple[int, ...], list[int]] = {}
    free = set(range(len(wanted)))
    for at, column in assigned(costs):
        if costs[at][column] <= FAR:
            kept[runs[column]] = [at]
            free.discard(at)
    _add_parts(kept, free, wanted, found)
    _add_rest(kept, wanted, found)
    return [(run, sorted(group)) for run, group in kept.items() if group]


def _add_parts(kept: dict[tuple[int, ...], list[int]], free: set[int], wanted: list[str], found: list[str]) -> None:
    """True blocks without a partner that stand inside a block of the reading, the first that has them."""
    done = {at for group in kept.values() for at in group}
    for to, line in enumerate(found):
        inside = [at for at in sorted(free) if _inside(wanted[at], line, _below(PART, len(wanted[at])))]
        if inside:
            group = kept.setdefault((to,), [])
            group += [at for at in inside if at not in done]
            done |= set(inside)


def _add_rest(kept: dict[tuple[int, ...], list[int]], wanted: list[str], found: list[str]) -> None:
    """What is left on both sides, however far apart."""
    done, used = {at for group in kept.values() for at in group}, {to for run in kept for to in run}
    # The order of Python's sets, which is not always that of the numbers, decides between pairs that are equally far apart.
    left, read = list(set(range(len(wanted))) - done), list(set(range(len(found))) - used)
    if left and read:
        for row, column in assigned(_costs([wanted[at] for at in left], [found[to] for to in read])):
            kept[(read[column],)] = [left[row]]


def _costs(wanted: Sequence[str], found: Sequence[str]) -> Any:
    return np.array([[ned(left, right) for right in found] for left in wanted]).reshape(len(wanted), len(found))


def _inside(part: str, whole: str, most: int) -> bool:
    """Whether `part` is at most so many edits from some piece of `whole` that is as long."""
    start, last = 0, len(whole) - len(part)
    while part and start <= last:
        edits = Levenshtein.distance(whole[start : start + len(part)], part)
        if edits <= most:
            return True
        start += (edits - most + 1) // 2  # a step to the right takes two edits away at most
    return False


def _below(share: float, length: int) -> int:
    """The most edits that are less than this share of a length."""
    most = int(share * length) + 1
    while most / length >= share:
        most -= 1
    return most


def _up_to(share: float, length: int) -> int:
    most = int(share * length) + 1
    while most / length > share:
        most -= 1
    return most


# --- consecutive blocks of the reading that are one true block -----------------------------------------------------------


def _runs(wanted: list[str], found: list[str]) -> list[tuple[int, ...]]:
    """The blocks of the reading, those joined that together are nearer to a true block than apart."""
    costs = _costs(wanted, found)
    sure = np.argwhere(costs < SURE)
    taken_rows, taken = set(sure[:, 0].tolist()), set(sure[:, 1].tolist())
    candidates: list[tuple[tuple[int, ...], float]] = []
    for at, line in enumerate(wanted):
        if at in taken_rows:
            continue
        starts = [to for to in range(len(found)) if to not in taken]
        tried = [_longest_run(line, found, start, taken) for start in starts]
        apart = [ned(line, " ".join(found[to] for to in run)) for run in tried]
        if apart:
            best = min(range(len(apart)), key=apart.__getitem__)
            candidates.append((tried[best], apart[best]))
    joined = _consistent(candidates)
    inside = {to for run in joined for to in run}
    return sorted([*joined, *((to,) for to in range(len(found)) if to not in inside)])


def _longest_run(line: str, found: list[str], start: int, taken: set[int]) -> tuple[int, ...]:
    end = start + 1
    while end < len(found) and end not in taken:
        merges, goes_on = _worth_joining(line, found[start : end + 1])
        if not merges:
            break
        end += 1
        if not goes_on:
            break
    return tuple(range(start, end))


def _worth_joining(line: str, run: Sequence[str]) -> tuple[bool, bool]:
    """Whether the last block of `run` belongs to `line` with those before it, and whether there is room for more."""
    before, joined = " ".join(run[:-1]), " ".join(run)
    if ned(line, joined) > ned(line, before):
        return False, False
    if not all(_inside(part, line, _up_to(JOINED, len(part))) for part in run[:-1]):
        return False, False
    return _inside(run[-1], line, _below(JOINED, len(run[-1]))), len(joined) <= len(line)


Candidate = tuple[tuple[int, ...], float]


def _consistent(candidates: Sequence[Candidate]) -> list[tuple[int, ...]]:
    """Runs that do not overlap: of each chain of overlapping ones, the cheapest set on average."""
    groups: list[list[Candidate]] = []
    for one in sorted(candidates, key=lambda candidate: candidate[0][0]):
        if groups and any(set(one[0]) & set(other[0]) for other in groups[-1]):
            groups[-1].append(one)
        else:
            groups.append([one])
    return [run for group in groups for run in _cheapest(group)]


def _cheapest(group: list[Candidate]) -> list[tuple[int, ...]]:
    paths: dict[int, list[Candidate]] = defaultdict(list)
    paths[0].append(group[0])
    for one in group[1:]:
        fits_nowhere = True
        for path in list(paths.values()):
            same = [other for other in path if other[0] == one[0]]
            overlaps = any(set(other[0]) & set(one[0]) for other in path)
            for other in same:
                if other[1] > one[1]:
                    path.remove(other)
                    path.append(one)
            if not overlaps:
                path.append(one)
            if same or not overlaps:
                fits_nowhere = False
        if fits_nowhere:
            paths[len(paths)].append(one)
    best = min(paths.values(), key=lambda path: sum(cost for _, cost in path) / len(path))
    return list(dict.fromkeys(run for run, _ in best))
