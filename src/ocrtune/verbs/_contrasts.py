"""Two sides put against each other: all metrics, the mistakes of both, and the pages themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from ocrtune.core import AnswersTarget, BoxesTarget, Decoded, FieldsTarget, Prediction, RegionsTarget, Sample, Score, target_text
from ocrtune.errors import ComparisonError
from ocrtune.report import ComparisonView, Outline, PageView, Published, Reading, Side
from ocrtune.scoring.normalise import normalise
from ocrtune.scoring.text import distance
from ocrtune.slicing import measured
from ocrtune.stats import Comparison, Pair, Plan, Rule, compare, corrected, pair, poolable
from ocrtune.taxonomy import Mistakes, Reply, mistakes, total
from ocrtune.verbs._sides import Result, protocol_differences, refuse_different_benchmarks, refuse_different_scorers
from ocrtune.verbs.score import attributed

NOTES = {"length": "cut off at the token limit", "loop": "fell into a loop"}


class How(NamedTuple):
    """By what the verdict goes, how much is resampled, and what else gives slices."""

    metric: str | None
    plan: Plan
    attributes: Path | None = None


class Contrast(NamedTuple):
    """Two sides with the comparison of each metric that both have, the one the verdict goes by first."""

    heading: str
    base: Result
    tuned: Result
    comparisons: list[Comparison]
    pairs: list[Pair]


def contrasts(base: Result, candidates: Mapping[str, Result], how: How) -> list[Contrast]:
    """Each candidate, by heading, against the base. p-values are corrected over all metrics of all candidates together.

    Raises ComparisonError for different benchmarks, and when a side lacks the metric that decides.
    """
    found = [_contrast(heading, base, tuned, how) for heading, tuned in candidates.items()]
    judged = iter(corrected([one for contrast in found for one in contrast.comparisons]))
    return [c._replace(comparisons=[next(judged) for _ in c.comparisons]) for c in found]


def view(contrast: Contrast) -> ComparisonView:
    """All that the report shows of a contrast."""
    base, tuned = contrast.base, contrast.tuned
    ids = [p.sample.id for p in contrast.pairs]
    said = base.decoded(ids), tuned.decoded(ids)
    each = [dict(_mistakes(contrast.pairs, side, decoded)) for side, decoded in zip((base, tuned), said, strict=True)]
    sides = [
        Side(side.name, side.estimates, side.doubts, total(own.values()), own)
        for side, own in zip((base, tuned), each, strict=True)
    ]
    pages = [_page(found, base, tuned, said) for found in contrast.pairs]
    differences = protocol_differences(base.protocol, tuned.protocol)
    first, *others = contrast.comparisons
    table = _table(base, tuned)
    return ComparisonView(contrast.heading, first, sides[0], sides[1], pages, differences, others, table)


def _table(base: Result, tuned: Result) -> list[Published]:
    """What both print; a row over no samples says nothing."""
    theirs = {row.name: row for row in tuned.table}
    return [Published(row.name, row.value, theirs[row.name].value, row.n) for row in base.table if row.n and row.name in theirs]


def _contrast(heading: str, base: Result, tuned: Result, how: How) -> Contrast:
    refuse_different_benchmarks(base, tuned)
    refuse_different_scorers(base, tuned)
    rule = _deciding(how.metric, base, tuned)
    samples = _by_answer(measured(attributed(tuned.samples, how.attributes)), base, tuned)
    pairs = pair(samples, base.scores, tuned.scores, rule.metric)
    found = [compare(pairs, rule, how.plan, unscored=len(samples) - len(pairs))]
    for other in _shared(base, tuned):
        more = pair(samples, base.scores, tuned.scores, other.metric)
        if other.metric != rule.metric and poolable(more):
            found.append(compare(more, other, how.plan, unscored=len(samples) - len(more)))
    return Contrast(heading, base, tuned, found, pairs)


def _by_answer(samples: Sequence[Sample], base: Result, tuned: Result) -> list[Sample]:
    """With a slice by who said anything, where a side was silent: a model may gain by answering more often, not better."""
    who = {(True, True): "by both", (True, False): "by the base only", (False, True): "by the tuned only"}
    said = [(_said(base, sample), _said(tuned, sample)) for sample in samples]
    if all(map(all, said)):
        return list(samples)
    named = zip(samples, (who.get(both, "by neither") for both in said), strict=True)
    return [sample.model_copy(update={"tags": {**sample.tags, "answered": by}}) for sample, by in named]


def _said(side: Result, sample: Sample) -> bool:
    return bool((side.prediction(sample.id).text or "").strip())


def _deciding(metric: str | None, base: Result, tuned: Result) -> Rule:
    """How the chosen metric is pooled, as its estimates say. Raises ComparisonError when one side lacks it."""
    name = metric or base.estimates[0].metric
    for side in (base, tuned):
        if side.estimate(name) is None:
            there = ", ".join(sorted({s.metric for s in side.scores}))
            raise ComparisonError(
                f"{side.run.path} has no {name!r}; it has {there}", hint="score both with the same metrics: `ocrtune score`"
            )
    return _rule(name, base)


def _shared(base: Result, tuned: Result) -> Iterator[Rule]:
    """The metrics that both have scores of; means of pooled metrics are the same scores once more and not compared."""
    for own in base.estimates:
        if base.estimate(own.metric) is not None and tuned.estimate(own.metric) is not None:
            yield _rule(own.metric, base)


def _rule(metric: str, side: Result) -> Rule:
    own = next(e for e in side.estimates if e.metric == metric)
    return Rule(metric, own.direction, "micro" if own.protocol.get("pool") == "micro" else "macro")


def _mistakes(pairs: Sequence[Pair], side: Result, said: Mapping[str, Decoded]) -> Iterator[tuple[str, Mistakes]]:
    pipeline = side.protocol.get("normalisation", "default")
    for found in pairs:
        prediction = side.prediction(found.sample.id)
        reading = normalise(said[found.sample.id].text, pipeline)
        references = [normalise(text, pipeline) for text in _references(found.sample)]
        if references:
            nearest = min(references, key=lambda text: distance(text, reading)) if len(references) > 1 else references[0]
            cut, looped = prediction.finish == "length", prediction.finish == "loop"
            yield found.sample.id, mistakes(Reply(nearest, reading, cut, looped, prediction.error is not None))


def _references(sample: Sample) -> tuple[str, ...]:
    if isinstance(sample.target, AnswersTarget):
        return sample.target.answers
    text = target_text(sample.target) if sample.target else None
    return () if text is None else (text,)


def _page(found: Pair, base: Result, tuned: Result, said: tuple[Mapping[str, Decoded], Mapping[str, Decoded]]) -> PageView:
    sample = found.sample
    ours, theirs = said[0][sample.id], said[1][sample.id]
    return PageView(
        sample.id,
        sample.group,
        sample.images[0].path,
        shown(sample, [ours, theirs]),
        _reading(found.base, base.prediction(sample.id), ours),
        _reading(found.tuned, tuned.prediction(sample.id), theirs),
        tuple(_outlines(sample, ours, theirs)),
    )


def shown(sample: Sample, readings: Sequence[Decoded]) -> str | None:
    """The reference that readings are held against on a page of the report: of several answers the one that a reading is nearest
    to, of objects their texts, of key information its fields; None for what is none of these, such as a whole annotation."""
    if isinstance(sample.target, BoxesTarget):
        return "\n".join(region.text for region in sample.target.boxes if region.text)
    if isinstance(sample.target, FieldsTarget):
        return _listed(sample.target.fields) if any(one.fields for one in readings) else None
    return min(_references(sample), key=lambda text: min(distance(text, one.text) for one in readings), default=None)


def _listed(fields: Mapping[str, JsonValue]) -> str:
    """As the dialect of fields puts them into lines."""
    said = {name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for name, value in fields.items()}
    return "\n".join(f"{name}: {value}" for name, value in said.items())


def _reading(score: Score, prediction: Prediction, decoded: Decoded) -> Reading:
    text = decoded.text or (_listed(decoded.fields) if decoded.fields else "")
    said = text.strip() or any(region.box for region in decoded.regions)
    note = f"failed: {prediction.error.kind}" if prediction.error else NOTES.get(prediction.finish)
    return Reading(text, score.value or 0.0, note or (None if said else "said nothing"))


def _outlines(sample: Sample, base: Decoded, tuned: Decoded) -> Iterator[Outline]:
    truth = sample.target.regions if isinstance(sample.target, RegionsTarget) else ()
    truth = sample.target.boxes if isinstance(sample.target, BoxesTarget) else truth
    for tone, regions in (("truth", truth), ("base", base.regions), ("tuned", tuned.regions)):
        yield from (Outline(tone, region.kind, region.box) for region in regions if region.box is not None)
