"""CDM (character detection matching): F1 of the words of two formulas that stand at the same places once TeX has set them.

Both formulas are set with each word in its own colour; words are matched by what they are, where they stand and when they
come, and matches that do not fit the common shift and scale of their neighbours are dropped. Unlike formula edit it sees
looks, not source: `\\frac{a}{b}` and `{a \\over b}` are the same. As published with UniMERNet and OmniDocBench, of November 2025.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ocrtune.scoring._cdm_typesetting import Typeset, tools, typeset
from ocrtune.scoring.assignment import assigned

PLACE, ORDER, ALIKE = 0.05, 0.15, 0.05  # what a word costs that stands elsewhere, comes later, is another way of writing it
ROUNDS, SAMPLE, FAR, TRIALS, SEED = 3, 3, 25.0, 50, 42  # pixels at 200 dpi
_SAME = {
    "\\cdot": ".", "\\mid": "|", "\\to": "\\rightarrow", "\\top": "T", "\\Tilde": "\\tilde", "\\cdots": "\\dots", "\\prime": "'",
    "\\ast": "*", "\\left<": "\\langle", "\\right>": "\\rangle",
}  # fmt: skip
_BARS = {
    "\\lVert": "\\|", "\\rVert": "\\|", "\\Vert": "\\|", "\\lvert": "|", "\\rvert": "|", "\\vert": "|",
    "\\leq": "\\le", "\\geq": "\\ge",
}  # fmt: skip
NEITHER = (False, False)


class Cdm(NamedTuple):
    """`f1` is 0 where one of the two is empty or cannot be set; `unset` says which cannot: the reference, the reading."""

    f1: float
    unset: tuple[bool, bool]


def describe() -> str:
    """The programs that figures depend on. Raises ResourceError without them."""
    found = tools()
    return f"{found.version}, {found.font}"


def cdm(pairs: Sequence[tuple[str, str]]) -> list[Cdm]:
    """Of (reference, reading), LaTeX without dollars. Many at once are faster: they share runs of TeX. Raises ResourceError
    that names the tools that are missing."""
    describe()
    made = typeset(formula for pair in pairs if all(pair) for formula in pair)
    return [_of(made[reference], made[reading]) if reference and reading else Cdm(0.0, NEITHER) for reference, reading in pairs]


def bare(formula: str) -> str:
    """Without the fence of a code block, and without dollars around it."""
    inside = formula.split("```latex")[-1].split("```")[0]
    return inside.strip("$").strip().strip("$").strip()


def _of(reference: Typeset | None, reading: Typeset | None) -> Cdm:
    unset = (not (reference and reference.words), not (reading and reading.words))
    if reference is None or reading is None or any(unset):
        return Cdm(0.0, unset)
    right = _matched(reference, reading)
    return Cdm(round(2 * right / (len(reference.words) + len(reading.words)), 3), unset)


def _matched(reference: Typeset, reading: Typeset) -> int:
    """How many words of the two stand for each other."""
    words = _word_costs(reference.words, reading.words)
    places = [np.array(side.boxes) / np.array(side.size * 2) for side in (reference, reading)]
    orders = [np.arange(len(side.words))[:, None] / len(side.words) for side in (reference, reading)]
    pairs = assigned(words + PLACE * _apart(*places) + ORDER * _apart(*orders))
    ends = [np.array(side.boxes)[[pair[at] for pair in pairs]] for at, side in enumerate((reference, reading))]
    centres = [(end[:, [1, 0]] + end[:, [3, 2]]) / 2 for end in ends]
    kept = _consistent(*centres)
    return sum(bool(keep and words[pair] < 1) for keep, pair in zip(kept, pairs, strict=True))


def _apart(left: Any, right: Any) -> Any:
    return np.abs(left[:, None, :] - right[None, :, :]).sum(axis=2) / left.shape[1]


def _word_costs(wanted: Sequence[str], found: Sequence[str]) -> Any:
    exact = np.array(wanted)[:, None] == np.array(found)[None, :]
    alike = np.array([*map(_same_word, wanted)])[:, None] == np.array([*map(_same_word, found)])[None, :]
    return np.where(exact, 0.0, np.where(alike, ALIKE, 1.0))


def _same_word(word: str) -> str:
    """One way of writing what looks alike; upstream's, so that "\\leftarrow" is an "arrow"."""
    word = _SAME.get(word, word)
    if word.startswith(("\\left", "\\right")):
        word = word.replace("\\left", "").replace("\\right", "")
    if word.startswith(("\\big", "\\Big")):
        word = "\\" + word[4:].split("\\")[-1] if "\\" in word[4:] else word[-1]
    if word in _BARS:
        return _BARS[word]
    for arrow in ("rightarrow", "leftarrow"):
        if word.endswith(arrow):
            return "\\" + arrow
    if word.startswith("\\wide"):
        return word.replace("wide", "")
    return word.replace("\\var", "") if word.startswith("\\var") else word


def _consistent(source: Any, target: Any) -> Any:
    """Which pairs of points fit a shift and scale that most of them share, then one that most of the rest share, and so on."""
    if len(source) <= SAMPLE:
        return np.ones(len(source), dtype=bool)
    kept = np.zeros(len(source), dtype=bool)
    for _ in range(ROUNDS):
        rest = np.flatnonzero(~kept)
        if len(rest) <= SAMPLE:
            break
        inliers = _ransac(source[rest], target[rest])
        if not inliers.any():
            break
        kept[rest[inliers]] = True
    return kept


def _ransac(source: Any, target: Any) -> Any:
    """The largest set of pairs that fit what a sample of them says, with the seed and the stopping rule of scikit-image."""
    random = np.random.default_rng(SEED)
    count, trials, tried = len(source), float(TRIALS), 0
    best, most, least = np.zeros(count, dtype=bool), 0, np.inf
    sample = random.choice(count, SAMPLE, replace=False)
    while tried < trials:
        tried += 1
        residuals = _residuals(source, target, sample)
        sample = random.choice(count, SAMPLE, replace=False)
        inliers = residuals < FAR
        number, total = int(np.count_nonzero(inliers)), float(residuals.dot(residuals))
        if number > most or (number == most and total < least):
            best, most, least = inliers, number, total
            trials = min(trials, _trials(number, count))
            if total <= 0:
                break
    return best


def _residuals(source: Any, target: Any, sample: Any) -> Any:
    """How far each point is from where the sample's scale, about the centre of all, and shift put it."""
    some, others = source[sample], target[sample]
    middle, other = some.mean(axis=0), others.mean(axis=0)
    spread = np.linalg.norm(others - other, axis=1).mean() / (np.linalg.norm(some - middle, axis=1).mean() + 1e-10)
    centre = source.mean(axis=0)
    return np.linalg.norm(spread * (source - centre) + centre + (other - middle) - target, axis=1)


def _trials(inliers: int, count: int) -> float:
    """So many samples find one without an outlier, almost surely."""
    if not inliers:
        return np.inf
    tiny = float(np.spacing(1))
    return float(np.ceil(np.log(tiny) / np.log(max(tiny, 1 - (inliers / count) ** SAMPLE))))
