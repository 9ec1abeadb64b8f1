"""What all formats for reading agree on: which regions of a page they show, and how its figures are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ocrtune.core import Page, Region
from ocrtune.exporters._flow import one_line

AROUND = ("page-header", "page-footer")
NUMBERED = re.compile(r"\d{1,9}[.)]\s+")
BULLET = re.compile(r"[-*+•·▪◦‣–—]\s+")


MARKS = {"picture": "", "formula": "f"}  # before the number in the names of figures


class Shown(NamedTuple):
    """A region with something to show; `figure` is the file of a picture, relative to the document's folder."""

    region: Region
    figure: str | None = None


def is_figure(region: Region) -> bool:
    """Whether it is shown as it looks on the page: pictures, and formulas that nobody could read."""
    return region.kind == "picture" or (region.kind == "formula" and not region.text.strip())


def alternative(part: Shown) -> str:
    """What stands for a figure where it cannot be seen, in one line."""
    return one_line(part.region.text) or ("formula" if part.region.kind == "formula" else "")


def figure_name(page: Page, kind: str, number: int) -> str:
    """The file of the page's figure `number` of its kind, from 1, relative to the document's folder."""
    return f"figures/{page.number:04d}-{MARKS[kind]}{number}.png"


def shown(page: Page, *, headers: bool) -> Iterator[Shown]:
    """The regions of a page in reading order, running heads and page footers only where asked for."""
    seen = dict.fromkeys(MARKS, 0)
    for region in page.regions:
        if region.kind in MARKS:
            seen[region.kind] += 1
            if is_figure(region) and page.image is not None and region.box is not None:
                yield Shown(region, figure_name(page, region.kind, seen[region.kind]))
                continue
        if region.text.strip() and (headers or region.kind not in AROUND):
            yield Shown(region)
