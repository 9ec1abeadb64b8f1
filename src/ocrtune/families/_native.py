"""Geometry that transformers keeps as module functions beside its image processors: used, not written again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ocrtune.core import Size
from ocrtune.errors import ModelError


def function(images: Any, name: str) -> Callable[..., Any]:
    """The function `name` of the module that defines the class of `images` or one of its ancestors: the same geometry that
    the processor itself applies, whichever backend it is of. Raises ModelError where there is none."""
    for kind in type(images).__mro__:
        if (found := getattr(sys.modules.get(kind.__module__), name, None)) is not None:
            return found
    raise ModelError(
        f"{type(images).__name__} comes without {name}(), so the size that the model sees is not known",
        hint="use the image processor that this architecture has in transformers",
    )


def empty(size: Size) -> Any:
    """A picture of three channels for functions that look at the shape of an array only: it takes no memory."""
    import numpy as np

    return np.broadcast_to(np.zeros((), np.uint8), (3, size.height, size.width))
