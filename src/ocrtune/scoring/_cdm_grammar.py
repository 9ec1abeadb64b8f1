"""LaTeX formulas as CDM's tokeniser reads them: the grammar of KaTeX 0.6 as im2markup changed it, and the words it writes.

The published metric pipes each formula through node. Newer versions of KaTeX know more commands and would write other words,
so what counts is this one grammar. It takes every command that it does not know as a letter, has few environments, and gives
up (`UnreadError`) on colours, on `&` outside of an array and on braces that do not match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ocrtune.scoring import _cdm_names as names
from ocrtune.scoring._cdm_names import SYMBOLS, TEXT_SYMBOLS

_TOKEN = re.compile(
    "([ \r\n\t]+)|(---?|[!-\\[\\]-\u2027\u202a-\ud7ff\uf900-\uffff]|[\U00010000-\U0010ffff]"
    "|\\\\(?:[a-zA-Z]+|[^\ud800-\udfff\U00010000-\U0010ffff]))"
)
_SIZE = re.compile(r"\s*(-?)\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]{2})")
_NAME = re.compile(r"(\\begin|\\end) { ([^{}]*) }")
_BLANKS = re.compile(r"\s*")
_CLOSING = frozenset(("}", "\\end", "\\right", "&", "\\\\", "\\cr"))
_FENCES = {
    "pmatrix": ("(", ")"), "bmatrix": ("[", "]"), "Bmatrix": ("\\{", "\\}"), "vmatrix": ("|", "|"),
    "Vmatrix": ("\\Vert", "\\Vert"), "cases": ("\\{", "."), "picture": ("\\{", "."),
}  # fmt: skip
_COLUMNS: dict[str, list[str] | None] = {"cases": ["l", "l"], "picture": ["l", "l"]}
_BRACKETS = frozenset("()[]<>/|.") | names.commands(
    "lbrack rbrack { lbrace } rbrace lfloor rfloor lceil rceil langle rangle lt gt lvert rvert lVert rVert lgroup rgroup "
    "lmoustache rmoustache backslash vert | Vert uparrow Uparrow downarrow Downarrow updownarrow Updownarrow"
)


class UnreadError(ValueError):
    """Not a formula by this grammar."""


@dataclass(slots=True)
class Node:
    """A piece of a formula; `text` is its symbol or command, `arguments` what that one takes, `parts` what is inside."""

    kind: str
    text: str = ""
    parts: list[Node] = field(default_factory=list)
    arguments: list[Node | None] = field(default_factory=list)
    rows: list[list[Node]] = field(default_factory=list)
    columns: list[str] | None = None
    limits: bool = False


class _Command(NamedTuple):
    """How many groups a command takes, the optional one first; it may stand where an argument is due if it is greedier."""

    kind: str
    takes: int = 0
    optional: bool = False
    greed: int = 1


def _commands() -> dict[str, _Command]:
    known = {name: _Command("operator") for name in names.OPERATORS}
    known |= {name: _Command("fraction", 2, greed=2) for name in names.FRACTIONS}
    known |= {name: _Command("sized", 1) for name in names.SIZED} | {name: _Command("fence", 1) for name in ("\\left", "\\right")}
    known |= {name: _Command("size") for name in names.SIZES} | {name: _Command("style") for name in names.STYLES}
    known |= {name: _Command("font", 1, greed=2) for name in names.FONTS} | {
        name: _Command("accent", 1) for name in names.ACCENTS
    }
    known |= {name: _Command("text", 1, greed=2) for name in names.TEXTS}
    known |= {name: _Command("line", 1) for name in ("\\overline", "\\underline")}
    known |= {name: _Command("lap", 1) for name in ("\\llap", "\\rlap")}
    known |= {name: _Command("infix") for name in ("\\over", "\\choose")}
    known |= {name: _Command("row", 0, optional=True) for name in ("\\\\", "\\cr")}
    known |= {name: _Command("environment", 1) for name in ("\\begin", "\\end")}
    return known | {
        "\\sqrt": _Command("root", 1, optional=True),
        "\\phantom": _Command("phantom", 1),
        "\\rule": _Command("rule", 2, optional=True),
        **{name: _Command("colour", greed=3) for name in names.COLOURS},
    }


COMMANDS = _commands()


def parsed(formula: str) -> list[Node]:
    """Raises UnreadError."""
    return _read(formula)[0]


def tokens(formula: str) -> str:
    """What `parsed` reads, a blank between any two, names of environments in their braces. Raises UnreadError."""
    taken = " ".join(" ".join(_read(formula)[1]).split())
    return _NAME.sub(lambda match: f"{match.group(1)} {{{match.group(2).replace(' ', '')}}}", taken)


def _read(formula: str) -> tuple[list[Node], list[str]]:
    reader = _Reader(formula)
    try:
        found = reader.expression()
    except RecursionError:
        raise UnreadError("too deep") from None
    if reader.next is not None:
        raise UnreadError(f"{reader.next} stands alone")
    return found, reader.taken


class _Reader:
    """One look-ahead, `next` (None: the end); `at` is the place behind what was taken last. In text, blanks are tokens."""

    def __init__(self, formula: str) -> None:
        self.formula, self.at, self.text = formula, 0, False
        self.taken: list[str] = []
        self._look()

    def _look(self) -> None:
        at = self.at
        while at < len(self.formula):
            match = _TOKEN.match(self.formula, at)
            if match is None:
                raise UnreadError(f"{self.formula[at]!r} cannot be read")
            at = match.end()
            if match.group(2) or self.text:
                self.next, self.after = match.group(2) or " ", at
                return
        self.next, self.after = None, len(self.formula)

    next: str | None
    after: int

    def take(self) -> str:
        taken, self.at = self.next or "", self.after
        self.taken.append(taken)
        self._look()
        return taken

    def expect(self, wanted: str) -> None:
        if self.next != wanted:
            raise UnreadError(f"{wanted} is missing")
        self.take()

    def expression(self, *, until: str | None = None, before_infix: bool = False) -> list[Node]:
        found: list[Node] = []
        while self.next is not None and self.next not in _CLOSING and self.next != until:
            place = self.at
            atom = self._atom()
            if atom is None:
                break
            if before_infix and atom.kind == "infix":
                self.at = place
                self._look()
                break
            found.append(atom)
        return _with_fractions(found)

    def _atom(self) -> Node | None:
        """A nucleus with what stands above and below; of several scripts the last one counts."""
        base = self._nucleus()
        if self.text:
            return base
        above: Node | None = None
        below: Node | None = None
        while self.next in ("\\limits", "\\nolimits", "^", "_", "'"):
            mark = self.take()
            if mark == "^":
                above = self._script()
            elif mark == "_":
                below = self._script()
            elif mark == "'":
                above = Node("group", parts=[Node("symbol", "\\prime")])
                while self.next == "'":
                    self.take()
                    above.parts.append(Node("symbol", "\\prime"))
            elif base is None or base.kind != "operator":
                raise UnreadError("limits of no operator")
            else:
                base.limits = mark == "\\limits"
        return Node("scripts", arguments=[base, below, above]) if above or below else base

    def _script(self) -> Node | None:
        """Only a command that is greedier than a script may be one without braces."""
        found = self._group()
        return None if found is None else self._due(found, 1)

    def _nucleus(self) -> Node | None:
        found = self._symbol()
        if found is None:
            return self._called(self._group())
        if isinstance(found, Node):
            return self._old_matrix(found.text[1:]) if found.text in ("\\matrix", "\\pmatrix", "\\cases") else found
        kind = COMMANDS[found].kind
        if found == "\\left":
            return self._fenced()
        if found == "\\begin":
            return self._environment()
        if kind == "size":
            return Node("size", found, self.expression())
        if kind == "style":
            return Node("style", found, self.expression(before_infix=True))
        return self._call(found)

    def _fenced(self) -> Node:
        opened = self._call("\\left")
        parts = self.expression()
        if self.next != "\\right":
            raise UnreadError("\\left without \\right")
        closed = self._call(self.take())
        return Node("fenced", parts=parts, arguments=[opened, closed])

    def _old_matrix(self, name: str) -> Node:
        self.expect("{")
        made = self._array(name)
        self.expect("}")
        return made

    def _environment(self) -> Node:
        name = self._call("\\begin").text
        made = self._array(name)
        if self.next != "\\end" or self._call(self.take()).text != name:
            raise UnreadError(f"{name} does not end")
        return made

    def _array(self, name: str) -> Node:
        if name not in ("array", "tabular", "matrix", "aligned", *_FENCES):
            raise UnreadError(f"no environment {name}")
        made = Node("array", columns=_COLUMNS.get(name))
        if name in ("array", "tabular"):
            given = self._due(self._group(), 1)
            pieces = given.parts if given.kind == "group" else [given]
            made.columns = [piece.text for piece in pieces if piece.kind in ("letter", "symbol") and piece.text in "lcr"]
        made.rows = self._rows()
        if name == "aligned":
            for row in made.rows:
                for cell in row[1::2]:
                    cell.parts.insert(0, Node("group"))
            made.columns = ["rl"[at % 2] for at in range(max(map(len, made.rows)))]
        fences = _FENCES.get(name)
        if fences is None:
            return made
        return Node("fenced", parts=[made], arguments=[Node("fence", fences[0]), Node("fence", fences[1])])

    def _rows(self) -> list[list[Node]]:
        rows: list[list[Node]] = [[]]
        while True:
            rows[-1].append(Node("group", parts=self.expression()))
            if self.next == "&":
                self.take()
            elif self.next in ("\\\\", "\\cr"):
                self._call(self.take())
                rows.append([])
            elif self.next in ("\\end", "}"):
                return rows
            else:
                raise UnreadError("a row does not end")

    def _group(self) -> Node | str | None:
        """A group in braces or a symbol; the bare name if it is a command."""
        if self.next != "{":
            return self._symbol()
        self.take()
        found = Node("group", parts=self.expression())
        self.expect("}")
        return found

    def _symbol(self) -> Node | str | None:
        if self.next is None or self.next == "{":
            return None
        name = self.take()
        if name in COMMANDS:
            return name
        if name == " ":
            return Node("space", name)
        return Node("symbol" if name in (TEXT_SYMBOLS if self.text else SYMBOLS) else "letter", name)

    def _called(self, found: Node | str | None) -> Node | None:
        return self._call(found) if isinstance(found, str) else found

    def _due(self, found: Node | str | None, greed: int, before: Sequence[Node | None] = ()) -> Node:
        """An argument. Upstream's slip: a command that would need braces is dropped, and the argument before stands twice."""
        if not isinstance(found, str):
            if found is None:
                raise UnreadError("a group is missing")
            return found
        if COMMANDS[found].greed > greed:
            return self._call(found)
        if not before or before[-1] is None:
            raise UnreadError(f"{found} needs braces here")
        return before[-1]

    def _call(self, name: str) -> Node:
        """A command, its name taken already, with its arguments."""
        kind, takes, optional, greed = COMMANDS[name]
        if kind in ("colour", "size", "style"):
            raise UnreadError(f"{name} cannot be written")
        if kind == "rule":
            sizes = [self._size("[", "]"), self._size("{", "}"), self._size("{", "}")]
            return Node("rule", f"\\rule {{ {sizes[1]} }} {{ {sizes[2]} }} ")
        if kind == "row":
            return Node("row", arguments=[Node("size", self._size("[", "]") or "")])
        made = Node(kind, name, limits=name in names.NAMED_WITH_LIMITS)
        made.arguments = [self._optional()] if optional else []
        read = self._text_group if kind in ("text", "environment") else self._group
        for _ in range(takes):
            made.arguments.append(self._due(read(), greed, made.arguments))
        return _CHECKS.get(kind, _as_it_is)(made)

    def _optional(self) -> Node | None:
        if self.next != "[":
            return None
        self.take()
        found = Node("group", parts=self.expression(until="]"))
        self.expect("]")
        return found

    def _text_group(self) -> Node | str | None:
        outside = self.text
        self.at = _BLANKS.match(self.formula, self.at).end()  # type: ignore[union-attr]
        self.text = True
        self._look()
        found = self._group()
        self.text = outside
        self._look()
        return found

    def _size(self, opening: str, closing: str) -> str | None:
        """ "1.5 cm" in the given brackets; None where the optional one is absent."""
        if self.next != opening:
            if opening == "[":
                return None
            raise UnreadError("a size is missing")
        match = _SIZE.match(self.formula, self.after)
        if match is None:
            raise UnreadError("this is no size")
        self.taken += [opening, match.group().strip()]
        self.at = match.end()
        self._look()
        self.expect(closing)
        return f"{float(match.group(1) + match.group(2)):g} {match.group(3)} "


def _with_fractions(found: list[Node]) -> list[Node]:
    """`a \\over b` is the fraction of all that is before and behind it in its group."""
    places = [at for at, node in enumerate(found) if node.kind == "infix"]
    if not places:
        return found
    if len(places) > 1:
        raise UnreadError("two fractions in one group")
    (at,) = places
    sides = [
        side[0] if [n.kind for n in side] == ["group"] else Node("group", parts=side) for side in (found[:at], found[at + 1 :])
    ]
    return [Node("fraction", "\\frac" if found[at].text == "\\over" else "\\binom", arguments=list(sides))]


def _as_it_is(made: Node) -> Node:
    return made


def _bracketed(made: Node) -> Node:
    (bracket,) = made.arguments
    if bracket is None or bracket.text not in _BRACKETS or bracket.kind not in ("symbol", "letter"):
        raise UnreadError(f"no bracket after {made.text}")
    return Node(made.kind, bracket.text if made.kind == "fence" else f"{made.text} {bracket.text}")


def _named(made: Node) -> Node:
    (name,) = made.arguments
    if name is None or name.kind != "group":
        raise UnreadError("an environment without a name")
    return Node("environment", "".join(piece.text for piece in name.parts))


_CHECKS: dict[str, Callable[[Node], Node]] = {"sized": _bracketed, "fence": _bracketed, "environment": _named}
