"""An adapter folded into its base: a standalone checkpoint with the base's key layout and every side file."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

from ocrtune.core import ModelRef
from ocrtune.errors import ModelError, disk_errors
from ocrtune.families._loading import quiet

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".onnx", ".h5", ".msgpack", ".index.json")
NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def tensors(folder: Path) -> dict[str, str]:
    """Keys of the safetensors files in a checkpoint folder with their dtypes; reads headers only."""
    found: dict[str, str] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as stream:
            (size,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(size))
        found |= {key: NAMES.get(v["dtype"], v["dtype"]) for key, v in header.items() if key != "__metadata__"}
    if not found:
        raise ModelError(f"{folder} holds no safetensors weights", hint="only safetensors checkpoints can be merged")
    return found


def main_dtype(kinds: dict[str, str]) -> str:
    """The dtype most tensors have."""
    values = [v for v in kinds.values() if v in NAMES.values()]
    return max(set(values), key=values.count) if values else "bfloat16"


def base_folder(ref: ModelRef) -> Path:
    """Where the base's files are on this disk."""
    if Path(ref.base).is_dir():
        return Path(ref.base)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(ref.base, revision=ref.revision))


def merged(tuned: Any) -> Any:
    """A PEFT model with its adapter folded in. Raises ModelError when that breaks the tie of embeddings and head."""
    was_tied = _tied(tuned.get_base_model())
    model = tuned.merge_and_unload(safe_merge=True)
    if was_tied and not _tied(model):
        raise ModelError(
            "merging untied the word embeddings from the output head", hint="report the adapter's settings; this is a bug"
        )
    return model


def save(model: Any, ref: ModelRef, folder: Path, dtype: str) -> dict[str, str]:
    """Weights in `dtype` ("auto" is the base's own on disk), side files, then the checks of the layout."""
    import torch

    base = base_folder(ref)
    before = tensors(base)
    wanted = main_dtype(before) if dtype == "auto" else dtype
    tied = set(getattr(model, "all_tied_weights_keys", None) or ()) if _tied(model) else set()
    kind = getattr(torch, wanted)
    state = {k: v.to(kind) if v.is_floating_point() else v for k, v in model.state_dict().items() if k not in tied}
    with disk_errors(str(folder)), quiet():
        folder.mkdir(parents=True, exist_ok=True)
        model.save_pretrained(folder, state_dict=state)
        copied = copy_side_files(base, folder)
        if wanted != main_dtype(before):
            _rewrite_dtype(folder / "config.json", wanted)
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)  # written private; a server may run as another user
    after = tensors(folder)
    if odd := sorted(set(after) ^ set(before)):
        raise ModelError(
            f"the checkpoint's keys differ from the base's in {len(odd)} places, such as {odd[0]}: servers could refuse it",
            hint="update transformers so that it writes this model's own key layout",
        )
    return {"dtype": wanted, "tensors": str(len(after)), "tied": str(bool(tied)).lower(), "side_files": ", ".join(copied)}


def copy_side_files(base: Path, folder: Path) -> list[str]:
    """Everything beside the weights, byte for byte: configs, tokenizer, templates, processors, code, licences."""
    copied = []
    for file in sorted(p for p in base.rglob("*") if p.is_file()):
        name = file.relative_to(base)
        if file.name.endswith(WEIGHTS) or any(part.startswith(".") for part in name.parts):
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)
        copied.append(str(name))
    return copied


def _rewrite_dtype(file: Path, dtype: str) -> None:
    """The one line of config.json that another precision makes wrong."""
    config: dict[str, Any] = json.loads(file.read_text("utf-8"))
    key = "torch_dtype" if "torch_dtype" in config else "dtype"
    file.write_text(json.dumps({**config, key: dtype}, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _tied(model: Any) -> bool:
    head = model.get_output_embeddings()
    return head is not None and head.weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()
