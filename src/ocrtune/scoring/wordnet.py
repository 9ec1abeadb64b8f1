"""WordNet 3.0 for METEOR, read from its own files (`index.*`, `data.*`, `*.exc`); optional, English only.

The files come with Debian's `wordnet-base` (/usr/share/wordnet) and with NLTK's `wordnet` corpus; neither is on PyPI. The
look-up is NLTK's: every part of speech, the form itself and what morphology makes of it.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from ocrtune.errors import InputError

PLACE = "OCRTUNE_WORDNET"
_PARTS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_ENDINGS: dict[str, tuple[tuple[str, str], ...]] = {
    "n": (
        *(("s", ""), ("ses", "s"), ("ves", "f"), ("xes", "x"), ("zes", "z")),
        *(("ches", "ch"), ("shes", "sh"), ("men", "man"), ("ies", "y")),
    ),
    "v": (("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")),
    "a": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "r": (),
}

Exceptions = dict[str, list[str]]
Lemmas = dict[str, list[str]]
"""Of one part of speech: the synsets of a lemma; or, keyed by synset, its lemma names."""


class WordNet:
    """`wordnet(word)` is the set of one-word lemma names that share a synset with the word: METEOR's `Synonyms`."""

    def __init__(self, synsets: dict[str, Lemmas], names: dict[str, Lemmas], exceptions: dict[str, Exceptions]) -> None:
        self._synsets, self._names, self._exceptions = synsets, names, exceptions

    def __call__(self, word: str) -> frozenset[str]:
        word = word.lower()
        return frozenset(
            name
            for part in _PARTS
            for form in self._forms(word, part)
            for synset in self._synsets[part].get(form, ())
            for name in self._names[part][synset]
            if "_" not in name
        )

    def _forms(self, word: str, part: str) -> list[str]:
        irregular = self._exceptions[part].get(word)
        regular = [word.removesuffix(old) + new for old, new in _ENDINGS[part] if word.endswith(old)]
        return list(dict.fromkeys((word, *(regular if irregular is None else irregular))))


def find() -> Path | None:
    """The folder named by $OCRTUNE_WORDNET, else Debian's, if it is there."""
    named = os.environ.get(PLACE)
    folder = Path(named) if named else Path("/usr/share/wordnet")
    return folder if (folder / "data.noun").is_file() else None


@lru_cache(maxsize=2)
def read(folder: Path) -> WordNet:
    """Read the dictionary in `folder` (about a second). Raises InputError when a file of it is missing."""
    try:
        synsets = {part: _index(folder / f"index.{name}") for part, name in _PARTS.items()}
        names = {part: _names(folder / f"data.{name}") for part, name in _PARTS.items()}
        exceptions = {part: _exceptions(folder / f"{name}.exc") for part, name in _PARTS.items()}
    except OSError as cause:
        raise InputError(
            f"{folder} holds no complete WordNet: {cause.filename} cannot be read",
            hint="install Debian's wordnet-base, or leave WordNet out (METEOR then matches words and stems only)",
        ) from cause
    return WordNet(synsets, names, exceptions)


def _lines(path: Path) -> list[str]:
    """The lines after the licence, which is indented."""
    return [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith(" ")]


def _index(path: Path) -> Lemmas:
    lemmas = {}
    for line in _lines(path):
        fields = line.split()
        lemmas[fields[0]] = fields[-int(fields[2]) :]  # the offsets stand last, one for each synset
    return lemmas


def _names(path: Path) -> Lemmas:
    names = {}
    for line in _lines(path):
        offset, _, _, count, rest = line.split(" ", 4)
        words = rest.split(" ", 2 * int(count, 16))[: 2 * int(count, 16) : 2]
        # Adjectives carry their position as a suffix: "alive(p)".
        names[offset] = [word.partition("(")[0] for word in words]
    return names


def _exceptions(path: Path) -> Exceptions:
    return {first: rest for first, *rest in (line.split() for line in _lines(path))}
