"""Gemma-OCR's published scorer (vlm-sft-ocr): CER over the corpus and order-free character F1, both on stripped text.

Stripped: all white space, ASCII punctuation and a list of CJK punctuation goes; no NFKC, no case folding, no simplification.
Its evaluation leaves failed requests out of the average, which this package does not: give "" for them.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import NamedTuple

from ocrtune.scoring.text import Edits, char_f1, edits, micro

# Curly quotes and U+FE32 are not in the published list (ASCII quotes stand where curly ones were meant); leaving them alone
# is what makes these figures equal to the published ones.
_VERTICAL_FORMS = "".join(map(chr, (*range(0xFE30, 0xFE32), *range(0xFE33, 0xFE45), *range(0xFE59, 0xFE5F))))
_DELETED = dict.fromkeys(map(ord, string.punctuation + "，。！？；：『』「」（）【】《》〈〉、·…—～" + _VERTICAL_FORMS))
_SPACE = re.compile(r"\s+")


class PageScore(NamedTuple):
    cer: float
    f1: float
    edits: Edits


class Overall(NamedTuple):
    """`overall_cer`: Σ edits / Σ reference characters (jiwer); `overall_f1`: mean over samples."""

    overall_cer: float
    overall_f1: float


def drop_punctuation(text: str) -> str:
    return text.translate(_DELETED)


def normalise(text: str) -> str:
    """No white space, no punctuation of the two lists."""
    return drop_punctuation(_SPACE.sub("", text))


def score(reference: str, reading: str) -> PageScore:
    """Both normalised. An empty reference has as its CER the number of characters read (0 when none)."""
    wanted, found = normalise(reference), normalise(reading)
    counted = edits(wanted, found)
    return PageScore(counted.rate, char_f1(wanted, found), counted)


def overall(pages: Sequence[PageScore]) -> Overall:
    f1 = sum(page.f1 for page in pages) / len(pages) if pages else 0.0
    return Overall(micro(page.edits for page in pages), f1)
