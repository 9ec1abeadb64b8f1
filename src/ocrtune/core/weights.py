"""What a checkpoint is made of: counts and shapes, no tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Stack(NamedTuple):
    """One transformer inside a model: the language model, or the vision tower. `inner` is the width of its MLP, which is
    `gated` when two matrices feed its product."""

    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head_width: int
    gated: bool


class Matrices(NamedTuple):
    """Linear layers of one shape in a module group."""

    group: str
    inputs: int
    outputs: int
    times: int


class Weights(NamedTuple):
    """What a checkpoint is made of, counted from its config.json alone.

    `parameters` are by group: language (without tables), vision, merger, embeddings (both tables where the head is a
    table of its own), other. `merged` patches of `patch` × `patch` pixels become one visual token.
    """

    parameters: Mapping[str, int]
    matrices: tuple[Matrices, ...]
    language: Stack
    vision: Stack | None
    vocabulary: int
    tied: bool
    patch: int | None
    merged: int
