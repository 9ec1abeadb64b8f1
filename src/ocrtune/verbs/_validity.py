"""What must be known of replies before a figure made of them is believed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ocrtune.core import AnswersTarget, Decoded, Prediction, Sample, target_text
from ocrtune.repetition import looping
from ocrtune.stats import Counts

SHORTEST_PROMPT = 12  # characters; a shorter prompt, such as "OCR:", may well stand on a page, but seldom begins a reply
SHORTEST_START = 4
ECHO = 120  # characters of a prompt by which it is known again

Replied = tuple[Sample, Prediction, Decoded]


def count(rows: Sequence[Replied], prompt: str | None = None) -> Counts:
    """Everything the gate asks about. `prompt` is what all samples were asked with, beside their own questions."""
    return Counts(
        failed=sum(p.error is not None for _, p, _ in rows),
        truncated=sum(p.finish == "length" for _, p, _ in rows),
        empty=sum(_empty(p, d) for _, p, d in rows),
        looped=sum(p.finish == "loop" or looping(p.text or "") for _, p, _ in rows),
        duplicates=duplicates(s for s, _, _ in rows),
        echoed=sum(_echoes(s, p, prompt) for s, p, _ in rows),
        blank=sum(_empty(p, d) and _nothing_to_read(s) for s, p, d in rows),
    )


def duplicates(samples: Iterable[Sample]) -> int:
    """Samples that ask the same of the same part of the same picture as an earlier one."""
    seen = set()
    repeated = 0
    for sample in samples:
        pictures = tuple((image.sha256 or image.path, image.page) for image in sample.images)
        mark = (pictures, sample.question, sample.task, sample.box and sample.box.model_dump_json())
        repeated += mark in seen
        seen.add(mark)
    return repeated


def _empty(prediction: Prediction, decoded: Decoded) -> bool:
    """Nothing said at all: neither text nor fields nor boxes."""
    said = decoded.text.strip() or decoded.fields or any(region.box for region in decoded.regions)
    return prediction.error is None and not said


def _nothing_to_read(sample: Sample) -> bool:
    if isinstance(sample.target, AnswersTarget):
        return not all(answer.strip() for answer in sample.target.answers)
    text = target_text(sample.target) if sample.target else None
    return text is not None and not text.strip()


def _echoes(sample: Sample, prediction: Prediction, prompt: str | None) -> bool:
    if not prediction.text:
        return False
    reply = _folded(prediction.text)
    reference = _folded(target_text(sample.target) or "" if sample.target else "")
    asked = (_folded(text)[:ECHO] for text in (prompt, sample.question) if text)
    return any(_repeated(text, reply) and text not in reference for text in asked)


def _repeated(prompt: str, reply: str) -> bool:
    return prompt in reply if len(prompt) >= SHORTEST_PROMPT else len(prompt) >= SHORTEST_START and reply.startswith(prompt)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
