"""What a model said, as HTML that runs nothing and loads nothing.

Every fragment goes through nh3 (ammonia), a parser with a list of what is allowed. Text that only looks like a tag is shown,
not dropped.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

INLINE = frozenset({"b", "strong", "i", "em", "u", "s", "del", "sup", "sub", "br", "code"})
TABLE = frozenset({"table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th"})
BLOCKS = frozenset({"p", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "pre", "blockquote", "a"})
MATH = frozenset({
    "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "ms", "mfrac", "msqrt", "mroot", "mstyle", "mpadded", "mphantom",
    "menclose", "msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts", "mprescripts", "none", "mtable",
    "mtr", "mtd",
})  # fmt: skip
MATH_ATTRIBUTES = {
    "display", "mathvariant", "stretchy", "fence", "form", "separator", "largeop", "movablelimits", "symmetric", "accent",
    "accentunder", "lspace", "rspace", "minsize", "maxsize", "linethickness", "columnalign", "rowspacing", "columnspacing",
    "columnlines", "rowlines", "notation", "displaystyle", "scriptlevel", "width", "height", "depth",
}  # fmt: skip
ATTRIBUTES = {
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start"},
    "a": {"href"},
    **dict.fromkeys(MATH, MATH_ATTRIBUTES),
}
SCHEMES = {"http", "https", "mailto"}
LONGEST_FORMULA = 4000  # characters; longer ones are a loop of the model

DEEPEST = 64  # elements within each other; a table in a cell has four levels, a matrix within fractions a dozen
VOID = frozenset({"br", "hr"})

TAG = re.compile(r"<(?=[A-Za-z/!?])")
CLEAN_TAG = re.compile(r"""<(/?)([a-z][a-z0-9]*)(?:[^<>"]|"[^"]*")*>""")
SPAN = r"""(?:\s+(?:rowspan|colspan)\s*=\s*(?:"\s*\d{1,4}\s*"|'\s*\d{1,4}\s*'|\d{1,4}))*"""
SAFE_TAG = re.compile(
    rf"</?(?:{'|'.join(sorted(INLINE))}|caption|thead|tbody|tfoot|table|tr)\s*/?>|<t[dh]{SPAN}\s*/?>|</t[dh]\s*>", re.IGNORECASE
)
UNSAFE_LINK = re.compile(r"\](?=[(:](?!\s*<?(?:https?://|mailto:|#)))", re.IGNORECASE)
FORMULA = re.compile(
    r"\$\$.+?\$\$|\$(?![\s\d])[^$\n]{0,500}?(?<!\s)\$(?!\d)|\$(?!\d)[^\S\n]*(?=[^$\n]{0,500}[\\^_])[^$\n]{1,500}\$(?!\d)",
    re.DOTALL,
)
CIRCLED = re.compile(r"\\textcircled\s*\{?\s*([1-9]|1\d|20)(?!\d)\s*\}?")
TEX = re.compile(r"(?<!\\)\$|\\\[|\\\(")  # words with formulas among them
PREAMBLE = re.compile(r"\\(?:usepackage|documentclass)(?:\[[^\]\n]*\])?\{[^}\n]*\}|\\(?:begin|end)\{document\}")


def markdown(text: str) -> str:
    """Markdown without anything that a viewer could run or load: only tags of tables and of plain emphasis remain tags, links
    go to the web or nowhere, pictures are links. Formulas between dollars keep their meaning."""
    out, at = [], 0
    for formula in FORMULA.finditer(text):
        out += [_quiet(text[at : formula.start()]), spaced(tight(formula[0]))]
        at = formula.end()
    return "".join([*out, _quiet(text[at:])])


def tight(formula: str) -> str:
    """Viewers take dollars for those of a formula only where no space stands inside of them; models write some."""
    return formula if formula.startswith("$$") else f"${formula[1:-1].strip()}$"


def spaced(latex: str) -> str:
    """A formula in which nothing begins a tag, a link or a picture: LaTeX does not mind the space."""
    return UNSAFE_LINK.sub("] ", TAG.sub("< ", latex).replace("![", "! ["))


def _quiet(text: str) -> str:
    text = TAG.sub(lambda found: "<" if SAFE_TAG.match(text, found.start()) else "&lt;", text)
    return UNSAFE_LINK.sub(r"]\\", text.replace("![", r"\!["))


def bare_formula(text: str) -> str:
    """LaTeX without the signs around it."""
    text = PREAMBLE.sub("", text).strip().strip("`").strip()
    for opening, closing in (("$$", "$$"), (r"\[", r"\]"), (r"\(", r"\)"), ("$", "$")):
        inner = text[len(opening) : -len(closing)]
        if len(text) > 2 * len(opening) and text.startswith(opening) and text.endswith(closing) and opening not in inner:
            return inner.strip()
    return text


def clean(fragment: str, *, inline: bool = False) -> str:
    """An HTML fragment of ours or of a model, with what is allowed and nothing else. Never raises."""
    import nh3

    tags = INLINE if inline else INLINE | TABLE | BLOCKS | MATH
    return _shallow(
        nh3.clean(
            fragment,
            tags=set(tags),
            attributes={tag: allowed for tag, allowed in ATTRIBUTES.items() if tag in tags},
            url_schemes=SCHEMES,
            link_rel="noopener noreferrer nofollow",
        )
    )


def clean_table(fragment: str) -> str:
    """An HTML table with its tags, spans and emphasis; formulas between dollars as they are."""
    import nh3

    attributes = {"td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}}
    return _shallow(nh3.clean(fragment, tags=set(INLINE | TABLE | {"p", "ul", "ol", "li"}), attributes=attributes))


def _shallow(fragment: str) -> str:
    """Clean HTML without the tags that are nested deeper than any page nests them: a model that never closes its tables makes
    thousands of levels, in which browsers and pandoc take a square or a cube of the time."""
    if fragment.count("</") <= DEEPEST:
        return fragment
    depth = 0

    def kept(tag: re.Match[str]) -> str:
        nonlocal depth
        if tag[2] in VOID:
            return tag[0]
        depth += 0 if tag[1] else 1
        too_deep = depth > DEEPEST
        depth -= 1 if tag[1] else 0
        return " " if too_deep else tag[0]

    return CLEAN_TAG.sub(kept, fragment)


def mathml(latex: str, *, display: bool) -> str:
    """A formula as MathML; the LaTeX itself, as code, where it cannot be read."""
    source = CIRCLED.sub(lambda number: chr(0x245F + int(number[1])), bare_formula(latex))
    shown = f"<code>{html.escape(source)}</code>"
    if len(source) > LONGEST_FORMULA:
        return shown
    from latex2mathml.converter import convert

    try:
        return clean(convert(source, display="block" if display else "inline")) or shown
    except Exception:  # noqa: BLE001 - a parser of others over what a model made up: IndexError, RecursionError, its own
        return shown


def from_markdown(text: str) -> str:
    """Sanitised HTML of Markdown, tables and formulas included."""
    return clean(markdown_parser().render(markdown(text)))


def from_markdown_line(text: str) -> str:
    """Sanitised HTML of one line: emphasis, links and formulas, no blocks."""
    return clean(markdown_parser().renderInline(markdown(text)))


def with_formulas(fragment: str) -> str:
    """Text of clean HTML with its formulas between dollars rendered."""
    return FORMULA.sub(_formula, fragment)


def _formula(found: re.Match[str]) -> str:
    """Tags within make it no formula, and amounts of money are none."""
    text = found[0]
    inner = html.unescape(text.strip("$"))
    if "<" in text or not (re.search(r"[\\^_=+{]", inner) or len(inner.strip()) == 1):
        return text
    return mathml(inner, display=text.startswith("$$"))


@lru_cache(maxsize=1)
def markdown_parser() -> MarkdownIt:
    """CommonMark with tables, struck text and formulas between dollars; raw HTML passes, so its output has to be cleaned."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    def render(content: str, options: dict[str, bool]) -> str:
        return mathml(html.unescape(content), display=options.get("display_mode", False))

    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.use(dollarmath_plugin, allow_labels=False, allow_space=False, allow_digits=False, double_inline=True, renderer=render)
    return parser
