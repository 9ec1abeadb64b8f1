"""One picture, three ways to ask: streamed, in one piece, and as a form to a plain OCR service."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from ocrtune.core import Answer, Prompt
from ocrtune.engines._live import Live
from ocrtune.engines.http import Http
from ocrtune.errors import ConfigError, EngineError
from ocrtune.imaging import image_ref
from ocrtune.options import EngineOptions


class Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[bytes] = []
        self.types: list[str] = []
        self.streams: list[str] = []
        self.says: tuple[int, bytes] = (200, b'{"text": "read"}')

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def log_message(self, *args: object) -> None: ...

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._say(200, json.dumps({"data": [{"id": "m"}]}).encode())
        else:
            self._say(405, b"post a picture")

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.types.append(self.headers["Content-Type"])
        if self.path == "/predict":
            self._say(*self.server.says)
        elif self.server.streams:
            events = [{"choices": [{"delta": {"content": piece}}]} for piece in self.server.streams]
            lines = [*(json.dumps(event) for event in events), "[DONE]"]
            self._say(200, "".join(f"data: {line}\n\n" for line in lines).encode(), "text/event-stream")
        else:
            message = {"choices": [{"message": {"content": "read"}, "finish_reason": "stop"}], "usage": None}
            self._say(200, json.dumps(message).encode())

    def _say(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def ask(folder: Path, options: EngineOptions, text: str = "OCR:") -> Answer:
    Image.new("RGB", (40, 20), "white").save(folder / "page.png")
    engine = Http(options)
    engine.open()
    try:
        prompt = Prompt(sample_id="s", images=(image_ref(folder / "page.png"),), text=text, max_tokens=8)
        return next(iter(engine.stream([prompt])))
    finally:
        engine.close()


def test_chat_asks_for_the_answer_in_one_piece(service: Service, tmp_path: Path) -> None:
    answer = ask(tmp_path, EngineOptions(base_url=(service.address,), api_mode="chat"))
    assert answer.text == "read"
    body = json.loads(service.bodies[0])
    assert body["stream"] is False
    assert "stream_options" not in body


def test_stream_is_what_is_asked_for_by_default(service: Service, tmp_path: Path) -> None:
    assert ask(tmp_path, EngineOptions(base_url=(service.address,))).text == "read"
    assert json.loads(service.bodies[0])["stream"] is True


def test_live_text_is_shown_line_by_line_without_what_a_terminal_obeys(
    service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="ocrtune")
    service.streams = ["Счёт", " №7\nИтого\x1b[2J", ": 12", ",50"]
    assert ask(tmp_path, EngineOptions(base_url=(service.address,), live=True)).text == "Счёт №7\nИтого\x1b[2J: 12,50"
    assert [r.getMessage() for r in caplog.records if r.getMessage().startswith("|")] == ["| Счёт №7", "| Итого [2J: 12,50"]
    with pytest.raises(ConfigError, match="in one piece"):
        ask(tmp_path, EngineOptions(base_url=(service.address,), api_mode="chat", live=True))


def test_of_several_replies_one_is_shown_at_a_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="ocrtune")
    live, first, second = Live(), object(), object()
    for speaker, piece in ((first, "a"), (second, "x\ny"), (first, "b\n"), (first, "c")):
        live.hear(speaker, piece)
    live.end(first)
    live.hear(second, "z\n")
    live.end(second)
    assert [r.getMessage() for r in caplog.records] == ["| ab", "| c", "| z"]


def test_local_posts_the_picture_as_a_file_to_the_address_as_it_is(service: Service, tmp_path: Path) -> None:
    answer = ask(tmp_path, EngineOptions(base_url=(f"{service.address}/predict",), api_mode="local"))
    assert (answer.text, answer.finish) == ("read", "stop")
    form = BytesParser().parsebytes(b"Content-Type: " + service.types[0].encode() + b"\r\n\r\n" + service.bodies[0])
    (part,) = form.get_payload()
    assert part.get_param("name", header="Content-Disposition") == "file"
    assert part.get_payload(decode=True) == (tmp_path / "page.png").read_bytes()


@pytest.mark.parametrize(("said", "text"), [(b"plain words", "plain words"), (b'"quoted"', "quoted"), (b'{"text": ""}', "")])
def test_local_takes_text_as_services_give_it(service: Service, tmp_path: Path, said: bytes, text: str) -> None:
    service.says = (200, said)
    assert ask(tmp_path, EngineOptions(base_url=(f"{service.address}/predict",), api_mode="local")).text == text


def test_a_reply_without_text_is_a_failure_and_not_an_empty_page(service: Service, tmp_path: Path) -> None:
    service.says = (200, b'{"result": "x"}')
    answer = ask(tmp_path, EngineOptions(base_url=(f"{service.address}/predict",), api_mode="local"))
    assert answer.text is None
    assert answer.error is not None and "no field `text`" in answer.error.message


def test_a_service_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"no service answers at http://127\.0\.0\.1:9/predict"):
        ask(tmp_path, EngineOptions(base_url=("127.0.0.1:9/predict",), api_mode="local"))


def test_a_plain_service_reads_no_files_of_ours() -> None:
    with pytest.raises(ConfigError, match="inside the request"):
        Http(EngineOptions(base_url=("x",), api_mode="local", send="file"))
