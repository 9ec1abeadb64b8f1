"""Right and wrong on both sides: the 2 × 2 table of two models on the same samples, with McNemar's exact test.

Source: McNemar (1947); the exact form is the two-sided sign test of the discordant samples, Binomial(b + c, ½).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import NormalDist

from ocrtune.core import Noun

Z = NormalDist().inv_cdf(0.975)


class Crossed(Noun):
    """How often both were right, only one of them, and neither. `p_value` is exact and two-sided; it takes samples for
    independent, which those of one document are not: `clustered` says that some share a document. `odds` is only_tuned /
    only_base with its 95 % interval (Wilson's, of the share, carried over), None where nothing was lost."""

    both: int
    only_base: int
    only_tuned: int
    neither: int
    p_value: float
    odds: float | None = None
    odds_low: float | None = None
    odds_high: float | None = None
    clustered: bool = False

    def lines(self) -> list[str]:
        """The table as text."""
        right, wrong = self.both + self.only_tuned, self.only_base + self.neither
        all_of = right + wrong
        rows = [
            f"{'':<18}{'tuned right':>13}{'tuned wrong':>13}{'':>8}",
            f"{'base right':<18}{self.both:>13}{self.only_base:>13}{self.both + self.only_base:>8}",
            f"{'base wrong':<18}{self.only_tuned:>13}{self.neither:>13}{self.only_tuned + self.neither:>8}",
            f"{'':<18}{right:>13}{wrong:>13}{all_of:>8}",
            f"won {self.only_tuned}, lost {self.only_base}: McNemar exact p = {self.p_value:.4g}{self._odds()}",
        ]
        if self.clustered:
            rows.append("samples of one document are not independent: the verdict exchanges whole documents")
        return [row.rstrip() for row in rows]

    def _odds(self) -> str:
        if self.odds is None or self.odds_low is None or self.odds_high is None:
            return ""
        return f", odds {self.odds:.2f} (95 % interval {self.odds_low:.2f} to {self.odds_high:.2f})"


def crossed(results: Iterable[tuple[bool, bool]], *, clustered: bool = False) -> Crossed:
    """The table of (base right, tuned right) for each sample."""
    cells = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for base, tuned in results:
        cells[base, tuned] += 1
    lost, won = cells[True, False], cells[False, True]
    low, high = _wilson(won, won + lost)
    return Crossed(
        both=cells[True, True],
        only_base=lost,
        only_tuned=won,
        neither=cells[False, False],
        p_value=exact_binomial(won, lost),
        odds=won / lost if lost else None,
        odds_low=low / (1 - low) if lost else None,
        odds_high=high / (1 - high) if lost else None,
        clustered=clustered,
    )


def exact_binomial(won: int, lost: int) -> float:
    """Two-sided p-value of so uneven a split of fair coin tosses."""
    count, rarer = won + lost, min(won, lost)
    term = tail = 1
    for k in range(1, rarer + 1):
        term = term * (count - k + 1) // k
        tail += term
    return min(1.0, 2 * tail / int(2**count))


def _wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share; 0 to 1 of nothing."""
    if not count:
        return 0.0, 1.0
    share, weight = hits / count, Z**2 / count
    middle = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(share * (1 - share) / count + weight / (4 * count))
    return max(middle - half, 0.0), min(middle + half, 1.0 - 1e-12)
