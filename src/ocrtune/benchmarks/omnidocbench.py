"""OmniDocBench v1.5: pages as Markdown. Text edit, TEDS of tables, formula edit, reading order; CDM of formulas."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from ocrtune.benchmarks._files import Origin
from ocrtune.benchmarks._omni_matching import Matched, match
from ocrtune.benchmarks._omni_reading import FORMULA, IGNORED, Found, Table, annotated, cell_texts, read_markdown
from ocrtune.benchmarks._rows import Row as Published
from ocrtune.benchmarks._rows import group_of, rows_of, valued
from ocrtune.contracts import Row
from ocrtune.core import FieldsTarget, Prediction, Sample, Score
from ocrtune.errors import InputError, ResourceError
from ocrtune.options import Hub
from ocrtune.scoring import cdm
from ocrtune.scoring.assignment import assigned
from ocrtune.scoring.omnidocbench import Pair, letters, normalise_table, plain
from ocrtune.scoring.order import Block, block_order_edits
from ocrtune.scoring.tables import teds
from ocrtune.scoring.text import Edits, ned

EDIT, FULL = "v1.5-edit", "v1.5"
PROMPT = (
    "Convert the page in this image to Markdown. Write tables as HTML, displayed formulas as LaTeX between \\[ and \\], inline "
    "formulas between \\( and \\). Leave pictures out. Answer with the Markdown alone."
)
PARTS = {
    "text edit": "text",
    "formula edit": "formula",
    "TEDS": "teds",
    "TEDS structure": "structure",
    "table edit": "markup",
    "reading order edit": "order",
}
_FORMULAS = ("equation_inline", FORMULA, "")
CDM, OVERALL = "CDM", "Overall"
_TAGS = ("data_source", "language", "layout")


class Page(NamedTuple):
    """What one page is worth. `structures` are the TEDS of its tables without their texts, `markup` the edits of their HTML;
    `order` None without any block; `latex` are its formulas as they are written and as they were read."""

    text: list[Edits]
    formulas: list[Edits]
    tables: list[float]
    structures: list[float]
    markup: list[Edits]
    order: Edits | None
    latex: list[tuple[str, str]]

    @property
    def parts(self) -> dict[str, tuple[float, float]]:
        """Σ edits and Σ longer lengths, Σ TEDS and tables; what the page does not have is not there."""
        found = {
            "text": _summed(self.text),
            "formula": _summed(self.formulas),
            "teds": (sum(self.tables), float(len(self.tables))),
            "structure": (sum(self.structures), float(len(self.structures))),
            "markup": _summed(self.markup),
            "order": _summed([] if self.order is None else [self.order]),
        }
        return {name: part for name, part in found.items() if part[1]}


class OmniDocBench:
    """Of `opendatalab/OmniDocBench` (OmniDocBench.json with its folder of pictures), locally under any name, or
    VLMEvalKit's table of it.

    `v1.5-edit` is everything that edit distances and TEDS measure; the value of a page is the mean of its parts. `v1.5` adds
    CDM, for which TeX sets the formulas, takes it for the formulas' part, and makes the published `Overall` of it. The authors
    give no prompt; the one here asks for what they score.
    """

    name = "omnidocbench"
    profiles: ClassVar[tuple[str, ...]] = (EDIT, FULL)
    hub = "opendatalab/OmniDocBench"
    revision: ClassVar[str | None] = None
    dialect = "markdown"
    max_tokens = 8192

    def load(self, place: Path | Hub) -> list[Sample]:
        files = ("OmniDocBench.json", "OmniDocBench*.json")
        origin = Origin(self.hub, patterns=("OmniDocBench.json", "images/*"), files=files, revision=self.revision)
        return [self._sample(row) for row in rows_of(place, origin)]

    def _sample(self, row: Published) -> Sample:
        try:
            written = row.fields.get("answer")  # VLMEvalKit's table has the page as JSON in one column
            entry = json.loads(written) if isinstance(written, str) else row.fields
            attributes = entry["page_info"]["page_attribute"]
            annotated(entry)
        except (KeyError, TypeError, ValueError) as cause:
            raise InputError(f"entry {row.number + 1} is no page of OmniDocBench.json: {cause!r}") from cause
        tags = {name: str(attributes[name]) for name in _TAGS if attributes.get(name)}
        tags |= {"revision": row.revision} if row.revision else {}
        page = {name: entry[name] for name in ("layout_dets", "extra") if name in entry}
        return Sample(id=str(row.number), group=group_of(row.image), images=(row.image,), question=PROMPT,
                      target=FieldsTarget(fields=page), tags=tags)  # fmt: skip

    def describe(self, profile: str) -> dict[str, str]:
        return {"cdm": cdm.describe() if profile == FULL else "not computed"}

    def score(self, sample: Sample, prediction: Prediction, profile: str) -> Score:
        """The page's mean over its parts; a failed request is an empty page. Raises ResourceError for CDM without its tools."""
        if not isinstance(sample.target, FieldsTarget):
            raise InputError(f"the sample {sample.id!r} is no page of OmniDocBench", hint="score it with its own data")
        if profile == FULL:
            _need_tools()
        page = page_of(sample.target.fields, prediction.text or "")
        parts = page.parts | (_cdm_parts(page.latex) if profile == FULL else {})
        return valued(sample, self.name, _value(parts)).model_copy(update={"parts": parts})

    def table(self, samples: Sequence[Sample], scores: Sequence[Score], profile: str) -> list[Row]:
        """The published averages: edits (0 is best) and TEDS in 0..1, means over pages that have such blocks; "whole" is over
        all blocks, or tables, as one."""
        asked = {sample.id for sample in samples}
        rated = [score for score in scores if score.sample_id in asked and score.value is not None]
        rows: list[Row] = []
        for name, part in PARTS.items():
            pages = [score.parts[part] for score in rated if part in score.parts]
            rows.append(Row(name, _mean([errors / total for errors, total in pages]), len(pages)))
            total = sum(total for _, total in pages)
            rows.append(Row(f"{name}, whole", sum(errors for errors, _ in pages) / total if pages else None, len(pages)))
        rows.append(Row("mean of pages", _mean([score.value or 0.0 for score in rated]), len(rated)))
        return [*rows, *_cdm_rows(rated, rows)] if profile == FULL else rows


def _value(parts: dict[str, tuple[float, float]]) -> float:
    """Mean of what the page has: 1 − text edit, CDM or else 1 − formula edit, TEDS; 1 for a page without any."""
    rates = {name: errors / total for name, (errors, total) in parts.items()}
    if "cdm" in rates:
        rates.pop("formula", None)
    kept = [1 - rates[name] for name in ("text", "formula") if name in rates] + [rates[n] for n in ("teds", "cdm") if n in rates]
    return min(1.0, max(0.0, sum(kept) / len(kept))) if kept else 1.0


def _need_tools() -> None:
    """CDM is never a silent 0."""
    try:
        cdm.describe()
    except ResourceError as cause:
        hint = f"{cause.hint}; --profile {EDIT} scores formulas by edit distance"
        raise ResourceError(f"the profile {FULL} of omnidocbench needs CDM: {cause}", hint=hint) from cause


def _cdm_parts(latex: Sequence[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """Σ CDM and formulas; formulas that TeX cannot set, true ones and those read, which have 0."""
    found = cdm.cdm(latex)
    if not found:
        return {}
    unset = [float(sum(one.unset[side] for one in found)) for side in (0, 1)]
    count = float(len(found))
    return {"cdm": (sum(one.f1 for one in found), count), "cdm unset": (unset[0], count), "cdm unset read": (unset[1], count)}


def _cdm_rows(rated: Sequence[Score], rows: Sequence[Row]) -> list[Row]:
    pages = [score.parts["cdm"] for score in rated if "cdm" in score.parts]
    mean = _mean([found / count for found, count in pages])
    whole = sum(found for found, _ in pages) / sum(count for _, count in pages) if pages else None
    unset = [
        Row(f"{name} that TeX cannot set", sum(score.parts[part][0] for score in rated if part in score.parts), len(pages))
        for name, part in (("true formulas", "cdm unset"), ("read formulas", "cdm unset read"))
    ]
    means = {row.name: row.value for row in rows}
    text, tables = means["text edit"], means["TEDS"]
    overall = None if text is None or tables is None or mean is None else ((1 - text) + tables + mean) * 100 / 3
    return [Row(CDM, mean, len(pages)), Row(f"{CDM}, whole", whole, len(pages)), *unset, Row(OVERALL, overall, len(rated))]


def page_of(page: Any, markdown: str) -> Page:
    """Match the blocks of one page and measure what was matched."""
    truth, blocks = annotated(page), read_markdown(markdown)
    mixed = [block for block in _by_kind(blocks) if block.kind in ("text", "formula")]
    tables = _match_tables(truth.tables, blocks)
    matched = match(truth.blocks, [*mixed, *tables.texts])
    texts = [one for one in matched if one.category != FORMULA and one.category not in IGNORED]
    formulas = [one for one in matched if one.category == FORMULA]
    as_text = [one for one in formulas if one.fine not in _FORMULAS]
    orders = [Block(tuple(one.orders), one.read_at) for one in texts if any(one.orders)]  # type: ignore[arg-type]
    order = block_order_edits(orders) if orders else None
    pairs = [(normalise_table(true) or true, normalise_table(read) or read) for true, read in tables.pairs]
    return Page(
        [*map(_edits, texts), *(_edits(_as_text(one)) for one in as_text)],
        [_edits(one) for one in formulas if one.fine in _FORMULAS],
        [_teds(*pair) for pair in pairs],
        [_teds(*pair, structure_only=True) for pair in pairs],
        [Pair("", *pair).edits for pair in pairs],
        order if order is not None and order.total else None,
        [(cdm.bare(one.content), cdm.bare(one.source)) for one in formulas if one.fine in _FORMULAS],
    )


def _by_kind(blocks: Sequence[Found]) -> list[Found]:
    """Texts and formulas, those first whose kind comes first on the page: where two begin at one place it decides."""
    kinds = list(dict.fromkeys(block.kind for block in blocks))
    return sorted(blocks, key=lambda block: kinds.index(block.kind))


class _Tables(NamedTuple):
    """True and read tables, and the texts of tables that have no partner."""

    pairs: list[tuple[str, str]]
    texts: list[Found]


def _match_tables(wanted: Sequence[Table], blocks: Sequence[Found]) -> _Tables:
    """Tables that were read as LaTeX, where most are, find their partners but count as not read."""
    kinds = Counter(block.kind for block in blocks)
    kind = "latex" if kinds["latex"] > kinds["html"] else "html"
    true = [getattr(table, kind) for table in wanted]
    wanted = [table for table, text in zip(wanted, true, strict=True) if text]
    read = [block for block in blocks if block.kind == kind]
    pairs = [(table.html, "") for table in wanted]
    if not wanted or not read:
        return _Tables(pairs, [])
    partner = dict(assigned([[ned(text, block.content) for block in read] for text in true if text]))
    alone = [block for to, block in enumerate(read) if to not in set(partner.values())]
    if kind == "html":
        pairs = [(table.html, read[partner[at]].content if at in partner else "") for at, table in enumerate(wanted)]
    return _Tables(pairs, [text for block in alone for text in cell_texts(block)])


def _teds(wanted: str, found: str, *, structure_only: bool = False) -> float:
    try:
        return teds(wanted, found, structure_only=structure_only)
    except ValueError:  # markup that cannot be compared
        return 0.0


def _edits(one: Matched) -> Edits:
    return Pair("", one.reference or one.content, one.reading).edits


def _as_text(one: Matched) -> Matched:
    """A formula that was read as text is compared as text."""
    try:
        text = plain(one.content)
    except ValueError:  # the published code stops here
        text = one.content
    return one._replace(content=text, reference=letters(text))


def _summed(edits: Sequence[Edits]) -> tuple[float, float]:
    return float(sum(one.errors for one in edits)), float(sum(one.total for one in edits))


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
