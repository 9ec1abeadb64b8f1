"""Edit distances and what is made of them: CER, WER, NED, order-free character F1, corpus BLEU.

A *unit* is what an edit replaces: a code point (`characters`, as in jiwer and rapidfuzz), a grapheme cluster after NFC
(`graphemes`, as in dinglehopper) or a word (`words`). Nothing is normalised here beyond what the unit needs, and no rate
is clipped: invented text makes an error rate exceed 1.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from ocrtune.errors import extra

# Ideographs (with extensions and compatibility forms), kana: scripts whose words are not separated by spaces.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


class Edits(NamedTuple):
    """Errors against `total` reference units; Σ errors / Σ total over a corpus is the micro rate."""

    errors: int
    total: int

    @property
    def rate(self) -> float:
        """Errors per reference unit; with an empty reference the errors themselves (the convention of jiwer)."""
        return self.errors / max(self.total, 1)


def characters(text: str) -> str:
    """Code points: a string is already the sequence of them."""
    return text


def graphemes(text: str) -> list[str]:
    """Extended grapheme clusters (UAX #29) of the NFC form: what a reader takes for one character."""
    with extra("scores"):
        import regex
    return list(regex.findall(r"\X", unicodedata.normalize("NFC", text)))


def words(text: str) -> list[str]:
    """What stands between white space; in Han and kana, written without spaces, each character is a word."""
    return _WORD.findall(text)


def distance(left: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Levenshtein distance: insertions, deletions and substitutions of one unit each."""
    return Levenshtein.distance(left, right)


def edits(reference: Sequence[Hashable], reading: Sequence[Hashable]) -> Edits:
    return Edits(distance(reference, reading), len(reference))


def cer(reference: str, reading: str) -> float:
    """Character error rate over code points."""
    return edits(reference, reading).rate


def grapheme_error_rate(reference: str, reading: str) -> float:
    return edits(graphemes(reference), graphemes(reading)).rate


def wer(reference: str, reading: str) -> float:
    """Word error rate; case and punctuation count."""
    return edits(words(reference), words(reading)).rate


def ned(left: Sequence[Hashable], right: Sequence[Hashable]) -> float:
    """Distance / length of the longer one, in 0..1; two empty sequences are equal. OmniDocBench's "Edit"."""
    longest = max(len(left), len(right))
    return distance(left, right) / longest if longest else 0.0


def similarity(left: Sequence[Hashable], right: Sequence[Hashable]) -> float:
    """1 − NED."""
    return 1 - ned(left, right)


def micro(counts: Iterable[Edits]) -> float:
    """Σ errors / Σ reference units."""
    errors = total = 0
    for one in counts:
        errors += one.errors
        total += one.total
    return errors / max(total, 1)


def char_f1(reference: str, reading: str) -> float:
    """F1 of the two multisets of characters, 0 whenever none is shared (also when both are empty).

    The rule of Gemma-OCR. Order does not count: a shuffled page scores 1, so this stands beside CER and never for it.
    """
    shared = (Counter(reference) & Counter(reading)).total()
    if not shared:
        return 0.0
    precision, recall = shared / len(reading), shared / len(reference)
    return 2 * precision * recall / (precision + recall)


def corpus_bleu(references: Sequence[str], readings: Sequence[str], *, tokenizer: str = "13a") -> float:
    """sacrebleu's corpus BLEU in 0..100, one reference each. `tokenizer`: `13a`, `char`, `zh`, `intl`, `none`."""
    with extra("scores"):
        import sacrebleu
    return float(sacrebleu.corpus_bleu(list(readings), [list(references)], tokenize=tokenizer).score)
