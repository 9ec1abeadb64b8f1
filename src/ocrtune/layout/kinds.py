"""What each block of a page is: heading, item of a list, footnote, caption or plain text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ocrtune.layout.blocks import Block
from ocrtune.layout.lines import CAPTION, is_bullet, is_wide, list_mark
from ocrtune.layout.parts import Rect, Rule, Span, bounds, overlap, shared, usual

LARGER = 1.08  # times the body's letters: a heading
MUCH_LARGER = 1.35  # the title, in a page's upper half
SMALLER = 0.93  # times the body's letters: footnotes and captions
LITTLE = 80  # letters on a page that may be a heading and nothing else
WIDE, SLIDE = 1.2, 0.055  # width / height of slides, and of their height the letters that are usual on them
LONGEST_HEADING = 160  # letters
FEWEST = 4  # letters in a heading; full-width ones count twice
WORDY = 0.75  # of a heading's signs are letters or digits; of a formula's fewer
MOST_COMMAS = 3  # in a heading that is not twice as large as the text; lists of authors have more
NUMBERED = re.compile(
    r"(\d{1,2}(\.\d{1,2}){0,4}\.?|[IVX]{1,5}\.|§\s*\d+|[A-ZА-Я]\.|(chapter|section|part|appendix|annex|article|глава|часть|раздел|приложение|статья)"
    r"\s+[\dIVXА-ЯA-Z]{1,5}\.?:?)\s+\S|第[一二三四五六七八九十百\d]{1,4}[章节節编編部条條回]|[一二三四五六七八九十]{1,3}[、．]",
    re.IGNORECASE,
)
FOOTNOTE = re.compile(r"([*∗†‡§¶#]{1,3}|\d{1,2}(?![\d.,:/]|\s*%)[.)]?|[¹²³⁴⁵⁶⁷⁸⁹⁰]+|\(\d{1,2}\)|[①-⑳])\s*\S")
ENDS = (".", ",", ";", "。", "，", "；", "、")


class Body(NamedTuple):
    """What is usual on a page: the letters' height, whether they are bold, the box of the text."""

    size: float
    bold: bool | None
    box: Rect

    @classmethod
    def of(cls, blocks: Sequence[Block], frame: Rect, cells: Sequence[Span]) -> Body:
        """On a page of little text but its heading, letters of tables count, and on slides what is usual for them."""
        lines = [line for block in blocks for line in block.lines]
        sizes, letters = [line.size for line in lines], [float(len(line.text)) for line in lines]
        bold = sum(n for line, n in zip(lines, letters, strict=True) if line.bold)
        known = sum(n for line, n in zip(lines, letters, strict=True) if line.bold is not None)
        size, slide = usual(sizes, letters), frame[2] - frame[0] > WIDE * (frame[3] - frame[1])
        least = usual([s.size for s in cells], [float(len(s.text)) for s in cells]) if cells else SLIDE * (frame[3] - frame[1])
        if sum(letters) < LITTLE and (cells or slide) and size >= MUCH_LARGER * least:
            size = least
        return cls(size, bold > known / 2 if known else None, bounds(line.box for line in lines))


def kinds(
    blocks: Sequence[Block], frame: Rect, objects: Sequence[Rect], rules: Sequence[Rule] = (), cells: Sequence[Span] = ()
) -> list[str]:
    """The kind of each block, names as in dots.ocr, lower case. `objects` are the boxes of pictures and tables, `cells` the text
    of the latter."""
    if not blocks:
        return []
    body = Body.of(blocks, frame, cells)
    out = [_kind(block, body, objects) for block in blocks]
    out = [_single(block, kind, blocks) for block, kind in zip(blocks, out, strict=True)]
    _name_footnotes(blocks, out, body, rules)
    _name_title(blocks, out, frame, body)
    return out


def _kind(block: Block, body: Body, objects: Sequence[Rect]) -> str:
    text = block.text
    if _is_caption(block, body, objects):
        return "caption"
    mark = list_mark(text)
    if mark is not None and is_bullet(mark) and any(letter.isalnum() for letter in text):
        return "list-item"
    if _is_heading(block, body):
        return "section-header"
    return "list-item" if mark is not None else "text"


def _is_caption(block: Block, body: Body, objects: Sequence[Rect]) -> bool:
    found = CAPTION.match(block.text)
    if found is None or not (is_wide(found[0][0]) or any(letter.isdigit() for letter in found[0])):
        return False
    reach = 3.0 * body.size
    beside = any(
        (overlap(block.box, o, 0) > 0.3 and -shared(block.box, o, 1) < reach)
        or (overlap(block.box, o, 1) > 0.3 and -shared(block.box, o, 0) < reach)
        for o in objects
    )
    ended = bool(found["end"].strip())
    return beside or (ended and len(block.text) < 600) or (block.size < SMALLER * body.size and len(block.text) < 600)


def _is_heading(block: Block, body: Body) -> bool:
    text = block.text
    if len(text) > LONGEST_HEADING or len(block.lines) > 4:
        return False
    if sum(1 + is_wide(letter) for letter in text if letter.isalpha()) < FEWEST:
        return False
    if "=" in text or sum(letter.isalnum() for letter in text) < WORDY * sum(not letter.isspace() for letter in text):
        return False
    if sum(text.count(comma) for comma in ",，、") >= MOST_COMMAS and block.size < 2 * body.size:
        return False
    if block.size >= LARGER * body.size:
        return len(text) > 1 and (len(block.lines) <= 3 or block.size >= MUCH_LARGER * body.size)
    if text.endswith(ENDS) and not NUMBERED.match(text):
        return False
    if block.bold and body.bold is False and block.size >= SMALLER * body.size:
        return len(block.lines) <= 2
    capitals = text.isupper() and sum(letter.isalpha() for letter in text) > 5
    plain = len(block.lines) == 1 and len(text) < 80 and not text.endswith((*ENDS, ":", "："))
    return plain and block.size >= 0.97 * body.size and (capitals or _is_numbered_title(text))


def _is_numbered_title(text: str) -> bool:
    found = NUMBERED.match(text)
    if found is None:
        return False
    rest = text[found.end() - 1 :]
    return rest[0].isupper() or is_wide(rest[0]) or re.match(r"\d{1,2}\.\d", text) is not None


def _single(block: Block, kind: str, blocks: Sequence[Block]) -> str:
    """A number alone makes no list: `1. Introduction` without a second item near it is text or a heading."""
    mark = list_mark(block.text)
    if mark is None or is_bullet(mark) or kind not in ("list-item", "section-header"):
        return kind
    peers = [b for b in blocks if b is not block and _style(b) == _style(block) and abs(b.box[0] - block.box[0]) < block.size]
    near = [b for b in peers if -shared(b.box, block.box, 1) < 1.2 * block.size and abs(b.size - block.size) < 0.1 * block.size]
    if kind == "section-header":
        return "list-item" if near and block.bold is not True else kind
    hanging = len(block.lines) > 1 and block.lines[1].box[0] > block.lines[0].box[0] + 0.8 * block.size
    return "list-item" if near or hanging or len(peers) > 1 else "text"


def _style(block: Block) -> str:
    """How a list numbers its items: `1.`, `a)`; "" without a number."""
    return re.sub(r"[^\W\d]+", "a", re.sub(r"\d+", "1", list_mark(block.text) or ""))


def _name_footnotes(blocks: Sequence[Block], out: list[str], body: Body, rules: Sequence[Rule]) -> None:
    """From the bottom of each column up: a mark with small letters or below a short rule, and small text close above one."""
    lower = body.box[1] + 0.5 * (body.box[3] - body.box[1])
    for at in sorted(range(len(blocks)), key=lambda i: -blocks[i].box[1]):
        block = blocks[at]
        if block.box[1] < lower or out[at] not in ("text", "list-item"):
            continue
        below = [i for i, b in enumerate(blocks) if b.box[1] > block.box[3] - 1 and shared(b.box, block.box, 0) > 0]
        if not all(out[i] == "footnote" or blocks[i].size <= SMALLER * body.size for i in below):
            continue
        small = block.size <= SMALLER * body.size
        marked = FOOTNOTE.match(block.text) is not None
        under = any(_is_note_rule(rule, block, body) for rule in rules)
        next_note = min((blocks[i].box[1] for i in below if out[i] == "footnote"), default=float("inf"))
        if (marked and (small or under)) or (small and next_note - block.box[3] < block.size):
            out[at] = "footnote"


def _is_note_rule(rule: Rule, block: Block, body: Body) -> bool:
    left, top, right, _ = rule.box
    near = -0.3 * body.size < block.box[1] - top < 12 * body.size
    short = 2 * body.size < right - left < 0.6 * (body.box[2] - body.box[0])
    return rule.horizontal and near and short and abs(left - block.box[0]) < 2 * body.size


def _name_title(blocks: Sequence[Block], out: list[str], frame: Rect, body: Body) -> None:
    """The largest heading in the upper half, if it is much larger than the body; the longest of several equally large ones.

    Three or more of one size on a page are headings of sections, however large.
    """
    heads = [i for i, kind in enumerate(out) if kind == "section-header" and blocks[i].size >= MUCH_LARGER * body.size]
    if not heads:
        return
    size = max(blocks[i].size for i in heads)
    rivals = [i for i in heads if blocks[i].size > 0.9 * size]
    high = [i for i in rivals if blocks[i].box[1] < (frame[1] + frame[3]) / 2]
    if not high or len(rivals) > 2:
        return
    longest = max(high, key=lambda i: (len(blocks[i].text), -blocks[i].box[1]))
    out[longest] = "title"
