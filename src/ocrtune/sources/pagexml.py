"""PAGE XML and ALTO (versions 2 to 4): pages with regions and lines, their outlines, text and reading order.

`objects` chooses what a page is labelled with: its text lines (task "detect") or its regions (task "layout"). With `unit` line
or block a sample is instead the part of the picture that one line or region takes, with its text.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import TextTarget
from ocrtune.errors import InputError
from ocrtune.imaging import open_image
from ocrtune.options import SourceOptions
from ocrtune.sources._objects import Labelled, Mark, Turned, box_of, boxes, layout, picture_beside, plane_of
from ocrtune.sources._pages import Block, Line, Sheet, alto_sheets, page_sheets
from ocrtune.sources._xml import parse, root_name


class PageXml:
    """One sample for each page, or for each line or region with text."""

    name = "pagexml"

    def claims(self, path: Path) -> bool:
        return root_name(path) in ("PcGts", "alto")

    def read(self, path: Path, options: SourceOptions) -> Iterator[Draft | Rejected]:
        try:
            root = parse(path)
            sheets = list(alto_sheets(root) if root.tag == "alto" else page_sheets(root))
        except InputError as cause:
            yield Rejected(str(path), str(cause))
            return
        except RecursionError:
            yield Rejected(str(path), "regions inside regions without end")
            return
        if not sheets:
            yield Rejected(str(path), "the file has no page")
        for number, sheet in enumerate(sheets, start=1):
            where = str(path) if len(sheets) == 1 else f"{path} page {number}"
            yield from _samples(where, path, sheet, options)


def _samples(where: str, path: Path, sheet: Sheet, options: SourceOptions) -> Iterator[Draft | Rejected]:
    picture, problems = picture_beside(path, sheet.picture)
    tags = {"language": sheet.language} if sheet.language else {}
    regions = options.objects == "regions" if options.unit == "page" else options.unit == "block"
    found: list[Block | Line] = [*sheet.blocks] if regions else [line for block in sheet.blocks for line in block.lines]
    marks = tuple(Mark(item.points, item.kind if isinstance(item, Block) else "text", item.text) for item in found)
    given = Labelled(where, picture, marks, sheet.units, tags=tags, problems=problems)
    if options.unit == "page":
        yield layout(given) if regions else boxes(given)
    else:
        yield from _crops(given, [item.name for item in found])


def _crops(given: Labelled, names: list[str]) -> Iterator[Draft | Rejected]:
    """The parts of the picture that have a text, each as a picture of its own."""
    whole = layout(given)  # one place judges labels
    if isinstance(whole, Rejected):
        yield whole
        return
    try:
        plane, _ = plane_of(given)
        page = open_image(given.picture)
    except (InputError, Turned) as cause:
        yield Rejected(given.where, str(cause), whole.problems, whole.labels)
        return
    silent = 0
    problems = whole.problems
    for mark, name in zip(given.marks, names, strict=True):
        box = box_of(mark.points, plane)
        silent += not mark.text.strip()
        if box is None or not mark.text.strip():
            continue
        left, top, right, bottom = box.to_pixels(*page.size)
        part = page.crop((int(left), int(top), max(int(right + 0.999), int(left) + 1), max(int(bottom + 0.999), int(top) + 1)))
        yield Draft(part, TextTarget(text=mark.text), whole.group, f"{given.where} {name}", tags=given.tags, problems=problems)
        problems = ()
    if silent:
        yield Rejected(given.where, f"{silent} of {len(names)} without a text")
