"""What is counted before a figure is believed, and what is said when it is too much."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ocrtune.core import Decoded, ImageRef, Prediction, Region, Sample, TextTarget
from ocrtune.plugins import DIALECTS
from ocrtune.stats import Counts, Limits, doubts
from ocrtune.verbs._validity import count
from ocrtune.verbs.score import Scoring, score_predictions, table

Build = Callable[..., list[Sample]]
PLAIN = DIALECTS.get("plain")()


def row(
    reply: str, *, text: str = "read me", image: str = "a.png", question: str | None = None
) -> tuple[Sample, Prediction, Decoded]:
    sample = Sample(id="s", group="g", images=(ImageRef(path=image),), question=question, target=TextTarget(text=text))
    return sample, Prediction(sample_id="s", text=reply), Decoded(regions=(Region(text=reply),))


def test_empty_replies_to_blank_pages_are_right() -> None:
    found = count([row("", text=" "), row("", text="something"), row("something")])
    assert (found.empty, found.blank) == (2, 1)
    assert doubts(found, 3, Limits(empty=0.3, duplicates=1)) == (
        "1 of 3 replies are empty though there is something to read (33.3%, the limit is 30%)",
    )
    assert doubts(found, 3, Limits(empty=0.34, duplicates=1)) == ()


def test_the_same_picture_is_a_duplicate_only_with_the_same_question() -> None:
    rows = [row("x"), row("x"), row("x", question="how many?"), row("x", image="b.png")]
    assert count(rows).duplicates == 1


def test_a_reply_that_repeats_its_prompt_is_counted_unless_the_page_says_so() -> None:
    prompt = "Extract the text content from this image."
    echo = "extract the text  content from this image. Invoice"
    assert count([row(echo), row("Invoice"), row(echo, text=echo)], prompt).echoed == 1
    assert count([row("OCR: Invoice"), row("Invoice OCR: 5"), row("OCR: 5", text="OCR: 6")], "OCR:").echoed == 1
    assert count([row("What is the total sum? 5", question="What is the total sum?")]).echoed == 1


def test_a_loop_is_seen_even_where_nobody_stopped_it() -> None:
    sample, prediction, decoded = row("ha " * 400)
    cut = prediction.model_copy(update={"finish": "length"})
    assert count([(sample, prediction, decoded)]).looped == 1
    found = count([(sample, cut, decoded)])
    assert (found.looped, found.truncated) == (1, 1)


def test_nothing_exceeds_the_limits_of_nothing() -> None:
    assert doubts(Counts(), 0, Limits()) == () and doubts(Counts(failed=2), 100, Limits()) == ()
    assert "3 of 100 requests failed" in doubts(Counts(failed=3), 100, Limits())[0]


def test_a_suspect_figure_says_so_first_and_keeps_the_reason(benchmark: Build) -> None:
    samples = benchmark({f"s{i}": f"строка номер {i}" for i in range(10)})
    replies = [Prediction(sample_id=s.id, text="" if i < 3 else f"строка номер {i}") for i, s in enumerate(samples)]
    made = {"dialect": PLAIN, "protocol": {}}
    found = score_predictions(samples, replies, scoring=Scoring(resamples=200), **made).estimates
    assert {e.status for e in found} == {"suspect"} and found[0].doubts[0].startswith("3 of 10 replies are empty")
    assert table(found).startswith("SUSPECT: 3 of 10 replies are empty")
    lenient = score_predictions(samples, replies, scoring=Scoring(resamples=200, limits=Limits(empty=0.3)), **made).estimates
    assert {e.status for e in lenient} == {"ok"} and lenient[0].mean == found[0].mean


def test_attributes_of_pictures_and_lengths_make_slices(benchmark: Build, tmp_path: Path) -> None:
    samples = benchmark({f"s{i}": "слово " * (1 + 30 * (i % 2)) for i in range(8)})
    rows = [{"image": f"s{i}.png", "layout": "one column" if i < 4 else "table"} for i in range(8)]
    (tmp_path / "layout.json").write_text(json.dumps(rows), "utf-8")
    replies = [Prediction(sample_id=s.id, text="слово") for s in samples]
    scoring = Scoring(resamples=200, attributes=tmp_path / "layout.json")
    found = score_predictions(samples, replies, dialect=PLAIN, scoring=scoring, protocol={}).estimates[0]
    assert [(s.tag, s.value, s.n) for s in found.slices] == [
        ("layout", "one column", 4), ("layout", "table", 4), ("length", "1–20", 4), ("length", "101–500", 4),
    ]  # fmt: skip
