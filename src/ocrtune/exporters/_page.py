"""What all formats for reading agree on: which regions of a page they show, and how its figures are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

from ocrtune.core import Page, Region
from ocrtune.exporters._flow import one_line

AROUND = ("page-header", "page-footer")
NUMBERED = re.compile(r"\d{1,9}[.)]\s+")
BULLET = re.compile(r"[-*+•·▪◦‣»›–—]\s+")

MARKS = {"picture": "", "formula": "f"}  # before the number in the names of figures
INK = 0.75  # of the letter size is the height of the usual word's ink


class Shown(NamedTuple):
    """A region with something to show; `figure` is the file of a picture, relative to the document's folder, and `ems` how wide a
    formula among these is, in letter sizes of the page's text, where that is known."""

    region: Region
    figure: str | None = None
    ems: float | None = None


def is_figure(region: Region) -> bool:
    """Whether it is shown as it looks on the page: pictures, and formulas that nobody could read."""
    return region.kind == "picture" or (region.kind == "formula" and not region.text.strip())


def alternative(part: Shown) -> str:
    """What stands for a figure where it cannot be seen, in one line."""
    return one_line(part.region.text) or ("formula" if part.region.kind == "formula" else "")


def figure_name(page: Page, kind: str, number: int) -> str:
    """The file of the page's figure `number` of its kind, from 1, relative to the document's folder."""
    return f"figures/{page.number:04d}-{MARKS[kind]}{number}.png"


def _letter(page: Page) -> float | None:
    """The letter size of the page's text as a part of the page's width."""
    heights = [w.box.bottom - w.box.top for r in page.regions if r.kind == "text" for w in r.words or () if len(w.text) > 2]
    return median(heights) / INK * page.height / page.width if heights and page.width and page.height else None


def _ems(region: Region, letter: float | None) -> float | None:
    if region.kind != "formula" or region.box is None or not letter:
        return None
    return (region.box.right - region.box.left) / letter


def shown(page: Page, *, headers: bool) -> Iterator[Shown]:
    """The regions of a page in reading order, running heads and page footers only where asked for."""
    seen = dict.fromkeys(MARKS, 0)
    letter = _letter(page) if any(region.kind == "formula" for region in page.regions) else None
    for region in page.regions:
        if region.kind in MARKS:
            seen[region.kind] += 1
            if is_figure(region) and page.image is not None and region.box is not None:
                yield Shown(region, figure_name(page, region.kind, seen[region.kind]), _ems(region, letter))
                continue
        if region.text.strip() and (headers or region.kind not in AROUND):
            yield Shown(region)
