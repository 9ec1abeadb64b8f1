"""Key information: field names and their values as one JSON object."""

from __future__ import annotations

from pydantic import JsonValue

from ocrtune.contracts import Coordinates
from ocrtune.core import Decoded, FieldsTarget, Problem, Region, Sample, Size, Target, Task
from ocrtune.dialects._json import read, write
from ocrtune.dialects._problems import Problems
from ocrtune.errors import InputError


class Fields:
    """`{"name": value, …}` with any JSON values. `Decoded.fields` are the target's fields exactly; the regions are for people,
    one for each field, of the kind "field" with "name: value" as text.
    """

    name = "fields"
    tasks: tuple[Task, ...] = ("extract",)
    coordinates: Coordinates | None = None

    def __init__(self, prompt: str | None = None) -> None:
        self.prompt = "Extract the key information from the image as a JSON object." if prompt is None else prompt

    def ask(self, sample: Sample, *, sees: Size | None = None) -> str:
        """The sample's own question where it has one, else the prompt."""
        return sample.question or self.prompt

    def encode(self, target: Target, *, sees: Size | None = None) -> str:
        """Raises InputError for targets without fields, and for numbers that JSON does not have."""
        if not isinstance(target, FieldsTarget):
            raise InputError(
                f"the dialect {self.name!r} teaches fields, and a target of kind {target.kind!r} has none",
                hint="choose a --dialect for what the data say",
            )
        try:
            return write(target.fields)
        except ValueError as cause:
            raise InputError(
                "a field holds a number that JSON does not have (NaN or infinite)", hint="use null for it"
            ) from cause

    def decode(self, text: str, *, sees: Size | None = None) -> Decoded:
        problems = Problems()
        if not text.strip():
            problems.add("empty", "the model said nothing")
            return Decoded(problems=problems.listed())
        reading = read(text, problems)
        found = [value for outer in reading.values for value in (outer if isinstance(outer, list) else [outer])]
        parts = [value for value in found if isinstance(value, dict)]
        if not parts:
            spoken = Problem(kind="not-json", detail="the reply holds no JSON object; its words are kept as one region")
            return Decoded(regions=(Region(text=text),), problems=(spoken,))
        if len(parts) > 1:
            problems.add("several-objects", f"{len(parts)} objects are read as one; where two name a field, the first holds")
        fields = {name: value for part in reversed(parts) for name, value in part.items()}
        in_order = {name: fields[name] for part in parts for name in part}
        return Decoded(regions=tuple(map(_region, in_order.items())), problems=problems.listed(), fields=in_order)


def _region(field: tuple[str, JsonValue]) -> Region:
    name, value = field
    return Region(kind="field", text=f"{name}: {value if isinstance(value, str) else write(value)}")
