"""Evaluate runs with known replies, scored by the real code, on real (small) pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

from ocrtune.config import Section
from ocrtune.core import Failure, Finish, Prediction, Sample, TextTarget
from ocrtune.imaging import image_ref
from ocrtune.plugins import DIALECTS
from ocrtune.runs import RunDir
from ocrtune.verbs.score import Scoring, record, score_predictions

Replies = Mapping[str, "str | tuple[str, Finish] | None"]


class Recorded(Section):
    """What tells these runs apart."""

    name: str
    dialect: str = "plain"


@pytest.fixture
def benchmark(tmp_path: Path) -> Callable[..., list[Sample]]:
    """`benchmark({"a": "text"}, lines=2)`: samples with these references, `lines` of them to a document."""

    def build(references: Mapping[str, str], *, lines: int = 1) -> list[Sample]:
        samples = []
        for index, (name, text) in enumerate(references.items()):
            file = tmp_path / f"{name}.png"
            Image.new("RGB", (64 + index, 24), "white").save(file)
            tags = {"language": "ru" if any("а" <= c <= "ё" for c in text.lower()) else "en"}
            samples.append(
                Sample(id=name, group=f"doc{index // lines}", images=(image_ref(file),), target=TextTarget(text=text), tags=tags)
            )
        return samples

    return build


@pytest.fixture
def evaluated(tmp_path: Path) -> Callable[..., RunDir]:
    """`evaluated("base", samples, replies, engine="echo")`: a finished evaluate run under `tmp_path/runs`; a reply is a
    text, a text with how it ended, or None for a failed request; keywords are its protocol."""

    def build(name: str, samples: list[Sample], replies: Replies, **protocol: str) -> RunDir:
        run = RunDir.create("evaluate", Recorded(name=name), root=tmp_path / "runs")
        predictions = [prediction(sample.id, replies[sample.id]) for sample in samples]
        for made in predictions:
            run.append("predictions.jsonl", made)
        scored = score_predictions(
            samples, predictions, dialect=DIALECTS.get("plain")(), scoring=Scoring(resamples=500), protocol=protocol
        )
        record(run, samples, scored)
        run.finish(
            "done", predictions="predictions.jsonl", scores="scores.jsonl", estimate="estimate.json", samples="samples.jsonl"
        )
        return run

    return build


def prediction(name: str, reply: str | tuple[str, Finish] | None) -> Prediction:
    if reply is None:
        return Prediction(sample_id=name, finish="error", error=Failure(kind="timeout", message="no answer within 120 s"))
    text, finish = reply if isinstance(reply, tuple) else (reply, "stop")
    return Prediction(sample_id=name, text=text, finish=finish)
