"""What the http engine knows of the model behind a server when it has the model's processor."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ocrtune.core import Answer, ImageRef, Prompt, Size
from ocrtune.engines._asking import body_for
from ocrtune.engines._pictures import Picture
from ocrtune.engines._sight import Sight
from ocrtune.engines.http import Http
from ocrtune.errors import EngineError, ModelError
from ocrtune.families._dots.framing import PLACE
from ocrtune.options import EngineOptions
from ocrtune.testing import tiny_dots
from ocrtune.testing.server import Behaviour, Served


@pytest.fixture(scope="module")
def dots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dots.build(tmp_path_factory.mktemp("served") / "dots")


@pytest.fixture
def page(tmp_path: Path) -> ImageRef:
    Image.effect_noise((300, 200), 90).save(tmp_path / "page.png")
    return ImageRef(path=str(tmp_path / "page.png"), width=300, height=200)


def looked(dots: Path, **options: object) -> Sight:
    sight = Sight(EngineOptions.model_validate({"processor": str(dots), **options}))
    sight.look([])
    return sight


def asked(page: ImageRef, tokens: int = 99, text: str = "OCR:") -> Prompt:
    return Prompt(sample_id="s", images=(page,), text=text, max_tokens=tokens)


def answers(server: Served, prompt: Prompt, **options: object) -> Iterator[Answer]:
    engine = Http(EngineOptions.model_validate({"base_url": server.url, **options}))
    engine.open()
    yield from engine.stream([prompt])
    engine.close()


def test_sizes_are_those_that_the_model_sees(dots: Path) -> None:
    assert looked(dots).sees(Size(300, 200)) == (308, 196)
    small = looked(dots, max_pixels=20_000).sees(Size(300, 200))
    assert small.width % 28 == small.height % 28 == 0 and small.width * small.height <= 20_000


def test_pictures_are_resized_to_it_before_they_are_sent(dots: Path, page: ImageRef, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Picture] = []
    monkeypatch.setattr(
        "ocrtune.engines.http.body_for", lambda p, pictures, **k: sent.extend(pictures) or body_for(p, pictures, **k)
    )
    with Served(Behaviour()) as server:
        (answer,) = answers(server, asked(page), processor=str(dots))
    image = Image.open(io.BytesIO(sent[0].content))
    assert sent[0].url == b"data:image/jpeg;base64," and image.size == (308, 196) and image.mode == "L"
    assert answer.sees == ((308, 196),)


def test_the_processor_is_found_where_the_servers_model_folder_is_here(dots: Path, page: ImageRef) -> None:
    with Served(Behaviour(root=str(dots))) as server:
        engine = Http(EngineOptions(base_url=server.url))
        engine.open()
        assert engine.sees(Size(300, 200)) == (308, 196) and engine.describe()["processor"] == str(dots)
        assert engine.sees(Size(9000, 10)) is None  # too thin for the model
        engine.close()


def test_a_model_folder_that_cannot_be_used_is_no_reason_to_stop_unless_it_was_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "config.json").write_text("{}")
    with Served(Behaviour(root=str(tmp_path))) as server, caplog.at_level(logging.WARNING, "ocrtune"):
        engine = Http(EngineOptions(base_url=server.url))
        engine.open()
        assert engine.sees(Size(300, 200)) == (300, 200)
        engine.close()
        assert "cannot be loaded" in caplog.text
        with pytest.raises(ModelError):
            Http(EngineOptions(base_url=server.url, processor=str(tmp_path))).open()


def test_a_page_too_many_for_the_context_is_refused_here_with_what_to_change(dots: Path, page: ImageRef) -> None:
    with Served(Behaviour(context=256)) as server:
        (fits,) = answers(server, asked(page, 100), processor=str(dots))
        (long,) = answers(server, asked(page, 200), processor=str(dots))
        (large,) = answers(server, asked(page.model_copy(update={"width": 900, "height": 600}), 10), processor=str(dots))
        assert server.stats()["requests"] == 1
    assert fits.finish == "stop"
    assert long.error and long.error.kind == "too long" and not long.error.retryable
    assert "77 tokens of picture (308×196)" in long.error.message and "lower --max-tokens to" in long.error.message
    assert large.error and "lower --max-pixels" in large.error.message and "--max-model-len" in large.error.message
    number = int(long.error.message.partition("--max-tokens to ")[2].split()[0])
    assert looked(dots).too_long(asked(page, number), [Size(308, 196)], 256) is None
    assert looked(dots).too_long(asked(page, number + 1), [Size(308, 196)], 256) is not None
    with pytest.raises(EngineError, match="256 tokens"):
        looked(dots).too_long(asked(page, 256), [Size(308, 196)], 256)


def test_dots_ocr_is_asked_as_it_was_taught(dots: Path, page: ImageRef) -> None:
    prefix = looked(dots).prefix
    assert prefix == PLACE == "<|img|><|imgpad|><|endofimg|>"
    for text in ("OCR:", PLACE + "OCR:"):
        body = body_for(asked(page, text=text), [Picture(b"data:,x", Size(1, 1))], prefix=prefix, temperature=0)
        said = b"".join(words for words, _ in body.parts)
        assert said.count(PLACE.encode()) == 1 and said.index(b"data:,x") < said.index(PLACE.encode() + b"OCR:")
    assert Sight(EngineOptions()).prefix == ""
