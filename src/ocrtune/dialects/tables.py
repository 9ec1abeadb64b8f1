"""Pictures of one table, as HTML or OTSL."""

from __future__ import annotations

from ocrtune.contracts import Coordinates
from ocrtune.core import Decoded, Region, RegionsTarget, Sample, Size, Target, Task, TextTarget
from ocrtune.dialects._html import closed, pieces, read_table, write_table
from ocrtune.dialects._json import FENCE
from ocrtune.dialects._loops import without_endless
from ocrtune.dialects._otsl import TOKEN, read_otsl, write_otsl
from ocrtune.dialects._problems import Problems
from ocrtune.errors import InputError


class _Tables:
    """What both share: the prompt, and the tables of a target: a text, or regions, that are HTML tables and nothing else."""

    name = ""
    tasks: tuple[Task, ...] = ("read",)
    coordinates: Coordinates | None = None
    words = ""

    def __init__(self, prompt: str | None = None) -> None:
        self.prompt = self.words if prompt is None else prompt

    def ask(self, sample: Sample, *, sees: Size | None = None) -> str:
        """The sample's own question where it has one, else the prompt."""
        return sample.question or self.prompt

    def _tables(self, target: Target) -> list[str]:
        if isinstance(target, RegionsTarget):
            texts = [region.text for region in target.regions]
        else:
            texts = [target.text] if isinstance(target, TextTarget) else []
        tables = [text.strip() for text in texts]
        if not tables or not all(_is_one_table(table) for table in tables):
            raise InputError(
                f"the dialect {self.name!r} teaches HTML tables, and this target of kind {target.kind!r} holds something else",
                hint="keep only regions of the kind 'table', or choose a --dialect for whole pages such as markdown or layout",
            )
        return tables


def _is_one_table(text: str) -> bool:
    parts = list(pieces(text))
    return len(parts) == 1 and parts[0].is_table and parts[0].closed


class TableHtml(_Tables):
    """`<table>…</table>` as it stands in the target. What comes back is the same HTML; a table that was cut off is closed."""

    name = "table-html"
    words = "Convert the table in this image to HTML."

    def encode(self, target: Target, *, sees: Size | None = None) -> str:
        """Raises InputError for targets that hold anything but HTML tables."""
        return "\n".join(self._tables(target))

    def decode(self, text: str, *, sees: Size | None = None) -> Decoded:
        problems = Problems()
        parts = list(pieces(text))
        if not any(part.is_table for part in parts):
            return _spoken(text, problems)
        regions = []
        for part in parts:
            if part.is_table:
                table = part.text if part.closed else closed(_cut(part.text, problems))
                regions.append(Region(kind="table", markup="html", text=table))
            else:
                _between(part.text, problems)
        return Decoded(regions=tuple(regions), problems=problems.listed())


class TableOtsl(_Tables):
    """OTSL, one line. What comes back is HTML with table, tr, th, td and spans: the same table, in the plainest spelling."""

    name = "table-otsl"
    words = "Table Recognition:"

    def encode(self, target: Target, *, sees: Size | None = None) -> str:
        """Raises InputError for targets that hold anything but one HTML table with rows."""
        tables = self._tables(target)
        rows = read_table(tables[0])
        if len(tables) > 1 or not rows:
            raise InputError(
                f"the dialect {self.name!r} teaches one table with rows, and this target holds {len(tables)} with {len(rows)}",
                hint="make one sample for each table",
            )
        return write_otsl(rows)

    def decode(self, text: str, *, sees: Size | None = None) -> Decoded:
        problems = Problems()
        if TOKEN.search(text) is None:
            return _spoken(text, problems)
        rows = read_otsl(text, problems)
        if "truncated" in problems:
            rows = read_otsl(_cut(text, problems), Problems())
        return Decoded(regions=(Region(kind="table", markup="html", text=write_table(rows)),), problems=problems.listed())


def _spoken(text: str, problems: Problems) -> Decoded:
    """A reply without a table: its words, as they are."""
    if not text.strip():
        problems.add("empty", "the model said nothing")
        return Decoded(problems=problems.listed())
    problems.add("no-table", "the reply holds no table; its words are kept as one region")
    return Decoded(regions=(Region(text=text),), problems=problems.listed())


def _between(text: str, problems: Problems) -> None:
    bare = FENCE.sub("", text).strip()
    if bare != text.strip():
        problems.add("fence", "the reply is fenced as code")
    if bare:
        problems.add("prose", f"{bare[:40]!r} stands around the table")


def _cut(table: str, problems: Problems) -> str:
    """The beginning of a table, without the rows that it repeats to its end."""
    problems.add("truncated", "the reply ends within a table")
    return without_endless(table, problems)
