"""METEOR as NLTK has it: exact, stemmed and (English, optional) WordNet matches, penalised by fragmentation.

Own code after the published rule, because NLTK as a dependency is large and its text functions refuse long pages. WordNet
is a `Synonyms` function given by the caller (`wordnet.read`); without one the third stage matches nothing, which for text
that is not English is the same.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from ocrtune.scoring.porter import stem

Synonyms = Callable[[str], Collection[str]]
"""All lemma names that share a synset with the word, without those of several words."""


class _Pair(NamedTuple):
    hypothesis: int
    reference: int


def meteor(reference: Sequence[str], hypothesis: Sequence[str], *, synonyms: Synonyms | None = None) -> float:
    """METEOR of two token lists in 0..1, with α = 0.9, β = 3, γ = 0.5; words are compared in lower case."""
    pairs = _align([word.lower() for word in hypothesis], [word.lower() for word in reference], synonyms)
    if not pairs:
        return 0.0
    matches = len(pairs)
    precision, recall = matches / len(hypothesis), matches / len(reference)
    mean = (precision * recall) / (0.9 * precision + (1 - 0.9) * recall)
    fragmentation = _chunks(pairs) / matches
    return (1 - 0.5 * fragmentation**3) * mean


def _align(hypothesis: list[str], reference: list[str], synonyms: Synonyms | None) -> list[_Pair]:
    pairs: list[_Pair] = []
    left, right = dict(enumerate(hypothesis)), dict(enumerate(reference))
    _match(left, right, pairs, lambda word: (word,))
    # What is left is compared as stems, and so is all that follows: WordNet is asked about stems ("famili"), and thus
    # seldom answers. That is the published rule.
    left, right = ({at: stem(word) for at, word in side.items()} for side in (left, right))
    _match(left, right, pairs, lambda word: (word,))
    if synonyms is not None and left and right:
        _match(left, right, pairs, lambda word: {word, *synonyms(word)})
    return sorted(pairs)


def _match(left: dict[int, str], right: dict[int, str], pairs: list[_Pair], accepted: Callable[[str], Iterable[str]]) -> None:
    """Pair words from the end of the hypothesis on, each with the last free accepted word of the reference.

    Matched words are taken out of `left` and `right`.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for at, word in right.items():  # in rising order, so that the last of a list is the last place
        places[word].append(at)
    for at in sorted(left, reverse=True):
        ends = [place[-1] for word in accepted(left[at]) if (place := places.get(word))]
        if ends:
            found = max(ends)
            places[right.pop(found)].pop()
            del left[at]
            pairs.append(_Pair(at, found))


def _chunks(pairs: list[_Pair]) -> int:
    """Maximal runs that are adjacent in both texts."""
    return 1 + sum(1 for one, two in itertools.pairwise(pairs) if two != (one.hypothesis + 1, one.reference + 1))
