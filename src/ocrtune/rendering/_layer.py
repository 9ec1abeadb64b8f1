"""The text layer of a page, found in a worker and packed for the way out of it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

from ocrtune.core import Size
from ocrtune.rendering._bullets import bulleted
from ocrtune.rendering._drawings import drawings
from ocrtune.rendering._sheets import ink
from ocrtune.rendering._trust import Evidence, filled_in, implausible, is_blank, tile_size, uncovered
from ocrtune.rendering._wire import Message
from ocrtune.textlayer import Affine, Glyph, Line, Rect, Turn, build_lines, layer_problem, lying, read_glyphs, visible

PLACES = 9
HIDDEN, GARBAGE, TURNED, KNOWN, BOLD = 1, 2, 4, 8, 16
TURNS: tuple[Turn | None, ...] = (None, 0, 90, 180, 270)  # in the three highest bits, by place
UPRIGHT = {0: None, KNOWN: True, KNOWN | TURNED: False}


class TextLayer(NamedTuple):
    """What a PDF page says of its own text, in pixels of the picture at the size of its ImageRef. `problem` is why it cannot be
    trusted, None where it can. `rules` are straight vector lines, `pictures` embedded images: left, top, right, bottom. `turn`
    degrees clockwise make most of the text stand upright."""

    lines: tuple[Line, ...]
    rules: tuple[Rect, ...] = ()
    pictures: tuple[Rect, ...] = ()
    problem: str | None = None
    turn: Turn = 0


def layer(page: Any, size: Size, turn: int, *, hidden: bool) -> Message:
    """`hidden`: invisible text, which OCR programs write over scans, is taken for the page's own."""
    glyphs = read_glyphs(page, size, turn=turn)
    found = drawings(page, Affine.of(page, size, turn=turn), size)
    seen = visible(glyphs, size, hidden_text=hidden)
    lines = bulleted(build_lines(seen), found.dots)
    problem = layer_problem(glyphs, size, hidden_text=hidden) or implausible("\n".join(line.text for line in lines))
    problem = problem or filled_in(page)
    if problem is None:
        problem = uncovered(Evidence(ink(page, tile_size(size), turn), size, seen, found))
    elif not glyphs and not found.pictures and is_blank(ink(page, tile_size(size), turn)):
        problem = None  # an empty page has all the text that there is
    return packed(TextLayer(tuple(lines), found.rules, found.pictures, problem, lying(seen)))


def packed(found: TextLayer) -> Message:
    glyphs = [glyph for line in found.lines for glyph in line.glyphs]
    numbers = array("f")
    for glyph in glyphs:
        numbers.extend(places(glyph))
    for line in found.lines:
        numbers.extend((*line.box, *line.cells, line.height))
    for box in (*found.rules, *found.pictures):
        numbers.extend(box)
    header = {
        "problem": found.problem,
        "lines": [[line.text, len(line.glyphs), line.upright, line.vertical] for line in found.lines],
        "glyphs": [glyph.text for glyph in glyphs],
        "rules": len(found.rules),
        "pictures": len(found.pictures),
        "turn": found.turn,
    }
    return Message(header, (numbers.tobytes(), bytes(map(flags, glyphs))))


def places(glyph: Glyph) -> tuple[float, ...]:
    """PLACES numbers: box, cell and size of a character."""
    return (*glyph.box, *glyph.cell, glyph.size)


def flags(glyph: Glyph) -> int:
    """All of a character but its text and places, in eight bits."""
    upright = 0 if glyph.upright is None else KNOWN | (0 if glyph.upright else TURNED)
    marks = (HIDDEN if glyph.hidden else 0) | (GARBAGE if glyph.garbage else 0) | (BOLD if glyph.bold else 0)
    return upright | marks | TURNS.index(glyph.turn) << 5


def unpacked(message: Message) -> TextLayer:
    header = message.header
    numbers = array("f")
    numbers.frombytes(message.parts[0])
    values = numbers.tolist()
    texts: Sequence[str] = header["glyphs"]
    glyphs = [
        glyph(text, values[at : at + PLACES], flag)
        for text, flag, at in zip(texts, message.parts[1], range(0, PLACES * len(texts), PLACES), strict=True)
    ]
    at, first, lines = PLACES * len(texts), 0, []
    for text, count, upright, vertical in header["lines"]:
        own = tuple(glyphs[first : first + count])
        lines.append(Line(text, box_at(values, at), box_at(values, at + 4), values[at + 8], own, upright, vertical))
        at, first = at + 9, first + count
    boxes = [box_at(values, start) for start in range(at, len(values), 4)]
    rules, pictures = tuple(boxes[: header["rules"]]), tuple(boxes[header["rules"] :])
    return TextLayer(tuple(lines), rules, pictures, header["problem"], header["turn"])


def glyph(text: str, numbers: Sequence[float], flag: int) -> Glyph:
    """The character of which `places` and `flags` are known."""
    upright = UPRIGHT[flag & (KNOWN | TURNED)]
    marks = bool(flag & HIDDEN), bool(flag & GARBAGE), bool(flag & BOLD), TURNS[flag >> 5]
    return Glyph(text, box_at(numbers, 0), box_at(numbers, 4), upright, *marks, numbers[8])


def box_at(values: Sequence[float], at: int) -> Rect:
    return values[at], values[at + 1], values[at + 2], values[at + 3]
