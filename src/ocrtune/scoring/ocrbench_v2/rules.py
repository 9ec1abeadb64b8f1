"""The rule of each task type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ocrtune.scoring.boxes import iou, last_box
from ocrtune.scoring.literals import read_literal
from ocrtune.scoring.meteor import Synonyms
from ocrtune.scoring.ocrbench_v2.items import Item, Outcome, Profile
from ocrtune.scoring.ocrbench_v2.markup import chart_score, table_score
from ocrtune.scoring.ocrbench_v2.spotting import spotting_score
from ocrtune.scoring.outline import steds
from ocrtune.scoring.pagetext import page_score
from ocrtune.scoring.pairs import accepted_values, pair_score, read_pairs
from ocrtune.scoring.vqa import CASED, CHINESE, ENGLISH, References, contained_or_similar, letters_equal

_GRID = 1000  # coordinates are on a 0..1000 grid
_LATEX_TEXT = re.compile(r"\\text\{([^{}]*)\}")
_SHORT_ANSWER = "简答"  # "answer briefly": the handwriting is a page of text then
_SEPARATORS = ("", ".", ". ", ",", ", ", "、", ";", "; ", " ", "和")


class _Asked(NamedTuple):
    """An answered question and what its rule may depend on."""

    item: Item
    answer: str
    profile: Profile
    synonyms: Synonyms | None


def score(item: Item, answer: str | float | None, *, profile: Profile = "official", synonyms: Synonyms | None = None) -> Outcome:
    """The published score of one answer. `synonyms`: WordNet for METEOR (`wordnet.read`).

    Without an answer, `official` scores 0; the harnesses score the empty text (which is worth something in "document parsing").
    A number, as a spreadsheet gives it, is text to them, and to `official` where a question is answered. Raises ValueError for
    an unknown type or method of evaluation.
    """
    rule = TYPES.get(item.type)
    if rule is None:
        raise ValueError(f"{item.type!r} is no task type of OCRBench v2; they are {', '.join(TYPES)}")
    if profile == "official":
        if not isinstance(answer, str) and (rule not in (_vqa, _counting) or item.method == "multiple choice"):
            return Outcome(0)
        if answer is None or (rule is _counting and answer != answer):  # NaN
            return Outcome(0)
    elif answer is None or answer != answer:
        answer = ""
    answer = str(answer)
    if profile in ("lmms_legacy", "lmms_current"):
        answer = answer.strip()  # the framework strips every answer before a scorer sees it
    return rule(_Asked(item, answer, profile, synonyms))


def _vqa(asked: _Asked) -> Outcome:
    item = asked.item
    if item.method == "multiple choice":
        return Outcome(letters_equal(str(item.reference), asked.answer))
    if item.method == "case sensitive":
        return Outcome(contained_or_similar(item.answers, asked.answer, CASED))
    if item.method not in (None, "None"):
        raise ValueError(f"{item.method!r} is no method of evaluation for {item.type!r}")
    if item.type.endswith(" cn"):
        return Outcome(contained_or_similar(item.answers, asked.answer, CHINESE))
    return Outcome(contained_or_similar(_references(asked), asked.answer, ENGLISH))


def _references(asked: _Asked) -> References:
    """A bare text that is no list is read as one by the official code, and with the slip of `vqa` by all others."""
    return asked.item.references if asked.profile == "official" else asked.item.answers


def _handwritten(asked: _Asked) -> Outcome:
    """Characters of the answer with any of ten separators between them, somewhere in the reading."""
    if _SHORT_ANSWER in asked.item.question:
        return Outcome(_page_value(asked))
    reference = str(asked.item.reference)
    return Outcome(int(any(separator.join(reference) in asked.answer for separator in _SEPARATORS)))


def _formula(asked: _Asked) -> Outcome:
    answer = _unspaced(asked.answer)
    return Outcome(int(any(_unspaced(str(reference)) in answer for reference in asked.item.references)))


def _formula_cn(asked: _Asked) -> Outcome:
    if asked.answer.lower() == "nan":  # an empty cell of a spreadsheet
        return Outcome(0)
    reference, answer = (_unspaced(_LATEX_TEXT.sub(r"\1", text)) for text in (str(asked.item.reference), asked.answer))
    return Outcome(int(reference in answer))


def _unspaced(text: str) -> str:
    return text.strip().replace("\n", " ").replace(" ", "")


def _page(asked: _Asked) -> Outcome:
    return Outcome(_page_value(asked))


def _translation(asked: _Asked) -> Outcome:
    if asked.answer and not asked.item.indexed:
        return Outcome(0, ignored=True)  # nothing to translate into: out of the averages
    return Outcome(_page_value(asked))


def _page_value(asked: _Asked) -> float:
    if not asked.answer:
        return 0
    return page_score(asked.item.indexed, asked.answer, synonyms=asked.synonyms)


def _counting(asked: _Asked) -> Outcome:
    item, answer = asked.item, asked.answer
    if not item.method:
        raise ValueError(f"{item.type!r} needs a method of evaluation, 'exact match' or 'regression'")
    if item.method not in ("exact match", "regression"):
        return Outcome(0)  # as published
    count = _exactly if item.method == "exact match" else _nearly
    if isinstance(item.answers, str):
        answer = _folded(answer)  # only where the reference is no list
    return Outcome(max((count(_folded(str(reference)), answer) for reference in item.references), default=0))


def _folded(text: str) -> str:
    return text.lower().strip().replace("\n", " ")


def _exactly(reference: str, answer: str) -> float:
    return int(reference in answer)


def _nearly(reference: str, answer: str) -> float:
    """1 − relative error of the first number ("-3" reads as 3), kept only above a half."""
    number = re.search(r"\d+", answer)
    try:
        found, true = int(number.group()) if number else 0, int(reference)
    except ValueError:  # a reference that is no whole number, or thousands of digits, which Python does not convert
        return 0
    if found <= 0 or found >= 2 * true:
        return 0
    value = 1 - abs(found - true) / true
    return value if value > 0.5 else 0


def _table(asked: _Asked) -> Outcome:
    return table_score(asked.item, asked.answer)


def _chart(asked: _Asked) -> Outcome:
    return Outcome(chart_score(asked.item, asked.answer, asked.profile))


def _document(asked: _Asked) -> Outcome:
    return Outcome(steds(str(asked.item.reference), asked.answer))


def _pairs(asked: _Asked) -> Outcome:
    reference = asked.item.reference
    try:
        accepted = accepted_values(reference if isinstance(reference, Mapping) else str(reference))
    except ValueError:
        return Outcome(0)
    return Outcome(pair_score(accepted, asked.answer))


def _pairs_cn(asked: _Asked) -> Outcome:
    try:
        literal = read_literal(str(asked.item.reference))
    except ValueError:
        return Outcome(0)
    if not isinstance(literal, Mapping):
        return Outcome(0)
    lists = {key: value if isinstance(value, list) else [value] for key, value in literal.items()}
    return Outcome(pair_score(lists, asked.answer))


def _position(asked: _Asked) -> Outcome:
    """Half for the answer, half for its box."""
    found = read_pairs(asked.answer)
    text: float = contained_or_similar(_references(asked), found["answer"]) if "answer" in found else 0
    try:
        box = read_literal(found.get("bbox", ""))
    except ValueError:
        box = None
    place = iou(box, asked.item.bbox, number=_whole) if isinstance(box, Iterable) else 0
    return Outcome(0.5 * text + 0.5 * place)


def _grounding(asked: _Asked) -> Outcome:
    box = last_box(asked.answer, limit=_GRID)
    return Outcome(iou(box, asked.item.answers, number=_whole) if box else 0)


def _whole(coordinate: object) -> int:
    return int(coordinate) if isinstance(coordinate, str | int | float) else int(str(coordinate))


def _spotting(asked: _Asked) -> Outcome:
    return Outcome(spotting_score(asked.item, asked.answer, asked.profile))


TYPES: dict[str, Callable[[_Asked], Outcome]] = {
    "APP agent en": _vqa,
    "ASCII art classification en": _vqa,
    "key information extraction en": _pairs,
    "key information mapping en": _pairs,
    "math QA en": _vqa,
    "full-page OCR en": _page,
    "reasoning VQA en": _vqa,
    "fine-grained text recognition en": _page,
    "science QA en": _vqa,
    "table parsing en": _table,
    "text counting en": _counting,
    "text grounding en": _grounding,
    "text recognition en": _vqa,
    "text spotting en": _spotting,
    "document classification en": _vqa,
    "cognition VQA en": _vqa,
    "VQA with position en": _position,
    "chart parsing en": _chart,
    "document parsing en": _document,
    "formula recognition en": _formula,
    "diagram QA en": _vqa,
    "cognition VQA cn": _vqa,
    "key information extraction cn": _pairs_cn,
    "formula recognition cn": _formula_cn,
    "full-page OCR cn": _page,
    "reasoning VQA cn": _vqa,
    "text translation cn": _translation,
    "table parsing cn": _table,
    "handwritten answer extraction cn": _handwritten,
    "document parsing cn": _document,
}
"""The thirty task types and their rules, in the order of the published report."""
