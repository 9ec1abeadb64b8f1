"""Python literals and code fences in answers: several published scorers accept them where JSON was asked for."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

_OPENING = re.compile(r"```(?:python|json)?\n", re.IGNORECASE)
_CLOSING = "\n```"


class HostileLiteralError(ValueError):
    """Text that Python's own reader gives up on: nested too deep, or a list as the key of a dictionary."""


def read_literal(text: str) -> object:
    """The value of a Python literal. Raises ValueError for anything else, whatever is wrong with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unknown escape such as "\\d" is a warning to Python and nothing to a scorer
        try:
            return ast.literal_eval(text)
        except (TypeError, MemoryError, RecursionError) as cause:
            raise HostileLiteralError(f"not a Python literal, or one that Python gives up on: {text[:80]!r}") from cause
        except (ValueError, SyntaxError) as cause:
            raise ValueError(f"not a Python literal: {text[:80]!r}") from cause


def fenced(text: str) -> Iterator[str]:
    """The contents of code fences without a language, or of python or json.

    Published as one pattern, which reads a long answer once for every fence that is opened and never closed.
    """
    opening = _OPENING.search(text)
    while opening:
        end = text.find(_CLOSING, opening.end())
        if end < 0:
            return
        yield text[opening.end() : end]
        opening = _OPENING.search(text, end + len(_CLOSING))
