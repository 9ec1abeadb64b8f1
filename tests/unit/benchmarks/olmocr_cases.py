"""Pages and tests of every kind, with what the authors' code (allenai/olmocr at f7cfe4c) says of them."""

from __future__ import annotations

from typing import Any

Case = tuple[dict[str, Any], str, bool]

PAGE = "# The Title\n\nFirst comes *this*, then comes **that**.\n\nAnd “quotes” – too."
TABLE = (
    "<table><thead><tr><th>Item</th><th colspan='2'>Year</th></tr></thead>"
    "<tr><td rowspan='2'>Coal</td><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>"
)
PIPES = "| Item | 1990 | 1991 |\n|---|---|---|\n| Coal | 1 | 2 |\n| Oil | 3 | 4 |"
GAPS = "Item | A\n| | |\nCoal | 1\n--- | ---\nOil | 2"
TALL = "<table><tr><td rowspan=0>all</td><td>1</td></tr><tr><td>2</td></tr><tr><td>3</td></tr></table>"
NESTED = "<table><tr><th>out<td>x</td></tr><tr><td>a<table><tr><td>b<br>c</td><td>d</td></tr></table></td><td>e</td></tr></table>"
NOTES = "The wages<sup>1</sup> of coal miners[^2] rose¹² again.\n\n[^2]: By a tenth."

MATRIX = r"\begin{pmatrix}a & b\\ c & d\end{pmatrix}"
ARRAY = r"\[\left(\begin{array}{cc} a & b \\ c & d \end{array}\right)\]"
TURNED = r"\[\left(\begin{array}{cc} a & c \\ b & d \end{array}\right)\]"

TEXTS: list[Case] = [
    ({"type": "present", "text": "then comes that."}, PAGE, True),
    ({"type": "present", "text": 'And "quotes" - too.'}, PAGE, True),
    ({"type": "present", "text": "the title"}, PAGE, False),
    ({"type": "present", "text": "the title", "case_sensitive": False}, PAGE, True),
    ({"type": "present", "text": "Thy Tatal", "max_diffs": 1}, PAGE, False),
    ({"type": "present", "text": "First comes thus", "max_diffs": 1}, PAGE, True),
    ({"type": "present", "text": "quotes", "first_n": 20}, PAGE, False),
    ({"type": "present", "text": "The Title too.", "first_n": 11, "last_n": 5}, PAGE, True),
    ({"type": "present", "text": "Title too.", "first_n": 11, "last_n": 4}, PAGE, False),
    ({"type": "present", "text": "cafe\u0301"}, "A café", True),
    ({"type": "absent", "text": "quotes", "last_n": 5}, PAGE, True),
    ({"type": "absent", "text": "quotes"}, PAGE, False),
    ({"type": "absent", "text": "quotas", "max_diffs": 1}, PAGE, False),
    ({"type": "order", "before": "First", "after": "quotes"}, PAGE, True),
    ({"type": "order", "before": "quotes", "after": "First"}, PAGE, False),
    ({"type": "order", "before": "Firzt", "after": "qotes", "max_diffs": 1}, PAGE, True),
    ({"type": "order", "before": "First", "after": "nowhere"}, PAGE, False),
    ({"type": "order", "before": "comes", "after": "comes"}, PAGE, True),
    ({"type": "order", "before": "abab", "after": "abab"}, "ababab", True),
    ({"type": "order", "before": "abab", "after": "abab", "max_diffs": 1}, "ababab", False),
    ({"type": "baseline"}, PAGE, True),
    ({"type": "baseline"}, " \n—", False),
    ({"type": "baseline"}, "text " + "ab" * 31, False),
    ({"type": "baseline"}, "text " + "ab" * 30, True),
    ({"type": "baseline"}, "text" + "a\n\n" * 31, False),
    ({"type": "baseline", "max_repeats": 31}, "text " + "ab" * 31, True),
    ({"type": "baseline"}, "一页", False),
    ({"type": "baseline", "check_disallowed_characters": False}, "一页", True),
    ({"type": "baseline", "max_length": 3}, "ab", True),
    ({"type": "baseline", "max_length": 3}, "abcd", False),
    ({"type": "baseline", "max_length": 3}, "![a page](b.png) ab", False),
    ({"type": "baseline", "max_length": 3, "max_length_skips_image_alt_tags": True}, "![a page](b.png) ab", True),
    ({"type": "format", "text": "The Title", "format": "heading"}, PAGE, True),
    ({"type": "format", "text": "that", "format": "bold"}, PAGE, True),
    ({"type": "format", "text": "that", "format": "italic"}, PAGE, False),
    ({"type": "format", "text": "THIS", "format": "italic", "case_sensitive": False}, PAGE, True),
    ({"type": "format", "text": "b", "format": "bold"}, "<BR>b</B>", True),
    ({"type": "footnote", "marker": "1"}, NOTES, True),
    ({"type": "footnote", "marker": "2", "appears_before_marker": "coal miners"}, NOTES, True),
    ({"type": "footnote", "marker": "2", "appears_before_marker": "The wages"}, NOTES, False),
    ({"type": "footnote", "marker": "2", "appears_after_marker": "rose"}, NOTES, True),
    ({"type": "footnote", "marker": "2", "appears_after_marker": "rose"}, "coal[^2]: rose", False),
    ({"type": "footnote", "marker": "12", "appears_before_marker": "rise", "max_diffs": 1}, NOTES, True),
    ({"type": "footnote", "marker": "3"}, NOTES, False),
]  # fmt: skip

TABLES: list[Case] = [
    ({"type": "table", "cell": "4", "up": "2", "left": "3", "top_heading": "Year"}, TABLE, True),
    ({"type": "table", "cell": "3", "left": "Coal", "right": "4"}, TABLE, True),
    ({"type": "table", "cell": "3", "up": "2"}, TABLE, False),
    ({"type": "table", "cell": "Coal", "right": "3"}, TABLE, True),
    ({"type": "table", "cell": "4", "left_heading": "Oil", "top_heading": "1991", "up": "2"}, PIPES, True),
    ({"type": "table", "cell": "4", "left_heading": "Coal"}, PIPES, False),
    ({"type": "table", "cell": "4", "ignore_markdown_tables": True}, PIPES, False),
    ({"type": "table", "cell": "4"}, PAGE, False),
    ({"type": "table", "cell": "1", "up": "A", "down": "2"}, GAPS, True),
    ({"type": "table", "cell": "3", "left": "all", "up": "2"}, TALL, True),
    ({"type": "table", "cell": "b c", "right": "d"}, NESTED, True),
    ({"type": "table", "cell": "e", "up": "x"}, NESTED, False),
    ({"type": "table", "cell": "d", "right": "e"}, NESTED, False),
]

MATH: list[Case] = [
    ({"type": "math", "math": "x^2 + 1"}, "so $x^{2}+1$.", True),
    ({"type": "math", "math": "x^2 + 1"}, "so $$ y = x^2 + 1 $$", True),
    ({"type": "math", "math": "y = x^2 + 1"}, "so \\[x^2 + 1\\]", False),
    ({"type": "math", "math": "x^2 + 1"}, "so $x_2 + 1$.", True),  # what stands higher or lower has no neighbours
    ({"type": "math", "math": "x^2 + 1"}, "so x^2 + 1.", False),
    ({"type": "math", "math": "x^2", "ignore_dollar_delimited": True}, "$x^2$", False),
    ({"type": "math", "math": "x^2", "ignore_dollar_delimited": True}, "\\( x^2 \\)", True),
    ({"type": "math", "math": r"\frac{a}{b}"}, r"\(\dfrac{a}{b}\)", True),
    ({"type": "math", "math": r"\frac{a}{b}"}, r"\(\frac{b}{a}\)", False),
    ({"type": "math", "math": r"\frac{a}{b}"}, r"\(a/b\)", False),
    ({"type": "math", "math": r"\sqrt{x}"}, r"\(\sqrt{x} + \sqrt{y}\)", True),
    ({"type": "math", "math": "aab"}, "$aba$", False),
    ({"type": "math", "math": "aaa"}, "$aa$ and $a$", False),
    ({"type": "math", "math": MATRIX}, ARRAY, True),
    ({"type": "math", "math": MATRIX}, TURNED, False),
    ({"type": "math", "math": r"\sum_{i=1}^n i"}, "\\[\n\\sum\\limits_{i=1}^{n} i\n\\]", True),
    ({"type": "math", "math": r"\sum_{i=1}^n i"}, r"\[\sum_{i=0}^{n} i\]", False),
    ({"type": "math", "math": "x"}, r"$\foo x$", False),
    ({"type": "math", "math": "x"}, r"$\quad$", False),
    ({"type": "math", "math": r"\text{if } x"}, r"$\mathrm{if}\ x$", True),
    ({"type": "math", "math": "E=mc^2"}, "costs $5 and then $E = mc^{2}$", False),
]  # fmt: skip
