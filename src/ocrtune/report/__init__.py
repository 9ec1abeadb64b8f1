"""A comparison as one HTML file: the verdict first, then what it rests on, then the pages themselves. It loads nothing
from anywhere, runs no script, and follows the reader's light or dark scheme."""

from ocrtune.report.build import (
    ComparisonView,
    CurvePoint,
    Outline,
    PageView,
    ProtocolDifference,
    Published,
    Reading,
    Side,
    printed,
    render,
)

__all__ = [
    "ComparisonView",
    "CurvePoint",
    "Outline",
    "PageView",
    "ProtocolDifference",
    "Published",
    "Reading",
    "Side",
    "printed",
    "render",
]
