"""Matrix products in float32 by oneDNN where it is quicker than what `torch.nn.functional.linear` calls.

PyTorch hands float32 products to MKL, which uses AVX-512 on Intel's processors only: measured on an AMD EPYC (Zen 5), one
thread, 960 × 128 by 128 × 512: MKL 104, oneDNN 232 billion operations a second. Both are full float32.

oneDNN writes a program for every shape it meets, in 0.35 ms and 0.5 MiB, and keeps a thousand. Batches differ in length, so
rows are given to it in blocks of few sizes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

BLOCK, STEP = 1024, 64  # rows at once; the last block is filled up with zeros to a multiple of STEP, twice that above 512
NARROW = 32  # rows or columns of a matrix for which MKL is as quick


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x Wᵀ + b of two matrices, without a gradient."""
    import torch

    wide = len(x) >= NARROW <= min(weight.shape)
    quick = onednn() if wide and x.dtype == torch.float32 and x.device.type == "cpu" else None
    if quick is None:
        return torch.nn.functional.linear(x, weight, bias)
    if len(x) <= BLOCK:
        return quick(_filled(x), weight, bias)[: len(x)]
    made = x.new_empty(len(x), len(weight))
    for part, place in zip(x.split(BLOCK), made.split(BLOCK), strict=True):
        place.copy_(quick(_filled(part), weight, bias)[: len(part)])
    return made


def _filled(x: Any) -> Any:
    import torch

    missing = -len(x) % (STEP if len(x) <= BLOCK // 2 else 2 * STEP)
    return torch.nn.functional.pad(x, (0, 0, 0, missing)) if missing else x.contiguous()


@cache
def onednn() -> Callable[[Any, Any, Any], Any] | None:
    """None where it is absent or brings nothing. The choice depends on the machine alone, so that resumed work is the same."""
    import torch

    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not torch.backends.mkldnn.is_available():
        return None
    try:  # what torch.compile calls for a layer; no public name leads there
        product = torch.ops.mkldnn._linear_pointwise.default
        product(torch.ones(2, 2), torch.ones(2, 2), None, "none", [], "")
    except (AttributeError, RuntimeError, TypeError):
        return None
    return lambda x, weight, bias: product(x, weight, bias, "none", [], "")
