"""Layout: from lines of text with boxes, whoever found them, to the regions of a page in reading order.

from ocrtune.layout import Span, analyse

regions = analyse([Span("Annual report", (90, 60, 700, 110), 48.0), …], Size(1654, 2339), rules=rules_in(image))
"""

from ocrtune.layout.analysis import analyse
from ocrtune.layout.formulas import formulas_in
from ocrtune.layout.ink import marks_in
from ocrtune.layout.lines import is_stretched, letter_height
from ocrtune.layout.parts import Rect, Rule, Span, SpanWord
from ocrtune.layout.pictures import figures_in, rules_in
from ocrtune.layout.reading import order
from ocrtune.layout.weight import weighed

__all__ = [
    "Rect",
    "Rule",
    "Span",
    "SpanWord",
    "analyse",
    "figures_in",
    "formulas_in",
    "is_stretched",
    "letter_height",
    "marks_in",
    "order",
    "rules_in",
    "weighed",
]
