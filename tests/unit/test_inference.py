"""The waist: nothing lost, nothing asked twice, nothing turned into an empty string."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrtune import inference
from ocrtune.config import Section
from ocrtune.core import Answer, Failure, ImageRef, Prediction, Prompt, Sample, Size
from ocrtune.dialects.plain import Plain
from ocrtune.engines.echo import Echo
from ocrtune.errors import EngineError, InputError, ResourceError
from ocrtune.inference import predict, read_predictions
from ocrtune.options import EngineOptions
from ocrtune.runs import RunDir


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create("evaluate", Section(), root=tmp_path)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "FIRST_PAUSE", 0.001)


def make_samples(n: int) -> list[Sample]:
    return [Sample(id=f"s{i}", group="g", images=(ImageRef(path="x.png"),)) for i in range(n)]


def echo(n: int, faults: str = "") -> Echo:
    engine = Echo(EngineOptions(model=f"table:{faults}"), {f"s{i}": f"text {i}" for i in range(n)})
    engine.open()
    return engine


def events(run: RunDir, kind: str) -> list[dict[str, object]]:
    lines = (run.path / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


class Scripted:
    """A real engine whose `stream` is the function it is given."""

    name = "scripted"

    def __init__(self, stream) -> None:
        self.stream = stream

    def describe(self) -> dict[str, str]:
        return {}

    def open(self) -> None: ...

    def close(self) -> None: ...

    def sees(self, size: Size) -> Size | None:
        return size


def answer(prompt: Prompt, text: str = "ok") -> Answer:
    return Answer(sample_id=prompt.sample_id, text=text)


def failed(prompt: Prompt, kind: str = "down", **more: object) -> Answer:
    error = Failure(kind=kind, message="m", **{"retryable": True, **more})
    return Answer(sample_id=prompt.sample_id, finish="error", error=error)


def test_predictions_come_in_sample_order_whatever_the_order_of_answers(run: RunDir) -> None:
    def backwards(prompts: Iterable[Prompt]) -> Iterator[Answer]:
        yield from [answer(p, p.sample_id) for p in prompts][::-1]

    got = predict(make_samples(7), Plain(), Scripted(backwards), run)
    assert [p.sample_id for p in got] == [p.text for p in got] == [f"s{i}" for i in range(7)]


def test_prompts_are_built_only_when_the_engine_takes_them(run: RunDir) -> None:
    built: list[str] = []

    class Noting(Plain):
        def ask(self, sample: Sample, *, sees: Size | None = None) -> str:
            built.append(sample.id)
            return super().ask(sample, sees=sees)

    def one_at_a_time(prompts: Iterable[Prompt]) -> Iterator[Answer]:
        for taken, prompt in enumerate(prompts, 1):
            assert len(built) == taken
            yield answer(prompt)

    assert all(p.text == "ok" for p in predict(make_samples(5), Noting(), Scripted(one_at_a_time), run))


def test_retryable_failures_are_asked_again_and_every_attempt_is_kept(run: RunDir) -> None:
    got = predict(make_samples(6), Plain(), echo(6, ";fail=3"), run)
    assert [p.text for p in got] == [f"text {i}" for i in range(6)]
    assert [len(p.attempts) for p in got] == [1, 1, 2, 1, 1, 2]
    assert got[2].attempts[0].error is not None and got[2].attempts[1].finish == "stop"
    assert len(events(run, "attempt")) == 8
    assert len((run.path / "predictions.jsonl").read_text().splitlines()) == 6


def test_failures_for_good_are_asked_once_and_are_no_empty_text(run: RunDir) -> None:
    got = predict(make_samples(4), Plain(), echo(4, ";broken=2"), run)
    assert [(p.text, p.error is None) for p in got] == [("text 0", True), (None, False), ("text 2", True), (None, False)]
    assert len(got[1].attempts) == 1


def test_a_second_call_asks_only_for_what_is_missing_or_may_be_helped(run: RunDir) -> None:
    def shaky(prompts: Iterable[Prompt]) -> Iterator[Answer]:
        for p in prompts:
            yield failed(p) if p.sample_id == "s1" else failed(p, retryable=False) if p.sample_id == "s2" else answer(p)

    predict(make_samples(4), Plain(), Scripted(shaky), run, retries=1)
    asked: list[str] = []

    def healthy(prompts: Iterable[Prompt]) -> Iterator[Answer]:
        for p in prompts:
            asked.append(p.sample_id)
            yield answer(p, "now")

    got = predict(make_samples(5), Plain(), Scripted(healthy), run)
    assert asked == ["s1", "s4"]
    assert [p.text for p in got] == ["ok", "now", None, "ok", "now"]
    assert len(got[1].attempts) == 3, "two of the first call, one of the second"
    assert read_predictions(run.path / "predictions.jsonl")["s1"].text == "now"


def test_a_line_that_a_kill_cut_short_is_asked_again(run: RunDir) -> None:
    predict(make_samples(2), Plain(), echo(2), run)
    file = run.path / "predictions.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    got = predict(make_samples(2), Plain(), echo(2), run)
    assert [p.text for p in got] == ["text 0", "text 1"]


@pytest.mark.parametrize("stop_at", [0, 1, 3])
def test_an_engine_that_stops_early_is_asked_for_the_rest(run: RunDir, stop_at: int) -> None:
    def lazybones(prompts: Iterable[Prompt]) -> Iterator[Answer]:
        for n, p in enumerate(prompts):
            if n == stop_at:
                return
            yield answer(p)

    if stop_at == 0:
        with pytest.raises(EngineError, match="not one of 4"):
            predict(make_samples(4), Plain(), Scripted(lazybones), run)
        return
    got = predict(make_samples(4), Plain(), Scripted(lazybones), run, retries=4)
    assert [p.text for p in got] == ["ok"] * 4
    assert any(a.error and a.error.kind == "no answer" for p in got for a in p.attempts)


def test_an_engine_that_never_takes_a_prompt_is_an_engine_error_with_all_samples_recorded(run: RunDir) -> None:
    with pytest.raises(EngineError, match="not asked"):
        predict(make_samples(3), Plain(), Scripted(lambda prompts: iter(())), run, retries=0)
    assert {p.error.kind for p in run.read("predictions.jsonl", Prediction) if p.error} == {"not asked"}


def test_answers_nobody_asked_for_are_noted_and_not_used(run: RunDir) -> None:
    def confused(prompts: Iterable[Prompt]) -> Iterator[Answer]:
        for p in prompts:
            yield Answer(sample_id="who?", text="stray")
            yield answer(p)
            yield answer(p, "second answer to one question")

    got = predict(make_samples(2), Plain(), Scripted(confused), run)
    assert [p.text for p in got] == ["ok", "ok"]
    assert len(events(run, "answer nobody asked for")) == 4


def test_one_sample_that_crashes_the_engine_loses_only_itself(run: RunDir) -> None:
    def fragile(prompts: Iterable[Prompt]) -> Iterator[Answer]:
        batch: list[Prompt] = []
        for p in prompts:
            batch.append(p)
            if len(batch) == 4 or p.sample_id == "s9":
                if any(q.sample_id == "s5" for q in batch):
                    raise ZeroDivisionError("division by s5")
                yield from map(answer, batch)
                batch = []
        if any(q.sample_id == "s5" for q in batch):
            raise ZeroDivisionError("division by s5")
        yield from map(answer, batch)

    got = predict(make_samples(10), Plain(), Scripted(fragile), run)
    assert [p.sample_id for p in got if p.error] == ["s5"]
    assert got[5].error is not None and got[5].error.kind == "crash" and "division by s5" in got[5].error.message


def test_an_engine_that_cannot_go_on_keeps_what_was_done(run: RunDir) -> None:
    def out_of_memory(prompts: Iterable[Prompt]) -> Iterator[Answer]:
        for n, p in enumerate(prompts):
            if n == 2:
                raise ResourceError("device memory ran out")
            yield answer(p)

    with pytest.raises(ResourceError):
        predict(make_samples(5), Plain(), Scripted(out_of_memory), run)
    assert list(read_predictions(run.path / "predictions.jsonl")) == ["s0", "s1"]


def test_ctrl_c_closes_the_engine_and_keeps_what_was_done(run: RunDir) -> None:
    closed = []

    def interrupted(prompts: Iterable[Prompt]) -> Iterator[Answer]:
        try:
            for n, p in enumerate(prompts):
                if n == 3:
                    raise KeyboardInterrupt
                yield answer(p)
        finally:
            closed.append(True)

    with pytest.raises(KeyboardInterrupt):
        predict(make_samples(5), Plain(), Scripted(interrupted), run)
    assert closed and list(read_predictions(run.path / "predictions.jsonl")) == ["s0", "s1", "s2"]


def test_a_server_that_is_gone_is_not_asked_about_every_sample(run: RunDir) -> None:
    asked: list[str] = []

    def dies(prompts: Iterable[Prompt]) -> Iterator[Answer]:
        for p in prompts:
            asked.append(p.sample_id)
            yield answer(p) if p.sample_id == "s0" else failed(p)

    got = predict(make_samples(200), Plain(), Scripted(dies), run, retries=1)
    assert len(asked) == 1 + 2 * inference.STRIKES
    assert {p.error.kind for p in got if p.error} == {"down", "not asked"}
    assert got[0].text == "ok" and len(got) == 200


def test_nothing_but_retryable_failures_is_an_engine_error(run: RunDir) -> None:
    with pytest.raises(EngineError, match="not one of 3 samples"):
        predict(make_samples(3), Plain(), Scripted(lambda prompts: map(failed, prompts)), run)


def test_the_wait_a_server_asks_for_is_honoured_and_bounded(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(inference.time, "sleep", slept.append)
    seen: set[str] = set()

    def polite(prompts: Iterable[Prompt]) -> Iterator[Answer]:
        for p in prompts:
            yield answer(p) if p.sample_id in seen else failed(p, retry_after=7.0 if p.sample_id == "s0" else 3600.0)
            seen.add(p.sample_id)

    predict(make_samples(1), Plain(), Scripted(polite), run)
    predict(make_samples(2), Plain(), Scripted(polite), run)
    assert slept == [7.0, inference.LONGEST_PAUSE]


def test_pauses_grow_and_stay_bounded(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(inference.time, "sleep", slept.append)
    monkeypatch.setattr(inference, "FIRST_PAUSE", 1.0)
    with pytest.raises(EngineError):
        predict(make_samples(1), Plain(), Scripted(lambda prompts: map(failed, prompts)), run, retries=9)
    assert len(slept) == 9 and max(slept) <= inference.LONGEST_PAUSE
    assert all(2**n * 0.5 <= pause <= 2**n for n, pause in enumerate(slept[:6]))


def test_repeated_sample_ids_are_refused(run: RunDir) -> None:
    with pytest.raises(InputError, match="2 samples are called 's0'"):
        predict([*make_samples(2), *make_samples(1)], Plain(), echo(2), run)


def test_a_sample_whose_prompt_cannot_be_made_fails_alone(run: RunDir) -> None:
    class Picky(Plain):
        def ask(self, sample: Sample, *, sees: Size | None = None) -> str:
            if sample.id == "s1":
                raise InputError("no question")
            return super().ask(sample, sees=sees)

    got = predict(make_samples(3), Picky(), echo(3), run)
    assert [p.error.kind if p.error else p.text for p in got] == ["text 0", "no prompt", "text 2"]


@settings(max_examples=30)
@given(st.text(st.characters(), max_size=8).map(lambda t: t + "\ud800"))
def test_halves_of_surrogate_pairs_do_not_break_the_file(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    run = RunDir.create("evaluate", Section(), root=tmp_path_factory.mktemp("run"))
    got = predict(make_samples(1), Plain(), Scripted(lambda prompts: (answer(p, text) for p in prompts)), run)
    assert got[0].text is not None and got[0].text.endswith("�")
    assert run.read("predictions.jsonl", Prediction) == got


def test_a_split_surrogate_pair_becomes_its_character(run: RunDir) -> None:
    got = predict(make_samples(1), Plain(), Scripted(lambda prompts: (answer(p, "a\ud83d\ude00b") for p in prompts)), run)
    assert got[0].text == "a\U0001f600b"


def test_runaway_answers_are_marked_and_kept(run: RunDir) -> None:
    text = "Total: 1\n" + "<td></td>" * 80
    got = predict(make_samples(1), Plain(), Scripted(lambda prompts: (answer(p, text) for p in prompts)), run)
    assert got[0].finish == "loop" and got[0].text == text


def test_an_empty_answer_is_an_answer(run: RunDir) -> None:
    got = predict(make_samples(1), Plain(), Scripted(lambda prompts: (answer(p, "") for p in prompts)), run)
    assert (got[0].text, got[0].error, got[0].finish) == ("", None, "stop")


def test_no_samples_no_questions(run: RunDir) -> None:
    assert predict([], Plain(), echo(0), run) == []
