"""Formulas where there is no browser: drawn by matplotlib, or as the nearest plain text."""

from __future__ import annotations

import functools
import io
import re
from typing import NamedTuple

from ocrtune.exporters._sanitise import bare_formula

LONGEST = 3000  # characters
POINTS = 12.0
GAP = 0.35  # between the rows of a formula, in their letter size
ROWS = re.compile(
    r"\\begin\s*\{\s*(aligned|align\*?|gathered|gather\*?|split|eqnarray\*?|multline\*?|array)\s*\}(?:\s*\{[^{}]*\})?(.*?)\\end\s*\{\s*\1\s*\}",
    re.DOTALL,
)
SPELLINGS = (
    (re.compile(r"\s*([_^])\s*"), r"\1"),
    (re.compile(r"\\(?:leqslant|le)\b"), r"\\leq"),
    (re.compile(r"\\(?:geqslant|ge)\b"), r"\\geq"),
    (re.compile(r"\\(?:text|textrm|mbox)\s*\{([^{}$]*)\}"), r"\\mathrm{\1}"),
    (re.compile(r"\\(?:tag|label)\s*\{[^{}]*\}"), ""),
    (re.compile(r"\\(?:displaystyle|textstyle|limits|nolimits|nonumber|notag)\b"), ""),
    (re.compile(r"\\(?:d|t)frac\b"), r"\\frac"),
    (re.compile(r"\\(?:bm|boldsymbol)\b"), r"\\mathbf"),
    (re.compile(r"\\operatorname\*?\s*\{"), r"\\mathrm{"),
    (re.compile(r"\\(?:big|Big|bigg|Bigg)[lr]?\b"), ""),
    (re.compile(r"\\(?:quad|qquad)(?![A-Za-z])"), r"\\;\\;"),
    (re.compile(r"\\(?:cdots|dots)\b"), r"\\cdots"),
)
FOREIGN = re.compile(r"[\u0400-\u1fff\u2e80-\U0010ffff]")  # no letters of the mathematical fonts
INLINE = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$|\\\((.+?)\\\)", re.DOTALL)
SIGNS = re.compile(r"[\\^_=+{<>]")
RAISED = str.maketrans("0123456789+-=()nix", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱˣ")
LOWERED = str.maketrans("0123456789+-=()aeoxijn", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓᵢⱼₙ")
FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
DRESSED = re.compile(
    r"\\(?:mathrm|mathbf|mathit|mathcal|mathbb|text|textrm|textbf|operatorname\*?|overline|hat|bar|vec)\s*\{([^{}]*)\}"
)
ENVIRONMENT = re.compile(r"\\(?:begin|end)\s*\{[^{}]*\}(?:\s*\{[lcr|\s]*\})?")
SCRIPT = re.compile(r"([\^_])\s*(?:\{([^{}]*)\}|([^\s\\{}]))")
LATER = {"^": "\ue000", "_": "\ue001"}
COMMAND = re.compile(r"\\([A-Za-z]+)\s?")


class Drawing(NamedTuple):
    """An SVG with its size in points; letters are 12 points high."""

    svg: bytes
    width: float
    height: float


@functools.lru_cache(maxsize=512)
def drawing(latex: str) -> Drawing | None:
    """The formula as outlines; None where matplotlib cannot read it, or has no letters for it."""
    rows = _rows(bare_formula(latex))
    if len(latex) > LONGEST or not rows or FOREIGN.search(latex):
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    letters = FontProperties(size=POINTS, math_fontfamily="cm")
    try:
        sizes = [parser.parse(f"${row}$", 72, letters)[:3] for row in rows]
    except (ValueError, RecursionError):
        return None
    width = max(size[0] for size in sizes) + 2
    height = sum(size[1] for size in sizes) + GAP * POINTS * (len(rows) - 1) + 2
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    FigureCanvasAgg(figure)
    top = height - 1
    for row, size in zip(rows, sizes, strict=True):
        left = 1.0 if len(rows) > 1 else (width - size[0]) / 2
        figure.text(left / width, (top - size[1] + size[2]) / height, f"${row}$", fontproperties=letters, va="baseline")
        top -= size[1] + GAP * POINTS
    buffer = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    return Drawing(buffer.getvalue(), float(width), float(height))


def _rows(latex: str) -> list[str]:
    """One formula a line, spelt as matplotlib knows it."""
    found = ROWS.search(latex)
    inner = latex[: found.start()] + found[2] + latex[found.end() :] if found else latex
    for pattern, spelling in SPELLINGS:
        inner = pattern.sub(spelling, inner)
    rows = (" ".join(row.replace("&", " ").split()) for row in re.split(r"\\\\(?:\[[^\]]*\])?", inner))
    return [row for row in rows if row]


def readable(text: str) -> str:
    """Text with its formulas between dollars as plain letters: `$x_{1}^{2}$` becomes x₁²."""
    return INLINE.sub(_sentence, text)


def _sentence(found: re.Match[str]) -> str:
    """Amounts of money are no formulas."""
    inner = next(part for part in found.groups() if part)
    return spoken(inner) if found[3] or SIGNS.search(inner) or len(inner.strip()) == 1 else found[0]


def spoken(latex: str) -> str:
    """A short formula as plain text, as far as Unicode goes."""
    text = ENVIRONMENT.sub(" ", bare_formula(latex))
    for _ in range(6):
        text = SCRIPT.sub(_script, DRESSED.sub(r"\1", text))
        text = FRACTION.sub(lambda found: f"{_whole(found[1])}/{_whole(found[2])}", text)
    text = COMMAND.sub(_symbol, text.replace(r"\,", " ").replace(r"\;", " ").replace("\\\\", " "))
    text = re.sub(r"[{}]|\\(?=\W)", "", text).replace("&", " ")
    return " ".join(text.translate({ord(sign): plain for plain, sign in LATER.items()}).split())


def _whole(part: str) -> str:
    return part.strip() if re.fullmatch(r"\s*[\w.]*\s*", part) else f"({part.strip()})"


def _script(found: re.Match[str]) -> str:
    inner = (found[2] if found[2] is not None else found[3]).strip()
    moved = inner.translate(RAISED if found[1] == "^" else LOWERED)
    if moved != inner and not set(moved) & set(inner):
        return moved
    sign = LATER[found[1]]  # or it would be found again
    return f"{sign}{inner}" if len(inner) < 2 else f"{sign}({inner})"


def _symbol(found: re.Match[str]) -> str:
    from latex2mathml.symbols_parser import convert_symbol

    code = convert_symbol(f"\\{found[1]}")
    if code is not None and re.fullmatch(r"[0-9A-Fa-f]{4,6}", code):
        return chr(int(code, 16))
    return "" if found[1] in ("left", "right", "displaystyle", "limits") else f"{found[1]} "
