"""Grounding: what stands where, as each line of models writes it. One leaf class for each rendering."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from pydantic import JsonValue

from ocrtune.contracts import Coordinates
from ocrtune.core import Decoded, Region, Sample, Size, Target, Task
from ocrtune.dialects._boxes import Grid, grid, known_grid, read_box, write_box
from ocrtune.dialects._cells import SPOTTING, decode_cells
from ocrtune.dialects._json import write
from ocrtune.dialects._problems import Problems
from ocrtune.dialects._targets import box_of, regions_of
from ocrtune.errors import InputError

NOTHING = "[]"  # a picture without objects


class Grounding:
    """What the renderings share: prompt, and regions with boxes of a BoxesTarget (without the ignored) or RegionsTarget."""

    name = ""
    tasks: tuple[Task, ...] = ("detect", "layout", "read")
    coordinates: Coordinates | None = "norm1000"
    words = ""

    def __init__(self, prompt: str | None = None) -> None:
        self.prompt = self.words if prompt is None else prompt

    def ask(self, sample: Sample, *, sees: Size | None = None) -> str:
        """The sample's own question where it has one, else the prompt."""
        return sample.question or self.prompt

    def _placed(self, target: Target, sees: Size | None) -> Iterator[tuple[Region, list[int]]]:
        """Regions with their boxes on the grid. Raises InputError where one has none, or the grid is not known."""
        steps = known_grid(self.coordinates or "norm1000", sees, dialect=self.name)
        for number, region in enumerate(regions_of(target, dialect=self.name), 1):
            yield region, write_box(box_of(region, number, dialect=self.name), steps)


# --- JSON ---------------------------------------------------------------------------------------------------------------


class _Json(Grounding):
    """`[{"bbox_2d": [x1, y1, x2, y2], "text_content": "…"}, …]`; regions that are not of the kind "text" have their kind as
    `"label"`, and those without a text have only that. A label of any other shape than a kind's name is read as the text,
    which is how trainers without `text_content` write it. Kinds, texts and order come back exactly.
    """

    words = "Spotting all the text in the image with line-level, and output in JSON format."

    def encode(self, target: Target, *, sees: Size | None = None) -> str:
        return write([_object(region, box) for region, box in self._placed(target, sees)])

    def decode(self, text: str, *, sees: Size | None = None) -> Decoded:
        return decode_cells(text, grid(self.coordinates or "norm1000", sees), SPOTTING)


def _object(region: Region, box: list[int]) -> JsonValue:
    label: dict[str, JsonValue] = {} if region.kind == "text" else {"label": region.kind}
    text: dict[str, JsonValue] = {"text_content": region.text} if region.text or region.kind == "text" else {}
    return {"bbox_2d": [*box], **label, **text}


class GroundingQwen25(_Json):
    """Qwen2.5-VL: whole pixels of the picture that the model sees."""

    name = "grounding-qwen25"
    coordinates: Coordinates | None = "pixels"


class GroundingQwen3(_Json):
    """Qwen3-VL: thousandths of the picture's sides."""

    name = "grounding-qwen3"


# --- references ---------------------------------------------------------------------------------------------------------


class Marks(NamedTuple):
    """How references are written: around a name, in front of a box, a whole place, and one box of it.

    Tokenizers that leave special tokens out of what they return leave `bare` places: names and numbers alone.
    """

    name: tuple[str, str]
    opening: str
    place: re.Pattern[str]
    bare: re.Pattern[str]
    box: re.Pattern[str]


NUMBER = r"-?\d{1,7}(?:\.\d{1,6})?"
PAIR = rf"\(\s*{NUMBER}\s*,\s*{NUMBER}\s*\)"
PAIRS = rf"{PAIR}(?:\s*,\s*{PAIR}){{1,7}}"
SQUARE = rf"\[\s*{NUMBER}(?:\s*,\s*{NUMBER}){{3,15}}\s*\]"
SQUARES = rf"\[\s*{SQUARE}(?:\s*,\s*{SQUARE})*\s*\]"
QWEN2 = Marks(
    name=("<|object_ref_start|>", "<|object_ref_end|>"),
    opening="<|box_start|>",
    place=re.compile(rf"<\|box_start\|>\s*{PAIRS}\s*(?:<\|box_end\|>)?"),
    bare=re.compile(PAIRS),
    box=re.compile(PAIRS),
)
INTERNVL = Marks(
    name=("<ref>", "</ref>"),
    opening="<box>",
    place=re.compile(rf"<box>\s*{SQUARES}\s*(?:</box>)?"),
    bare=re.compile(SQUARES),
    box=re.compile(SQUARE),
)


class _References(Grounding):
    """Each region is a name and its box. The name is the region's text, its kind where it has none, so that what comes back
    has the kind "text" and this name as its text, exactly.
    """

    marks: Marks

    def encode(self, target: Target, *, sees: Size | None = None) -> str:
        """Raises InputError for a text that holds the marks themselves."""
        return "\n".join(self._reference(region, box) for region, box in self._placed(target, sees)) or NOTHING

    def _reference(self, region: Region, box: list[int]) -> str:
        name = region.text or region.kind
        if any(mark in name for mark in (*self.marks.name, self.marks.opening)):
            raise InputError(
                f"the text {name[:60]!r} holds marks of the dialect {self.name!r}",
                hint="choose a grounding dialect that writes JSON, or leave this sample out",
            )
        return f"{self.marks.name[0]}{name}{self.marks.name[1]}{self._written(box)}"

    def _written(self, box: list[int]) -> str:
        raise NotImplementedError

    def decode(self, text: str, *, sees: Size | None = None) -> Decoded:
        problems = Problems()
        if not text.strip():
            problems.add("empty", "the model said nothing")
            return Decoded(problems=problems.listed())
        if text.strip() == NOTHING:
            return Decoded()
        regions = tuple(_referred(text, self.marks, grid(self.coordinates or "norm1000", sees), problems))
        return Decoded(regions=regions, problems=problems.listed())


def _referred(text: str, marks: Marks, steps: Grid | None, problems: Problems) -> Iterator[Region]:
    """A region for each box, and one without a box for a last name that the end of the reply cut off from its own."""
    marked = marks.name[0] in text or marks.opening in text
    at = 0
    for place in (marks.place if marked else marks.bare).finditer(text):
        name = _name(text[at : place.start()], marks, marked, problems)
        at = place.end()
        for numbers in marks.box.findall(place[0]):
            yield Region(text=name, box=read_box(numbers, steps, problems))
    rest = text[at:]
    if at == 0 and not marked:
        problems.add("no-boxes", "the reply names no place; its words are kept as one region")
        yield Region(text=text)
    elif rest.strip():
        cut = not marked or marks.name[0] in rest
        problems.add("truncated" if cut else "prose", f"{rest.strip()[:40]!r} stands behind the last box")
        name = rest.partition(marks.name[0])[2].partition(marks.name[1])[0] if marked else rest.strip()
        if name.strip():
            yield Region(text=name)


def _name(before: str, marks: Marks, marked: bool, problems: Problems) -> str:
    """The name in what stands between two boxes."""
    if not marked:
        return before.strip(" \t\r\n,;")
    prose, mark, name = before.partition(marks.name[0])
    if mark and prose.strip():
        problems.add("prose", f"{prose.strip()[:40]!r} stands between the boxes")
    closed = name.rfind(marks.name[1])
    return name[:closed] if closed >= 0 else (name if mark else prose).strip()


class GroundingQwen2(_References):
    """Qwen2-VL: `<|object_ref_start|>…<|object_ref_end|><|box_start|>(x1,y1),(x2,y2)<|box_end|>`, a region a line."""

    name = "grounding-qwen2"
    words = "Detect and read all the text in the image."
    marks = QWEN2

    def _written(self, box: list[int]) -> str:
        return f"<|box_start|>({box[0]},{box[1]}),({box[2]},{box[3]})<|box_end|>"


class GroundingInternVL(_References):
    """InternVL: `<ref>…</ref><box>[[x1, y1, x2, y2]]</box>`, a region a line; several boxes of one name are read as well."""

    name = "grounding-internvl"
    words = "Please detect and read all the text in the image."
    marks = INTERNVL

    def _written(self, box: list[int]) -> str:
        return f"<box>[[{box[0]}, {box[1]}, {box[2]}, {box[3]}]]</box>"
