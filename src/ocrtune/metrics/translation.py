"""BLEU and METEOR of single texts: means over samples. The corpus BLEU of papers is another figure, and stands in the table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ocrtune.contracts import Read, Row
from ocrtune.core import Score
from ocrtune.metrics._texts import Reading, TextMetric, acceptable
from ocrtune.scoring import wordnet
from ocrtune.scoring.bleu import sentence_bleu
from ocrtune.scoring.meteor import meteor
from ocrtune.scoring.pagetext import tokens
from ocrtune.scoring.text import corpus_bleu

_HAN = re.compile("[\u4e00-\u9fff]")


class Bleu(TextMetric):
    """Sentence BLEU-4 without smoothing, as in the page scores of OCRBench v2 and MWS: below four words about 0. Words by white
    space, by jieba where there are Chinese characters. The table has sacrebleu's corpus BLEU beside it."""

    name = "bleu"
    direction = "higher"
    pool = "macro"

    def table(self, read: Sequence[Read]) -> list[Row]:
        """sacrebleu's corpus BLEU, 0 to 100, of the texts as they are; the first of several references. Its tokens are those for
        Chinese where most references have Chinese characters, else 13a."""
        texts = [(wanted[0], one) for one in read if not isinstance(wanted := acceptable(one.sample), str)]
        if not texts:
            return []
        tokenizer = "zh" if 2 * sum(bool(_HAN.search(wanted)) for wanted, _ in texts) > len(texts) else "13a"
        readings = ["" if one.prediction.error else one.decoded.text for _, one in texts]
        return [
            Row(f"bleu: sacrebleu, {tokenizer}", corpus_bleu([t for t, _ in texts], readings, tokenizer=tokenizer), len(texts))
        ]

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

    @staticmethod
    def depends() -> dict[str, str]:
        """What else its figures depend on, for the protocol."""
        return {"wordnet": "3.0" if wordnet.find() else "none"}

    def of(self, sample_id: str, reading: Reading, *, failed: bool, normalisation: str) -> Score:
        wanted, found = tokens(reading.reference, reading.text)
        folder = wordnet.find()
        synonyms = wordnet.read(folder) if folder else None
        value = 0.0 if failed else float(meteor(wanted, found, synonyms=synonyms))
        return Score(sample_id=sample_id, metric=self.name, value=value)
