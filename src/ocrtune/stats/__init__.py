"""How sure we are: corpus figures with intervals, and paired comparisons with a verdict. Pure; numbers in, nouns out.

Everything is a ratio of two sums over samples: Σ errors / Σ total ("micro") or Σ value / Σ 1 ("macro"). Samples of one
source document share paper, fonts and difficulty, so documents (`Sample.group`), not samples, are what is resampled and
what changes places under the null hypothesis.
"""

from ocrtune.stats.corpus import MAX_SLICES, Benchmark, Rule, corpus_figure, estimate
from ocrtune.stats.discordance import Crossed, crossed, exact_binomial
from ocrtune.stats.gate import Counts, Limits, doubts
from ocrtune.stats.paired import (
    MIN_GROUPS,
    Comparison,
    Outcome,
    Pair,
    SliceComparison,
    compare,
    corrected,
    documents_needed,
    mcnemar,
    pair,
    poolable,
)
from ocrtune.stats.resampling import Plan, bootstrap, by_group, holm, sign_flip

__all__ = [
    "MAX_SLICES",
    "MIN_GROUPS",
    "Benchmark",
    "Comparison",
    "Counts",
    "Crossed",
    "Limits",
    "Outcome",
    "Pair",
    "Plan",
    "Rule",
    "SliceComparison",
    "bootstrap",
    "by_group",
    "compare",
    "corpus_figure",
    "corrected",
    "crossed",
    "documents_needed",
    "doubts",
    "estimate",
    "exact_binomial",
    "holm",
    "mcnemar",
    "pair",
    "poolable",
    "sign_flip",
]
