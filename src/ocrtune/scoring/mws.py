"""MWS-Vision-Bench: five categories of Russian documents, their mean, and the separate anti-fraud score."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ocrtune.scoring.boxes import iou, last_box
from ocrtune.scoring.meteor import Synonyms
from ocrtune.scoring.outline import numbered, steds
from ocrtune.scoring.pagetext import page_score
from ocrtune.scoring.pairs import accepted_values, pair_score
from ocrtune.scoring.vqa import Answer, References, contained_or_similar

FAILED = "ERROR in getting response"
CATEGORIES: dict[str, str] = {
    "full-page OCR ru": "image 2 text (text_recognition)",
    "text grounding ru": "text_grounding_basic",
    "key information extraction ru": "keymap (relationship_extraction)",
    "document parsing ru": "image 2 markdown (element_parsing)",
    "reasoning VQA ru": "vqa (knowledge_reasoning)",
}
_OVERALL = (
    *("text grounding ru", "reasoning VQA ru", "full-page OCR ru"),
    *("document parsing ru", "key information extraction ru"),
)
ANTIFRAUD = "antifraud ru"
LABELS = ("ai_gen", "edited", "original")
_LONGEST = 18_000
_LARGEST = 2048  # pixels


class Fraud(NamedTuple):
    """One anti-fraud answer. `reason`: how well the arguments match, 0 unless the document was edited."""

    label: str | None
    arguments: str
    correct: bool
    reason: float


class FraudScore(NamedTuple):
    score: float
    balanced_accuracy: float
    reason: float
    recalls: dict[str, float]


def score(task: str, answers: References, answer: Answer, *, synonyms: Synonyms | None = None) -> float:
    """One answer to one of the five types, in 0..1 (see `CATEGORIES`); 0 for a failed request and for no answer. A number is an
    answer to a question only.

    `answers` as the data set has it: a list; for grounding the four pixel coordinates themselves. Raises ValueError for a
    type that is not one of the five.
    """
    if task not in CATEGORIES:
        raise ValueError(f"{task!r} is no type of MWS-Vision-Bench; they are {', '.join(CATEGORIES)}")
    if task == "reasoning VQA ru" and isinstance(answer, int | float):
        answer = str(answer)
    if not isinstance(answer, str) or answer == FAILED:
        return 0.0
    answer = _cut(answer)
    if task == "reasoning VQA ru":
        return float(contained_or_similar(answers, answer))
    if task == "text grounding ru":
        return _grounding(answers, answer)
    reference = answers if isinstance(answers, str | Mapping) else next(iter(answers), "")
    if task == "key information extraction ru":
        return _pairs(reference, answer)
    if task == "document parsing ru":
        return steds(str(reference), answer, numbered)
    return page_score(str(reference), answer, synonyms=synonyms) if answer else 0.0


def _cut(answer: str) -> str:
    return answer if len(answer) <= _LONGEST else answer[:_LONGEST] + " [TRUNCATED]"


def _grounding(corners: References, answer: str) -> float:
    found = last_box(answer, limit=_LARGEST, decimals=True)
    return float(iou(found, corners)) if found and isinstance(corners, Sequence) and len(corners) == 4 else 0.0


def _pairs(reference: object, answer: str) -> float:
    try:
        return pair_score(accepted_values(reference if isinstance(reference, Mapping) else str(reference)), answer)
    except ValueError:  # a reference that is no dictionary scores 0, as published
        return 0.0


def overall(scores: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Mean per category under its published name, and `overall`: the plain mean of the categories that have samples."""
    by_task: dict[str, list[float]] = {}
    for task, value in scores:
        if task in CATEGORIES:
            by_task.setdefault(task, []).append(value)
    means = {CATEGORIES[task]: sum(by_task[task]) / len(by_task[task]) for task in CATEGORIES if task in by_task}
    # Summed in the published order: the last bit depends on it.
    values = [means[CATEGORIES[task]] for task in _OVERALL if CATEGORIES[task] in means]
    return {**means, "overall": sum(values) / len(values) if values else 0.0}


def fraud(label: str, reasons: References, answer: Answer) -> Fraud:
    """Read and score one anti-fraud answer against its true `label`; `reasons`: accepted arguments of an edited document."""
    if not isinstance(answer, str) or answer == FAILED:
        return Fraud(None, "", False, 0.0)
    found, arguments = _verdict(_cut(answer))
    reason = contained_or_similar(reasons, arguments) if label == "edited" and reasons else 0.0
    return Fraud(found, arguments, found == label, reason)


def _verdict(answer: str) -> tuple[str | None, str]:
    parsed = _object(re.sub(r"<think>.*?</think>", "", answer, flags=re.DOTALL).strip())
    if not isinstance(parsed, dict):
        return None, ""
    label = str(parsed.get("label", "")).strip().lower()
    return label if label in LABELS else None, str(parsed.get("arguments", "")).strip()


def _object(text: str) -> object:
    if text.startswith("```"):
        lines = text.splitlines()
        text = "\n".join(lines[1:-1] if lines[-1].strip() == "```" else lines[1:])
    for candidate in (text, text[text.find("{") : text.rfind("}") + 1] if "{" in text else ""):
        try:
            return json.loads(candidate)
        except (ValueError, RecursionError):
            continue
    return None


def antifraud(answers: Iterable[tuple[str, Fraud]]) -> FraudScore:
    """0.75 · max(0, balanced accuracy − ⅓) + 0.5 · mean reason of edited documents, in 0..1; a class without samples recalls 0.

    `answers`: true label and answer. The reason counts also where the label was wrong.
    """
    of: dict[str, list[Fraud]] = {label: [] for label in LABELS}
    for label, answer in answers:
        if label in of:
            of[label].append(answer)
    recalls = {label: sum(a.correct for a in found) / len(found) if found else 0.0 for label, found in of.items()}
    balanced = sum(recalls.values()) / len(LABELS)
    reasons = [min(1.0, max(0.0, answer.reason)) for answer in of["edited"]]
    reason = sum(reasons) / len(reasons) if reasons else 0.0
    return FraudScore(min(1.0, max(0.0, 0.75 * max(0.0, balanced - 1 / 3) + 0.5 * reason)), balanced, reason, recalls)
