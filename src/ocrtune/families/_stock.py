"""What every family does the same way; a family overrides only what its architecture knows better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

from ocrtune.contracts import AS_STORED, Ask, Coordinates, Encoded, Forced, Loaded, LoadOptions, Reading
from ocrtune.core import ModelRef, Size
from ocrtune.core.weights import Weights
from ocrtune.errors import ConfigError
from ocrtune.families import _features, _generation, _loading, _merging, _packing, _sequences, _tree, _weighing


class Stock:
    """Base of the families: everything but `sees`, `visual_tokens` and how pixel bounds reach the processor."""

    name = "stock"
    model_types: tuple[str, ...] = ()
    coordinates: Coordinates | None = None
    dialects: tuple[str, ...] = ("plain",)
    framings: tuple[str, ...] = ()
    broken_with: Mapping[str, str] = {}
    vllm: tuple[str, ...] = ()
    served_prefix = ""
    packs = False
    template: str | None = None  # stands in for a chat template where the checkpoint has none

    def load(self, ref: ModelRef, options: LoadOptions) -> Loaded:
        self._refuse(options)
        loaded = _loading.load(ref, options, self.group_of, template=self.template)
        self.bound(loaded.processor, options)
        return loaded

    def load_processor(self, ref: ModelRef, options: LoadOptions = AS_STORED) -> Any:
        self._refuse(options)
        processor = _loading.load_processor(ref, options, template=self.template)
        self.bound(processor, options)
        return processor

    def _refuse(self, options: LoadOptions) -> None:
        _loading.refuse_known_bad(self.name, self.broken_with)
        if options.framing is not None and options.framing not in self.framings:
            there = (
                f"framings: {', '.join(self.framings)}" if self.framings else "leave it out: there is only the checkpoint's own"
            )
            raise ConfigError(f"{self.name} has no framing {options.framing!r}", hint=there)

    def weigh(self, ref: ModelRef, *, trust_remote_code: bool = False) -> Weights:
        return _weighing.weigh(ref, self.group_of, trust_remote_code=trust_remote_code)

    def bound(self, processor: Any, options: LoadOptions) -> None:
        """Put the pixel bounds of `options` into the processor."""
        raise NotImplementedError

    def sees(self, processor: Any, size: Size) -> Size:
        raise NotImplementedError

    def visual_tokens(self, processor: Any, seen: Size) -> int:
        raise NotImplementedError

    def answer_ids(self, processor: Any, answer: str) -> list[int]:
        return _sequences.answer_ids(processor, answer)

    def length(self, processor: Any, ask: str, sizes: Sequence[Size], answer: str) -> int:
        text = _sequences.rendered(processor, ask, len(sizes))
        words = len(processor.tokenizer(text, add_special_tokens=False)["input_ids"]) - len(sizes)
        pictures = sum(self.visual_tokens(processor, self.sees(processor, s)) for s in sizes)
        return words + pictures + len(self.answer_ids(processor, answer))

    def encode(self, processor: Any, ask: Ask, answer: str | None = None) -> Encoded:
        return _sequences.encode(processor, ask, () if answer is None else self.answer_ids(processor, answer))

    def collate(self, processor: Any, rows: Sequence[Encoded], side: Literal["left", "right"]) -> dict[str, Any]:
        return _sequences.collate(processor, rows, side)

    def pack(self, processor: Any, model: Any, rows: Sequence[Encoded]) -> dict[str, Any]:
        return _packing.pack(processor, model, rows)

    def tower(self, model: Any, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
        return _features.tower(model, inputs)

    def given(self, model: Any, features: Sequence[Mapping[str, Any]]) -> AbstractContextManager[None]:
        return _features.given(model, features)

    def read(self, loaded: Loaded, asks: Sequence[Ask], *, temperature: float = 0.0) -> list[Reading]:
        rows = [self.encode(loaded.processor, ask) for ask in asks]
        batch = self.collate(loaded.processor, rows, "left")
        return _generation.read(loaded, rows, [a.max_tokens for a in asks], batch, temperature)

    def force(self, loaded: Loaded, asks: Sequence[Ask], answers: Sequence[Sequence[int]]) -> list[Forced]:
        return _generation.force(loaded, asks, answers, self._encode_tokens)

    def _encode_tokens(self, processor: Any, ask: Ask, answer: Sequence[int]) -> Encoded:
        return _sequences.encode(processor, ask, answer)

    def groups(self, model: Any) -> dict[str, str]:
        return _tree.group_patterns(model)

    def group_of(self, name: str) -> str | None:
        return _tree.group_of(name)

    def save(self, model: Any, ref: ModelRef, folder: Path, *, dtype: str = "auto") -> dict[str, str]:
        return _merging.save(model, ref, folder, dtype)

    def save_merged(self, ref: ModelRef, folder: Path, *, dtype: str, trust_remote_code: bool = False) -> dict[str, str]:
        stored = _merging.main_dtype(_merging.tensors(_merging.base_folder(ref)))
        inside = stored if dtype in ("auto", stored) else "float32"  # sums are rounded once, to the precision that is kept
        tuned = self.load(ref, LoadOptions(device="cpu", dtype=inside, trust_remote_code=trust_remote_code))
        return self.save(_merging.merged(tuned.model), ref, folder, dtype=dtype)
