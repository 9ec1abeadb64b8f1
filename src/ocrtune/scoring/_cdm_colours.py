"""Each word of a formula that is seen gets a colour of its own: CDM's clean-up of the words, then the formula as TeX sets it.

Upstream's slips are part of the figure and stay: `\\left(` and `\\right)` are coloured as words of their own, so that TeX
complains and goes on; where a group in `\\mathrm` grows by colouring, its last words may stay without a colour.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ocrtune.scoring._cdm_names import commands

TABULAR = "tabular"
STEP = 15  # of a colour channel
LEVELS = 255 // STEP + 1
MOST_COLOURS = 5801

_OVER = commands(  # drawn themselves, over or under one group
    "widetilde overline hat widehat tilde Tilde dot bar vec underline underbrace check breve Bar Vec mathring ddot"
)
_FACES = commands(  # not seen themselves, before one group
    "boldsymbol pmb textbf mathrm mathbf mathbb mathcal textmd texttt textnormal text textit textup mathop mathbin smash "
    "operatorname textrm mathfrak emph textsf textsc"
)
_FRACTIONS = commands("frac binom")
_STACKS = commands("overset underset stackrel")
_OPTIONAL = commands("xrightarrow xleftarrow sqrt")  # \\xxx[...]{...}
_CELLS = commands("multicolumn multirow")
_HIDDEN = commands("fontfamily vphantom phantom rowcolor ref")
_UNSEEN = _STACKS | {"\\", "\\\\", "&", "$", "~"} | commands(
    "index a multirow def raggedright url cr ensuremath left right mathchoice scriptstyle displaystyle qquad quad , ! boldmath"
)  # fmt: skip
_MARKS = re.compile(r"[{}\[\]^_]|\\begin\{.*?\}|\\end\{.*?\}|\\.*rule.*|\\.*line.*|\[[\-.0-9]+[epm][xtm]\]")
SAFE = _OVER | _FACES | _FRACTIONS | _STACKS | _OPTIONAL | commands("vphantom phantom operatorname*")


class Coloured(NamedTuple):
    """A formula for TeX, and its words; that of index i is drawn in `colour(i)`."""

    formula: str
    words: tuple[str, ...]


def colour(index: int) -> tuple[int, int, int]:
    """Never black, which is what has no colour."""
    at = index + 1
    return at // LEVELS**2 * STEP, at // LEVELS % LEVELS * STEP, at % LEVELS * STEP


def _joined(match: re.Match[str]) -> str:
    return match.group().replace(" ", "")


def _joined_blank(match: re.Match[str]) -> str:
    return _joined(match) + " "


# One after another, on words with a blank between any two: the order is part of the rule.
_BEFORE: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\\(?:raggedright|arraybackslash|lowercase|uppercase)"), lambda _: ""),
    (re.compile(r"\\[hv]space { [.0-9a-z ]+ }"), _joined),
    (re.compile(r"\\begin{array} { [lrc ]+ }"), lambda match: "\\begin{array} " + _joined(match).removeprefix("\\begin{array}")),
    (re.compile(r"\\not [<>+=\-]"), _joined),
)
_SPELT = {
    **dict.fromkeys(("\\ldots", "\\cdots", "\\dots", "\\dotsb"), ". . ."),
    **{f"\\{name}": f"\\mathrm {{ {' '.join(name)} }}" for name in ("log", "exp", "sin", "cos", "tan", "tanh", "cosh", "sinh")},
}
_AFTER: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\\[Bb]ig[g]?[glrm]? [(){}|\[\]] "), _joined_blank),
    (re.compile(r"\\[Bb]ig[g]?[glrm]? \\.*? ", re.DOTALL), _joined_blank),
    (re.compile(r"\\operatorname \*"), lambda _: "\\operatorname"),
    (re.compile(r"\\lefteqn"), lambda _: ""),
    (re.compile(r"\\footnote "), lambda _: "^ "),
    (re.compile(r"\\' [^{] "), _joined_blank),
    (re.compile(r"\\parbox {[^{]+}"), _joined),
    (re.compile(r"\\raisebox {[^{]+} [\[\]0-9 exptcm]+{"), lambda match: _joined(match)[:-1] + " {"),
    (re.compile(r"{ \\char[0-9' ]+}"), lambda match: "{ " + _joined(match)[1:-1] + " }"),
    (re.compile(r"\\not [\\=<>][^ ]+ "), _joined_blank),
    (re.compile(r"\\specialrule {[ .0-9a-z]+} {[ .0-9a-z]+} {[ .0-9a-z]+}"), _joined),
    (re.compile(r"\\(?:colorbox|color|textcolor|cellcolor)[ \[\]RGBrgb]+{ [A-Za-z 0-9,!]+ } "), lambda _: ""),
)


_TABLE: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\\[hv]space { [.0-9a-z ]+ }"), lambda _: ""),
    (re.compile(r"\\(?:begin|end) {(?:tabular|array)}"), _joined),
)
_RULES = commands("cmidrule cline")
_GAP = re.compile(r"\[ [\-.0-9 ]+[exptcm ]+ \]")


def coloured(words: str) -> Coloured:
    """Raises ValueError or IndexError where braces or arguments are missing."""
    split = _with_braces(_cleaned(words).split(" "))
    painter = _Painter(" ".join(split).strip().split(" "))
    at = 0
    while at < len(painter.split):
        at = painter.paint(at)
    return Coloured(" ".join(painter.split), tuple(painter.words))


def _cleaned(words: str) -> str:
    text = words.strip().replace("\\pmatrix", "\\mypmatrix").replace("\\matrix", "\\mymatrix")
    text = _with_table(text) if TABULAR in text else text
    for pattern, written in _BEFORE:
        text = pattern.sub(written, text)
    text = f" {text} "
    for name, spelt in _SPELT.items():
        text = text.replace(f" {name} ", f" {spelt} ")
    for pattern, written in _AFTER:
        text = pattern.sub(written, text)
    return text


def _with_table(text: str) -> str:
    """The head of the first table, and rules over some columns, are one word each."""
    for pattern, written in _TABLE:
        text = pattern.sub(written, text)
    split, at, heads = text.split(" "), 0, ["\\begin{tabular}"]
    while at < len(split):
        if split[at] in heads or split[at] in _RULES:
            last = _closing(split, _closing(split, at + 1, "()") + 1 if split[at + 1] == "(" else at + 1)
            heads = [] if split[at] in heads else heads
            split[at : last + 1] = ["".join(split[at : last + 1])]
        at += 1
    return _GAP.sub(_joined, " ".join(split))


def _closing(split: Sequence[str], start: int, brackets: str = "{}") -> int:
    """The bracket that closes the first one opened from `start` on. Raises ValueError without one (upstream goes on for ever)."""
    depth = 0
    for at in range(start, len(split)):
        if split[at] == brackets[0]:
            depth += 1
        elif split[at] == brackets[1]:
            depth -= 1
            if depth == 0:
                return at
    raise ValueError("a bracket does not close")


def _braced(split: list[str], at: int) -> None:
    """Braces around the one word there, unless they are."""
    if split[at] != "{":
        split[at : at + 1] = ["{", split[at], "}"]


def _with_braces(split: list[str]) -> list[str]:
    """All arguments in braces, in place."""
    at = 0
    while at < len(split):
        word = split[at]
        if word in _OVER or word in _FACES:
            _brace_run(split, at)
        elif word in _OPTIONAL:
            _braced(split, _closing(split, at + 1, "[]") + 1 if split[at + 1] == "[" else at + 1)
        elif word in _FRACTIONS or word in _STACKS:
            _braced(split, at + 1)
            _braced(split, _closing(split, at + 1) + 1)
        at += 1
    return split


def _brace_run(split: list[str], at: int) -> None:
    """`\\hat \\bar x` is `\\hat { \\bar { x } }`."""
    end = at + 1
    while end < len(split) and (split[end] in _OVER or split[end] in _FACES):
        end += 1
    heads = [piece for word in split[at:end] for piece in (word, "{")]
    if split[end] != "{":
        body, last = [split[end]], end
    else:
        last = _closing(split, end)
        body = split[end + 1 : last]
    split[at:] = [*heads, *body, *["}"] * (end - at), *split[last + 1 :]]


class _Painter:
    """`split` grows by a brace for each word that is painted with its arguments; places are those at the time."""

    def __init__(self, split: list[str]) -> None:
        self.split, self.words = split, list[str]()

    def paint(self, at: int, *, boxed: bool = False) -> int:
        """Colour the word there; the place to go on at."""
        word, split = self.split[at], self.split
        if not word:
            return at + 1
        if word in _HIDDEN:
            return (_closing(split, at + 1) if split[at + 1] == "{" else at + 1) + 1
        if word in _FRACTIONS:
            return self._with(at, _closing(split, _closing(split, at + 1) + 1))
        if word in _OVER:
            end = _closing(split, at + 1)
            scripted = word != "\\underbrace" and end + 1 < len(split) and split[end + 1] == "_"
            return self._with(at, end, *(("{", "}}") if scripted else ("", "}")))
        if word in _FACES:
            return self._face(at)
        if word in _OPTIONAL:
            return self._optional(at)
        if word in _CELLS:
            start = _closing(split, _closing(split, at + 1) + 1) + 1
            return self._inside(start, _closing(split, start))
        if word in _UNSEEN or _MARKS.match(word):
            if not (word == "[" and split[at - 1] != "\\sqrt") and not (word == "]" and at >= 3 and split[at - 3] != "\\sqrt"):
                return at + 1
            split[at] = self._colour(word) + word + "}"
            return at + 1
        boxed = boxed or (at > 1 and split[at - 1] == "_")
        split[at] = ("{" if boxed else "") + self._colour(word) + word + ("}}" if boxed else "}")
        return at + 1

    def _colour(self, word: str) -> str:
        """The head of the next colour; what is beyond the last one stays a mark that TeX complains of."""
        at = len(self.words)
        self.words.append(word)
        shade = ",".join(map(str, colour(at))) if at < MOST_COLOURS - 1 else f"<color_{at}>"
        return f"\\mathcolor[RGB]{{{shade}}}{{"

    def _with(self, at: int, end: int, before: str = "", after: str = "}") -> int:
        """A word with all of its arguments; what is in them is painted when its turn comes."""
        word = self.split[at]
        head = before + self._colour(word) + word
        self.split[:] = [*self.split[:at], head, *self.split[at + 1 : end + 1], after, *self.split[end + 1 :]]
        return at + 1

    def _inside(self, start: int, end: int, *, boxed: bool = False) -> int:
        at = start + 1
        while at < end:
            at = self.paint(at, boxed=boxed)
        return end + 1

    def _face(self, at: int) -> int:
        start, end = at + 1, _closing(self.split, at + 1)
        if end - start != 2:
            return self._inside(start, end)
        word = self.split[start + 1]
        self.split[:] = [*self.split[: start + 1], self._colour(word) + word + "}", *self.split[end:]]
        return end + 1

    def _optional(self, at: int) -> int:
        opening = self.split[at + 1]
        if opening == "{":
            end = _closing(self.split, at + 1)
            self._with(at, end)
            return self._inside(at + 1, end)
        if opening != "[":
            raise ValueError("an argument is missing")
        middle = _closing(self.split, at + 1, "[]")
        end = _closing(self.split, middle + 1)
        self._with(at, end)
        self._inside(at + 1, middle, boxed=True)
        return self._inside(middle + 1, end)
