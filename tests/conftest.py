"""What every test shares: a command line that ran inside a test leaves the process as it found it."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ocrtune.core import ImageRef, Sample, TextTarget

# How fast a busy machine is says nothing about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

NANO = Path(__file__).resolve().parents[1] / "recipes" / "nano"


@pytest.fixture(autouse=True)
def untouched_process() -> Iterator[None]:
    """Logging of this package and the environment are restored: the command line sets both for its own process."""
    log = logging.getLogger("ocrtune")
    handlers, level, propagate, environment = list(log.handlers), log.level, log.propagate, dict(os.environ)
    yield
    log.handlers[:], log.propagate = handlers, propagate
    log.setLevel(level)
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests cache stays out of the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_nano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The nano reader's checkpoint folder with random weights and few of them: real classes, real files, no skill."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    sys.path.insert(0, str(NANO))
    try:
        recipe = importlib.import_module("pretrain")
    finally:
        sys.path.remove(str(NANO))
    tokenizer = recipe.build_tokenizer()
    config = recipe.build_config(tokenizer)
    text, vision = config.text_config, config.vision_config
    text.hidden_size, text.intermediate_size, text.num_hidden_layers, text.layer_types = 64, 128, 2, ["full_attention"] * 2
    text.num_attention_heads, text.num_key_value_heads = 2, 1
    vision.depth, vision.embed_dim, vision.hidden_size, vision.num_heads = 2, 32, 64, 2
    torch.manual_seed(3)
    model = transformers.Qwen2VLForConditionalGeneration._from_config(config)
    folder = tmp_path_factory.mktemp("tiny-nano")
    recipe.export(model, tokenizer, folder)
    return folder


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., list[Sample]]:
    """`lines("ab", "cd", width=96)`: pictures of these texts as samples."""
    from PIL import Image, ImageDraw

    def draw(*texts: str, width: int = 96, height: int = 32) -> list[Sample]:
        samples = []
        for n, text in enumerate(texts):
            image = Image.new("RGB", (width + 16 * (n % 3), height), "white")
            ImageDraw.Draw(image).text((4, 8), text.encode("ascii", "replace").decode(), fill="black")
            path = tmp_path / f"line-{width}-{n}.png"
            image.save(path)
            ref = ImageRef(path=str(path), width=image.width, height=image.height)
            samples.append(Sample(id=f"{width}-{n}", group=f"g{n}", images=(ref,), target=TextTarget(text=text)))
        return samples

    return draw
