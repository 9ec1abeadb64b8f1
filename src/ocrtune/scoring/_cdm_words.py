"""The words of a formula as CDM counts them: cleaned, parsed, and written out again with a blank between any two."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ocrtune.scoring._cdm_colours import TABULAR
from ocrtune.scoring._cdm_grammar import Node, UnreadError, parsed, tokens
from ocrtune.scoring._cdm_names import BIG_SYMBOLS, FONT_ALIASES, commands

_ROWS = re.compile(r"\\begin{(split|align|alignedat|alignat|eqnarray)\*?}(.+?)\\end{\1\*?}", re.DOTALL)
_SMALL = re.compile(r"\\begin{(smallmatrix)\*?}(.+?)\\end{\1\*?}", re.DOTALL)
_SKIP = re.compile(r"hskip(.*?)(cm|in|pt|mm|em)")
_LABEL = re.compile(r"\\label{.*?}")
_ROMAN = (("{\\rm", "\\mathrm{"), ("{ \\rm", "\\mathrm{"), ("\\rm{", "\\mathrm{"))
_ARRAYS = ("matrix", "cases", "array", "begin")
# Slip of the published pattern: of its alternatives, strung together with optional blanks, the first one may not begin with a
# blank and the last one may not end with one, so that "arccos" and "tanh" stay as they are.
_FUNCTIONS = commands(
    "arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf injlim ker lg lim liminf limsup ln log max min Pr "
    "projlim sec sin sinh sup tan"
)
_FUNCTION = re.compile(r"\\operatorname {\s?(" + "|".join(r"\s?".join(name[1:]) for name in sorted(_FUNCTIONS)) + r")\s?}")
MOST = 300  # how often the published code replaces one after another what it cleans


def words(formula: str) -> str | None:
    """None where the grammar does not take it; CDM goes on with the formula as it is then."""
    if TABULAR in formula:
        return _words_of_table(formula)
    text = _SMALL.sub(r"\\begin{matrix}\2\\end{matrix}", _ROWS.sub(r"\\begin{aligned}\2\\end{aligned}", formula))
    writer = _Writer()
    try:
        writer.all(parsed(_cleaned(text) + " "), None)
    except (UnreadError, RecursionError):
        return None
    found = " ".join(re.sub(r"\\label { .*? }", "", writer.text, count=1).split())
    found = _FUNCTION.sub(lambda match: "\\" + "".join(match.group(1).split()), found)
    return found.replace("\\\\ \\end{array}", "\\end{array}") or None


def _words_of_table(formula: str) -> str | None:
    """What is in a `tabular`, or beside one, is cut into words as it stands."""
    text = formula.replace("\\\\%", "\\\\ %").split("%")[0]
    text += "" if "\\end{tabular}" in text else "\\end{tabular}"
    text = _SKIP.sub(r"hspace{\1\2}", text).replace("\\~", " ").replace("\\>", " ", MOST)
    try:
        return tokens(_LABEL.sub("", text, count=MOST)) or None
    except UnreadError:
        return None


def _cleaned(text: str) -> str:
    """Without comments, dollars, labels and, outside of arrays, breaks of lines."""
    text = text.removeprefix("%").split("%")[0].replace("\\~", " ")
    text = _LABEL.sub("", text.replace("\\>", " ", MOST).replace("$", " ", MOST), count=MOST)
    if not any(name in text for name in _ARRAYS):
        text = text.replace("\\\\", "\\,", MOST)
    for old, new in _ROMAN:
        text = text.replace(old, new, MOST)
    return text


class _Writer:
    """`font` is the command that letters stand in: those in `\\mathrm` are written one character at a time."""

    def __init__(self) -> None:
        self.text = ""
        self._kinds: dict[str, Callable[[Node, str | None], None]] = {
            "letter": self._letter, "symbol": self._symbol, "sized": self._symbol, "rule": self._symbol, "space": self._space,
            "group": self._group, "text": self._text, "scripts": self._scripts, "fraction": self._fraction,
            "array": self._array, "root": self._root, "fenced": self._fenced, "accent": self._accent, "font": self._font,
            "operator": self._operator, "size": self._size, "style": self._style, "line": self._line, "lap": self._lap,
            "phantom": self._phantom,
        }  # fmt: skip

    def all(self, parts: Sequence[Node], font: str | None) -> None:
        for part in parts:
            self.one(part, font)

    def one(self, node: Node | None, font: str | None) -> None:
        if node is None or node.kind not in self._kinds:
            raise UnreadError("nothing that can be written")
        self._kinds[node.kind](node, font)

    def _letter(self, node: Node, font: str | None) -> None:
        self.text += "".join(f"{character} " for character in node.text) if font == "mathrm" else f"{node.text} "

    def _symbol(self, node: Node, font: str | None) -> None:
        self.text += f"{node.text} "

    def _space(self, node: Node, font: str | None) -> None:
        self.text += "~ "

    def _group(self, node: Node, font: str | None) -> None:
        self.text += "{ "
        self.all(node.parts, font)
        self.text += "} "

    def _text(self, node: Node, font: str | None) -> None:
        self.text += "\\mathrm { "
        self.all(_inside(node.arguments[0]), font)
        self.text += "} "

    def _braced(self, node: Node | None, font: str | None) -> None:
        """In braces, unless it is a group, which brings its own."""
        if node is not None and node.kind == "group":
            self.one(node, font)
            return
        self.text += "{ "
        self.one(node, font)
        self.text += "} "

    def _scripts(self, node: Node, font: str | None) -> None:
        base, below, above = node.arguments
        self.one(base, font)
        for mark, script in (("_ ", below), ("^ ", above)):
            if script is not None:
                self.text += mark
                self._braced(script, font)

    def _fraction(self, node: Node, font: str | None) -> None:
        self.text += "\\binom " if "binom" in node.text else "\\frac "
        for part in node.arguments:
            self.one(part, font)

    def _array(self, node: Node, font: str | None) -> None:
        columns = ["l"] * len(node.rows[0]) if node.columns is None else node.columns
        self.text += "\\begin{array} { " + "".join(f"{column} " for column in columns) + "} "
        for row in node.rows:
            if any(cell.parts for cell in row):
                for cell in row:
                    self.one(cell, font)
                    self.text = self.text.removesuffix("{ } ") + "& "
                self.text = self.text[:-2] + "\\\\ "
        self.text += "\\end{array} "

    def _root(self, node: Node, font: str | None) -> None:
        index, body = node.arguments
        self.text += "\\sqrt "
        if index is not None:
            self.text += "[ "
            self.all(index.parts, font)
            self.text += "] "
        self.one(body, font)

    def _fenced(self, node: Node, font: str | None) -> None:
        left, right = (fence.text if fence else "" for fence in node.arguments)
        self.text += f"\\left{left} "
        self.all(node.parts, font)
        self.text += f"\\right{right} "

    def _accent(self, node: Node, font: str | None) -> None:
        self.text += f"{node.text} "
        self._braced(node.arguments[0], font)

    def _operator(self, node: Node, font: str | None) -> None:
        if node.text in BIG_SYMBOLS:
            self.text += f"{node.text} "
        else:
            name = " ".join(node.text[1:])
            self.text += f"\\operatorname{'*' if node.limits else ''} {{ {name} }} "

    def _font(self, node: Node, font: str | None) -> None:
        name = FONT_ALIASES.get(node.text, node.text)
        self.text += f"{name} "
        self.one(node.arguments[0], name[1:])

    def _size(self, node: Node, font: str | None) -> None:
        if node.text == "\\rm":
            self.text += "\\mathrm { "
            self.all(node.parts, "mathrm")
            self.text += "} "
        else:
            self._style(node, font)

    def _style(self, node: Node, font: str | None) -> None:
        self.text += f" {node.text} "
        self.all(node.parts, font)

    def _line(self, node: Node, font: str | None) -> None:
        self.text += f"{node.text} {{ "
        self.one(node.arguments[0], font)
        self.text += "} "

    def _lap(self, node: Node, font: str | None) -> None:
        self.text += f"{node.text} "
        self.one(node.arguments[0], font)

    def _phantom(self, node: Node, font: str | None) -> None:
        self.text += "\\phantom { "
        self.all(_inside(node.arguments[0]), font)
        self.text += "} "


def _inside(node: Node | None) -> Sequence[Node]:
    """What a group holds, or the one thing."""
    if node is None:
        raise UnreadError("a group is missing")
    return node.parts if node.kind == "group" else [node]
