"""METEOR's synonyms where WordNet is installed. Figures with and without it differ, so the protocol says which."""

from __future__ import annotations

from ocrtune.scoring import wordnet
from ocrtune.scoring.meteor import Synonyms


def synonyms() -> Synonyms | None:
    folder = wordnet.find()
    return wordnet.read(folder) if folder else None


def described() -> dict[str, str]:
    return {"wordnet": "3.0" if wordnet.find() else "none"}
