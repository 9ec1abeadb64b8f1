"""Strings of JSON as models write them: where one ends, and what its backslashes mean.

Models forget to escape: `\\frac` for `\\\\frac`, a quote within a text. What `quoted` writes is always read back exactly, and
valid JSON as what it says, except that a blank or control character in front of letters is taken for the beginning of a LaTeX
command where it can be one: `"\\theta"` is Greek, not a tab and "heta".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ocrtune.dialects._problems import Problems

SPACE = re.compile(r"[ \t\r\n]*")
STOPS = {'"': re.compile(r'["\\]'), "'": re.compile(r"['\\]")}
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.?))", re.DOTALL)
UNFINISHED = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
WORD = re.compile(r"[A-Za-z]{1,20}")
BARE_KEY = re.compile(r"[A-Za-z_]\w{0,40}[ \t]{0,8}:")
KEY = re.compile(r"""(["'])[\w .-]{1,40}\1[ \t]{0,8}:""")
FENCE_AT_END = re.compile(r"```\s*\Z")
BETWEEN = re.compile(r"""["'][^\w"']*\Z""")
LONGEST_KEY = 200
GOES_ON = frozenset('"$\\_^+-=()')  # behind a brace of LaTeX, never behind an object
MEANING = {'"': '"', "\\": "\\", "/": "/", "'": "'", "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
LIKE_A_BLANK = """
nabla nearrow nwarrow ncong nleq ngeq nsubseteq notin
tan tanh tau tbinom text textbf textcircled textcolor textdegree textit textmd textnormal textrm textsc textsf textsl textstyle
textsubscript textsuperscript texttt textup textwidth tfrac therefore theta tilde
thickapprox thicksim times tiny to top triangle triangleq triangleleft triangleright rangle rbrace rbrack rceil ref rfloor
rgroup rho right rightarrow rightharpoonup rightleftharpoons rm rmoustache root rtimes rvert rVert
"""
LIKE_NEWLINE_AND_WORD = """
natural ne neg neq nexists ngtr ni nless nmid nolimits nonumber not notag nparallel nprec nsim nu
"""
COMMANDS = frozenset(LIKE_A_BLANK.split())
AFTER_NEWLINE = frozenset(LIKE_NEWLINE_AND_WORD.split())  # these only in a string that forgets to escape elsewhere, too
ESCAPED = {code: f"\\u{code:04x}" for code in range(32)} | {ord(v): f"\\{k}" for k, v in MEANING.items() if k in '"\\ntr'}
LIKE_COMMANDS = re.compile(r"\\\\|\\[trn](?=[A-Za-z])")


def quoted(text: str) -> str:
    """The text as a JSON string, letters of all scripts as they are; a tab that would look like LaTeX is \\u0009."""
    return f'"{LIKE_COMMANDS.sub(_spelled, text.translate(ESCAPED))}"'


def _spelled(found: re.Match[str]) -> str:
    if found[0] == "\\\\" or _word(found.string, found.end() - 1) not in COMMANDS:
        return found[0]
    return f"\\u{ord(MEANING[found[0][1]]):04x}"


class Literal(NamedTuple):
    """A string, the position behind it, and whether it ended before the reply did."""

    text: str
    end: int
    closed: bool


def read_string(source: str, start: int, role: str, problems: Problems) -> Literal:
    """The string whose opening quote stands at `start`.

    `role` is "key", "value" (in an object) or "item" (in a list): it decides what may follow a closing quote. A quote that
    something else follows belongs to the text.
    """
    quote = source[start]
    if quote == "'":
        problems.add("bad-quote", "single quotes around a string")
    at = start + 1
    while (found := STOPS[quote].search(source, at)) is not None:
        at = found.end()
        if found[0] == "\\":
            at += 1
        elif role == "key" or _closes(source, at, role):
            return Literal(_unescaped(source[start + 1 : found.start()], problems), at, True)
        elif (end := _forgotten(source, start + 1, found.start())) is not None:
            problems.add("bad-quote", "a string without its closing quote")
            resume = found.start() if source[end] in STOPS else end
            return Literal(_unescaped(source[start + 1 : end], problems), resume, True)
        else:
            problems.add("bad-quote", "a quote within a string is not escaped")
    return Literal(_unescaped(UNFINISHED.sub("", source[start + 1 :]), problems), len(source), False)


# --- where a string ends --------------------------------------------------------------------------------------------------


def skip_space(source: str, at: int) -> int:
    found = SPACE.match(source, at)
    return found.end() if found else at


def _closes(source: str, at: int, role: str) -> bool:
    """Whether the quote before `at` can be the end of a value or item, by what follows it."""
    after = skip_space(source, at)
    follows = source[after : after + 1]
    if follows == ",":
        return _goes_on_with(source, skip_space(source, after + 1), role)
    if follows == "}":
        beyond = source[after + 1 : after + 2]
        return not (beyond.isalnum() or beyond in GOES_ON)
    if follows == "{":
        inside = skip_space(source, after + 1)
        return source[inside : inside + 1] in ("", '"', "'", "}")
    if follows in ('"', "'"):
        return after > at and (role == "item" or _is_key(source, after))
    return follows in ("", "]") or (follows == ":" and role == "item") or FENCE_AT_END.match(source, after) is not None


def _goes_on_with(source: str, at: int, role: str) -> bool:
    """Whether a member or an item begins at `at`, behind a comma."""
    follows = source[at : at + 1]
    if follows in ("", "{", "}", "]"):
        return True
    if role == "item":
        return follows in "\"'[-" or follows.isdigit() or source.startswith(("true", "false", "null"), at)
    return _is_key(source, at) if follows in "\"'" else BARE_KEY.match(source, at) is not None


def _is_key(source: str, at: int) -> bool:
    """Whether the quote at `at` opens a string that a colon follows, or one too long (or cut) for the answer to be no."""
    quote, end = source[at], at
    while (end := source.find(quote, end + 1, at + LONGEST_KEY)) >= 0 and _is_escaped(source, end, at):
        pass
    after = skip_space(source, end + 1)
    return end < 0 or after >= len(source) or source[after] == ":"


def _is_escaped(source: str, at: int, after: int) -> bool:
    first = at
    while first - 1 > after and source[first - 1] == "\\":
        first -= 1
    return (at - first) % 2 == 1


def _forgotten(source: str, begin: int, at: int) -> int | None:
    """Where a string from `begin` must have ended when the quote at `at` opens the next key; None when it does not."""
    if KEY.match(source, at) is None:
        return None
    before = source[max(begin, at - 16) : at]
    text = before.rstrip()
    if (closing := BETWEEN.search(before)) is not None:
        text = before[: closing.start()]
    elif text.endswith("{"):
        text = text[:-1].rstrip().removesuffix(",").rstrip()
        if not text.endswith("}"):
            return None
        text = text[:-1].rstrip()
    elif text.endswith(","):
        text = text[:-1].rstrip()
    else:
        return None
    return at - len(before) + len(text)


# --- what a string says ---------------------------------------------------------------------------------------------------


def _unescaped(raw: str, problems: Problems) -> str:
    if "\\" not in raw:
        return raw
    careless = any(_is_careless(found) for found in ESCAPE.finditer(raw))
    if careless:
        problems.add("bad-escape", "a backslash in a string is not escaped")
    text = ESCAPE.sub(lambda found: _meant(found, careless), raw)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_careless(found: re.Match[str]) -> bool:
    """Whether the backslash stands for itself although it is not escaped."""
    letter = found[2]
    if letter is None or letter not in MEANING:
        return letter is not None
    if letter in "bf":
        return found.string[found.end() : found.end() + 1].isascii() and found.string[found.end() : found.end() + 1].isalpha()
    return letter in "trn" and _word(found.string, found.end() - 1) in COMMANDS


def _meant(found: re.Match[str], careless: bool) -> str:
    if found[1] is not None:
        return chr(int(found[1], 16))
    is_command = careless and found[2] == "n" and _word(found.string, found.end() - 1) in AFTER_NEWLINE
    return found[0] if is_command or _is_careless(found) else MEANING[found[2]]


def _word(source: str, at: int) -> str:
    found = WORD.match(source, at)
    return found[0] if found else ""
