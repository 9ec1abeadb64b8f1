"""Lines of a paragraph as running text."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

FITS = 0.75  # of the widest line: a line that ends earlier although the next word had room was ended on purpose
ITEM = re.compile(r"(?:[-+*•·▪◦‣»›–—]|\(?\d{1,3}[.)]|\(?[^\W\d_][)])\s")
HYPHENATED = re.compile(r"[^\W_][-‐]\Z")
BLANK = re.compile(r"\n\s*\n\s*")


def reflow(text: str) -> str:
    """Paragraphs between blank lines, their lines joined: words divided at a line end as one word, Han and kana without a
    space. Line ends stay where a line is left short on purpose (addresses, verses) or an item begins.

    >>> reflow("The agree-\\nment of both parties was\\nreached.")
    'The agreement of both parties was reached.'
    """
    return "\n\n".join(_paragraph(part) for part in BLANK.split(text.strip()) if part)


def one_line(text: str) -> str:
    """All of it as one line, words divided at line ends joined."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    joined = lines[0] if lines else ""
    for last, line in pairwise(lines):
        joined = _joined(joined, last, line)
    return " ".join(joined.split())


def _paragraph(text: str) -> str:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    widest = sorted(map(_width, lines))[-1 - len(lines) // 10]  # but for the odd one, in which two columns ran together
    joined = lines[0]
    for last, line in pairwise(lines):
        joined = f"{joined}\n{line}" if _ends(last, line, widest) else _joined(joined, last, line)
    return joined


def _ends(last: str, line: str, widest: int) -> bool:
    if ITEM.match(line):
        return True
    if last.endswith("\u00ad") or HYPHENATED.search(last):
        return False
    word = line[:1] if line and _is_cjk(line[0]) else line.split(maxsplit=1)[0]
    return _width(last) + 1 + _width(word) <= FITS * widest


def _joined(text: str, last: str, line: str) -> str:
    if last.endswith("\u00ad"):
        return text[:-1] + line
    if HYPHENATED.search(last) and line[:1].isalnum():
        return (text[:-1] if line[0].islower() and last[-2].isalpha() else text) + line
    return text + ("" if last and line and _is_cjk(last[-1]) and _is_cjk(line[0]) else " ") + line


def _is_cjk(char: str) -> bool:
    """Han, kana, and their punctuation; Korean has spaces."""
    return unicodedata.east_asian_width(char) in "WF" and not "\uac00" <= char <= "\ud7a3"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
