"""The Python face: every verb as a function, on the same path as the command line."""

from ocrtune.api.execute import DEFAULT_RUNS, Outcome, Plan, Verb, execute, jsonable, load_verb, plan
from ocrtune.api.functions import function

__all__ = ["DEFAULT_RUNS", "Outcome", "Plan", "Verb", "execute", "function", "jsonable", "load_verb", "plan"]
