"""What is worth keeping between epochs and runs: tensors on disk by content, and the features of a frozen vision tower."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ocrtune.contracts import Family, Loaded
from ocrtune.options import TrainOptions

LOG = logging.getLogger("ocrtune")
FORMAT = "1"  # part of every key: raise it when the meaning of what is stored changes
MADE_BY = ("torch", "transformers", "pillow")  # their versions are part of every key: each may change what a picture becomes
SUFFIX = ".safetensors"
NOT_OF_THE_TOWER = ("text_config", "_name_or_path", "transformers_version", "architectures", "dtype")
ROOM_AFTER = 0.9  # share of the bound that is left full when room is made


def default_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ocrtune" / "features"


class Store:
    """Entries of named tensors, one file each, found by a key of their content and mapped into memory.

    Written aside and renamed, checked when first read, at most `bound` bytes in all: what was used longest ago goes
    first, and what this process has used never goes; without room nothing is stored. Processes may share a folder.
    """

    def __init__(self, folder: Path, bound: int) -> None:
        self.folder, self.bound = folder, bound
        self._used: set[str] = set()
        self._size: int | None = None
        self._full = False

    def get(self, key: str) -> dict[str, Any] | None:
        """The tensors of `key`; None when they are not there or damaged (then the entry is removed)."""
        from safetensors import SafetensorError, safe_open

        file = self._file(key)
        try:
            with safe_open(file, framework="pt") as entry:
                found = {name: entry.get_tensor(name) for name in entry.keys()}  # noqa: SIM118 (not a dict)
                sums = (entry.metadata() or {}).get("crc32")
            if key not in self._used:
                if sums != checksum(found):
                    raise SafetensorError("checksum")
                os.utime(file)
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError):
            LOG.warning("%s is damaged and made again", file)
            self.drop(key)
            return None
        self._used.add(key)
        return found

    def put(self, key: str, tensors: Mapping[str, Any]) -> bool:
        """False when there is no room; nothing is raised, for whatever is stored here can be made again."""
        from safetensors.torch import save

        if self._full:
            return False
        kept = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
        content = save(kept, metadata={"crc32": checksum(kept)})
        try:
            if not self._make_room(len(content)):
                return False
            _write(self._file(key), content)
        except OSError as why:
            LOG.warning("nothing more is kept in %s: %s", self.folder, why)
            self._full = True
            return False
        self._size = (self._size or 0) + len(content)
        self._used.add(key)
        return True

    def drop(self, key: str) -> None:
        self._used.discard(key)
        with contextlib.suppress(OSError):
            self._file(key).unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}{SUFFIX}"

    def _make_room(self, size: int) -> bool:
        if self._size is None:
            self._size = sum(s for _, s, _ in self._entries())
        if self._size + size <= self.bound:
            return True
        entries = sorted(self._entries())
        self._size = sum(s for _, s, _ in entries)  # another process may have written or removed some
        target = self.bound * ROOM_AFTER - size
        for _, taken, file in entries:
            if self._size <= target:
                break
            if file.stem not in self._used:
                with contextlib.suppress(OSError):
                    file.unlink()
                    self._size -= taken
        self._full = self._size + size > self.bound
        if self._full:
            LOG.warning(
                "%s is full of what this training uses: the rest is computed again each epoch; raise cache_gb", self.folder
            )
        return not self._full

    def _entries(self) -> Iterable[tuple[float, int, Path]]:
        """Time of last use, bytes, file."""
        for file in self.folder.glob(f"??/*{SUFFIX}"):
            with contextlib.suppress(OSError):
                seen = file.stat()
                yield seen.st_mtime, seen.st_size, file


def _write(file: Path, content: bytes) -> None:
    """Whole or not there. Not flushed to disk: after a power cut the checksum tells."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(name, file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def checksum(tensors: Mapping[str, Any]) -> str:
    """Of names, shapes and bytes: damage, not malice."""
    total = 0
    for name in sorted(tensors):
        total = zlib.crc32(f"{name}{tuple(tensors[name].shape)}{tensors[name].dtype}".encode(), total)
        total = zlib.crc32(_bytes(tensors[name]), total)
    return f"{total:08x}"


def _bytes(tensor: Any) -> Any:
    import torch

    return memoryview(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())


def content_of(path: str) -> str:
    """SHA-256 of a file. What a data set says about its pictures is not enough: they may have been changed since."""
    seen = Path(path).stat()
    return _content(path, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=1_000_000)
def _content(path: str, *_: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class Features:
    """What a frozen tower makes of pictures, computed once per picture, processor, weights and precision."""

    def __init__(self, loaded: Loaded, family: Family, *, precision: Any, store: Store | None) -> None:
        """`precision` is the dtype of autocast, None for the weights' own. Without a `store` all is computed anew."""
        self.loaded, self.family, self.precision, self.store = loaded, family, precision, store
        model, processor = loaded
        arithmetic = [str(precision), str(model.dtype), model.device.type, str(model.config._attn_implementation)]
        self.setting = key_of(arithmetic, processor_settings(family, processor), tower_digest(model, family))  # all but pictures

    def key(self, pictures: Sequence[str]) -> str:
        return key_of(self.setting, [content_of(path) for path in pictures])

    def find(self, pictures: Sequence[str]) -> dict[str, Any] | None:
        return self.store.get(self.key(pictures)) if self.store else None

    def make(self, model: Any, inputs: Mapping[str, Any], pictures: Sequence[str]) -> dict[str, Any] | None:
        """Run the tower on the inputs of one sample, already on the model's device, and keep what comes out."""
        import torch

        training = model.training
        model.eval()
        with torch.no_grad(), torch.autocast(model.device.type, self.precision, enabled=self.precision is not None):
            made = self.family.tower(model, inputs)
        model.train(training)
        if made is not None and self.store:
            self.store.put(self.key(pictures), made)
        return made


def features_for(loaded: Loaded, family: Family, *, precision: Any, store: Store | None) -> Features | None:
    """None, and a word about it, when the features change during the training."""
    groups = {family.group_of(n.removeprefix("base_model.model.")) for n, p in loaded.model.named_parameters() if p.requires_grad}
    if trained := sorted({str(g) for g in groups} & {"vision", "merger"}):
        LOG.info("trained: %s; pictures go through the tower at every step, its output is not cached", " and ".join(trained))
        return None
    return Features(loaded, family, precision=precision, store=store)


def store_for(options: TrainOptions) -> Store | None:
    if not options.cache_gb:
        return None
    folder = Path(options.cache_folder).expanduser() if options.cache_folder else default_folder()
    return Store(folder, int(options.cache_gb * 2**30))


def processor_settings(family: Family, processor: Any) -> str:
    """Of everything that decides what becomes of a picture."""
    images = processor.image_processor
    return key_of(FORMAT, [version(name) for name in MADE_BY], family.name, type(images).__name__, images.to_dict())


def sequence_settings(family: Family, processor: Any, options: TrainOptions) -> str:
    """Of everything that decides what becomes of a picture with its question and answer."""
    tokenizer = processor.tokenizer
    words = [sorted(tokenizer.get_vocab().items()), tokenizer.all_special_tokens, processor.chat_template]
    bounds = [options.framing, options.min_pixels, options.max_pixels]
    return key_of(processor_settings(family, processor), words, bounds)


def tower_digest(model: Any, family: Family) -> str:
    """Of all weights that are not known to be the language model's, and of the configuration outside its text part."""
    plain = getattr(model, "get_base_model", lambda: model)()
    config = plain.config.to_dict()
    digest = hashlib.sha256(key_of({k: v for k, v in config.items() if k not in NOT_OF_THE_TOWER}).encode())
    for name, tensor in sorted(plain.state_dict().items()):
        if family.group_of(name) != "language":
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(_bytes(tensor))
    return digest.hexdigest()
