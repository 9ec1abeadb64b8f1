"""A reading against its reference, character by character, as HTML. Model output is always escaped."""

from __future__ import annotations

import unicodedata

from markupsafe import Markup, escape
from rapidfuzz.distance import Levenshtein

LONGEST = 6_000  # characters compared; the rest of a runaway reply is only counted
SHOWN = 2_400  # characters of markup text per reading
QUIET = 160  # an equal stretch longer than this is cut to its two ends
CONTEXT = 60


def difference(reference: str, reading: str) -> Markup:
    """`reading` with what it invented in <ins>, and what it lost in <del>. White space of any kind counts as equal."""
    reference, reading = unicodedata.normalize("NFC", reference.strip()), unicodedata.normalize("NFC", reading.strip())
    rest = len(reading) - LONGEST
    reference, reading = reference[:LONGEST], reading[:LONGEST]
    parts: list[str] = []
    shown = 0
    for code in Levenshtein.opcodes(_flat(reference), _flat(reading)):
        lost, made = reference[code.src_start : code.src_end], reading[code.dest_start : code.dest_end]
        if code.tag == "equal":
            made = _cut(made)
            parts.append(str(escape(made)))
        else:
            parts += [_marked("del", lost), _marked("ins", made)]
        shown += len(lost) + len(made)
        if shown > SHOWN:
            rest = max(rest, 0) + len(reading) - code.dest_end
            break
    if rest > 0:
        parts.append(f'<span class="more"> … {rest} more characters</span>')
    return Markup("".join(parts))


def plain(text: str) -> Markup:
    """A reference as it is, cut where it is very long."""
    cut = escape(text[:SHOWN])
    more = len(text) - SHOWN
    return cut + Markup(f'<span class="more"> … {more} more characters</span>') if more > 0 else cut


def _marked(tag: str, text: str) -> str:
    """Line breaks and spaces are made visible where they are the difference."""
    if not text:
        return ""
    return f"<{tag}>{escape(text.replace(chr(10), '⏎').replace(' ', '␣') if not text.strip() else text)}</{tag}>"


def _flat(text: str) -> str:
    """The same length with every white space a space."""
    return "".join(" " if c.isspace() else c for c in text)


def _cut(text: str) -> str:
    return text if len(text) <= QUIET else f"{text[:CONTEXT]} […] {text[-CONTEXT:]}"
