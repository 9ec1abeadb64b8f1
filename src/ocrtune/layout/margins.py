"""Running heads, feet and page numbers: the outermost lines of a page, set apart from its text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ocrtune.layout.lines import Line
from ocrtune.layout.parts import Rect, Rule, bounds, shared, usual

REACH = 0.12  # of the page's height
OUTERMOST = 0.07
MOST_ROWS = 3
ENOUGH = 2  # signs that a row is no part of the text
PAGE_NUMBER = re.compile(
    r"[-–—·|\[(\s]*((page|pg?\.|seite|стр\.?|с\.|p[aá]g\.?|第)\s*)?(\d{1,5}|[ivxlc]{1,7})(\s*(of|/|из|von|de)\s*\d{1,4})?\s*[页頁]?[-–—·|\])\s]*",
    re.IGNORECASE,
)
NUMBERED = re.compile(r"(\d{1,4}\s*[|·—–]?\s+\S.*|\S.*\s+[|·—–]?\s*\d{1,4})")
HEADING = re.compile(r"(\d+(\.\d+)+\.?|\d+\.|[IVX]+\.)\s+\w|(chapter|part|section|глава|часть|第.{1,3}[章节節])", re.IGNORECASE)

SECTION = re.compile(r"(\d{1,2})\.?\s+[^\W\d_]")
MOST_SECTIONS = 30  # a higher number is a page's
LARGER = 1.08  # times the body's letters: a heading


class Margins(NamedTuple):
    head: list[Line]
    body: list[Line]
    foot: list[Line]


class _Around(NamedTuple):
    """What a row in the margin is compared with."""

    frame: Rect
    size: float
    rules: Sequence[Rule]
    objects: Sequence[Rect]


def margins(lines: Sequence[Line], frame: Rect, *, rules: Sequence[Rule] = (), objects: Sequence[Rect] = ()) -> Margins:
    """Lines apart: head, body, foot. `objects` are the boxes of pictures and tables; without them one line of body is left."""
    body = sorted(lines, key=lambda line: (line.box[1] + line.box[3], line.box))
    if not body:
        return Margins([], [], [])
    size = usual([line.size for line in body], [float(len(line.text)) for line in body])
    around = _Around(frame, size, rules, objects)
    head: list[Line] = []
    foot: list[Line] = []
    for taken, top in ((head, True), (foot, False)):
        for _ in range(MOST_ROWS):
            row, rest = _outermost(body, top=top)
            if not row or not (rest or objects) or not _is_running(row, rest, around, top=top):
                break
            taken.extend(row)
            body = rest
    return Margins(head, body, foot)


def _outermost(lines: Sequence[Line], *, top: bool) -> tuple[list[Line], list[Line]]:
    if not lines:
        return [], []
    first = lines[0] if top else lines[-1]
    middle = (first.box[1] + first.box[3]) / 2
    row = [line for line in lines if abs((line.box[1] + line.box[3]) / 2 - middle) < 0.6 * max(line.size, first.size)]
    return sorted(row, key=lambda line: line.box[0]), [line for line in lines if line not in row]


def _is_running(row: Sequence[Line], rest: Sequence[Line], around: _Around, *, top: bool) -> bool:
    box = bounds(line.box for line in row)
    inner = bounds([*(line.box for line in rest), *around.objects])
    middle = (box[1] + box[3]) / 2
    depth = middle - around.frame[1] if top else around.frame[3] - middle
    gap = inner[1] - box[3] if top else box[1] - inner[3]
    text = " ".join(line.text for line in row).strip()
    largest = max(line.size for line in row)
    if depth > REACH * (around.frame[3] - around.frame[1]) or largest > 1.8 * around.size or gap < 0.3 * around.size:
        return False
    if len(row) == 1 and PAGE_NUMBER.fullmatch(text):
        return True
    ruled = _ruled_off(box, inner, around.rules, top=top)
    if top and not ruled and _is_numbered_heading(row, rest, inner, around.size):
        return False
    heading = HEADING.match(text) is not None and not NUMBERED.fullmatch(text)
    against = 2 * (largest > 1.15 * around.size) + 2 * heading + (gap < 0.8 * around.size) + 2 * (len(text) > 160)
    signs = _signs(row, text, inner[2] - inner[0], around.size) + (gap > 1.5 * around.size) + (gap > 2.5 * around.size)
    return signs + _outside(depth, inner, around.frame) + 2 * ruled - against >= ENOUGH


def _is_numbered_heading(row: Sequence[Line], rest: Sequence[Line], inner: Rect, size: float) -> bool:
    """Whether a row in bold or larger letters begins with the number of a section where the text begins."""
    found = SECTION.match(row[0].text.strip())
    if len(row) > 1 or found is None or int(found[1]) > MOST_SECTIONS or row[0].box[0] > inner[0] + size:
        return False
    bold = sum(len(line.text) for line in rest if line.bold) > sum(len(line.text) for line in rest) / 2
    return row[0].size >= LARGER * size or (row[0].bold is True and not bold)


def _outside(depth: float, inner: Rect, frame: Rect) -> bool:
    """Whether a row stands in what is margin on the page's other sides."""
    side = min(inner[0] - frame[0], frame[2] - inner[2])
    return depth < OUTERMOST * (frame[3] - frame[1]) and depth < 0.85 * side


def _signs(row: Sequence[Line], text: str, width: float, size: float) -> int:
    edges = len(row) > 1 and row[-1].box[2] - row[0].box[0] > 0.75 * width
    small = max(line.size for line in row) < 0.92 * size
    numbered = any(PAGE_NUMBER.fullmatch(line.text.strip()) for line in row) or (
        NUMBERED.fullmatch(text) is not None and len(text) < 90
    )
    return edges + small + numbered


def _ruled_off(box: Rect, inner: Rect, rules: Sequence[Rule], *, top: bool) -> bool:
    low, high = (box[3] - 2, inner[1] + 2) if top else (inner[3] - 2, box[1] + 2)
    wide = 0.6 * (inner[2] - inner[0])
    return any(r.horizontal and low <= r.box[1] <= high and shared(r.box, inner, 0) > wide for r in rules)
