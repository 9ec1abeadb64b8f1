"""Processor classes that transformers hides where torchvision is missing, although their work on pictures needs none of it."""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any


def processor_class(name: str) -> Any:
    """The processor class `name` of transformers. Raises ImportError where it cannot do without torchvision.

    A hidden class is imported with the PIL twin in the place of its image processor's module (Pixtral takes a function of
    geometry from there, which both have)."""
    from transformers.utils.import_utils import DummyObject

    found = getattr(importlib.import_module("transformers"), name)
    if not isinstance(found, DummyObject):
        return found
    stem = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removesuffix("Processor")).lower()
    home = f"transformers.models.{stem}"
    hidden = f"{home}.image_processing_{stem}"
    sys.modules[hidden] = importlib.import_module(f"{home}.image_processing_pil_{stem}")
    try:
        return getattr(importlib.import_module(f"{home}.processing_{stem}"), name)
    finally:
        del sys.modules[hidden]
