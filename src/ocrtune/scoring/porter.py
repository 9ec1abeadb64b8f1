"""Porter's stemmer with NLTK's extensions: METEOR compares stems, and its published figures contain exactly these.

After M. Porter, "An algorithm for suffix stripping", Program 14.3 (1980), with the changes that NLTK makes by default:
irregular forms, "ies" and "ied" in short words, y after a consonant, two-letter stems, "fulli" and "logi".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

_IRREGULAR = {
    **dict.fromkeys(("sky", "skies"), "sky"),
    **dict.fromkeys(("innings", "inning"), "inning"),
    **dict.fromkeys(("outings", "outing"), "outing"),
    **dict.fromkeys(("cannings", "canning"), "canning"),
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    **{word: word for word in ("news", "howe", "proceed", "exceed", "succeed")},
}


class _Rule(NamedTuple):
    suffix: str
    replacement: str
    holds: Callable[[str], bool] = lambda stem: True


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The stem of a word, in lower case."""
    short = len(word) <= 2  # before: "İ" is two letters in lower case
    word = word.lower()
    if short or word in _IRREGULAR:
        return _IRREGULAR.get(word, word)
    for step in (_plural, _past, _final_y, _double_suffix, _long_suffix, _last_suffix, _final_e, _final_l):
        word = step(word)
    return word


def _shape(word: str) -> str:
    """The word as c and v: a vowel is one of aeiou, or y after a consonant."""
    shape = ""
    for letter in word:
        vowel = letter in "aeiou" or (letter == "y" and shape[-1:] == "c")
        shape += "v" if vowel else "c"
    return shape


def _measure(word: str) -> int:
    return _shape(word).count("vc")


def _measured(word: str) -> bool:
    return _measure(word) > 0


def _twice_measured(word: str) -> bool:
    return _measure(word) > 1


def _ends_cvc(word: str) -> bool:
    shape = _shape(word)
    return (shape.endswith("cvc") and word[-1] not in "wxy") or shape == "vc"


def _apply(word: str, rules: Iterable[_Rule]) -> str:
    """The first rule whose suffix fits decides, also when its condition does not hold."""
    for suffix, replacement, holds in rules:
        if word.endswith(suffix):
            head = word.removesuffix(suffix)
            return head + replacement if holds(head) else word
    return word


_PLURALS = (_Rule("sses", "ss"), _Rule("ies", "i"), _Rule("ss", "ss"), _Rule("s", ""))


def _plural(word: str) -> str:
    if word.endswith("ies") and len(word) == 4:
        return word[:-1]
    return _apply(word, _PLURALS)


def _past(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measured(word[:-3]) else word
    for suffix in ("ed", "ing"):
        if word.endswith(suffix) and "v" in _shape(word.removesuffix(suffix)):
            return _restored(word.removesuffix(suffix))
    return word


def _restored(head: str) -> str:
    if head.endswith(("at", "bl", "iz")):
        return head + "e"
    if len(head) > 1 and head[-1] == head[-2] and _shape(head)[-1] == "c":
        return head if head[-1] in "lsz" else head[:-1]
    return head + "e" if _measure(head) == 1 and _ends_cvc(head) else head


def _final_y(word: str) -> str:
    return word[:-1] + "i" if word.endswith("y") and len(word) > 2 and _shape(word[:-1])[-1] == "c" else word


_DOUBLE = tuple(
    _Rule(suffix, replacement, _measured)
    for suffix, replacement in (
        *(("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble")),
        *(("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate")),
        *(("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al")),
        *(("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful")),
    )
)


def _double_suffix(word: str) -> str:
    if word.endswith("alli") and _measured(word[:-4]):
        return _double_suffix(word[:-2])
    if word.endswith("logi"):
        return word[:-1] if _measured(word[:-3]) else word
    return _apply(word, _DOUBLE)


_LONG = tuple(
    _Rule(suffix, replacement, _measured)
    for suffix, replacement in (
        *(("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")),
    )
)


def _long_suffix(word: str) -> str:
    return _apply(word, _LONG)


def _after_s_or_t(head: str) -> bool:
    return _twice_measured(head) and head[-1] in "st"


_LAST = tuple(
    _Rule(suffix, "", _after_s_or_t if suffix == "ion" else _twice_measured)
    for suffix in (
        *("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment"),
        *("ent", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize"),
    )
)


def _last_suffix(word: str) -> str:
    return _apply(word, _LAST)


def _final_e(word: str) -> str:
    if not word.endswith("e"):
        return word
    head = word[:-1]
    measure = _measure(head)
    return head if measure > 1 or (measure == 1 and not _ends_cvc(head)) else word


def _final_l(word: str) -> str:
    return word[:-1] if word.endswith("ll") and _twice_measured(word[:-1]) else word
