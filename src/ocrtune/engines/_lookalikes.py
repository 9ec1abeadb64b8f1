"""Letters that Cyrillic and Latin share by looks: tesseract, reading both, writes Russian words in Latin letters."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ocrtune.layout import Span

LATIN, CYRILLIC = "ABCEHKMOPTXYËaceopxyë", "АВСЕНКМОРТХУЁасеорхуё"
TABLE = str.maketrans(LATIN, CYRILLIC)
MOSTLY = 0.6  # of a line's letters that are of one script only: a line with so many Cyrillic ones is Russian
PART = re.compile(r"[^\W\d_]+")
KEPT = re.compile(r"[Xx]+")  # Roman numerals, and the unknown of an equation
MIXED = re.compile(r"[а-яёА-ЯЁ]")


def reads_both(language: str | None) -> bool:
    """Whether tesseract data of both scripts is in use, so that one can be mistaken for the other."""
    names = set((language or "").split("+"))
    return bool(names & {"rus", "ukr", "bel", "bul", "srp", "mkd", "kaz"}) and len(names) > 1


def respelled(text: str, page: str | None = None) -> str:
    """A line with the words that look Cyrillic in Cyrillic letters, where the line is; other lines stay as they are. A line
    of which one cannot tell is judged by its page."""
    return PART.sub(_word, text) if _is_cyrillic(text) or (_letters(text) == [] and page and _is_cyrillic(page)) else text


def _is_cyrillic(text: str) -> bool:
    letters = _letters(text)
    return sum(bool(MIXED.match(c)) for c in letters) >= max(MOSTLY * len(letters), 1)


def _letters(text: str) -> list[str]:
    """Those that are of one script only."""
    return [c for c in text if c.isalpha() and c not in LATIN and c not in CYRILLIC]


def _word(found: re.Match[str]) -> str:
    word = found[0]
    if KEPT.fullmatch(word) or not all(c in LATIN or MIXED.match(c) for c in word):
        return word
    return word.translate(TABLE)


def respelled_spans(spans: Sequence[Span]) -> list[Span]:
    """The same for lines with words, which are judged by the whole line; words keep their number and places."""
    out = []
    page = "".join(span.text for span in spans)
    for span in spans:
        words = respelled(" ".join(word.text for word in span.words), page).split(" ")
        if len(words) == len(span.words):
            pairs = zip(span.words, words, strict=True)
            span = span._replace(text=respelled(span.text, page), words=tuple(w._replace(text=text) for w, text in pairs))
        out.append(span)
    return out
