"""From thirty types to thirteen categories to the totals of a profile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ocrtune.scoring.ocrbench_v2.items import Outcome, Profile

ENGLISH: dict[str, tuple[str, ...]] = {
    "text_recognition": ("text recognition en", "fine-grained text recognition en", "full-page OCR en"),
    "text_detection": ("text grounding en", "VQA with position en"),
    "text_spotting": ("text spotting en",),
    "relationship_extraction": ("key information extraction en", "key information mapping en"),
    "element_parsing": ("document parsing en", "chart parsing en", "table parsing en", "formula recognition en"),
    "mathematical_calculation": ("math QA en", "text counting en"),
    "visual_text_understanding": ("document classification en", "cognition VQA en", "diagram QA en"),
    "knowledge_reasoning": ("reasoning VQA en", "science QA en", "APP agent en", "ASCII art classification en"),
}
CHINESE: dict[str, tuple[str, ...]] = {
    "text_recognition": ("full-page OCR cn",),
    "relationship_extraction": ("key information extraction cn", "handwritten answer extraction cn"),
    "element_parsing": ("document parsing cn", "table parsing cn", "formula recognition cn"),
    "visual_text_understanding": ("cognition VQA cn",),
    "knowledge_reasoning": ("reasoning VQA cn", "text translation cn"),
}
CATEGORIES: dict[str, dict[str, tuple[str, ...]]] = {"en": ENGLISH, "cn": CHINESE}


class Mean(NamedTuple):
    """A sum of scores and how many they are."""

    total: float
    n: int

    @property
    def value(self) -> float:
        return self.total / self.n


class Summary(NamedTuple):
    """`english` and `chinese` hold the categories that have samples. `total` is None where the profile has no such number."""

    english: dict[str, Mean]
    chinese: dict[str, Mean]
    english_overall: float | None
    chinese_overall: float | None
    total: float | None


def means(outcomes: Iterable[tuple[str, Outcome]]) -> dict[str, Mean]:
    """Per task type, without the ignored ones."""
    values: dict[str, list[float]] = defaultdict(list)
    for name, outcome in outcomes:
        if not outcome.ignored:
            values[name].append(outcome.value)
    return {name: _mean(found) for name, found in values.items()}


def summarise(outcomes: Iterable[tuple[str, Outcome]], profile: Profile = "official") -> Summary:
    """Categories are means over their samples, added up in the order of the data; what is made of them depends on the profile.

    `official`, `vlmevalkit`: a language is the plain mean of its categories that have samples; there is no combined number.
    `lmms_legacy`: the plain mean of all its categories, and the total is the mean of the two languages.
    `lmms_current`: all three weigh by samples.
    """
    outcomes = list(outcomes)
    english, chinese = _categories(outcomes, ENGLISH), _categories(outcomes, CHINESE)
    if profile == "lmms_current":
        pools = (english.values(), chinese.values(), [*english.values(), *chinese.values()])
        return Summary(english, chinese, *(pool.value if (pool := _pooled(parts)) else None for parts in pools))
    if profile == "lmms_legacy":
        # This profile counts a category without samples as 0: on a part of the data its totals are too low.
        one, two = (
            sum(mean.value for mean in found.values()) / len(all_) for found, all_ in ((english, ENGLISH), (chinese, CHINESE))
        )
        return Summary(english, chinese, one, two, (one + two) / 2)
    return Summary(english, chinese, _plain(english), _plain(chinese), None)


def _categories(outcomes: Iterable[tuple[str, Outcome]], groups: Mapping[str, tuple[str, ...]]) -> dict[str, Mean]:
    category_of = {name: category for category, names in groups.items() for name in names}
    found = means((category_of[name], outcome) for name, outcome in outcomes if name in category_of)
    return {category: found[category] for category in groups if category in found}


def _mean(values: Sequence[float]) -> Mean:
    return Mean(sum(values), len(values))


def _pooled(parts: Iterable[Mean]) -> Mean | None:
    parts = list(parts)
    n = sum(part.n for part in parts)
    return Mean(sum(part.total for part in parts), n) if n else None


def _plain(categories: Mapping[str, Mean]) -> float | None:
    return sum(mean.value for mean in categories.values()) / len(categories) if categories else None
