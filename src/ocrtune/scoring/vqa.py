"""Answers to questions: contained or similar (OCRBench v2, MWS), ANLS, relaxed accuracy, MME."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from ocrtune.scoring.text import distance, similarity

Answer = str | int | float | None
References = str | Sequence[object]
Harness = Literal["lmms_eval", "vlmevalkit"]

PERCEPTION = ("existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR")
_VQA_MARKS = (";", "/", "[", "]", '"', "{", "}", "(", ")", "=", "+", "\\", "_", "-", ">", "<", "@", "`", ",", "?", "!")
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")


class Reading(NamedTuple):
    """How a text is folded, and which references are short enough to be searched for instead of compared."""

    fold: Callable[[str], str]
    short: Callable[[str], bool]


def _exactly(text: str) -> str:
    return text.strip().replace("\n", " ")


def _caseless(text: str) -> str:
    return _exactly(text.lower())


def _unspaced(text: str) -> str:
    return _caseless(text).replace(" ", "")


def _few_words(text: str) -> bool:
    return len(text.split()) < 5


def _few_items(text: str) -> bool:
    return len(text.split(",")) < 4


ENGLISH = Reading(_caseless, _few_words)
CASED = Reading(_exactly, _few_words)
CHINESE = Reading(_unspaced, _few_items)


def contained_or_similar(references: References, answer: Answer, reading: Reading = ENGLISH) -> float:
    """The open-question rule of OCRBench v2 and MWS, in 0..1.

    A short reference scores 1 when the answer contains it, else 0; a long one scores its similarity if that is at least
    0.5, else 0. The best reference counts; what is no text or number among them is passed over, and no answer scores 0.
    A list is the usual form of `references`; see `_bare` for what a bare string does.
    """
    if answer is None:
        return 0
    text = reading.fold(str(answer))
    if isinstance(references, str):
        return _bare(reading.fold(references), text, reading)
    best: float = 0
    for reference in references:
        if not isinstance(reference, str | int | float):
            continue
        folded = reading.fold(str(reference))
        best = max(best, int(folded in text) if reading.short(folded) else _similar(folded, text))
    return best


def _bare(reference: str, text: str, reading: Reading) -> float:
    # Slip of the published code for a reference that is no list: the comparison sits under "short, but not contained", so
    # that a long reference always scores 0. (Only the official code of OCRBench v2 has its caseless English rule as meant.)
    if not reading.short(reference):
        return 0
    return 1 if reference in text else _similar(reference, text)


def _similar(reference: str, text: str) -> float:
    value = similarity(text, reference)
    return value if value >= 0.5 else 0


def letters_equal(reference: str, answer: str) -> int:
    """Multiple choice: the letters of the answer, all of them, are the reference. "(B)" is B, "B. Blue" is not."""
    return int("".join(filter(str.isalpha, answer)) == reference)


def anls(references: Sequence[str], answer: str) -> float:
    """Average normalised Levenshtein similarity of one question (DocVQA, InfographicVQA): best reference, 0 below 0.5.

    Distance on lower-cased texts with white space folded; divided by the longer of the two *raw* texts in upper case, as
    both lmms-eval and VLMEvalKit do ("ß" counts as two).
    """
    least = min((_anls_distance(reference, answer) for reference in references), default=1.0)
    value = 1 - least
    return value if value >= 0.5 else 0.0


def _anls_distance(reference: str, answer: str) -> float:
    left, right = (" ".join(text.strip().lower().split()) for text in (reference, answer))
    longest = max(len(reference.upper()), len(answer.upper()))
    return distance(left, right) / longest if longest else 0.0


def relaxed(target: str, answer: str, *, tolerance: float = 0.05) -> bool:
    """ChartQA's relaxed accuracy: a number within 5 % of the target, any other answer equal but for case.

    A percentage is a number only where it ends in "%". Kept as both harnesses have it: a target of zero is compared as
    text ("0" is not "0.0"), "1,000" is no number. lmms-eval strips answers before; pass them stripped for its figures.
    """
    value, wanted = _number(answer), _number(target)
    if value is not None and wanted:
        return abs(value - wanted) / abs(wanted) <= tolerance
    return answer.lower() == target.lower()


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100.0 if text.endswith("%") else float(text)
    except ValueError:
        return None


def yes_or_no(answer: str, harness: Harness = "lmms_eval") -> str:
    """`yes`, `no` or `other`, as the harness reads MME answers ("not sure" is a no to lmms-eval)."""
    if harness == "vlmevalkit":
        found = {"yes", "no"} & set(_unpunctuated(answer.lower()).split())
        return found.pop() if len(found) == 1 else "other"
    text = answer.lower().strip().replace(".", "")
    if text in ("yes", "no"):
        return text
    if len(text) == 1:
        return {"y": "yes", "n": "no"}.get(text, "other")
    head = text[:4]
    return "yes" if "yes" in head else "no" if "no" in head else "other"


def _unpunctuated(text: str) -> str:
    # The clean-up of the VQA challenge, as VLMEvalKit has it: a mark that stands beside a space anywhere in the text is
    # deleted, any other becomes a space; "1,000" anywhere makes all of them deleted.
    numeric = re.search(r"\d,\d", text) is not None
    cleaned = text
    for mark in _VQA_MARKS:
        cleaned = cleaned.replace(mark, "" if numeric or f"{mark} " in text or f" {mark}" in text else " ")
    # Slip of that code: the flag re.UNICODE (32) sits where the count belongs, so only 32 full stops go.
    return re.sub(r"(?<!\d)\.(?!\d)", "", cleaned, count=32)


class MmeAnswer(NamedTuple):
    """One of the two questions about one picture; VLMEvalKit groups by image path: give that as `question_id` then."""

    category: str
    question_id: str
    correct: bool


class MmeScores(NamedTuple):
    """`categories`: 0..200 each; `perception` 0..2000 and `cognition` 0..800 are sums of theirs."""

    categories: dict[str, float]
    perception: float
    cognition: float


def mme(answers: Iterable[MmeAnswer], harness: Harness = "lmms_eval") -> MmeScores:
    """Per picture: percent correct, and 100 more if both answers are; categories are means over pictures.

    VLMEvalKit's mean of all answers plus mean of all pictures is the same but for the last bit.
    """
    pictures: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for answer in answers:
        pictures[answer.category][answer.question_id].append(answer.correct)
    category = _mme_category if harness == "lmms_eval" else _mme_category_apart
    categories = {name: category(list(of.values())) for name, of in pictures.items()}
    # lmms-eval adds categories up in the order of the data, VLMEvalKit by name.
    order = list(categories) if harness == "lmms_eval" else sorted(categories)
    return MmeScores(
        categories,
        sum(categories[name] for name in order if name in PERCEPTION),
        sum(categories[name] for name in order if name in COGNITION),
    )


def _mme_category(pictures: list[list[bool]]) -> float:
    values = [sum(pair) / len(pair) * 100.0 + (100.0 if len(pair) == 2 and all(pair) else 0.0) for pair in pictures]
    return sum(values) / len(values)


def _mme_category_apart(pictures: list[list[bool]]) -> float:
    answers = [correct for pair in pictures for correct in pair]
    both = sum(len(pair) > 1 and all(pair[:2]) for pair in pictures)
    return sum(answers) / len(answers) * 100 + both / len(pictures) * 100
