"""The cache on disk: found by content, whole or absent, bounded, shared; and what its features depend on."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from ocrtune.contracts import Loaded, LoadOptions  # noqa: E402
from ocrtune.families.qwen2_vl import Qwen2VL  # noqa: E402
from ocrtune.models import model_ref  # noqa: E402
from ocrtune.trainers import _cache  # noqa: E402
from ocrtune.trainers._cache import Store  # noqa: E402

KB = 1 << 10
KEYS = tuple(f"{n:02x}" * 32 for n in range(20))


def block(n: int, kb: int = 10) -> dict[str, Any]:
    return {"a": torch.full((kb * KB // 4,), float(n)), "b/*": torch.arange(n + 1)}


def test_an_entry_comes_back_as_it_was_in_another_process_too(tmp_path: Path) -> None:
    made = {**block(3), "half": torch.rand(3, 5).bfloat16(), "empty": torch.zeros(0, 4)}
    assert Store(tmp_path, 1 << 20).put(KEYS[0], made)
    found = Store(tmp_path, 1 << 20).get(KEYS[0])
    assert found is not None and found.keys() == made.keys()
    assert all(torch.equal(found[k], made[k]) and found[k].dtype == made[k].dtype for k in made)
    assert Store(tmp_path, 1 << 20).get(KEYS[1]) is None


@pytest.mark.parametrize("harm", ["cut", "flipped", "nothing in it", "no tensors"])
def test_a_damaged_entry_is_not_trusted_and_goes(tmp_path: Path, harm: str) -> None:
    Store(tmp_path, 1 << 20).put(KEYS[0], block(1))
    (file,) = tmp_path.glob("*/*")
    content = bytearray(file.read_bytes())
    content[-50] ^= 1
    file.write_bytes({"cut": content[:-60], "flipped": content, "nothing in it": b"", "no tensors": b"hello" * 99}[harm])
    assert Store(tmp_path, 1 << 20).get(KEYS[0]) is None
    assert not file.exists()


def test_what_was_used_longest_ago_goes_first_and_the_bound_holds(tmp_path: Path) -> None:
    bound = 55 * KB
    for n in range(5):
        Store(tmp_path, bound).put(KEYS[n], block(n))
        os.utime(next(tmp_path.glob(f"*/{KEYS[n]}*")), (n, n))
    Store(tmp_path, bound).get(KEYS[0])
    Store(tmp_path, bound).put(KEYS[5], block(5))
    left = {n for n in range(6) if Store(tmp_path, bound).get(KEYS[n])}
    assert {0, 5} <= left and 1 not in left
    assert sum(f.stat().st_size for f in tmp_path.glob("*/*")) <= bound


def test_what_a_training_uses_is_not_pushed_out_by_itself(tmp_path: Path) -> None:
    store = Store(tmp_path, 35 * KB)
    assert [store.put(KEYS[n], block(n)) for n in range(6)] == [True, True, True, False, False, False]
    assert [store.get(KEYS[n]) is not None for n in range(6)] == [True, True, True, False, False, False]


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file", 1 << 20)
    assert not store.put(KEYS[0], block(0)) and store.get(KEYS[0]) is None
    assert "nothing more is kept" in caplog.text


def _fill(folder: Path, seed: int) -> None:
    store = Store(folder, 120 * KB)
    for round_ in range(30):
        n = (seed * 7 + round_) % 12
        found = store.get(KEYS[n])
        assert found is None or torch.equal(found["a"], block(n)["a"])
        if found is None:
            Store(folder, 120 * KB).put(KEYS[n], block(n))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_processes_share_a_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=_fill, args=(tmp_path, n)) for n in range(3)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [p.exitcode for p in started] == [0, 0, 0]
    assert not list(tmp_path.glob("*/.new-*"))


@pytest.fixture(scope="module")
def loaded(tiny_nano: Path) -> Loaded:
    return Qwen2VL().load(model_ref(tiny_nano), LoadOptions(device="cpu"))


def setting(loaded: Loaded, precision: Any = None) -> str:
    return _cache.Features(loaded, Qwen2VL(), precision=precision, store=None).setting


def test_features_depend_on_tower_processor_precision_and_picture_and_on_nothing_else(loaded: Loaded, tiny_nano: Path) -> None:
    first = setting(loaded)
    again = Qwen2VL().load(model_ref(tiny_nano), LoadOptions(device="cpu"))
    again.model.get_input_embeddings().weight.data.zero_()
    assert setting(again) == first, "the language model's weights do not matter"
    assert setting(loaded, torch.bfloat16) != first
    smaller = Qwen2VL().load(model_ref(tiny_nano), LoadOptions(device="cpu", max_pixels=4096))
    assert setting(smaller) != first
    again.model.model.visual.merger.mlp[0].bias.data[0] += 1
    assert setting(again) != first


def test_a_picture_is_known_by_its_content(loaded: Loaded, tmp_path: Path) -> None:
    for name, content in (("one", b"a"), ("same", b"a"), ("other", b"b")):
        (tmp_path / name).write_bytes(content)
    features = _cache.Features(loaded, Qwen2VL(), precision=None, store=None)
    one, same, other = (features.key([str(tmp_path / name)]) for name in ("one", "same", "other"))
    assert one == same != other
