"""OCRBench (v1): a reference contained in the answer is 1, else 0; summed per type, 1000 in all.

Profiles (the same 1000 answers differ by ten points between them):

* `official` (example.py of MultimodalOCR): formula rows compare without spaces and with case, all others in lower case.
* `vlmevalkit`: the same rule; the formula rows are told by their category instead of their dataset (the same 100 rows), and
  an absent answer is the text "nan".
* `lmms_legacy` (lmms-eval up to November 2025 and its forks): the answer to a formula is lower-cased, the reference is not.
* `lmms_current` (lmms-eval 0.7.3): full-width ASCII is folded to ASCII in the rows that are not formulas.

lmms-eval strips every answer before it scores, which both its profiles do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from ocrtune.scoring.normalise import fold_width

Profile = Literal["official", "vlmevalkit", "lmms_legacy", "lmms_current"]
PROFILES: tuple[Profile, ...] = get_args(Profile)

FORMULA_DATASET = "HME100k"
FORMULA_TYPE = "Handwritten Mathematical Expression Recognition"

RECOGNITION: dict[str, int] = dict.fromkeys(
    (
        "Regular Text Recognition",
        "Irregular Text Recognition",
        "Artistic Text Recognition",
        "Handwriting Recognition",
        "Digit String Recognition",
        "Non-Semantic Text Recognition",
    ),
    50,
)
TYPES: dict[str, int] = {
    **RECOGNITION,
    "Scene Text-centric VQA": 200,
    "Doc-oriented VQA": 200,
    "Key Information Extraction": 200,
    FORMULA_TYPE: 100,
}


class Row(NamedTuple):
    """One line of the category table."""

    name: str
    score: int
    total: int


def score(references: str | Sequence[str], answer: str | float | None, *, formula: bool, profile: Profile = "official") -> int:
    """1 if any reference is contained in the answer after the profile's folding, else 0.

    `answer` None is an absent answer, and so is the number 0 to `official`; other numbers are text. An empty reference is
    contained in everything; there are no word boundaries.
    `formula`: whether the row is one of the 100 of HME100k (`is_formula`).
    """
    references = [references] if isinstance(references, str) else references
    if profile == "official" and (answer is None or answer == 0):
        return 0  # the official script skips rows without an answer, whatever their reference
    if answer is None:
        answer = "nan" if profile == "vlmevalkit" else ""  # VLMEvalKit reads an empty cell as NaN and writes it as text
    answer = str(answer)
    if profile in ("lmms_legacy", "lmms_current"):
        answer = answer.strip()
    fold = _squeeze if formula else _loose
    if formula and profile == "lmms_legacy":
        # Bug of this profile: only the answer is lower-cased, so a reference with a capital can never be found in it.
        answer = answer.lower()
    if not formula and profile == "lmms_current":
        return _contained([_loose(fold_width(r)) for r in references], _loose(fold_width(answer)))
    return _contained([fold(r) for r in references], fold(answer))


def is_formula(dataset: str | None, question_type: str) -> bool:
    return dataset == FORMULA_DATASET or question_type == FORMULA_TYPE


def _contained(references: Iterable[str], answer: str) -> int:
    return int(any(reference in answer for reference in references))


def _squeeze(text: str) -> str:
    return text.strip().replace("\n", " ").replace(" ", "")


def _loose(text: str) -> str:
    return text.lower().strip().replace("\n", " ")


def totals(scores: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Summed scores per question type; types nobody answered are 0."""
    sums = dict.fromkeys(TYPES, 0)
    for question_type, value in scores:
        sums[question_type] = sums.get(question_type, 0) + value
    return sums


def table(sums: Mapping[str, int]) -> list[Row]:
    """The twelve rows of the published table, in its order: recognition and its six types, four types, the final score."""
    recognition = [Row(name, sums.get(name, 0), total) for name, total in RECOGNITION.items()]
    others = [Row(name, sums.get(name, 0), total) for name, total in TYPES.items() if name not in RECOGNITION]
    head = Row("Text Recognition", sum(row.score for row in recognition), 300)
    final = Row("Final Score", head.score + sum(row.score for row in others), 1000)
    return [head, *recognition, *others, final]
