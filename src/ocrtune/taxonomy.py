"""What kind of mistakes a reading makes: every edit between reference and reading has exactly one kind.

Kinds that explain a whole reply come first: one that failed, is empty, or refuses owes all its edits to that. Of the rest,
what disappears when the words of the reading are put back into the order of the reference is *order*; what is missing after
the last letter of a reply that was cut off is *truncation*; what a reply that runs in circles has too much is *loop*; edits
of tags and cell borders are *table* structure; and the others are omission, invention or substitution, by character.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, get_args

from rapidfuzz.distance import Levenshtein

from ocrtune.repetition import looping
from ocrtune.scoring.text import words

Kind = Literal[
    "omission", "invention", "substitution", "order", "table", "loop", "truncation", "empty", "refusal", "failure"
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
LONGEST = 20_000  # characters aligned; what a runaway reply has beyond them is counted without being looked at
REFUSAL_LENGTH = 600  # characters; longer replies are readings, whatever they say
TOP = 20  # pairs kept by `total`

_TABLE = re.compile(r"<table.*?(?:</table>|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>?")
_RULED = re.compile(r"^[ \t]*\|.*$", re.MULTILINE)
_BORDER = re.compile(r"\|[ :\-]*(?=\||$)|\|")
_REFUSAL = re.compile(
    r"\b(i|we)('m| am|’m) (sorry|unable|not able)|\bas an ai\b|\bi (can(no|')t|can’t|could not|couldn't|do not|don't) "
    r"(read|see|assist|help|view|process|make out|provide|transcribe|extract|have (access|the ability))"
    r"|\bunable to (read|assist|process|view|transcribe|extract)|\b(image|text|picture) is (too blurry|illegible|unreadable)"
    r"|извините|к сожалению,? (я|не)|не могу (прочитать|распознать|помочь|обработать|выполнить|увидеть|разобрать)"
    r"|(изображение|текст) (не ?читаем|неразборчив|слишком размыт)|как (языковая модель|искусственный интеллект)"
    r"|抱歉|对不起|對不起|很遗憾|很遺憾|无法(识别|辨认|读取|提供|查看|处理)|無法(識別|辨識|讀取|提供|查看|處理)|作为一个?(人工智能|AI)|我不能|看不清",
    re.IGNORECASE,
)  # fmt: skip


class Reply(NamedTuple):
    """A reading beside its reference, both normalised; `cut`: it ended at the token limit, `failed`: there was no reply."""

    reference: str
    reading: str
    cut: bool = False
    looped: bool = False
    failed: bool = False


class Mistakes(NamedTuple):
    """Edits by kind, `pairs` of characters (reference, reading) that were taken for each other, and reference characters."""

    edits: dict[Kind, int]
    pairs: Counter[tuple[str, str]]
    characters: int


class Total(NamedTuple):
    """Over a corpus: edits by kind, how many samples show each, pairs from the most frequent."""

    edits: dict[Kind, int]
    samples: dict[Kind, int]
    pairs: list[tuple[str, str, int]]
    characters: int

    @property
    def all_edits(self) -> int:
        return sum(self.edits.values())

    def share(self, kind: Kind) -> float:
        """Of all edits."""
        return self.edits[kind] / self.all_edits if self.all_edits else 0.0


def refuses(reading: str, reference: str = "") -> bool:
    """Whether a short reply says in English, Russian or Chinese that it will not read, which the reference does not say."""
    return len(reading) <= REFUSAL_LENGTH and bool(_REFUSAL.search(reading)) and not _REFUSAL.search(reference)


def mistakes(reply: Reply) -> Mistakes:
    """The kinds of all edits of one reply; their sum is its Levenshtein distance."""
    reference, reading = reply.reference, "" if reply.failed else reply.reading
    found: Counter[Kind] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    if whole := _whole(reply, reading):
        found[whole] = Levenshtein.distance(reference, reading)
    elif reference != reading:
        _rest(found, reference[LONGEST:], reading[LONGEST:], reply)
        reference, reading = reference[:LONGEST], reading[:LONGEST]
        ordered = _in_order(reference, reading)
        found["order"] = ordered.saved
        _classify(found, pairs, ordered, reply)
    return Mistakes({kind: found[kind] for kind in KINDS if found[kind]}, pairs, len(reply.reference))


def total(found: Iterable[Mistakes]) -> Total:
    edits: Counter[Kind] = Counter()
    samples: Counter[Kind] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    characters = 0
    for one in found:
        edits.update(one.edits)
        samples.update(one.edits.keys())
        pairs.update(one.pairs)
        characters += one.characters
    ranked = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:TOP]
    listed = [(wanted, read, count) for (wanted, read), count in ranked]
    return Total({k: edits[k] for k in KINDS}, {k: samples[k] for k in KINDS}, listed, characters)


class _Ordered(NamedTuple):
    """Both texts after the reading's words were put in order, and how many edits that saved."""

    reference: str
    reading: str
    saved: int


def _whole(reply: Reply, reading: str) -> Kind | None:
    if reply.failed:
        return "failure"
    if not reading.strip() and reply.reference.strip():
        return "empty"
    return "refusal" if refuses(reading, reply.reference) else None


def _rest(found: Counter[Kind], reference: str, reading: str, reply: Reply) -> None:
    """What lies beyond the characters that are aligned."""
    found["omission"] += max(len(reference) - len(reading), 0)
    found["loop" if _circles(reply) else "invention"] += max(len(reading) - len(reference), 0)
    found["substitution"] += Levenshtein.distance(reference, reading[: len(reference)]) if reference and reading else 0


def _circles(reply: Reply) -> bool:
    return reply.looped or looping(reply.reading)


def _in_order(reference: str, reading: str) -> _Ordered:
    """Words that were read at another place than they stand at are put there, if that leaves fewer edits."""
    plain = Levenshtein.distance(reference, reading)
    wanted, read = words(reference), words(reading)
    straight, moved = _joined(wanted), _joined(_moved(wanted, read))
    left = Levenshtein.distance(straight, moved)
    if left >= min(plain, Levenshtein.distance(straight, _joined(read))):
        return _Ordered(reference, reading, 0)
    return _Ordered(straight, moved, plain - left)


def _moved(wanted: Sequence[str], read: Sequence[str]) -> list[str]:
    """The words of `read` by the place of the same word in `wanted`; others stay behind the word before them."""
    places: dict[str, deque[int]] = defaultdict(deque)
    for index, word in enumerate(wanted):
        places[word].append(index)
    keys, last = [], -1
    for word in read:
        if places[word]:
            last = places[word].popleft()
        keys.append(last)
    return [word for _, word in sorted(zip(keys, read, strict=True), key=lambda item: item[0])]


def _joined(parts: Sequence[str]) -> str:
    return " ".join(parts)


def _classify(found: Counter[Kind], pairs: Counter[tuple[str, str]], texts: _Ordered, reply: Reply) -> None:
    reference, reading = texts.reference, texts.reading
    marked, borders = _structure(reference), _structure(reading)
    steps = Levenshtein.editops(reference, reading)
    circles = bool(steps) and _circles(reply)
    tail = len(reading)
    for step in steps:
        if step.tag == "delete":
            cut = reply.cut and step.dest_pos >= tail
            found["truncation" if cut else "table" if step.src_pos in marked else "omission"] += 1
        elif step.tag == "insert":
            found["loop" if circles else "table" if step.dest_pos in borders else "invention"] += 1
        elif step.src_pos in marked and step.dest_pos in borders:
            found["table"] += 1
        else:
            found["substitution"] += 1
            pairs[reference[step.src_pos], reading[step.dest_pos]] += 1


def _structure(text: str) -> set[int]:
    """Positions of tags inside tables, and of the borders and rules of tables in Markdown."""
    places: set[int] = set()
    for table in _TABLE.finditer(text):
        for tag in _TAG.finditer(text, *table.span()):
            places.update(range(*tag.span()))
    for row in _RULED.finditer(text):
        for border in _BORDER.finditer(text, *row.span()):
            places.update(range(*border.span()))
    return places
