"""Verbs as Python functions."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ocrtune.api.execute import DEFAULT_RUNS, Outcome, execute, load_verb
from ocrtune.runs import RunDir


def function(name: str) -> Callable[..., Outcome]:
    """The verb `name` as a function of its options (keywords, nested sections as dicts), plus `into`, `runs`, `fresh`.

    Required options may also be given by position. An earlier outcome stands for its run: `train(data=prepared)`.
    Raises OcrtuneError.
    """
    verb = load_verb(name)
    required = [option for option, field in verb.config.model_fields.items() if field.is_required()]

    def call(*values: Any, into: str | Path | None = None, runs: str | Path | None = None, fresh: bool = False,
             **options: Any) -> Outcome:  # fmt: skip
        if len(values) > len(required):
            raise TypeError(f"{name}() takes {len(required)} options by position, but {len(values)} were given")
        placed = dict(zip(required, values, strict=False))
        if twice := placed.keys() & options:
            raise TypeError(f"{name}() got {', '.join(sorted(twice))} both by position and by name")
        root = Path(runs or os.environ.get("OCRTUNE_RUNS") or DEFAULT_RUNS)
        asked = {option: _plain(value, root) for option, value in {**placed, **options}.items()}
        return execute(verb, asked, into=Path(into) if into else None, runs=root, fresh=fresh)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = verb.doc
    call.__signature__ = _signature(verb.config.model_fields)  # type: ignore[attr-defined]
    return call


def _plain(value: Any, root: Path) -> Any:
    """Options as the command line could have said them: outcomes and runs by name, paths as text."""
    if isinstance(value, Outcome):
        value = value.run
    if isinstance(value, RunDir):
        return f"run:{value.id}" if value.path.parent.absolute() == root.absolute() else str(value.path)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(part, root) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part, root) for key, part in value.items()}
    return value


def _signature(fields: Any) -> inspect.Signature:
    either, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    required = [inspect.Parameter(n, either, annotation=f.annotation) for n, f in fields.items() if f.is_required()]
    rest = [
        inspect.Parameter(n, keyword, default=f.get_default(call_default_factory=True), annotation=f.annotation)
        for n, f in fields.items()
        if not f.is_required()
    ]
    face = [
        inspect.Parameter("into", keyword, default=None, annotation="str | Path | None"),
        inspect.Parameter("runs", keyword, default=None, annotation="str | Path | None"),
        inspect.Parameter("fresh", keyword, default=False, annotation="bool"),
    ]
    return inspect.Signature([*required, *rest, *face], return_annotation=Outcome)
