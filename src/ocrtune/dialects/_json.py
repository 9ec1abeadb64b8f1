"""A reader of JSON that models write: it never fails, keeps every finished value, and names what was wrong.

One pass over the reply with a stack of the open brackets, in time linear in its length. It respects the borders of strings:
what looks like JSON within a text stays text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import JsonValue

from ocrtune.dialects._problems import Problems
from ocrtune.dialects._strings import quoted, read_string, skip_space

DEEPEST = 100  # brackets beyond this depth are skipped; no real reply has them, and what reads values need not fear depth
OPENER = re.compile(r"[\[{]")
BARE = re.compile(r"[^\s,:\[\]{}\"]+")
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?\Z")
FENCE = re.compile(r"```[\w-]*")
CONSTANTS: dict[str, JsonValue] = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}

Container = dict[str, JsonValue] | list[JsonValue]


class Reading(NamedTuple):
    """The outermost lists and objects of a reply in order; `unfinished` is the innermost object that the end cut off."""

    values: list[Container]
    unfinished: dict[str, JsonValue] | None


def read(text: str, problems: Problems, *, starts: Collection[str] = ()) -> Reading:
    """Everything in a reply that is JSON. Problems are `truncated`, `fence`, `prose`, `bad-syntax`, `bad-quote`, `bad-escape`.

    `starts` are keys that an object has only once: where one comes again, the brackets between two objects were forgotten.
    """
    return _Reader(text, problems, starts).read()


def write(value: JsonValue) -> str:
    """One line of JSON that `read` gives back exactly. Raises ValueError for numbers that JSON has not."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)}: {write(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(write, value)) + "]"
    return json.dumps(value, allow_nan=False)


def objects(values: Iterable[JsonValue]) -> Iterator[dict[str, JsonValue]]:
    """All objects in the values at any depth, outer ones first, in the order of the text."""
    waiting: list[JsonValue] = list(values)[::-1]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(reversed(list(value.values())))
        elif isinstance(value, list):
            waiting.extend(reversed(value))


@dataclass
class _Frame:
    """An open bracket. Of an object: the key that waits for its value, and whether its colon was there."""

    value: Container
    key: str | None = None
    colon: bool = False
    last: str | None = None
    bare: bool = False  # the last member became a list of what came without brackets


class _Reader:
    def __init__(self, text: str, problems: Problems, starts: Collection[str]) -> None:
        self.text = text
        self.problems = problems
        self.starts = starts
        self.at = 0
        self.values: list[Container] = []
        self.stack: list[_Frame] = []
        self.beyond = 0
        self.separated = True
        self.cut = False

    def read(self) -> Reading:
        while self.at < len(self.text):
            if self.stack:
                self._inside()
            else:
                self._outside()
        if self.stack or self.cut:
            self.problems.add("truncated", "the reply ends within a list, an object or a string")
        frames = [frame.value for frame in self.stack if isinstance(frame.value, dict)]
        return Reading(self.values, frames[-1] if frames else None)

    # --- between values ---

    def _outside(self) -> None:
        found = OPENER.search(self.text, self.at)
        end = found.start() if found else len(self.text)
        self._between(self.text[self.at : end])
        self.at = end
        if found:
            self._open(found[0])

    def _between(self, text: str) -> None:
        bare = FENCE.sub("", text)
        if bare != text:
            self.problems.add("fence", "the reply is fenced as code")
        if bare.strip(" \t\r\n,]}`"):
            self.problems.add("prose", f"{bare.strip()[:40]!r} stands around the JSON")
        elif bare.strip(" \t\r\n"):
            self.problems.add("bad-syntax", "a comma or bracket too many")

    # --- within a value ---

    def _inside(self) -> None:
        self.at = skip_space(self.text, self.at)
        sign = self.text[self.at : self.at + 1]
        if sign in ("{", "["):
            self._open(sign)
        elif sign in ("}", "]"):
            self._close(sign)
        elif sign == ",":
            self.at += 1
            self._comma()
        elif sign == ":":
            self.at += 1
            self._colon()
        elif sign in ('"', "'"):
            self._string()
        elif sign:
            self._word()

    def _open(self, sign: str) -> None:
        self.at += 1
        if len(self.stack) >= DEEPEST:
            self.beyond += 1
            self.problems.add("bad-syntax", f"brackets nested deeper than {DEEPEST}")
            return
        if sign == "{" and self.stack and self._wants_key():
            self.problems.add("bad-syntax", "an object without its closing brace")
            self.stack.pop()
        value: Container = {} if sign == "{" else []
        if self.stack:
            self._put(value)
        else:
            self.values.append(value)
        self.stack.append(_Frame(value))
        self.separated = True

    def _close(self, sign: str) -> None:
        self.at += 1
        if self.beyond:
            self.beyond -= 1
            return
        kind = dict if sign == "}" else list
        top = self.stack[-1]
        if kind is list and top.bare:
            top.bare = False
            return
        if not any(isinstance(frame.value, kind) for frame in self.stack):
            self.problems.add("bad-syntax", "a bracket too many")
            return
        while not isinstance(self.stack.pop().value, kind):
            self.problems.add("bad-syntax", "a bracket is missing or of the wrong kind")
        self.separated = False

    def _comma(self) -> None:
        if self.separated:
            self.problems.add("bad-syntax", "a comma too many")
        self.separated = True

    def _colon(self) -> None:
        top = self.stack[-1]
        if isinstance(top.value, list):
            self._list_was_over()
        elif top.key is None or top.colon:
            self.problems.add("bad-syntax", "a colon too many")
        else:
            top.colon = True

    def _list_was_over(self) -> None:
        """A colon behind an item: the item is the next key of the object around, and the list's bracket was forgotten."""
        items = self.stack[-1].value
        self.problems.add("bad-syntax", "a list without its closing bracket")
        below = self.stack[-2].value if len(self.stack) > 1 else None
        if not (isinstance(items, list) and items and isinstance(items[-1], str) and isinstance(below, dict)):
            return
        if items[-1] not in below:  # what is there already would be lost
            key = items.pop()
            self.stack.pop()
            self._key(str(key))
            self.stack[-1].colon = True

    def _string(self) -> None:
        is_list = isinstance(self.stack[-1].value, list)
        wants_key = self._wants_key()
        role = "item" if is_list else "key" if wants_key else "value"
        literal = read_string(self.text, self.at, role, self.problems)
        self.at = literal.end
        self.cut = not literal.closed
        if not wants_key:
            self._put(literal.text)
        elif literal.closed:
            self._key(literal.text)
        self.separated = False

    def _word(self) -> None:
        """A number, a constant, or letters without quotes; one that the end of the reply may have cut off is left out."""
        found = BARE.match(self.text, self.at)
        word = found[0] if found else self.text[self.at]
        self.at += len(word)
        if self.at >= len(self.text):
            self.cut = True
            return
        value = _scalar(word)
        if not self._wants_key():
            self._put(value)
        elif isinstance(value, str) and self.text.startswith(":", skip_space(self.text, self.at)):
            self.problems.add("bad-quote", "a key without quotes")
            self._key(value)
        else:
            self._unbracketed(value)
        self.separated = False

    # --- members and items ---

    def _wants_key(self) -> bool:
        top = self.stack[-1]
        return isinstance(top.value, dict) and top.key is None

    def _key(self, key: str) -> None:
        top = self.stack[-1]
        if isinstance(top.value, dict) and key in top.value and key in self.starts:
            self.problems.add("bad-syntax", "the brackets between two objects are missing")
            self.stack.pop()
            self.separated = True
            fresh: dict[str, JsonValue] = {}
            if self.stack:
                self._put(fresh)
            else:
                self.values.append(fresh)
            top = _Frame(fresh)
            self.stack.append(top)
        elif not self.separated:
            self.problems.add("bad-syntax", "a comma is missing")
        top.key, top.colon, top.bare = key, False, False

    def _put(self, value: JsonValue) -> None:
        top = self.stack[-1]
        if isinstance(top.value, list):
            if not self.separated:
                self.problems.add("bad-syntax", "a comma is missing")
            top.value.append(value)
        elif top.key is None:
            top.value.setdefault("", value)  # a value without a key keeps what is in it reachable
            self.problems.add("bad-syntax", "a key is missing")
        else:
            if not top.colon:
                self.problems.add("bad-syntax", "a colon is missing")
            top.value[top.key] = value
            top.key, top.last, top.bare = None, top.key, False

    def _unbracketed(self, value: JsonValue) -> None:
        """Numbers that go on behind the first one of a member: the opening bracket of their list was forgotten."""
        top = self.stack[-1]
        if not isinstance(top.value, dict) or isinstance(value, str) or top.last is None:
            self.problems.add("bad-syntax", "letters where a key should be")
            return
        first = top.value[top.last]
        if top.bare and isinstance(first, list):
            first.append(value)
        elif isinstance(first, int | float):
            self.problems.add("bad-syntax", "a list without its opening bracket")
            top.value[top.last] = [first, value]
            top.bare = True


def _scalar(word: str) -> JsonValue:
    """A number or constant; anything else, and numbers too long to be one, as text."""
    if word in CONSTANTS:
        return CONSTANTS[word]
    if len(word) > 64 or (found := NUMBER.match(word)) is None:
        return word
    if found[1] is None and found[2] is None:
        return int(word)
    number = float(word)
    return number if math.isfinite(number) else word
