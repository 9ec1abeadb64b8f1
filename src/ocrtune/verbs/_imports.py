"""Published answers as samples and predictions, so that `score` and `compare` treat them like readings of one's own."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ocrtune.contracts import Benchmark
from ocrtune.core import AnswersTarget, Failure, ImageRef, Prediction, Sample, Score, TextTarget
from ocrtune.errors import InputError
from ocrtune.imaging import image_ref
from ocrtune.imports import Imported, Reply, read_answers
from ocrtune.inference import PREDICTIONS
from ocrtune.runs import RunDir

ROWS = "rows.jsonl"  # the published columns, as far as the answers have them, in a form that benchmarks load
SAME = 1e-6  # scores that differ by less are the same, written with other digits
NAMED = 5
ALIKE = 0.9  # share of questions that must be those of the data for answers to be about it

log = logging.getLogger("ocrtune")


class Brought(NamedTuple):
    """`protocol` is what is known of how the answers were made, `given` the scores that stand in the file, by id, of `metric`."""

    samples: list[Sample]
    predictions: dict[str, Prediction]
    protocol: dict[str, str]
    metric: str | None
    given: dict[str, float]


def bring(file: Path, benchmark: Benchmark | None, known: Sequence[Sample] | None, into: RunDir) -> Brought:
    """The answers of another program's file, kept as predictions of the run `into`.

    What they are about is among `known`, the benchmark's or dataset's own data, or where that is None what the file itself says.
    Raises InputError when they do not belong together.
    """
    found = read_answers(file)
    if not found.replies:
        raise InputError(f"{file} holds no answers")
    if known is None:
        samples = _told(found.replies, file) if benchmark is None else _published(found.replies, benchmark, into)
    else:
        samples = _among(found.replies, {sample.id: sample for sample in known}, file)
    if known is None and not any(reply.named for reply in found.replies) and len({s.group for s in samples}) == len(samples):
        log.warning(
            "%s does not say which answers are about the same picture: each counts as a document of its own, and intervals are "
            "too narrow where several are; --data with the benchmark's own data tells",
            file,
        )
    predictions = [_prediction(reply) for reply in found.replies]
    into.write(PREDICTIONS, predictions)
    given = {reply.id: reply.score for reply in found.replies if reply.score is not None}
    metric = benchmark.name if benchmark else "cer" if found.kind == "gemma-ocr" else None
    return Brought(samples, {p.sample_id: p for p in predictions}, _protocol(found), metric, given)


def agreement(given: Mapping[str, float], scores: Sequence[Score]) -> str | None:
    """How the scores that stand in a published file agree with ours of the same metric; None where there are none."""
    ours = {score.sample_id: score.value for score in scores if score.sample_id in given and score.value is not None}
    others = [name for name, value in ours.items() if abs(value - given[name]) > SAME]
    if not ours:
        return None
    if not others:
        return f"the file's own scores are the same for all {len(ours)} answers"
    named = ", ".join(f"{name} ({given[name]:g}, here {ours[name]:g})" for name in others[:NAMED])
    return f"the file's own scores differ for {len(others)} of {len(ours)} answers: {named}{' …' if len(others) > NAMED else ''}"


def _protocol(found: Imported) -> dict[str, str]:
    return {"engine": found.kind, "model": found.model}


def _published(replies: Sequence[Reply], benchmark: Benchmark, into: RunDir) -> list[Sample]:
    """The benchmark reads the columns as it reads its own files; ids stay those of the answers."""
    rows = [json.dumps(_row(reply), ensure_ascii=False, default=str) for reply in replies]
    samples = benchmark.load(into.write(ROWS, "\n".join(rows) + "\n"))
    return [_named(sample, reply) for sample, reply in zip(samples, replies, strict=True)]


def _named(sample: Sample, reply: Reply) -> Sample:
    """Under the answer's id and picture. A group that is more than the picture's name (MME's pairs) stays the benchmark's."""
    plain = sample.group == Path(sample.images[0].path).name
    kept = {"id": reply.id, "images": (ImageRef(path=reply.image),), "group": reply.image if plain else sample.group}
    return sample.model_copy(update=kept)


def _row(reply: Reply) -> dict[str, object]:
    row: dict[str, object] = {**reply.fields, "image": reply.image, "question": reply.question or ""}
    if "answer" not in row and "answers" not in row:
        row["answer"] = row["answers"] = reply.answers  # benchmarks call their column by one name or the other
    return row


def _told(replies: Sequence[Reply], file: Path) -> list[Sample]:
    """Samples as far as the file describes them: its questions, answers or labels, and pictures where they are found."""
    return [_sample(reply, file.parent) for reply in replies]


def _sample(reply: Reply, folder: Path) -> Sample:
    place = folder / reply.image
    image = image_ref(place) if place.is_file() else ImageRef(path=reply.image)
    tags = {name: value for name in ("type", "question_type", "category", "dataset", "language")
            if isinstance(value := reply.fields.get(name), str) and value}  # fmt: skip
    if reply.question is None and isinstance(reply.answers, str):
        return Sample(id=reply.id, group=reply.image, images=(image,), target=TextTarget(text=reply.answers), tags=tags)
    listed = reply.answers if isinstance(reply.answers, list) else [reply.answers]
    answers = tuple(str(answer) for answer in listed if answer is not None)
    target = AnswersTarget(answers=answers or ("",))
    return Sample(
        id=reply.id, group=reply.image, images=(image,), task="answer", question=reply.question, target=target, tags=tags
    )


def _among(replies: Sequence[Reply], known: Mapping[str, Sample], file: Path) -> list[Sample]:
    """The samples that are answered, in the order of the answers."""
    if missing := [reply.id for reply in replies if reply.id not in known]:
        raise InputError(
            f"{file} answers {len(missing)} samples that the data does not have, the first is {missing[0]!r}",
            hint="give the data that the answers are about, or leave --data out",
        )
    asked = [reply for reply in replies if reply.question and known[reply.id].question]
    same = sum(_folded(reply.question) == _folded(known[reply.id].question) for reply in asked)
    if same < ALIKE * len(asked):
        raise InputError(
            f"{file} is not about this data: {len(asked) - same} of {len(asked)} questions are others",
            hint="give the data that the answers are about, or leave --data out",
        )
    return [known[reply.id] for reply in replies]


def _folded(text: str | None) -> str:
    return " ".join((text or "").split())


def _prediction(reply: Reply) -> Prediction:
    if reply.text is None:
        lost = Failure(kind="no answer", message="the published file says that the request failed")
        return Prediction(sample_id=reply.id, finish="error", error=lost)
    return Prediction(sample_id=reply.id, text=reply.text, seconds=reply.seconds)
