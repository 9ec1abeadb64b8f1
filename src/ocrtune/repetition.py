"""Whether a model runs in circles: seen at the end of what it has said so far, while it is still talking."""

from __future__ import annotations

import re
from collections.abc import Sequence

WINDOW = 24_000  # characters looked at; also bounds the unit: six of the longest fill it
ANCHOR = 30  # a repetition shows as an earlier place of the text's last characters
FEWEST = 300  # characters; below that nothing is a repetition
TIMES = 10  # a unit of text
TIMES_ROW, LONG, TIMES_LONG = 20, 3000, 6  # a row of a table or list, unless the rows fill LONG characters
TIMES_EMPTY = 60  # cells and rows without content: blank forms have dozens of them
SAME_BLOCKS, SAME_PICTURES, COUNTED = 32, 120, 120  # rows that differ in their boxes, or in a running number, only
WORDS = 300
ROW_END = re.compile(r"</tr>|\n|(?<=\}),\s*")
MARKUP = re.compile(r"<[^<>]*>|&\w+;")
BOX = re.compile(r'("bbox(?:_2d)?"\s*:\s*)\[[^\]]*\]?')
NUMBER = re.compile(r"\d+")


def looping(text: str) -> bool:
    """Whether the end of `text` is degenerate repetition, so that what follows would be more of the same.

    True when it ends with one unit said at least 10 times over at least 300 characters (rows of tables and lists: 20 times or
    3000 characters; without any content: 60 times), when its last blocks differ in nothing but their boxes or its last rows in
    nothing but a running number, or when the last 300 words hold fewer than a tenth as many different 5-grams. Documents do
    repeat themselves (rules, dot leaders, blank forms, columns of zeros), so the thresholds are far above what pages show.
    Cheap enough to call while an answer is still growing.
    """
    tail = text[-WINDOW:]
    return len(tail) >= FEWEST and (_periodic(tail) or _same_rows(tail) or _few_ngrams(tail[-9000:].split()[-2 * WORDS :]))


def _periodic(tail: str) -> bool:
    """Every period of the tail is a distance between its last characters and an earlier place of them."""
    anchor = tail[-ANCHOR:]
    end = len(tail) - 1
    furthest = max(0, len(tail) - ANCHOR - WINDOW // TIMES_LONG)
    while (at := tail.rfind(anchor, furthest, end)) >= 0:
        period = len(tail) - ANCHOR - at
        end = at + ANCHOR - 1
        if not tail.endswith(tail[-period - FEWEST // 2 : -period]):
            continue  # half of what is needed at least; dot leaders have their anchor in many places
        needed = _needed(tail[-period:])
        if needed <= len(tail) and tail[-needed:-period] == tail[period - needed :]:
            return True
    return False


def _needed(unit: str) -> int:
    """Characters of nothing but this unit that make it a repetition."""
    size = len(unit)
    if not any(letter.isalnum() for letter in MARKUP.sub("", unit)):
        return max(FEWEST, TIMES_EMPTY * size)
    if any(end in unit for end in ("\n", "</tr>", "},")):
        return max(FEWEST, min(TIMES_ROW * size, max(LONG, TIMES_LONG * size)))
    return max(FEWEST, TIMES * size)


def _same_rows(tail: str) -> bool:
    """The same block again and again at other places of the page, or a table that goes on counting its rows."""
    rows = ROW_END.split(tail)[1:-1]  # the first and the last may be parts
    if len(rows) < SAME_BLOCKS or NUMBER.sub("", rows[-1]) != NUMBER.sub("", rows[-2]):
        return False
    block = BOX.sub(r"\1", rows[-1])
    if block != rows[-1]:
        wanted = SAME_BLOCKS if '"text"' in block else SAME_PICTURES
        return len(rows) >= wanted and all(BOX.sub(r"\1", row) == block for row in rows[-wanted:])
    return len(rows) >= COUNTED and _counting(rows[-COUNTED:])


def _counting(rows: Sequence[str]) -> bool:
    if len({NUMBER.sub("", row) for row in rows}) > 1:
        return False
    columns = list(zip(*([int(number[-9:]) for number in NUMBER.findall(row)] for row in rows), strict=False))
    moving = [column for column in columns if len(set(column)) > 1]
    return len(moving) == 1 and all(after - before == 1 for before, after in zip(moving[0], moving[0][1:], strict=False))


def _few_ngrams(words: Sequence[str]) -> bool:
    """Of the last words; what has neither letter nor digit is none, but looking for it costs more than the rest."""
    if len(words) < WORDS or not _monotonous(words[-WORDS:]):
        return False
    said = [word for word in words if any(letter.isalnum() for letter in word)][-WORDS:]
    return len(said) == WORDS and _monotonous(said)


def _monotonous(words: Sequence[str]) -> bool:
    grams = set(zip(words, words[1:], words[2:], words[3:], words[4:], strict=False))
    return len(grams) * 10 < len(words) - 4
