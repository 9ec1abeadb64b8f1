"""Checkpoints by name: what a folder or hub id stands for, and the family that knows how to load it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ocrtune.contracts import Family
from ocrtune.core import ModelRef
from ocrtune.errors import ModelError, extra
from ocrtune.plugins import FAMILIES

NOTES = "ocrtune.json"  # how an adapter or a merged model was trained, kept beside its weights


def model_ref(name: str | Path, *, adapter: str | Path | None = None, base: str | Path | None = None) -> ModelRef:
    """A loadable name. A folder that holds a PEFT adapter stands for its base with that adapter; `base` replaces the
    base recorded in the adapter. Raises ModelError when the folder is neither, or names two adapters."""
    folder = Path(name)
    if (folder / "adapter_config.json").is_file():
        if adapter is not None:
            raise ModelError(
                f"{name} is an adapter already, a second one ({adapter}) cannot go on top", hint="ocrtune merge it first"
            )
        return ModelRef(base=str(base or _recorded_base(folder)), adapter=str(folder))
    if folder.exists() and not (folder / "config.json").is_file():
        raise ModelError(
            f"{name} holds no model: neither config.json nor adapter_config.json is in it",
            hint="give a checkpoint folder, an adapter folder, run:<id> or a hub id",
        )
    if adapter is not None and not (Path(adapter) / "adapter_config.json").is_file():
        raise ModelError(
            f"{adapter} holds no PEFT adapter: adapter_config.json is missing", hint="give the folder that train wrote"
        )
    return ModelRef(base=str(name), adapter=None if adapter is None else str(adapter))


def family_for(ref: ModelRef) -> Family:
    """The family named like the checkpoint's model_type, or `auto` for every other image-text-to-text model."""
    kind = str(read_config(ref).get("model_type"))
    for name in FAMILIES.names():
        family = FAMILIES.get(name)
        if kind in family.model_types:
            return family()
    return FAMILIES.get("auto")()


def read_config(ref: ModelRef) -> dict[str, Any]:
    """config.json of the base, from its folder or from the hub (its cache when offline)."""
    file = Path(ref.base) / "config.json"
    if not Path(ref.base).exists():
        file = _from_hub(ref)
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as cause:
        raise ModelError(f"cannot read {file}: {cause}", hint="give a folder that holds a whole checkpoint") from cause
    if not isinstance(content, dict) or "model_type" not in content:
        raise ModelError(f"{file} names no model_type, so it is no transformers checkpoint")
    return content


def notes(folder: Path) -> dict[str, Any]:
    """How the weights in `folder` were trained (dialect, prompt, pixel bounds, data); {} when nobody wrote it down."""
    try:
        content = json.loads((folder / NOTES).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _recorded_base(adapter: Path) -> str:
    try:
        recorded = json.loads((adapter / "adapter_config.json").read_text("utf-8")).get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError) as cause:
        raise ModelError(f"cannot read {adapter / 'adapter_config.json'}: {cause}") from cause
    if not recorded:
        raise ModelError(f"{adapter} does not say which model it adapts", hint="name it with --model")
    return str(recorded)


def _from_hub(ref: ModelRef) -> Path:
    with extra("train"):
        from huggingface_hub import hf_hub_download
    try:
        return Path(hf_hub_download(ref.base, "config.json", revision=ref.revision))
    except Exception as cause:
        raise ModelError(
            f"there is no folder {ref.base!r}, and the hub has no such model: {cause}",
            hint="check the path; hub ids look like org/name",
        ) from cause
