"""The verb merge: a complete checkpoint, a proof that means something, and refusals before damage."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ocrtune.contracts import Forced
from ocrtune.core import Sample
from ocrtune.errors import ConfigError, InputError, ModelError, ResourceError
from ocrtune.families import _loading, _merging
from ocrtune.runs import RunDir
from ocrtune.verbs import merge, train

Lines = Callable[..., list[Sample]]


class Tuned(NamedTuple):
    base: Path
    data: Path
    root: Path
    run: RunDir


@pytest.fixture
def tuned(tiny_nano: Path, lines: Lines, tmp_path: Path) -> Tuned:
    """A training on a copy of the base, with adapters everywhere and new characters."""
    base, data = tmp_path / "base", tmp_path / "data"
    shutil.copytree(tiny_nano, base)
    (base / "LICENSE").write_text("terms of the base")
    data.mkdir()
    for split in ("train", "val"):
        (data / f"{split}.jsonl").write_text("".join(s.line() + "\n" for s in lines("ab", "cdef", "ghi")), "utf-8")
    made = train.Config.model_validate(
        {
            "data": str(data),
            "model": str(base),
            "max_steps": 6,
            "batch_size": 3,
            "gradient_accumulation": 1,
            "eval_steps": 6,
            "threads": 1,
            "learning_rate": 5e-3,
            "device": "cpu",
            "report_to": (),
            "train_tokens": "all-new",
            "lora": {"rank": 4, "vision": True, "merger": True},
        }
    )
    run = RunDir.create("train", made, root=tmp_path / "runs")
    train.run(made, run)
    return Tuned(base, data, tmp_path / "runs", run)


def merged(tuned: Tuned, **changes: Any) -> tuple[merge.Merged, RunDir]:
    made = merge.Config.model_validate({"adapter": f"run:{tuned.run.id}", "device": "cpu", "max_tokens": 12, **changes})
    run = RunDir.create("merge", made, root=tuned.root)
    return merge.run(made, run), run


def test_a_merged_checkpoint_is_complete_tied_and_proven(tuned: Tuned) -> None:
    result, run = merged(tuned)
    assert run.status == "done" and run.manifest.outputs["model"] == "artifacts/model"
    for file in tuned.base.iterdir():
        if file.suffix != ".safetensors":
            assert (result.folder / file.name).read_bytes() == file.read_bytes(), file.name
    assert _merging.tensors(result.folder) == _merging.tensors(tuned.base)
    proof = result.proof
    assert proof.passed and proof.tied_embeddings and proof.dtype == "bfloat16" and proof.tokens > 0
    assert proof.same_tokens + proof.near_ties == proof.tokens and 0 <= proof.max_logprob_change <= proof.bound
    assert not (run.artifacts / "model.tmp").exists()


def test_in_float32_the_merge_changes_nothing_but_rounding(tuned: Tuned) -> None:
    result, _ = merged(tuned, dtype="float32")
    assert result.proof.max_logprob_change < 1e-4 and result.proof.same_tokens == result.proof.tokens
    assert '"dtype": "float32"' in (result.folder / "config.json").read_text()


def test_a_merge_that_changes_the_model_fails_and_leaves_no_model(tuned: Tuned, monkeypatch: pytest.MonkeyPatch) -> None:
    real = _merging.merged

    def forgetful(model: Any) -> Any:
        for name, parameter in model.named_parameters():
            if "lora_B" in name and "layers.1" in name:
                parameter.data.mul_(-20)
        return real(model)

    monkeypatch.setattr(_merging, "merged", forgetful)
    with pytest.raises(ModelError, match="not the same as base"):
        merged(tuned, bound=0.01)
    (run,) = (r for r in RunDir.every(tuned.root) if r.manifest.verb == "merge")
    assert list(run.artifacts.iterdir()) == []
    assert '"passed": false' in (run.path / "proof.json").read_text()


def test_the_proof_reckons_in_float32_whatever_the_device_would_choose(tuned: Tuned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_loading, "pick_dtype", lambda wanted, _: "bfloat16" if wanted == "auto" else wanted)  # as on CUDA
    result, _ = merged(tuned, dtype="float32")
    assert result.proof.max_logprob_change < 1e-4


def test_too_little_disk_is_found_before_anything_is_written(tuned: Tuned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))  # type: ignore[attr-defined]
    with pytest.raises(ResourceError, match="free"):
        merged(tuned)


def test_a_whole_model_has_nothing_to_merge(tuned: Tuned) -> None:
    with pytest.raises(InputError, match="nothing to merge"):
        merged(tuned, adapter=str(tuned.base))


def test_without_known_samples_a_dataset_must_be_named(tuned: Tuned, tmp_path: Path) -> None:
    lonely = tmp_path / "lonely"
    shutil.copytree(tuned.run.path / "artifacts" / "best", lonely)
    with pytest.raises(ConfigError, match="proven on real samples"):
        merged(tuned, adapter=str(lonely))
    assert merged(tuned, adapter=str(lonely), data=str(tuned.data))[0].proof.passed


def test_a_token_that_changes_counts_unless_it_was_undecided() -> None:
    before = [Forced((-0.1, -0.7), (5, 6), (2.0, 0.01))]
    after = [Forced((-0.12, -0.7), (5, 7), (1.9, 0.01))]
    assert merge.compared(before, after, 0.05) == merge.Change(2, 1, 1, pytest.approx(0.02))
    clear = [Forced((-0.12, -0.7), (4, 6), (1.9, 0.01))]
    assert merge.compared(before, clear, 0.05).near_ties == 0
