"""The local engine keeps the contract, isolates failures, and reads the same alone and in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ocrtune.contracts import Ask, Engine
from ocrtune.core import ImageRef, Prompt, Sample
from ocrtune.engines import local
from ocrtune.engines.local import Local, weights_digest
from ocrtune.errors import ConfigError, ResourceError
from ocrtune.families.qwen2_vl import Qwen2VL
from ocrtune.options import EngineOptions
from ocrtune.rendering import picture
from ocrtune.testing import EngineContract

Lines = Callable[..., list[Sample]]


class TestLocal(EngineContract):
    @pytest.fixture
    def engine(self, tiny_nano: Path) -> Engine:
        return Local(EngineOptions(model=str(tiny_nano), device="cpu", batch_size=4))


def prompts(samples: list[Sample], tokens: int = 10) -> list[Prompt]:
    return [Prompt(sample_id=s.id, images=s.images, text="OCR:", max_tokens=tokens) for s in samples]


def opened(model: Path, **options: Any) -> Local:
    engine = Local(EngineOptions(model=str(model), device="cpu", **options))
    engine.open()
    return engine


def test_a_batch_of_mixed_sizes_reads_what_single_pictures_read(tiny_nano: Path, lines: Lines) -> None:
    asked = prompts([*lines("a", "bc", "def", width=64), *lines("ghij", "kl", width=300)])
    many = {a.sample_id: a for a in opened(tiny_nano, batch_size=8).stream(asked)}
    single = opened(tiny_nano, batch_size=1)
    for prompt in asked:
        (alone,) = single.stream([prompt])
        assert (many[prompt.sample_id].text, many[prompt.sample_id].finish) == (alone.text, alone.finish)
        assert many[prompt.sample_id].usage == alone.usage and many[prompt.sample_id].sees == alone.sees


def test_sees_and_finish_are_recorded(tiny_nano: Path, lines: Lines) -> None:
    (answer,) = opened(tiny_nano, max_pixels=2048).stream(prompts(lines("abc", width=200), tokens=2))
    assert answer.sees and answer.sees[0].width * answer.sees[0].height <= 2048
    assert answer.finish == "length" and answer.usage and answer.usage.completion_tokens == 2


def test_memory_that_runs_out_halves_the_batch(tiny_nano: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    real, sizes = Qwen2VL.read, []

    def small(self: Qwen2VL, loaded: Any, asks: Sequence[Ask], *, temperature: float = 0.0) -> Any:
        sizes.append(len(asks))
        if len(asks) > 2:
            raise ResourceError("memory ran out")
        return real(self, loaded, asks, temperature=temperature)

    monkeypatch.setattr(Qwen2VL, "read", small)
    answers = list(opened(tiny_nano, batch_size=8).stream(prompts(lines(*"abcdefgh"))))
    assert len(answers) == 8 and all(a.error is None for a in answers)
    assert sizes == [8, 4, 2, 2, 4, 2, 2]


def test_a_picture_that_never_fits_fails_alone(tiny_nano: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise ResourceError("memory ran out", hint="lower max_pixels")

    monkeypatch.setattr(Qwen2VL, "read", never)
    answers = list(opened(tiny_nano).stream(prompts(lines("a", "b"))))
    assert [a.error and a.error.kind for a in answers] == ["out of memory"] * 2
    assert all(a.error and "max_pixels" in a.error.message for a in answers)


def test_what_may_pass_is_asked_again_and_what_is_wrong_with_the_picture_is_not(
    tiny_nano: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, retryable in ((ResourceError("full"), True), (RuntimeError("CUDA error"), True), (ValueError("shape"), False)):

        def broken(*_: Any, why: Exception = error, **__: Any) -> Any:
            raise why

        monkeypatch.setattr(Qwen2VL, "read", broken)
        (answer,) = opened(tiny_nano).stream(prompts(lines("a")))
        assert answer.error and answer.error.retryable == retryable, error


def test_pictures_are_opened_a_batch_at_a_time(tiny_nano: Path, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    monkeypatch.setattr(local, "picture", lambda ref: (looked.append(ref), picture(ref))[1])
    answers = iter(opened(tiny_nano, batch_size=2).stream(prompts(lines(*"abcdefgh"), tokens=2)))
    next(answers)
    assert len(looked) == 2


def test_large_weights_are_told_apart_by_pieces_from_all_over(
    tiny_nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "HASHED", 1000)
    monkeypatch.setattr(local, "SPOT", 512)
    file = tmp_path / "model.safetensors"
    content = bytearray((tiny_nano / "model.safetensors").read_bytes())
    found = set()
    for share in (1, 2, 3):
        content[share * len(content) // 4 : share * len(content) // 4 + len(content) // 32] = b"x" * (len(content) // 32)
        file.write_bytes(content)
        found.add(weights_digest(str(tmp_path)))
    assert len(found) == 3


def test_a_strip_too_thin_for_the_model_fails_alone(tiny_nano: Path, lines: Lines, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (3000, 9)).save(tmp_path / "thin.png")
    thin = Prompt(sample_id="thin", images=(ImageRef(path=str(tmp_path / "thin.png")),), text="OCR:", max_tokens=4)
    found = {a.sample_id: a.error for a in opened(tiny_nano).stream([*prompts(lines("a")), thin])}
    assert found["96-0"] is None and found["thin"] is not None


def test_the_description_changes_with_the_weights(tiny_nano: Path, tmp_path: Path) -> None:
    import shutil

    other = tmp_path / "other"
    shutil.copytree(tiny_nano, other)
    assert weights_digest(str(other)) == weights_digest(str(tiny_nano))
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    assert weights_digest(str(other)) != weights_digest(str(tiny_nano))


def test_options_of_servers_are_refused(tiny_nano: Path) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        Local(EngineOptions(model=str(tiny_nano), base_url="http://127.0.0.1:1/v1"))
    with pytest.raises(ConfigError, match="needs a model"):
        Local(EngineOptions())
