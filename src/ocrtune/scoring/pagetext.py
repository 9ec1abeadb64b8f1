"""The page score of OCRBench v2 and MWS-Vision-Bench: the mean of BLEU, METEOR, set F1 and edit similarity.

A perfect page scores 1 only if it is long: one word 0.625, three words 0.7454, four words 0.9980 (BLEU wants four-grams,
METEOR punishes few words). Show the CER beside it.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Sequence
from functools import lru_cache

from ocrtune.errors import extra
from ocrtune.scoring.bleu import sentence_bleu
from ocrtune.scoring.meteor import Synonyms, meteor
from ocrtune.scoring.text import ned

_HAN = re.compile("[\u4e00-\u9fa5]")


def page_score(reference: str, reading: str, *, synonyms: Synonyms | None = None) -> float:
    """The mean of the four, in 0..1. `synonyms` None: METEOR without its WordNet stage (`meteor`).

    Nothing is normalised. A reading (or reference) without any token has no F1, which counts as 0 here.
    """
    wanted, found = tokens(reference, reading)
    f1 = set_f1(wanted, found) or 0.0
    return (sentence_bleu(wanted, found) + meteor(wanted, found, synonyms=synonyms) + f1 + (1 - ned(reading, reference))) / 4


def tokens(reference: str, reading: str) -> tuple[list[str], list[str]]:
    """Both texts in words: by jieba if either has a Chinese character, else by white space."""
    if _HAN.search(reference) or _HAN.search(reading):
        return list(_cut(reference)), list(_cut(reading))
    return reference.split(), reading.split()


def set_f1(reference: Sequence[str], reading: Sequence[str]) -> float | None:
    """F1 of the two sets of tokens; None if one of them is empty."""
    wanted, found = set(reference), set(reading)
    if not wanted or not found:
        return None
    shared = len(wanted & found)
    # Written as NLTK computes it: the last bit depends on the form.
    return 1.0 / (0.5 / (shared / len(found)) + 0.5 / (shared / len(wanted))) if shared else 0.0


@lru_cache(maxsize=256)  # one reference is compared with many readings
def _cut(text: str) -> tuple[str, ...]:
    with extra("scores"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba's regular expressions and its import of pkg_resources
        import jieba
    jieba.setLogLevel(logging.WARNING)
    return tuple(jieba.lcut(text))
