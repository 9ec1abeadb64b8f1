"""BLEU and METEOR of single texts: means over samples. The corpus BLEU of papers is another figure (`scoring.text`)."""

from __future__ import annotations

from ocrtune.core import Score
from ocrtune.metrics._texts import Reading, TextMetric
from ocrtune.scoring import wordnet
from ocrtune.scoring.bleu import sentence_bleu
from ocrtune.scoring.meteor import meteor
from ocrtune.scoring.pagetext import tokens


class Bleu(TextMetric):
    """Sentence BLEU-4 without smoothing, as in the page scores of OCRBench v2 and MWS: below four words about 0. Words by white
    space, by jieba where there are Chinese characters."""

    name = "bleu"
    direction = "higher"
    pool = "macro"

    def of(self, sample_id: str, reading: Reading, *, failed: bool, normalisation: str) -> Score:
        wanted, found = tokens(reading.reference, reading.text)
        value = 0.0 if failed else float(sentence_bleu(wanted, found))
        return Score(sample_id=sample_id, metric=self.name, value=value)


class Meteor(TextMetric):
    """METEOR with the same words. Its stage of English synonyms needs WordNet ($OCRTUNE_WORDNET, or Debian's wordnet-base);
    without it words and stems alone match."""

    name = "meteor"
    direction = "higher"
    pool = "macro"

    def of(self, sample_id: str, reading: Reading, *, failed: bool, normalisation: str) -> Score:
        wanted, found = tokens(reading.reference, reading.text)
        folder = wordnet.find()
        synonyms = wordnet.read(folder) if folder else None
        value = 0.0 if failed else float(meteor(wanted, found, synonyms=synonyms))
        return Score(sample_id=sample_id, metric=self.name, value=value)
