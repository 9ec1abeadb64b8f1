"""ocrtune: from a pile of documents to a better OCR model, with a verdict.

Every verb of the command line is a function of the same name with the same options:

    import ocrtune

    data = ocrtune.prepare(sources=["scans/"])
    tuned = ocrtune.train(data=data, model="some/checkpoint")

`ocrtune.pages("scan.pdf")` reads documents page by page. Importing this package is cheap; a verb is loaded when it is first
named.
"""

from __future__ import annotations

import importlib
from typing import Any

from ocrtune.verbs import VERBS

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in VERBS:
        return importlib.import_module("ocrtune.api").function(name)
    if name == "pages":
        return importlib.import_module("ocrtune.api.reading").pages
    raise AttributeError(f"module 'ocrtune' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *VERBS, "pages"])
