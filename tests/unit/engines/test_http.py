"""The http engine against a real server in this process, which misbehaves in every way servers do."""

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from ocrtune import inference
from ocrtune.config import Section
from ocrtune.contracts import Engine
from ocrtune.core import Answer, ImageRef, Prompt, Sample
from ocrtune.dialects.plain import Plain
from ocrtune.engines import openai
from ocrtune.engines._meeting import normalise_url
from ocrtune.engines.http import Http
from ocrtune.errors import ConfigError, EngineError
from ocrtune.inference import predict
from ocrtune.options import EngineOptions
from ocrtune.runs import RunDir
from ocrtune.testing import EngineContract


class Server(ThreadingHTTPServer):
    """Answers a chat completion by the behaviour that the prompt's text names."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.models: list[str] | None = ["reader-1"]
        self.busy = self.busiest = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the game."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None: ...

    def say(self, status: int, body: object, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        if self.path == "/version":
            self.say(200, {"version": "9.9"})
        elif self.server.models is None:
            self.say(500, {"error": {"message": "CacheNotFound"}})
        else:
            self.say(200, {"object": "list", "data": [{"id": name} for name in self.server.models]})

    def do_POST(self) -> None:
        server = self.server
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.busy += 1
            server.busiest = max(server.busiest, server.busy)
            server.requests.append(request)
            server.headers.append(dict(self.headers))
            server.times.append(time.monotonic())
        try:
            texts = [part["text"] for part in request["messages"][0]["content"] if part["type"] == "text"]
            behaviour, _, argument = (texts[0] if texts else "").partition("=")
            getattr(self, f"do_{behaviour}", self.do_ok)(argument)
        finally:
            with server.lock:
                server.busy -= 1

    def events(self, *chunks: object) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        for chunk in chunks:
            data = chunk if isinstance(chunk, str) else json.dumps(chunk, ensure_ascii=False)
            self.wfile.write(f"data: {data}\n\n".encode())
            self.wfile.flush()
        self.close_connection = True

    @staticmethod
    def piece(text: str | None, finish: str | None = None) -> dict:
        return {"choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}]}

    def do_ok(self, _: str) -> None:
        usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}}
        self.events(self.piece("Привет, "), self.piece("мир"), self.piece(None, "stop"), usage, "[DONE]")

    def do_slow(self, seconds: str) -> None:
        time.sleep(float(seconds))
        self.do_ok("")

    def do_trickle(self, _: str) -> None:
        for _ in range(200):
            time.sleep(0.05)
            self.events(self.piece("x"))

    def do_cut(self, _: str) -> None:
        self.events(self.piece("half an ans"))

    def do_hangup(self, _: str) -> None:
        self.close_connection = True

    def do_garbage(self, _: str) -> None:
        self.events(self.piece("good"), '{"choices": [{"delta"')

    def do_strange(self, _: str) -> None:
        self.events('{"choices": [null, 3]}', "[DONE]")

    def do_html(self, _: str) -> None:
        self.say(200, b"<html>Welcome to nginx</html>", Content_Type="text/html")

    def do_whole(self, _: str) -> None:
        self.say(200, {"choices": [{"message": {"content": "not streamed"}, "finish_reason": "length"}], "usage": None})

    def do_nothing(self, _: str) -> None:
        self.say(200, {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]})

    def do_status(self, status: str) -> None:
        self.say(
            int(status), {"error": {"message": f"told to; you sent {self.headers.get('Authorization')}", "code": int(status)}}
        )

    def do_flaky(self, status: str) -> None:
        first = sum(1 for r in self.server.requests if f"flaky={status}" in json.dumps(r)) == 1
        self.do_status(status) if first else self.do_ok("")

    def do_wait(self, header: str) -> None:
        if len(self.server.requests) == 1:
            self.say(429, {"detail": "slow down"}, Retry_After=header)
        else:
            self.do_ok("")

    def do_event_error(self, code: str) -> None:
        self.events(self.piece("some"), {"error": {"message": "engine fell over", "code": int(code)}}, "[DONE]")

    def do_forever(self, _: str) -> None:
        self.events(*(self.piece("<td></td>\n") for _ in range(20_000)))

    def do_flood(self, status: str) -> None:
        self.say(int(status), b"x" * 50_000)

    def do_event_flood(self, _: str) -> None:
        self.events("x" * 50_000)

    def do_length(self, _: str) -> None:
        self.events(self.piece("cut at the limit", "length"), "[DONE]")

    def do_repetition(self, _: str) -> None:
        self.events(self.piece("again again"), self.piece("", "repetition"), "[DONE]")

    def do_parts(self, _: str) -> None:
        parts = [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]
        self.say(200, {"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]})

    def do_abort(self, _: str) -> None:
        self.events(self.piece("half"), self.piece("", "abort"), "[DONE]")

    def do_crowded(self, _: str) -> None:
        self.say(400, {"error": {"message": "This model's maximum context length is 4096 tokens", "code": 400}})

    def do_filter(self, _: str) -> None:
        self.events(self.piece("", "content_filter"), "[DONE]")

    def do_unicode(self, _: str) -> None:
        self.events(self.piece("a\u2028b\x85c\u000bd\U0001f600"), self.piece("", "stop"), "[DONE]")

    def do_unfinished(self, _: str) -> None:
        self.events(self.piece("done without a reason"), "[DONE]")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.new("RGB", (40, 20), "white").save(tmp_path / "x.png")
    return tmp_path / "x.png"


class TestContract(EngineContract):
    @pytest.fixture
    def engine(self, server: Server) -> Engine:
        return Http(EngineOptions(base_url=server.url))


def ask(server: Server, picture: Path, *texts: str, **options: object) -> list[Answer]:
    """Answers in the order of the texts."""
    engine = Http(EngineOptions(base_url=server.url, **options))
    engine.open()
    try:
        images = (ImageRef(path=str(picture)),)
        prompts = (Prompt(sample_id=str(i), images=images, text=t, max_tokens=99) for i, t in enumerate(texts))
        return sorted(engine.stream(prompts), key=lambda a: int(a.sample_id))
    finally:
        engine.close()


def test_a_streamed_answer_comes_whole_with_its_usage(server: Server, picture: Path) -> None:
    (answer,) = ask(server, picture, "ok")
    assert (answer.text, answer.finish) == ("Привет, мир", "stop")
    assert answer.usage is not None and (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 2)
    assert answer.sees == ((40, 20),) and answer.seconds > 0


def test_the_request_holds_the_image_first_then_the_text(server: Server, picture: Path) -> None:
    ask(server, picture, "OCR:", temperature=0.5)
    request = server.requests[0]
    image, text = request["messages"][0]["content"]
    assert base64.b64decode(image["image_url"]["url"].removeprefix("data:image/png;base64,")) == picture.read_bytes()
    assert text == {"type": "text", "text": "OCR:"}
    assert (request["model"], request["max_tokens"], request["temperature"]) == ("reader-1", 99, 0.5)


@pytest.mark.parametrize(
    ("behaviour", "text", "finish"),
    [
        ("whole", "not streamed", "length"),
        ("length", "cut at the limit", "length"),
        ("unicode", "a\u2028b\x85c\x0bd\U0001f600", "stop"),
        ("unfinished", "done without a reason", "stop"),
        ("repetition", "again again", "loop"),
        ("parts", "in parts", "stop"),
    ],
)
def test_unusual_but_good_replies_are_read(server: Server, picture: Path, behaviour: str, text: str, finish: str) -> None:
    (answer,) = ask(server, picture, behaviour)
    assert (answer.text, answer.finish) == (text, finish)


@pytest.mark.parametrize(
    ("behaviour", "kind", "retryable"),
    [
        ("cut", "cut off", True),
        ("hangup", "connection", True),
        ("garbage", "bad reply", True),
        ("strange", "bad reply", True),
        ("html", "bad reply", True),
        ("nothing", "bad reply", True),
        ("event_error=500", "server error", True),
        ("event_error=400", "server error", False),
        ("filter", "content filter", False),
        ("abort", "server error", True),
        ("status=400", "http 400", False),
        ("status=404", "http 404", False),
        ("status=413", "http 413", False),
        ("status=408", "http 408", True),
        ("status=409", "http 409", True),
        ("status=500", "http 500", True),
        ("status=502", "http 502", True),
    ],
)
def test_failures_are_data_with_a_kind(server: Server, picture: Path, behaviour: str, kind: str, retryable: bool) -> None:
    bad, good = ask(server, picture, behaviour, "ok")
    assert bad.error is not None and bad.text is None
    assert (bad.error.kind, bad.error.retryable) == (kind, retryable)
    assert bad.error.message and good.text == "Привет, мир"


@pytest.mark.parametrize("behaviour", ["slow=3", "trickle"])
def test_a_request_ends_after_its_timeout_even_while_it_trickles(server: Server, picture: Path, behaviour: str) -> None:
    begun = time.monotonic()
    (answer,) = ask(server, picture, behaviour, timeout=0.3)
    assert answer.error is not None and (answer.error.kind, answer.error.retryable) == ("timeout", True)
    assert time.monotonic() - begun < 2


def test_an_answer_that_runs_in_circles_is_cut_off_and_kept(server: Server, picture: Path) -> None:
    (answer,) = ask(server, picture, "forever")
    assert answer.finish == "loop" and answer.text is not None
    assert answer.text == "<td></td>\n" * (len(answer.text) // 10) and 300 <= len(answer.text) < 2000


def test_requests_in_flight_are_bounded(server: Server, picture: Path) -> None:
    answers = ask(server, picture, *["slow=0.1"] * 12, concurrency=3)
    assert server.busiest == 3 and all(a.text for a in answers)


@pytest.mark.parametrize("wait", ["0.5", "date"])
def test_one_429_holds_back_all_requests_for_as_long_as_it_says(server: Server, picture: Path, wait: str) -> None:
    header = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True) if wait == "date" else wait
    answers = ask(server, picture, *[f"wait={header}"] * 3, concurrency=1)  # the first to come is refused
    (error,) = [a.error for a in answers if a.error is not None]
    assert error.retryable and error.kind == "http 429" and error.message == "slow down"
    assert error.retry_after is not None and 0.4 < error.retry_after <= 2
    assert server.times[1] - server.times[0] > 0.4
    assert [a.text for a in answers if a.error is None] == ["Привет, мир"] * 2


def test_a_context_that_is_too_small_is_told_with_what_to_change(server: Server, picture: Path) -> None:
    (answer,) = ask(server, picture, "crowded")
    assert answer.error is not None and "--max-model-len" in answer.error.message and "--max-tokens" in answer.error.message


def test_a_prompt_may_have_a_temperature_of_its_own(server: Server, picture: Path) -> None:
    engine = Http(EngineOptions(base_url=server.url, temperature=0.1))
    engine.open()
    images = (ImageRef(path=str(picture)),)
    list(engine.stream([Prompt(sample_id="s", images=images, text="ok", max_tokens=9, temperature=0.7)]))
    engine.close()
    assert server.requests[0]["temperature"] == 0.7


@pytest.mark.parametrize("given", [["h:1", "h:2/v1"], "h:1,h:2/v1", "h:1, h:2,h:2/v1,"])
def test_several_addresses_are_several_servers(given: object) -> None:
    engine = Http(EngineOptions.model_validate({"base_url": given}))
    assert [s.url for s in engine.servers] == ["http://h:1/v1", "http://h:2/v1"]
    with pytest.raises(ValidationError, match="API_KEY"):
        EngineOptions(base_url="https://h/v1,https://me:secret@h/v1")


def test_an_unreachable_server_is_an_engine_error_with_a_hint() -> None:
    engine = Http(EngineOptions(base_url="http://127.0.0.1:9", model="m"))
    with pytest.raises(EngineError, match="no server answers") as error:
        engine.open()
    assert error.value.hint and "--base-url" in error.value.hint
    engine.close()


def test_a_server_that_refuses_access_is_an_engine_error_that_names_the_variable(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("API_KEY", raising=False)
    monkeypatch.setattr(Handler, "do_GET", lambda self: self.say(401, {"error": "no key"}))
    with pytest.raises(EngineError, match="refuses access") as error:
        Http(EngineOptions(base_url=server.url)).open()
    assert error.value.hint and "API_KEY" in error.value.hint


@pytest.mark.parametrize(
    ("models", "message"), [(["a", "b"], "serves 2 models: a, b"), ([], "does not list"), (None, "http 500")]
)
def test_an_ambiguous_model_must_be_named(server: Server, models: list[str] | None, message: str) -> None:
    server.models = models
    with pytest.raises(EngineError, match=message) as error:
        Http(EngineOptions(base_url=server.url)).open()
    assert error.value.hint and "--model" in error.value.hint


def test_a_named_model_is_asked_for_even_where_the_list_lacks_it(server: Server, picture: Path) -> None:
    ask(server, picture, "ok", model="/path/to/checkpoint")
    assert server.requests[0]["model"] == "/path/to/checkpoint"


def test_it_describes_the_model_and_the_server_it_met(server: Server) -> None:
    engine = Http(EngineOptions(base_url=server.url, max_pixels=5000))
    engine.open()
    engine.close()
    assert engine.describe() == {
        "engine": "http",
        "model": "reader-1",
        "server": "9.9",
        "temperature": "0.0",
        "max_pixels": "5000",
        "min_pixels": "server's own",
        "api_mode": "stream",
    }


def test_the_key_comes_from_the_environment_and_stays_out_of_messages(
    server: Server, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "sk-hush")
    (answer,) = ask(server, picture, "status=500")
    assert server.headers[0]["Authorization"] == "Bearer sk-hush"
    assert answer.error is not None and "sk-hush" not in answer.error.message and "***" in answer.error.message


def test_pictures_are_resized_to_the_pixel_budget_before_they_are_sent(server: Server, tmp_path: Path) -> None:
    Image.new("RGB", (400, 300), "red").save(tmp_path / "big.png")
    (answer,) = ask(server, tmp_path / "big.png", "ok", max_pixels=10_000)
    url = server.requests[0]["messages"][0]["content"][0]["image_url"]["url"]
    sent = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    assert answer.sees == (sent.size,) and sent.width * sent.height <= 10_000
    assert abs(sent.width / sent.height - 4 / 3) < 0.02


def test_pictures_are_sent_upright_and_without_transparency(server: Server, tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (30, 10), "red").save(tmp_path / "turned.jpg", exif=turned)
    (answer,) = ask(server, tmp_path / "turned.jpg", "ok")
    url = server.requests[0]["messages"][0]["content"][0]["image_url"]["url"]
    assert url.startswith("data:image/jpeg;") and answer.sees == ((10, 30),)
    sent = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    assert sent.size == (10, 30)


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://h:8000/", "http://h:8000/v1"),
        ("http://h:8000/v1/", "http://h:8000/v1"),
        ("https://h/v1/chat/completions", "https://h/v1"),
        ("https://h/openai/v1beta", "https://h/openai/v1beta"),
        ("https://h/v1/models", "https://h/v1"),
        ("https://h/verbose", "https://h/verbose/v1"),
    ],
)
def test_addresses_are_normalised(given: str, base: str) -> None:
    assert normalise_url(given) == base


def test_a_password_in_the_address_is_refused_before_it_is_written_anywhere() -> None:
    with pytest.raises(ValidationError, match="API_KEY"):
        EngineOptions(base_url="https://me:secret@h/v1")


@pytest.mark.parametrize("behaviour", ["flood=200", "flood=500", "event_flood"])
def test_a_reply_without_end_is_not_taken_into_memory(
    server: Server, picture: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str
) -> None:
    monkeypatch.setattr(openai, "LARGEST", 10_000)
    bad, good = ask(server, picture, behaviour, "ok")
    assert bad.error is not None and bad.error.kind == "too large" and good.text == "Привет, мир"


def test_options_that_would_be_ignored_are_refused() -> None:
    with pytest.raises(ConfigError, match="language, device") as error:
        Http(EngineOptions(base_url="http://h", language="rus", device="cuda"))
    assert len(error.value.problems) == 2
    with pytest.raises(ConfigError, match="address of a server"):
        Http(EngineOptions())


def test_the_waist_and_a_shaky_server_together_lose_nothing(
    server: Server, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "FIRST_PAUSE", 0.001)
    behaviours = ["ok", "flaky=500", "cut", "status=400", "forever", "flaky=502", "ok", "garbage"]
    images = (ImageRef(path=str(picture)),)
    samples = [Sample(id=f"s{i}", group="g", images=images, question=b) for i, b in enumerate(behaviours)]
    run = RunDir.create("evaluate", Section(), root=tmp_path)
    engine = Http(EngineOptions(base_url=server.url, concurrency=4))
    engine.open()
    got = predict(samples, Plain(), engine, run, retries=2)
    engine.close()
    kinds = [p.error.kind if p.error else p.finish for p in got]
    assert kinds == ["stop", "stop", "cut off", "http 400", "loop", "stop", "stop", "bad reply"]
    assert [len(p.attempts) for p in got] == [1, 2, 3, 1, 1, 2, 1, 3]
