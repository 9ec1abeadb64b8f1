"""What all formats for reading agree on: which regions of a page they show, and how its figures are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ocrtune.core import Page, Region

AROUND = ("page-header", "page-footer")
NUMBERED = re.compile(r"\d{1,9}[.)]\s+")
BULLET = re.compile(r"[-*+•·▪◦‣–—]\s+")


class Shown(NamedTuple):
    """A region with something to show; `figure` is the file of a picture, relative to the document's folder."""

    region: Region
    figure: str | None = None


def shown(page: Page, *, headers: bool) -> Iterator[Shown]:
    """The regions of a page in reading order, running heads and page footers only where asked for."""
    pictures = 0
    for region in page.regions:
        if region.kind == "picture":
            pictures += 1
            if page.image is not None and region.box is not None:
                yield Shown(region, f"figures/{page.number:04d}-{pictures}.png")
                continue
        if region.text.strip() and (headers or region.kind not in AROUND):
            yield Shown(region)
