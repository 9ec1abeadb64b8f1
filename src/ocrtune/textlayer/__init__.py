"""The text layer of born-digital PDF pages: glyphs where they are painted, merged into lines and blocks.

All coordinates are pixels of the rendered page, origin top-left, as floats. The order is pdfium's own (content order with
its corrections), which is what people see in most born-digital documents.
"""

from ocrtune.textlayer._glyph import Affine, Glyph, Rect, Turn, around
from ocrtune.textlayer._glyphs import layer_problem, lying, read_glyphs, visible
from ocrtune.textlayer._lines import Block, Line, build_blocks, build_lines

__all__ = [
    "Affine",
    "Block",
    "Glyph",
    "Line",
    "Rect",
    "Turn",
    "around",
    "build_blocks",
    "build_lines",
    "layer_problem",
    "lying",
    "read_glyphs",
    "visible",
]
