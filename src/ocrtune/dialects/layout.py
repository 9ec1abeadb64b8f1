"""Layout as JSON in the words of dots.ocr: every region with its box, its category and its text, in reading order."""

from __future__ import annotations

from pydantic import JsonValue

from ocrtune.contracts import Coordinates
from ocrtune.core import Decoded, Region, Sample, Size, Target, Task
from ocrtune.dialects._boxes import Grid, grid, known_grid, write_box
from ocrtune.dialects._cells import LAYOUT, SPOTTING, Manner, decode_cells
from ocrtune.dialects._json import write
from ocrtune.dialects._targets import box_of, regions_of

CATEGORIES = ("Caption", "Footnote", "Formula", "List-item", "Page-footer", "Page-header", "Picture", "Section-header", "Table",
              "Text", "Title")  # fmt: skip
ALL = (
    "Please output the layout information from the PDF image, including each layout element's bbox, its category, and the "
    "corresponding text content within the bbox.\n\n1. Bbox format: [x1, y1, x2, y2]\n\n2. Layout Categories: The possible "
    "categories are ['Caption', 'Footnote', 'Formula', 'List-item', 'Page-footer', 'Page-header', 'Picture', 'Section-header', "
    "'Table', 'Text', 'Title'].\n\n3. Text Extraction & Formatting Rules:\n    - Picture: For the 'Picture' category, the text "
    "field should be omitted.\n    - Formula: Format its text as LaTeX.\n    - Table: Format its text as HTML.\n    - All Others "
    "(Text, Title, etc.): Format their text as Markdown.\n\n4. Constraints:\n    - The output text must be the original text "
    "from the image, with no translation.\n    - All layout elements must be sorted according to human reading order.\n\n"
    "5. Final Output: The entire output must be a single JSON object.\n"
)
ONLY = (
    "Please output the layout information from this PDF image, including each layout's bbox and its category. The bbox should "
    "be in the format [x1, y1, x2, y2]. The layout categories for the PDF document include ['Caption', 'Footnote', 'Formula', "
    "'List-item', 'Page-footer', 'Page-header', 'Picture', 'Section-header', 'Table', 'Text', 'Title']. Do not output the "
    "corresponding text. The layout result should be in JSON format."
)
WEB = "Parsing the layout info of this webpage image with format json:\n"
SCENE = "Detect and recognize the text in the image."


class Layout:
    """`[{"bbox": [x1, y1, x2, y2], "category": "Text", "text": "…"}, …]`, boxes in whole pixels of the picture that the model
    sees. Pictures have no text, formulas are LaTeX, tables HTML, all others Markdown; a text is written as it is.

    Kinds, texts and their order come back exactly, boxes within half a pixel, for regions that have a box, a kind in lower
    case and, where it is "picture", no text. A blank page is `[]`.
    """

    name = "layout"
    tasks: tuple[Task, ...] = ("layout", "read", "detect")
    coordinates: Coordinates | None = "pixels"
    words = ALL
    manner: Manner = LAYOUT

    def __init__(self, prompt: str | None = None) -> None:
        self.prompt = self.words if prompt is None else prompt

    def ask(self, sample: Sample, *, sees: Size | None = None) -> str:
        """The sample's own question where it has one, else the prompt."""
        return sample.question or self.prompt

    def encode(self, target: Target, *, sees: Size | None = None) -> str:
        """Raises InputError without the size that the model sees, for targets without regions and regions without boxes."""
        steps = known_grid("pixels", sees, dialect=self.name)
        regions = regions_of(target, dialect=self.name)
        return write([self._cell(region, number, steps) for number, region in enumerate(regions, 1)])

    def _cell(self, region: Region, number: int, steps: Grid) -> JsonValue:
        box: list[JsonValue] = [*write_box(box_of(region, number, dialect=self.name), steps)]
        cell: dict[str, JsonValue] = {"bbox": box, "category": region.kind[:1].upper() + region.kind[1:]}
        return cell if region.kind == "picture" else cell | {"text": region.text}

    def decode(self, text: str, *, sees: Size | None = None) -> Decoded:
        return decode_cells(text, grid("pixels", sees), self.manner)


class LayoutOnly(Layout):
    """Boxes and categories without texts."""

    name = "layout-only"
    tasks: tuple[Task, ...] = ("layout", "detect")
    words = ONLY

    def _cell(self, region: Region, number: int, steps: Grid) -> JsonValue:
        cell = super()._cell(region, number, steps)
        return {key: value for key, value in cell.items() if key != "text"} if isinstance(cell, dict) else cell


class DotsWeb(Layout):
    """The layout of a web page; the same JSON."""

    name = "dots-web"
    words = WEB


class DotsScene(Layout):
    """Lines of text in a photograph: `[{"bbox": [x1, y1, x2, y2], "text": "…"}, …]`. Outlines are read as well."""

    name = "dots-scene"
    tasks: tuple[Task, ...] = ("detect", "read")
    words = SCENE
    manner = SPOTTING

    def _cell(self, region: Region, number: int, steps: Grid) -> JsonValue:
        return {"bbox": [*write_box(box_of(region, number, dialect=self.name), steps)], "text": region.text}
