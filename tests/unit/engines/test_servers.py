"""The http engine against server processes that fail: pages arrive or are marked, none twice, attempts are bounded."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ocrtune import inference
from ocrtune.config import Section
from ocrtune.core import Answer, ImageRef, Prompt, Sample
from ocrtune.dialects.plain import Plain
from ocrtune.engines import _servers
from ocrtune.engines.http import LATER, Http
from ocrtune.errors import EngineError
from ocrtune.inference import predict
from ocrtune.options import EngineOptions
from ocrtune.runs import RunDir
from ocrtune.testing.server import Behaviour, Fault, Served

FAULTS: dict[Fault, float] = {"drop": 0.06, "stall": 0.03, "500": 0.06, "429": 0.05, "truncate": 0.05, "loop": 0.05}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(_servers, "REST", 0.2)


@pytest.fixture
def pages(tmp_path: Path) -> list[ImageRef]:
    """All different: the server tells them apart by what it gets."""
    refs = []
    for number in range(60):
        Image.new("RGB", (40 + number, 30), "white").save(tmp_path / f"{number}.png")
        refs.append(ImageRef(path=str(tmp_path / f"{number}.png"), width=40 + number, height=30))
    return refs


def prompts(pages: list[ImageRef], **more: object) -> Iterator[Prompt]:
    for number, page in enumerate(pages):
        yield Prompt(**{"sample_id": str(number), "images": (page,), "text": "OCR:", "max_tokens": 99, **more})  # type: ignore[arg-type]


def ask(pages: list[ImageRef], *servers: Served, **options: object) -> list[Answer]:
    engine = Http(EngineOptions.model_validate({"base_url": [server.url for server in servers], **options}))
    engine.open()
    try:
        return list(engine.stream(prompts(pages)))
    finally:
        engine.close()


def test_with_faults_in_30_percent_of_requests_every_page_arrives_or_is_marked(pages: list[ImageRef], tmp_path: Path) -> None:
    samples = [Sample(id=f"s{i}", group="g", images=(page,)) for i, page in enumerate(pages)]
    run = RunDir.create("evaluate", Section(), root=tmp_path / "runs")
    with Served(Behaviour(seconds=0.02, faults=FAULTS)) as server:
        engine = Http(EngineOptions(base_url=server.url, concurrency=16, timeout=1.0))
        engine.open()
        got = predict(samples, Plain(), engine, run, retries=2)
        engine.close()
        seen = server.stats()
    assert [p.sample_id for p in got] == [sample.id for sample in samples]
    lines = [json.loads(line)["sample_id"] for line in (run.path / "predictions.jsonl").read_text().splitlines()]
    assert sorted(lines) == sorted(sample.id for sample in samples)
    assert len(seen["faults"]) == len(FAULTS) and sum(seen["faults"].values()) > 10
    assert all(p.text == server.behaviour.reply or p.finish == "loop" or p.error for p in got)
    assert sum(p.finish == "stop" for p in got) > 45
    assert all(1 <= len(p.attempts) <= 3 for p in got) and max(seen["asked"]) <= 3 * (1 + LATER)
    attempts = sum(len(p.attempts) for p in got)
    assert attempts <= seen["requests"] <= attempts + seen["faults"]["429"]


def test_when_one_of_two_servers_dies_the_other_reads_every_page(pages: list[ImageRef], caplog: pytest.LogCaptureFixture) -> None:
    with Served(Behaviour(seconds=0.05, dies_after=10)) as dying, Served(Behaviour(seconds=0.05)) as living:
        answers = ask(pages, dying, living, concurrency=8)
        assert Counter(a.finish for a in answers) == {"stop": len(pages)}
        assert sorted(int(a.sample_id) for a in answers) == list(range(len(pages)))
        assert living.stats()["answered"] >= len(pages) - 10 and max(living.stats()["asked"]) == 1
    assert "is gone; the other servers go on" in caplog.text


def test_a_server_that_is_not_there_at_first_gets_its_share_once_it_is(pages: list[ImageRef]) -> None:
    with Served(Behaviour()) as found:
        port = found.port
    late = Served(Behaviour(seconds=0.05), port)
    with Served(Behaviour(seconds=0.15)) as first:
        threading.Timer(0.3, late.__enter__).start()
        engine = Http(EngineOptions(base_url=f"{first.url},{late.url}", concurrency=4))
        engine.open()
        answers = list(engine.stream(prompts(pages)))
        engine.close()
        assert Counter(a.finish for a in answers) == {"stop": len(pages)}
        assert late.stats()["answered"] > 5
        late.kill()


def test_the_less_loaded_server_gets_more(pages: list[ImageRef]) -> None:
    with Served(Behaviour(seconds=0.3)) as slow, Served(Behaviour(seconds=0.03)) as quick:
        answers = ask(pages, slow, quick, concurrency=6)
        assert Counter(a.finish for a in answers) == {"stop": len(pages)}
        assert quick.stats()["answered"] > 2 * slow.stats()["answered"] > 0
        assert slow.stats()["peak"] + quick.stats()["peak"] <= 8


def test_a_server_that_fails_at_once_does_not_swallow_all_pages(pages: list[ImageRef]) -> None:
    with Served(Behaviour(faults={"500": 1.0})) as broken, Served(Behaviour(seconds=0.02)) as sound:
        answers = ask(pages, broken, sound, concurrency=4)
    assert sum(a.finish == "stop" for a in answers) > 40


def test_a_server_without_room_is_asked_less_at_a_time(pages: list[ImageRef]) -> None:
    with Served(Behaviour(seconds=0.05, places=4)) as server:
        engine = Http(EngineOptions(base_url=server.url, concurrency=32))
        engine.open()
        answers = list(engine.stream(prompts(pages)))
        limit = engine.servers[0].limit
        engine.close()
        asked = server.stats()["requests"]
    assert all(a.finish == "stop" for a in answers)  # who was refused waited for a place
    assert 2 <= limit < 12 and 28 <= asked - len(pages) <= 50


def test_a_limit_falls_once_for_requests_that_were_under_way_together_and_grows_again() -> None:
    server = _servers.Server("http://h/v1", 64)
    server.flying, begun = 64, time.monotonic()
    for _ in range(10):
        server.learn("overloaded", begun=begun, waited=0.1, timeout=60)
    assert server.limit == 32
    server.flying = 5
    server.learn("refused", begun=begun, waited=0.1, timeout=60)
    assert server.limit == 4  # the others were taken
    for _ in range(60):
        server.learn("well", begun=time.monotonic(), waited=0.1, timeout=60)
    assert 25 < server.limit < 27  # fast up to the knee, slowly beyond
    server.learn("well", begun=time.monotonic(), waited=40, timeout=60)
    assert 21 < server.limit < 23  # answers that begin late


def test_few_more_pages_are_prepared_than_are_in_flight(pages: list[ImageRef]) -> None:
    taken = 0

    def counted() -> Iterator[Prompt]:
        nonlocal taken
        for taken, prompt in enumerate(prompts(pages), 1):  # noqa: B007
            yield prompt

    with Served(Behaviour(seconds=0.3)) as server:
        engine = Http(EngineOptions(base_url=server.url, concurrency=8))
        engine.open()
        answers = engine.stream(counted())
        assert next(answers).finish == "stop"
        assert taken <= 8 + 4 + 1
        answers.close()
        engine.close()


def test_vllms_own_guard_against_loops_is_asked_for_where_it_is_known(pages: list[ImageRef]) -> None:
    refuses = {"refuses": ("repetition_detection",)}
    with Served(Behaviour(owner="vllm", version="0.17.0", **refuses)) as server:
        answers = ask(pages[:5], server, concurrency=1)
        assert all(a.finish == "stop" for a in answers)
        assert server.stats()["requests"] == 6  # refused once, left out from then on
    with Served(Behaviour(owner="vllm", version="0.16.2", **refuses)) as server:
        ask(pages[:5], server, concurrency=1)
        assert server.stats()["requests"] == 5


def test_a_model_that_the_server_does_not_have_stops_the_run_at_once(pages: list[ImageRef], tmp_path: Path) -> None:
    samples = [Sample(id=f"s{i}", group="g", images=(page,)) for i, page in enumerate(pages)]
    with Served(Behaviour()) as server:
        engine = Http(EngineOptions(base_url=server.url, model="reader-9", concurrency=4))
        engine.open()
        with pytest.raises(EngineError, match="`reader-9` does not exist") as error:
            predict(samples, Plain(), engine, RunDir.create("evaluate", Section(), root=tmp_path / "runs"))
        engine.close()
        assert server.stats()["requests"] <= 8
    assert error.value.hint and "--model" in error.value.hint


def test_a_refusal_that_a_page_may_cause_is_its_own(pages: list[ImageRef]) -> None:
    with Served(Behaviour(refuses=("temperature",))) as server:
        answers = ask(pages[:5], server)
    assert [a.error.kind for a in answers if a.error] == ["http 400"] * 5


def test_answers_that_leave_no_room_in_the_context_stop_the_run(pages: list[ImageRef]) -> None:
    with Served(Behaviour(context=64)) as server, pytest.raises(EngineError, match="64 tokens") as error:
        ask(pages, server)
    assert error.value.hint and "--max-tokens" in error.value.hint


def test_pictures_sent_as_files_are_there_while_they_are_asked_about_and_gone_at_the_end(
    pages: list[ImageRef], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "drop"))
    (tmp_path / "drop").mkdir()
    with Served(Behaviour(seconds=0.2)) as server:
        engine = Http(EngineOptions(base_url=server.url, send="file", max_pixels=900, concurrency=4))
        engine.open()
        answers = engine.stream(prompts(pages[:12]))
        first = next(answers)
        there = list((tmp_path / "drop").rglob("*.jpeg"))
        rest = list(answers)
        left = list((tmp_path / "drop").rglob("*.*"))
        engine.close()
        assert server.stats()["bytes"] < 13 * 1000
    assert all(a.finish == "stop" and a.sees and a.sees[0].width * a.sees[0].height <= 900 for a in [first, *rest])
    assert 3 <= len(there) <= 9 and not left and not list((tmp_path / "drop").iterdir())
