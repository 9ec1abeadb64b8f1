"""Text metrics: character and word error rate, normalised edit distance, bag-of-characters F1, exact match.

What they share:

* Reference and reading go through the same named pipeline (`scoring.normalise`) first; units are counted after it.
* A sample with several acceptable answers is scored against the one that suits the reading best.
* **Empty texts.** Both empty: no error. An empty reading of a reference with text: everything lost, CER 1. Text read
  where there is none: its length counts as errors over a total of 0, so that a corpus figure (Σ errors / Σ total) pays
  for invented text; the sample's own value divides by 1 instead (the convention of jiwer), never by zero.
* **A failed request** (`Prediction.error`) counts like an empty reading, and as one error where the reference is empty
  too: it costs what reading nothing costs and is never left out, so failing cannot improve a score.
* Rates are not clipped: a model that invents text has a CER above 1.
* A sample without a target, or with one that is not text, is unscored: `value` None with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ocrtune.core import Score
from ocrtune.metrics._texts import Reading, TextMetric
from ocrtune.scoring.text import char_f1, distance, edits, graphemes, words

__all__ = ["Cer", "CerGraphemes", "CharF1", "Exact", "Ned", "NedGraphemes", "TextMetric", "Wer"]


class ErrorRate(TextMetric):
    """Levenshtein distance over units / number of reference units."""

    direction = "lower"
    pool = "micro"
    unit: ClassVar[str]

    def of(self, sample_id: str, reading: Reading, *, failed: bool, normalisation: str) -> Score:
        reference, text = self.units(reading.reference), self.units(reading.text)
        counted = edits(reference, text)
        if failed:
            counted = counted._replace(errors=max(counted.errors, 1))
        return Score(sample_id=sample_id, metric=self.name, value=counted.rate, errors=counted.errors, total=counted.total)

    def units(self, text: str) -> Sequence[str]:
        raise NotImplementedError


class Cer(ErrorRate):
    """Character error rate; a character is a code point after normalisation, as in jiwer and rapidfuzz."""

    name = "cer"
    unit = "code point"

    def units(self, text: str) -> Sequence[str]:
        return text


class CerGraphemes(ErrorRate):
    """Character error rate; a character is a grapheme cluster of the NFC form, what a reader takes for one (dinglehopper)."""

    name = "cer_graphemes"
    unit = "grapheme cluster"

    def units(self, text: str) -> Sequence[str]:
        return graphemes(text)


class Wer(ErrorRate):
    """Word error rate. Words stand between white space, case and punctuation count; in Han and Kana, which are written
    without spaces, each character is a word."""

    name = "wer"
    unit = "word"

    def units(self, text: str) -> Sequence[str]:
        return words(text)


class Ned(TextMetric):
    """Edit distance / length of the longer text, in 0..1: OmniDocBench's "Edit", in code points. A failed request is 1. The mean
    of samples; the pooled figure, Σ edits / Σ longer lengths, stands beside it."""

    name = "ned"
    direction = "lower"
    pool = "macro"
    unit = "code point"

    def of(self, sample_id: str, reading: Reading, *, failed: bool, normalisation: str) -> Score:
        reference, text = self.units(reading.reference), self.units(reading.text)
        errors, total = distance(reference, text), max(len(reference), len(text))
        if failed:
            errors = total = max(total, 1)
        value = errors / total if total else 0.0
        return Score(sample_id=sample_id, metric=self.name, value=value, errors=errors, total=total)

    def units(self, text: str) -> Sequence[str]:
        return text


class NedGraphemes(Ned):
    """`ned` in grapheme clusters of the NFC form."""

    name = "ned_graphemes"
    unit = "grapheme cluster"

    def units(self, text: str) -> Sequence[str]:
        return graphemes(text)


class CharF1(TextMetric):
    """F1 of the two multisets of characters: order does not count, so a shuffled page scores 1; never read it alone.

    Both empty: 1, except under `gemma`, whose published rule gives 0 whenever no character is shared.
    """

    name = "char_f1"
    direction = "higher"
    pool = "macro"

    def of(self, sample_id: str, reading: Reading, *, failed: bool, normalisation: str) -> Score:
        reference, text = reading
        if not reference and not text and not failed and normalisation != "gemma":
            return Score(sample_id=sample_id, metric=self.name, value=1.0)
        return Score(sample_id=sample_id, metric=self.name, value=char_f1(reference, text))


class Exact(TextMetric):
    """1 when the normalised texts are equal, else 0; a failed request is 0."""

    name = "exact"
    direction = "higher"
    pool = "macro"

    def of(self, sample_id: str, reading: Reading, *, failed: bool, normalisation: str) -> Score:
        return Score(sample_id=sample_id, metric=self.name, value=float(not failed and reading.reference == reading.text))
