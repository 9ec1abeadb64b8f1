"""Pages in OmniDocBench's form, and what they are worth: blocks are matched, and what was matched is measured."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ocrtune.benchmarks._omni_matching import Matched, match
from ocrtune.benchmarks._omni_reading import FORMULA, IGNORED, Found, Table, annotated, cell_texts, read_markdown
from ocrtune.benchmarks._rows import Row, group_of
from ocrtune.core import FieldsTarget, Prediction, Sample
from ocrtune.errors import InputError, ResourceError
from ocrtune.scoring import cdm
from ocrtune.scoring.assignment import assigned
from ocrtune.scoring.omnidocbench import Pair, letters, normalise_table, plain
from ocrtune.scoring.order import Block, block_order_edits
from ocrtune.scoring.tables import teds
from ocrtune.scoring.text import Edits, ned

PROMPT = (
    "Convert the page in this image to Markdown. Write tables as HTML, displayed formulas as LaTeX between \\[ and \\], inline "
    "formulas between \\( and \\). Leave pictures out. Answer with the Markdown alone."
)
_FORMULAS = ("equation_inline", FORMULA, "")


class Page(NamedTuple):
    """What one page is worth. `structures` are the TEDS of its tables without their texts, `markup` the edits of their HTML;
    `order` None without any block; `latex` are its formulas as they are written and as they were read; `numbers` those of
    `Matched`, of each of its texts."""

    text: list[Edits]
    formulas: list[Edits]
    tables: list[float]
    structures: list[float]
    markup: list[Edits]
    order: Edits | None
    latex: list[tuple[str, str]]
    numbers: list[frozenset[int]]

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


def need_cdm(profile: str, without: str) -> None:
    """CDM is never a silent 0. Raises ResourceError without its tools; the profile `without` needs none."""
    try:
        cdm.describe()
    except ResourceError as cause:
        hint = f"{cause.hint}; --profile {without}"
        raise ResourceError(f"the profile {profile} needs CDM: {cause}", hint=hint) from cause


def sample_of_page(row: Row, tags: Mapping[str, str], **more: str) -> Sample:
    """`tags` without those that have no value; `more` are other fields of the sample. Raises InputError."""
    entry = entry_of(row)
    page = {name: entry[name] for name in ("layout_dets", "extra") if name in entry}
    kept = {name: value for name, value in {**tags, "revision": row.revision}.items() if value}
    fields = {"id": str(row.number), "group": group_of(row.image), "question": PROMPT, **more}
    return Sample(**fields, images=(row.image,), target=FieldsTarget(fields=page), tags=kept)


def entry_of(row: Row) -> Mapping[str, Any]:
    """A page as OmniDocBench.json has it; VLMEvalKit's table has that as JSON in one column. Raises InputError."""
    try:
        written = row.fields.get("answer")
        entry: Mapping[str, Any] = json.loads(written) if isinstance(written, str) else row.fields
        entry["page_info"]["page_attribute"].get("language")
        annotated(entry)
    except (AttributeError, KeyError, TypeError, ValueError) as cause:
        raise InputError(f"entry {row.number + 1} is no page of OmniDocBench.json: {cause!r}") from cause
    return entry


def read_page(sample: Sample, prediction: Prediction) -> Page:
    """A failed request is an empty page. Raises InputError for a sample of another kind."""
    if not isinstance(sample.target, FieldsTarget):
        raise InputError(f"the sample {sample.id!r} is no page in OmniDocBench's form", hint="score it with its own data")
    return page_of(sample.target.fields, prediction.text or "")


def value_of(parts: Mapping[str, tuple[float, float]]) -> float | None:
    """Mean of what the page has: 1 − text edit, CDM or else 1 − formula edit, TEDS; None for a page without any."""
    rates = {name: errors / total for name, (errors, total) in parts.items()}
    if "cdm" in rates:
        rates.pop("formula", None)
    kept = [1 - rates[name] for name in ("text", "formula") if name in rates] + [rates[n] for n in ("teds", "cdm") if n in rates]
    return min(1.0, max(0.0, sum(kept) / len(kept))) if kept else None


def cdm_parts(latex: Sequence[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """Σ CDM and formulas; formulas that TeX cannot set, true ones and those read, which have 0."""
    found = cdm.cdm(latex)
    if not found:
        return {}
    unset = [float(sum(one.unset[side] for one in found)) for side in (0, 1)]
    count = float(len(found))
    return {"cdm": (sum(one.f1 for one in found), count), "cdm unset": (unset[0], count), "cdm unset read": (unset[1], count)}


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
        [one.numbers for one in (*texts, *as_text)],
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
