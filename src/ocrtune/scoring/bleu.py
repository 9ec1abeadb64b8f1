"""Sentence BLEU as NLTK has it without smoothing: the one that page scores of OCRBench v2 and MWS contain.

Not the BLEU of papers (that is `text.corpus_bleu`): up to four-grams even of a three-word page, so that a page of fewer
than four words scores about zero however well it was read.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Hashable, Sequence
from fractions import Fraction

_ORDERS = 4


def sentence_bleu(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> float:
    """BLEU-4 of two token lists, in 0..1: clipped precisions, equal weights, brevity penalty; no shared word gives 0.

    A higher order without any match counts as the smallest positive float instead of 0, which makes the result about
    1e-77: NLTK's warning case, kept because the published figures contain it.
    """
    precisions = [_precision(reference, hypothesis, order) for order in range(1, _ORDERS + 1)]
    if not precisions[0]:
        return 0
    penalty = _brevity(len(reference), len(hypothesis))
    # Weighted logarithms are summed exactly (fsum), as NLTK does: the last bit depends on it.
    return penalty * math.exp(math.fsum(math.log(p if p else sys.float_info.min) / _ORDERS for p in precisions))


def _precision(reference: Sequence[Hashable], hypothesis: Sequence[Hashable], order: int) -> Fraction:
    found, wanted = _ngrams(hypothesis, order), _ngrams(reference, order)
    clipped = sum(min(count, wanted[gram]) for gram, count in found.items())
    return Fraction(clipped, max(1, found.total()))


def _ngrams(tokens: Sequence[Hashable], order: int) -> Counter[tuple[Hashable, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))


def _brevity(reference: int, hypothesis: int) -> float:
    if hypothesis > reference:
        return 1
    return math.exp(1 - reference / hypothesis) if hypothesis else 0
