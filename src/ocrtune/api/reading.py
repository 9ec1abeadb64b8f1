"""Documents read from Python, page by page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ocrtune.api.execute import DEFAULT_RUNS, jsonable, load_verb, log_file, plan
from ocrtune.core import Leaf
from ocrtune.runs import RunDir
from ocrtune.verbs import parse
from ocrtune.verbs._bindery import LEAVES


def pages(*inputs: str | Path, into: str | Path | None = None, runs: str | Path | None = None, fresh: bool = False,
          **options: Any) -> Iterator[Leaf]:  # fmt: skip
    """Read documents and give each page as soon as it is final: what `parse` does, with the same options and files.

        for leaf in ocrtune.pages("scan.pdf"):
            print(leaf.document, leaf.page.number, leaf.page.text)

    Pages come in the order in which they are finished. Whoever stops early can go on later: the same call resumes. Raises
    OcrtuneError.
    """
    root = Path(runs or os.environ.get("OCRTUNE_RUNS") or DEFAULT_RUNS)
    asked = {**options, "inputs": [str(each) for each in inputs]}
    planned = plan(load_verb("parse"), asked, into=Path(into) if into else None, runs=root)
    assert isinstance(planned.config, parse.Config)
    run = RunDir.create("parse", planned.config, root=root, into=planned.path, asked=jsonable(planned.asked), fresh=fresh)
    if run.status == "done":
        yield from run.read(LEAVES, Leaf)
        return
    with run.guard(), log_file(run.path / "log.txt"):
        yield from parse.pages(planned.config, run)
