"""Markdown: a page as people would write it down, and its regions read back from there."""

from __future__ import annotations

from ocrtune.contracts import Coordinates
from ocrtune.core import Decoded, Sample, Size, Target, Task, target_text
from ocrtune.core.sample import RegionsTarget
from ocrtune.dialects._blocks import read_blocks, write_blocks
from ocrtune.dialects._problems import Problems
from ocrtune.errors import InputError


class Markdown:
    """Titles are `# …`, section headers `## …`, list items `- …` or `1. …`, formulas stand between `$$`, tables are HTML,
    pictures `![…]()`, code is fenced; everything else is a paragraph. A text target is Markdown already and taught as it is.

    Kinds and texts of regions come back exactly, but that page headers, footers, captions and footnotes are of the kind "text",
    for regions with a text without blank lines (tables, formulas and code may have them) and without blanks around it; headings
    and pictures of one line. Boxes are not said.
    """

    name = "markdown"
    tasks: tuple[Task, ...] = ("read", "layout")
    coordinates: Coordinates | None = None

    def __init__(self, prompt: str | None = None) -> None:
        self.prompt = (
            "Convert the page in this image to Markdown, tables as HTML and formulas as LaTeX." if prompt is None else prompt
        )

    def ask(self, sample: Sample, *, sees: Size | None = None) -> str:
        """The sample's own question where it has one, else the prompt."""
        return sample.question or self.prompt

    def encode(self, target: Target, *, sees: Size | None = None) -> str:
        """Raises InputError for targets without a text of their own (boxes, fields)."""
        if isinstance(target, RegionsTarget):
            return write_blocks(target.regions)
        text = target_text(target)
        if text is None:
            raise InputError(
                f"a target of kind {target.kind!r} has no text to write as Markdown",
                hint="choose a --dialect that can say it, or another task",
            )
        return text

    def decode(self, text: str, *, sees: Size | None = None) -> Decoded:
        problems = Problems()
        if not text.strip():
            problems.add("empty", "the model said nothing")
            return Decoded(problems=problems.listed())
        return Decoded(regions=tuple(read_blocks(text, problems)), problems=problems.listed())
