"""Replies that are a list of JSON objects, one for each region: objects as regions, and loops at the end cut off."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from ocrtune.core import Decoded, Region
from ocrtune.core.document import Markup
from ocrtune.dialects._boxes import Grid, read_box
from ocrtune.dialects._json import objects, read
from ocrtune.dialects._loops import tail_loop, without_endless
from ocrtune.dialects._problems import Problems
from ocrtune.dialects._targets import MARKUP

BOXES = ("bbox", "bbox_2d", "box", "polygon", "poly", "quad", "points")
KINDS = ("category", "label", "type")
TEXTS = ("text", "text_content", "content", "transcription")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}\Z")  # of a kind; a label of any other shape is what stands there
SAME_CELLS = 8  # as many equal regions in equal boxes at the end are a loop and no page
SAME_TEXTS = 12  # as many equal texts in different boxes at the end are reported and kept: forms have such lines
LONGER = 16


class Manner(NamedTuple):
    """What a dialect's cells are like: the markup of ordinary text, and whether each must have a category."""

    markup: Markup
    categories: bool


LAYOUT = Manner("markdown", True)
SPOTTING = Manner("plain", False)


def decode_cells(text: str, steps: Grid | None, manner: Manner) -> Decoded:
    """All objects of the reply that have a box or a text, as regions in their order.

    A reply without any object in it that is not the empty list of a blank page is one region with its words.
    """
    problems = Problems()
    if not text.strip():
        problems.add("empty", "the model said nothing")
        return Decoded(problems=problems.listed())
    reading = read(text, problems, starts=BOXES)
    found = list(objects(reading.values))
    if not found and ("prose" in problems or not reading.values or any(reading.values)):
        return _spoken(text, manner)
    cells = [cell for cell in found if _text(cell) is not None or _box_key(cell)]
    if not cells and any(_is_scalar(value) for cell in found for value in cell.values()):
        problems.add("no-regions", "the JSON has neither boxes nor texts")
    cut = reading.unfinished is not None and bool(cells) and cells[-1] is reading.unfinished
    regions = [_region(cell, steps, manner, problems) for cell in (cells[:-1] if cut else cells)]
    last = _unfinished(cells[-1], steps, manner, problems) if cut else None
    return Decoded(regions=_without_loop(regions, last, problems), problems=problems.listed())


def _spoken(text: str, manner: Manner) -> Decoded:
    """The reply as it is. A fence alone, as the beginning of a reply, says nothing yet."""
    problems = Problems()
    if not text.strip().strip("`").removeprefix("json").strip():
        problems.add("truncated", "the reply ends before the JSON begins")
        return Decoded(problems=problems.listed())
    problems.add("not-json", "the reply is no JSON; its words are kept as one region")
    return Decoded(regions=(Region(text=text, markup=manner.markup),), problems=problems.listed())


def _is_scalar(value: JsonValue) -> bool:
    return value is not None and not isinstance(value, list | dict)


def _box_key(cell: Mapping[str, JsonValue]) -> str | None:
    return next((key for key in BOXES if key in cell), None)


def _text(cell: Mapping[str, JsonValue]) -> str | None:
    """The cell's text; None where it has no member for one, or one with more structure than lines."""
    key = next((key for key in TEXTS if key in cell), None)
    value = cell[key] if key else None
    if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
        return "\n".join(map(str, value))
    return None if key is None or isinstance(value, list | dict) else "" if value is None else str(value)


def _region(cell: Mapping[str, JsonValue], steps: Grid | None, manner: Manner, problems: Problems) -> Region:
    key = _box_key(cell)
    if key is None:
        problems.add("no-box", f"no box at {_text(cell) or 'a region':.40}")
    box = None if key is None else read_box(cell[key], steps, problems)
    kind, text = _said(cell, manner, problems)
    return Region(kind=kind, text=text, markup=MARKUP.get(kind, manner.markup), box=box)


def _said(cell: Mapping[str, JsonValue], manner: Manner, problems: Problems) -> tuple[str, str]:
    """Kind and text. A label without a text beside it is a kind when it looks like the name of one, else the text."""
    key = next((key for key in KINDS if isinstance(cell.get(key), str)), None)
    label, text = str(cell[key]) if key else "", _text(cell)
    if key == "label" and text is None and not NAME.match(label):
        return "text", label
    if not label.strip() and manner.categories:
        problems.add("no-category", f"no category at {text or 'a region':.40}")
    return label.strip().lower() or "text", text or ""


def _unfinished(cell: Mapping[str, JsonValue], steps: Grid | None, manner: Manner, problems: Problems) -> Region | None:
    """The region that the end of the reply cut off, where it has a text or a whole box; what it lacks is no problem."""
    region = _region(cell, steps, manner._replace(categories=False), quiet := Problems())
    if region.box is None and not region.text.strip():
        return None
    for kind in ("outside", "zero-area", "corner-order", "unknown-size"):
        if kind in quiet:
            problems.add(kind, "in the last region")
    return region.model_copy(update={"text": without_endless(region.text, problems)})


def _without_loop(regions: Sequence[Region], last: Region | None, problems: Problems) -> tuple[Region, ...]:
    """Without the endless repeats at the end; `last` is the unfinished region behind them."""
    every = (*regions, last) if last else tuple(regions)
    loop = tail_loop([(r.kind, r.text, r.box) for r in regions], repeats=SAME_CELLS)
    if loop and all(region.box for region in regions[loop.start : loop.start + loop.period]):
        kept = tuple(regions[: loop.start + loop.period])
        problems.add("repetition", f"the last {len(regions) - len(kept)} regions repeat the {loop.period} before them; left out")
        again = regions[loop.start + (len(regions) - loop.start) % loop.period]
        return kept if last is None or again.text.startswith(last.text) else (*kept, last)
    texts = [region.text for region in regions if len(region.text) >= LONGER]
    if texts and (same := tail_loop(texts, repeats=SAME_TEXTS)) and regions[-1].text == texts[-1]:
        problems.add("repetition", f"{texts[same.start]!r:.60} comes again and again in different boxes; kept")
    return every
