"""Python literals in answers: several published scorers accept them where JSON was asked for."""

from __future__ import annotations

import ast
import warnings


def read_literal(text: str) -> object:
    """The value of a Python literal. Raises ValueError for anything else, whatever is wrong with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unknown escape such as "\\d" is a warning to Python and nothing to a scorer
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as cause:
            raise ValueError(f"not a Python literal: {text[:80]!r}") from cause
