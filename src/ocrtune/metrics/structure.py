"""What plain text does not show: tables (TEDS), formulas, the outline (STEDS), the order in which blocks are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, NamedTuple

from ocrtune.core import Decoded, Prediction, Region, Sample, Score, TextTarget, target_text
from ocrtune.core.outcome import Direction
from ocrtune.core.sample import RegionsTarget
from ocrtune.metrics._texts import unscored
from ocrtune.scoring import tables
from ocrtune.scoring.cdm import bare, cdm
from ocrtune.scoring.formulas import formula_edits
from ocrtune.scoring.normalise import normalise
from ocrtune.scoring.order import Block, block_order_edits
from ocrtune.scoring.outline import steds
from ocrtune.scoring.text import Edits, ned

_TABLE = re.compile(r"<table\b.*?(?:</table>|\Z)", re.DOTALL | re.IGNORECASE)
_FAR = 0.7  # as in OmniDocBench: blocks further apart than that are not the same block


def pairs(wanted: Sequence[str], found: Sequence[str], apart: Callable[[str, str], float]) -> list[tuple[int, int]]:
    """Places of the same things on both sides, nearest first, each once; nothing is too far."""
    distances = sorted((apart(w, f), at, to) for at, w in enumerate(wanted) for to, f in enumerate(found))
    taken: tuple[set[int], set[int]] = (set(), set())
    made = []
    for _, at, to in distances:
        if at not in taken[0] and to not in taken[1]:
            taken[0].add(at)
            taken[1].add(to)
            made.append((at, to))
    return made


class _Pages:
    """`direction` and `pool` as usual; without a target of the kind that it measures a sample is unscored."""

    name: ClassVar[str]
    direction: ClassVar[Direction] = "higher"
    pool: ClassVar[Literal["micro", "macro"]] = "macro"

    def value(self, sample: Sample, value: float) -> Score:
        return Score(sample_id=sample.id, metric=self.name, value=value)

    def none(self, sample: Sample, what: str) -> Score:
        return unscored(sample, self.name, f"its target has no {what}")


class Teds(_Pages):
    """TEDS of the tables of a page: its mean over the true tables, or the found ones if they are more; a table without a
    partner is 0. Heading cells count as cells. Tables pair up by their text; Markdown tables count as HTML."""

    name = "teds"
    structure_only: ClassVar[bool] = False

    def score(self, sample: Sample, prediction: Prediction, decoded: Decoded, normalisation: str) -> Score:
        wanted = _tables_of(sample)
        if not wanted:
            return self.none(sample, "table")
        found = [] if prediction.error else _tables_in(decoded.regions)
        matched = [self._teds(wanted[at], found[to]) for at, to in pairs(wanted, found, ned)]
        return self.value(sample, sum(matched) / max(len(wanted), len(found)))

    def _teds(self, wanted: str, found: str) -> float:
        left, right = (tables.wrapped(tables.th_to_td(table)) for table in (wanted, found))
        try:
            return max(0.0, tables.teds(left, right, structure_only=self.structure_only))
        except ValueError:  # markup that cannot be compared
            return 0.0


class TedsStructure(Teds):
    """`teds` of rows, cells and spans alone, whatever the cells say."""

    name = "teds_structure"
    structure_only = True


class Steds(_Pages):
    """Trees of headings and lines of two Markdown texts, as OCRBench v2 compares them: **what they say does not count**."""

    name = "steds"

    def score(self, sample: Sample, prediction: Prediction, decoded: Decoded, normalisation: str) -> Score:
        if not isinstance(sample.target, TextTarget):
            return self.none(sample, "Markdown text")
        return self.value(sample, 0.0 if prediction.text is None else steds(sample.target.text, prediction.text))


class _Formulas(NamedTuple):
    """Those of the truth, those read, and the places of both that pair up by likeness."""

    wanted: list[str]
    found: list[str]
    matched: list[tuple[int, int]]

    @classmethod
    def of(cls, sample: Sample, prediction: Prediction, decoded: Decoded) -> _Formulas | None:
        """None for a sample without formulas; a failed request found none."""
        wanted = _formulas_of(sample)
        if not wanted:
            return None
        found = [] if prediction.error else _formulas_in(decoded, single=isinstance(sample.target, TextTarget))
        return cls(wanted, found, pairs(wanted, found, lambda left, right: formula_edits(left, right).rate))


class FormulaEdit(_Pages):
    """Edits of LaTeX formulas after OmniDocBench's clean-up, out of the longer ones. A text target is one formula; those of a
    page pair up by likeness, and one without a partner is lost, or invented."""

    name = "formula_edit"
    direction = "lower"
    pool = "micro"

    def score(self, sample: Sample, prediction: Prediction, decoded: Decoded, normalisation: str) -> Score:
        known = _Formulas.of(sample, prediction, decoded)
        if known is None:
            return self.none(sample, "formula")
        wanted, found, matched = known
        edits = [formula_edits(wanted[at], found[to]) for at, to in matched]
        edits += [_lost(text) for at, text in enumerate(wanted) if at not in {pair[0] for pair in matched}]
        edits += [_lost(text) for to, text in enumerate(found) if to not in {pair[1] for pair in matched}]
        errors, total = sum(e.errors for e in edits), sum(e.total for e in edits)
        value = errors / max(total, 1)
        return self.value(sample, value).model_copy(update={"errors": float(errors), "total": float(total)})


class CharacterMatching(_Pages):
    """CDM of LaTeX formulas: F1 of the symbols that TeX sets at the same places, its mean over the true formulas, or those read
    if they are more. Pairs as for `formula_edit`. Needs TeX."""

    name = "cdm"

    def score(self, sample: Sample, prediction: Prediction, decoded: Decoded, normalisation: str) -> Score:
        known = _Formulas.of(sample, prediction, decoded)
        if known is None:
            return self.none(sample, "formula")
        wanted, found, matched = known
        scored = cdm([(bare(wanted[at]), bare(found[to])) for at, to in matched])
        return self.value(sample, sum(one.f1 for one in scored) / max(len(wanted), len(found)))


class ReadingOrder(_Pages):
    """Edits between the true order of blocks and the one they were read in, out of the longer one. Blocks pair up by text,
    nearest first; those with more than 70 % edits are not the same and were not found."""

    name = "reading_order"
    direction = "lower"

    def score(self, sample: Sample, prediction: Prediction, decoded: Decoded, normalisation: str) -> Score:
        if not isinstance(sample.target, RegionsTarget) or not any(r.text for r in sample.target.regions):
            return self.none(sample, "blocks in order")
        wanted = [normalise(region.text, normalisation) for region in sample.target.regions if region.text]
        found = [normalise(r.text, normalisation) for r in decoded.regions if r.text]
        read = {at: to for at, to in pairs(wanted, found, ned) if ned(wanted[at], found[to]) <= _FAR}
        return self.value(sample, block_order_edits(Block((at + 1,), read.get(at)) for at in range(len(wanted))).rate)


def _lost(formula: str) -> Edits:
    return formula_edits(formula, "")


def _tables_of(sample: Sample) -> list[str]:
    if isinstance(sample.target, RegionsTarget):
        return _tables_in(sample.target.regions)
    text = target_text(sample.target) if sample.target else None
    return _TABLE.findall(text or "")


def _tables_in(regions: Sequence[Region]) -> list[str]:
    found: list[str] = []
    for region in regions:
        inside = _TABLE.findall(region.text)
        if not inside and region.kind == "table" and "|" in region.text:
            inside = [_html(region.text)]
        found += inside
    return found


def _html(table: str) -> str:
    """A pipe table; its second line is the separator."""
    lines = [line.strip().strip("|") for line in table.strip().splitlines()]
    rows = [line.split("|") for at, line in enumerate(lines) if at != 1 or set(line) - set("-:| ")]
    return tables.from_rows([cell.strip() for cell in row] for row in rows)


def _formulas_of(sample: Sample) -> list[str]:
    if isinstance(sample.target, RegionsTarget):
        return [r.text for r in sample.target.regions if r.kind == "formula" or r.markup == "latex"]
    return [sample.target.text] if isinstance(sample.target, TextTarget) and sample.target.text else []


def _formulas_in(decoded: Decoded, *, single: bool) -> list[str]:
    if single:
        return [decoded.text] if decoded.text else []
    return [r.text for r in decoded.regions if r.text and (r.kind == "formula" or r.markup == "latex")]
