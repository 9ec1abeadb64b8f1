"""Layout as dots.ocr writes it: `page.json`, a list of {bbox, category, text} in pixels, beside the picture of the page.

In the output folder of dots.ocr itself the picture beside the JSON is mostly a drawing of the layout, not the page. It is told
by the `_nohf.md` beside it or the record of the page, and refused where the clean page is not found: boxes drawn over the
words are no training picture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ocrtune.contracts import Draft, Rejected
from ocrtune.core.document import Markup
from ocrtune.imaging import IMAGE_SUFFIXES
from ocrtune.options import SourceOptions
from ocrtune.sources._kinds import layout_kind
from ocrtune.sources._objects import Labelled, Mark, layout, picture_beside, points_of
from ocrtune.sources.records import column_names, read_records

MARKUP: Mapping[str, Markup] = {"table": "html", "formula": "latex"}


class DotsJson:
    """One sample of the task "layout" for each JSON file."""

    name = "dots_json"

    def claims(self, path: Path) -> bool:
        if path.suffix.lower() != ".json" or not path.is_file():
            return False
        if path.stat().st_size < 16 and path.read_text("utf-8", errors="replace").strip() == "[]":  # a blank page
            return picture_beside(path, None)[0].is_file()
        return {"bbox", "category"} <= column_names(path)

    def read(self, path: Path, options: SourceOptions) -> Iterator[Draft | Rejected]:
        try:
            cells = json.loads(path.read_text("utf-8-sig"))
        except (ValueError, RecursionError) as cause:
            yield Rejected(str(path), f"not JSON ({cause})")
            return
        if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
            yield Rejected(str(path), "not a list of {bbox, category, text}: the raw reply of a page that could not be parsed?")
            return
        picture = _page(path)
        if isinstance(picture, Rejected):
            yield picture
            return
        yield layout(Labelled(str(path), picture, tuple(map(_mark, cells))))


def _page(path: Path) -> Path | Rejected:
    """The clean page: the picture beside the JSON, unless that is a drawing of the layout."""
    beside, _ = picture_beside(path, None)
    record = _record_of(path)
    drawn = path.with_name(f"{path.stem}_nohf.md").is_file() or (record is not None and not record.get("filtered"))
    if not drawn:
        return beside
    source = Path(str((record or {}).get("file_path", "")))
    if source.suffix.lower() in IMAGE_SUFFIXES and source.is_file():
        return source
    others = (path.with_suffix(suffix) for suffix in sorted(IMAGE_SUFFIXES - {".jpg"}))
    clean = next((other for other in others if other.is_file()), None)
    if clean is None:
        why = f"{beside.name} is the drawing of the layout, not the page: put the clean page there as {path.stem}.png"
        return Rejected(str(path), why)
    return clean


def _record_of(path: Path) -> Mapping[str, Any] | None:
    """What dots.ocr noted about the page: <document>.jsonl beside the JSON or beside its folder."""
    for notes in (*path.parent.glob("*.jsonl"), path.parent.with_suffix(".jsonl")):
        if not notes.is_file() or "layout_info_path" not in column_names(notes):
            continue
        for record in read_records(notes):
            if not isinstance(record, Rejected) and Path(str(record.fields.get("layout_info_path"))).name == path.name:
                return record.fields
    return None


def _mark(cell: Mapping[str, Any]) -> Mark:
    kind = layout_kind(str(cell.get("category", "text"))) or str(cell.get("category")).strip().lower()
    text = str(cell.get("text") or "")
    return Mark(points_of(cell.get("bbox")), kind, text, markup=MARKUP.get(kind, "markdown") if text else "plain")
