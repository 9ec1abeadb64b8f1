"""What a target holds, as the dialects that speak of regions need it."""

from __future__ import annotations

from ocrtune.core import Box, BoxesTarget, Region, RegionsTarget, Target
from ocrtune.core.document import Markup
from ocrtune.errors import InputError

MARKUP: dict[str, Markup] = {"table": "html", "formula": "latex", "picture": "plain"}


def markup_of(kind: str) -> Markup:
    """How the text of a region of this kind is written: tables as HTML, formulas as LaTeX, all others as Markdown."""
    return MARKUP.get(kind, "markdown")


def regions_of(target: Target, *, dialect: str) -> tuple[Region, ...]:
    """The regions to teach; ignored boxes are never among them. Raises InputError for targets that hold none."""
    if isinstance(target, RegionsTarget):
        return target.regions
    if isinstance(target, BoxesTarget):
        return target.boxes
    raise InputError(
        f"the dialect {dialect!r} teaches regions, and a target of kind {target.kind!r} has none",
        hint="choose a --dialect for what the data say, or a source that keeps regions and boxes",
    )


def box_of(region: Region, number: int, *, dialect: str) -> Box:
    """Raises InputError where the region has no box."""
    if region.box is None:
        raise InputError(
            f"region {number} ({region.kind}: {region.text[:40]!r}) has no box, and the dialect {dialect!r} must say one",
            hint="choose a --dialect without boxes, such as markdown",
        )
    return region.box
