"""What is wrong with labelled objects: defects by name and number with the first examples, of one record or a whole data set.

Sources name what they meet in a record (`Draft.problems`, `Rejected.problems`); what only shows in all records together, such
as one box per picture, is found here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ocrtune.core import BoxesTarget, Noun, Problem, RegionsTarget, Target

PLACEHOLDERS = frozenset({"text"})  # MSRA-TD500 has no transcripts: converters write this word in their place
UNREADABLE = "###"  # what ICDAR, MTWI and their heirs write in place of a text that nobody can read
EXAMPLES = 3
FEW_PICTURES = 10  # with fewer, one box on each is no sign of anything
FREQUENT = 20

MEANING = {
    "zero-area-box": "boxes without width or height, left out",
    "out-of-order": "boxes whose corners are exchanged, put in order",
    "outside": "boxes that reach beyond the picture, cut at its edge or left out",
    "unreadable-box": "boxes that are no numbers, or too few, left out",
    "ignored-label": "objects with ### for their text, ignored instead of learnt",
    "no-objects": "pictures without any object: negative examples, or labels that were lost",
    "orientation": "labels made on a picture that stood otherwise",
    "other-size": "labels made on a picture of another size",
    "other-picture": "labels that name another picture than the one of the same name",
    "missing-picture": "records whose picture is not there",
    "raw-pixels": "records with values above 1000 where thousandths of the sides are meant",
    "fractions": "records with values from 0 to 1 where pixels are meant, read as fractions",
    "one-box-per-picture": "pictures with exactly one box, and none with more: was only the first object kept?",
    "placeholder-label": "objects labelled with a word for their kind among others with their text: the word is not learnt",
}


class Finding(Noun):
    """One kind of defect: how often, in how many records, where first."""

    kind: str
    count: int
    records: int
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        amount = f"{self.count} in {self.records} records" if self.count != self.records else str(self.count)
        return f"{self.kind}: {amount} ({MEANING.get(self.kind, 'named by the source')})"


class LabelReport(Noun):
    """All labels together. `objects` is None where no record labels any; `frequent` are the commonest labels."""

    records: int = 0
    objects: int | None = None
    ignored: int = 0
    most: int = 0
    distinct: int = 0
    frequent: dict[str, int] = {}
    findings: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        if self.objects is None:
            lines = ["no labelled objects"]
        else:
            lines = [
                f"{self.objects} objects in {self.records} records (at most {self.most} in one), {self.ignored} of them ignored; "
                f"{self.distinct} different labels",
                "most frequent: " + ", ".join(f"{name} × {count}" for name, count in self.frequent.items()),
            ]
        for finding in self.findings:
            lines += [f"- {finding}", *(f"    {example}" for example in finding.examples)]
        return "\n".join(lines if self.findings or self.objects is None else [*lines, "no defects found"])


def called(kind: str, text: str) -> str:
    """The name of an object in lists: its text, else its class."""
    return text or (kind if kind not in PLACEHOLDERS else "(no text)")


def labels_of(target: Target | None) -> tuple[str, ...] | None:
    """The names of a target's objects, layout regions by their kind; None for targets without objects."""
    if isinstance(target, BoxesTarget):
        return tuple(called(region.kind, region.text) for region in (*target.boxes, *target.ignored))
    if isinstance(target, RegionsTarget) and any(region.box for region in target.regions):
        return tuple(region.kind for region in target.regions)
    return None


def problems_of(target: Target | None) -> tuple[Problem, ...]:
    """Defects that a target itself shows, whoever wrote it."""
    if not isinstance(target, BoxesTarget | RegionsTarget):
        return ()
    found = []
    for region in target.boxes if isinstance(target, BoxesTarget) else target.regions:
        detail = repr(called(region.kind, region.text)[:40])
        if region.box is not None and (region.box.left == region.box.right or region.box.top == region.box.bottom):
            found.append(Problem(kind="zero-area-box", detail=detail))
        if region.text.strip() == UNREADABLE:
            found.append(Problem(kind="ignored-label", detail=detail))
    return tuple(found)


class Tally:
    """Takes records one by one and knows their defects in the end; memory does not grow with the defects."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()
        self._records: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._labels: Counter[str] = Counter()
        self._boxes: Counter[str] = Counter()
        self._labelled = self._ignored = self._most = 0

    def add(self, where: str, *, problems: Sequence[Problem], labels: Sequence[str] | None, target: Target | None = None,
            picture: str | None = None) -> None:  # fmt: skip
        """One record; `picture` tells pictures apart that several records share."""
        for problem in problems:
            self._note(problem.kind, f"{where}: {problem.detail}")
        self._records.update({problem.kind for problem in problems})
        if labels is None:
            return
        self._labelled += 1
        self._labels.update(labels)
        self._most = max(self._most, len(labels))
        if labels:
            self._boxes[picture or where] += len(labels)
        if isinstance(target, BoxesTarget):
            self._ignored += len(target.ignored)

    def report(self) -> LabelReport:
        found = [
            Finding(kind=kind, count=count, records=self._records[kind], examples=tuple(self._examples[kind]))
            for kind, count in self._count.most_common()
        ]
        return LabelReport(
            records=self._labelled,
            objects=self._labels.total() if self._labelled else None,
            ignored=self._ignored,
            most=self._most,
            distinct=len(self._labels),
            frequent={_short(name): count for name, count in self._labels.most_common(FREQUENT)},
            findings=(*self._together(), *found),
        )

    def _note(self, kind: str, example: str) -> None:
        self._count[kind] += 1
        kept = self._examples.setdefault(kind, [])
        if len(kept) < EXAMPLES:
            kept.append(example)

    def _together(self) -> list[Finding]:
        """What no single record shows."""
        found = []
        if len(self._boxes) >= FEW_PICTURES and set(self._boxes.values()) == {1}:
            count = len(self._boxes)
            first = tuple(list(self._boxes)[:EXAMPLES])
            found.append(Finding(kind="one-box-per-picture", count=count, records=count, examples=first))
        words = {name: count for name, count in self._labels.items() if name.strip().lower() in PLACEHOLDERS}
        others = {name: count for name, count in self._labels.items() if name not in words and name.strip() != UNREADABLE}
        if words and len(others) > sum(others.values()) / 2:  # most are different: they are transcripts, not classes
            count = sum(words.values())
            told = (f"{', '.join(words)} beside {len(others)} other labels",)
            found.append(Finding(kind="placeholder-label", count=count, records=count, examples=told))
        return found


def _short(name: str) -> str:
    line = " ".join(name.split())
    return line if len(line) <= 24 else f"{line[:23]}…"
