"""Key-value pairs as OCRBench v2 and MWS-Vision-Bench read them out of an answer, and what they score.

The published "F1" of one key is 1 or 0, so the score is the share of keys, of the reference and the answer together, whose
values are equal but for case and spaces. (`fields` holds a true F1.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ocrtune.scoring.literals import HostileLiteralError, fenced, read_literal

_KEY = re.compile(r"[\w\s]++")
_VALUE = re.compile(r"""["']?\s*[:=]\s*["']?([^\n,"'{}]+)["']?""")

Accepted = dict[str, list[object]]


def read_pairs(answer: str) -> dict[str, str]:
    """The flat dictionary an answer stands for: JSON, else a Python literal, else whatever looks like `key: value`.

    The first code fence is read if there is one. Values become text (None is "None"). What parses, but is no dictionary, and
    what has a key that is no text, gives {}.
    """
    parsed = _parse(next(fenced(answer), answer.strip()))
    if not isinstance(parsed, dict) or not all(isinstance(key, str) for key in parsed):
        return {}
    return {key.strip(): str(value).strip() for key, value in parsed.items()}


def _parse(content: str) -> object:
    try:
        return json.loads(content)
    except json.JSONDecodeError:
        pass
    except (ValueError, RecursionError):
        return None  # a number of thousands of digits, or brackets nested too deep: the published code stops there
    try:
        parsed = read_literal(content)
    except HostileLiteralError:
        return None  # here as well
    except ValueError:
        return dict(_loose_pairs(content))
    # The published code looks for pairs also inside a literal that is no dictionary, and fails when it finds some.
    return parsed if isinstance(parsed, dict) else None


def _loose_pairs(text: str) -> Iterator[tuple[str, str]]:
    """Words, perhaps quoted, a colon or equals sign, and what follows up to a comma, quote, brace or line break.

    Published as one pattern that takes a minute on a long answer without any colon: it tries every part of every run of words,
    and whether one is a key depends on its end alone.
    """
    start = 0
    while key := _KEY.search(text, start):
        value = _VALUE.match(text, key.end())
        if value:
            yield key.group().strip(), value.group(1).strip()
        start = (value or key).end()


def accepted_values(reference: str | Mapping[str, object]) -> Accepted:
    """The accepted values of each key of a reference.

    Text is JSON or a Python literal; a value in it that is no list has one form. Slip of the published code, on which its
    figures rest: given a *dictionary*, it takes a bare text value apart into characters, each an accepted value of its own.
    Raises ValueError when the text is no dictionary, or a bare value of a dictionary is a number.
    """
    if isinstance(reference, str):
        return {key: value if isinstance(value, list) else [value] for key, value in _dictionary(reference).items()}
    return {key: _items(key, value) for key, value in reference.items()}


def _items(key: str, value: object) -> list[object]:
    if isinstance(value, Iterable):
        return list(value)
    raise ValueError(f"the value of {key!r} must be a text or a list of accepted texts, not {value!r}")


def _dictionary(text: str) -> dict[str, object]:
    text = text.strip('"')
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = _literal(text)
        if not isinstance(parsed, dict):
            parsed = _literal(parsed)
    if not isinstance(parsed, dict):
        raise ValueError(f"a reference of key-value pairs is no dictionary: {text[:80]!r}")
    return parsed


def _literal(text: object) -> object:
    return read_literal(text) if isinstance(text, str) else text


def pair_score(accepted: Mapping[str, Sequence[object]], answer: str) -> float:
    """The share of all keys whose value in the answer is an accepted one but for case and spaces; 0 without any key.

    Published as the best score over all combinations of accepted values, which is the same. A key that may be None and is
    absent from the answer is not counted. An accepted value that is neither text nor empty cannot be folded by the published
    code; it is left out, and a key with no other makes the score 0.
    """
    found = read_pairs(answer)
    hits = passed = 0
    for key, values in accepted.items():
        usable = [value for value in values if not value or isinstance(value, str)]
        if not usable:
            return 0
        if key in found:
            value = _fold(found[key])
            hits += any(_fold(one) == value for one in usable)
        else:
            passed += any(one is None for one in usable)
    keys = len({*accepted, *found}) - passed
    return hits / keys if keys else 0


def _fold(value: object) -> object:
    """An empty value is compared as it is: None, zero or an empty list equal no text."""
    return value.lower().strip().replace("\n", " ").replace(" ", "") if isinstance(value, str) else value
