"""dots.ocr's own network, as transformers classes: config, vision tower, model, processor.

transformers does not know this architecture, and the published checkpoint's own Python code runs on no current
release; it is never run. The modules that hold the network import torch at their top, so they are brought in on demand.
"""

from __future__ import annotations

import importlib

from ocrtune.errors import extra


def register() -> None:
    """After this, transformers' Auto classes know `dots_ocr` checkpoints without code from them. Repeating it is free."""
    with extra("train"):
        importlib.import_module("ocrtune.families._dots.registry").register()
