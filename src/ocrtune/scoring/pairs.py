"""Key-value pairs as OCRBench v2 and MWS-Vision-Bench read them out of an answer, and what they score.

The published "F1" of one key is 1 or 0, so the score is the share of keys, of the reference and the answer together, whose
values are equal but for case and spaces. (`fields` holds a true F1.)
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping

from ocrtune.scoring.literals import read_literal

_FENCE = re.compile(r"```(?:python|json)?\n(.*?)\n```", re.DOTALL | re.IGNORECASE)
_PAIR = re.compile(r"""["']?([\w\s]+)["']?\s*[:=]\s*["']?([^\n,"'{}]+)["']?""")

Pairs = dict[str, object]


def read_pairs(answer: str) -> dict[str, str]:
    """The flat dictionary an answer stands for: JSON, else a Python literal, else whatever looks like `key: value`.

    The first code fence is read if there is one. Values become text (None is "None"). What parses, but is no dictionary, and
    what has a key that is no text, gives {}.
    """
    fence = _FENCE.search(answer)
    content = fence.group(1) if fence else answer.strip()
    parsed = _parse(content)
    if not isinstance(parsed, dict) or not all(isinstance(key, str) for key in parsed):
        return {}
    return {key.strip(): str(value).strip() for key, value in parsed.items()}


def _parse(content: str) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        pass
    parsed: object = None
    try:
        parsed = read_literal(content)
        if isinstance(parsed, dict):
            return parsed
    except ValueError:
        pass
    found = _PAIR.findall(content)
    # The published code looks for pairs also inside a literal that is no dictionary, and fails when it finds some.
    return None if parsed is not None else {key.strip(): value.strip() for key, value in found}


def alternatives(reference: str | Mapping[str, object]) -> list[Pairs]:
    """Every reference the accepted values of each key combine to (Cartesian product).

    Text is JSON or a Python literal; a value in it that is no list has one form. Slip of the published code, on which its
    figures rest: given a *dictionary*, it takes a bare text value apart into characters, each an accepted value of its own.
    Raises ValueError when the text is no dictionary, or a bare value of a dictionary is a number.
    """
    if isinstance(reference, str):
        values = {key: value if isinstance(value, list) else [value] for key, value in _dictionary(reference).items()}
    else:
        values = {key: _items(key, value) for key, value in reference.items()}
    return [dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values())]


def _items(key: str, value: object) -> list[object]:
    if isinstance(value, Iterable):
        return list(value)
    raise ValueError(f"the value of {key!r} must be a text or a list of accepted texts, not {value!r}")


def _dictionary(text: str) -> dict[str, object]:
    text = text.strip('"')
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = _literal(text)
        if not isinstance(parsed, dict):
            parsed = _literal(parsed)
    if not isinstance(parsed, dict):
        raise ValueError(f"a reference of key-value pairs is no dictionary: {text[:80]!r}")
    return parsed


def _literal(text: object) -> object:
    return read_literal(text) if isinstance(text, str) else text


def pair_score(reference: Mapping[str, object], answer: Mapping[str, str]) -> float:
    """The share of all keys whose values are equal but for case and spaces; 0 when neither side has any.

    A key with the value None on the one side and absent on the other is not counted. Raises ValueError for a reference value
    that is neither text nor empty (the published code cannot fold it).
    """
    hits: list[float] = []
    for key in {*reference, *answer}:
        wanted, found = _fold(reference.get(key)), _fold(answer.get(key))
        if wanted is None and found is None:
            continue
        hits.append(1.0 if wanted == found else 0.0)
    return sum(hits) / len(hits) if hits else 0


def _fold(value: object) -> object:
    if not value:  # None is absent; an empty text, a zero or an empty list is compared as it is
        return value
    if not isinstance(value, str):
        raise ValueError(f"a reference value must be a text, not {value!r}")
    return value.lower().strip().replace("\n", " ").replace(" ", "")


def best_pair_score(references: Iterable[Mapping[str, object]], answer: str) -> float:
    """The best score over the alternatives; one that cannot be compared (`pair_score`) counts 0."""
    found = read_pairs(answer)
    best: float = 0
    for reference in references:
        try:
            best = max(best, pair_score(reference, found))
        except ValueError:
            continue
    return best
