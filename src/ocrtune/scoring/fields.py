"""Key information: micro F1 over fields, exact after folding, and the softer mean similarity of values.

A field is a name with one or more values; each value is found once. Unlike the published "F1" of OCRBench v2 (`pairs`),
this one has a precision and a recall.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from ocrtune.scoring.text import similarity

Fields = Mapping[str, str | Sequence[str]]


class FieldCounts(NamedTuple):
    """Values found and right, found at all, and to be found. Add counts up over samples for the corpus figure."""

    matched: int
    found: int
    wanted: int

    @property
    def precision(self) -> float:
        """1 when nothing was found and nothing was to be found."""
        return self.matched / self.found if self.found else float(not self.wanted)

    @property
    def recall(self) -> float:
        return self.matched / self.wanted if self.wanted else float(not self.found)

    @property
    def f1(self) -> float:
        """Harmonic mean; 1 when both sides are empty, 0 when only one is."""
        both = self.found + self.wanted
        return 2 * self.matched / both if both else 1.0


def fold(value: str) -> str:
    """The default folding of values: case and runs of white space."""
    return " ".join(value.casefold().split())


def flat(fields: Mapping[str, object]) -> dict[str, list[str]]:
    """JSON fields as names with lists of texts: nested names joined by dots, lists in place, null and "" left out."""
    named: dict[str, list[str]] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            named.update({f"{name}.{inner}": texts for inner, texts in flat(value).items()})
        else:
            named[name] = _texts(value)
    return {name: texts for name, texts in named.items() if texts}


def _texts(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [text for one in value for text in _texts(one)]
    if isinstance(value, Mapping):
        return [f"{name}: {text}" for name, texts in flat(value).items() for text in texts]
    if value is None or value == "":
        return []
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def field_counts(reference: Fields, reading: Fields, *, folding: Callable[[str], str] = fold) -> FieldCounts:
    """Counts of one sample. Names must agree exactly; an empty value is no value."""
    wanted, found = _values(reference, folding), _values(reading, folding)
    return FieldCounts((wanted & found).total(), found.total(), wanted.total())


def pooled(counts: Iterable[FieldCounts]) -> FieldCounts:
    """The sum: its `f1` is the micro F1 of the corpus."""
    counts = list(counts)
    return FieldCounts(*(sum(column) for column in zip(*counts, strict=True))) if counts else FieldCounts(0, 0, 0)


def field_similarity(reference: Fields, reading: Fields, *, folding: Callable[[str], str] = fold) -> float:
    """Mean over all names of either side of the similarity (1 − NED) of their values, joined by line breaks; 1 without any."""
    names = {*reference, *reading}
    if not names:
        return 1.0
    return sum(similarity(_joined(reference.get(n), folding), _joined(reading.get(n), folding)) for n in names) / len(names)


def _values(fields: Fields, folding: Callable[[str], str]) -> Counter[tuple[str, str]]:
    return Counter((name, folded) for name, values in fields.items() for value in _listed(values) if (folded := folding(value)))


def _listed(values: str | Sequence[str] | None) -> Sequence[str]:
    return [] if values is None else [values] if isinstance(values, str) else values


def _joined(values: str | Sequence[str] | None, folding: Callable[[str], str]) -> str:
    return "\n".join(folding(value) for value in _listed(values))
