"""What every language of the generator has: a lexicon, sentence patterns with slots, and things that look like data."""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.resources import files

SLOT = re.compile(r"\{([a-z_]+)(?: ([a-z]+))?\}")


def lexicon(language: str) -> dict[str, list[str]]:
    """Sections of `<language>.txt`: `[x]` words, `[x;]` phrases between semicolons, `[x/]` and `[x=]` whole lines."""
    text = files("ocrtune.sources.synth").joinpath(f"{language}.txt").read_text("utf-8")
    sections: dict[str, list[str]] = {}
    for part in re.split(r"(?m)^\[", text)[1:]:
        head, _, body = part.partition("]\n")
        if head.endswith(";"):
            entries = [" ".join(phrase.split()) for phrase in body.split(";")]
        else:
            entries = body.splitlines() if head.endswith(("/", "=")) else body.split()
        sections[head.rstrip(";/=")] = [entry for entry in entries if entry]
    return sections


class Tongue(ABC):
    """One language. Every method that takes `rng` is a pure function of its state."""

    code: str
    cjk = False
    comma, colon, joint = ", ", ": ", " "

    def __init__(self, words: dict[str, list[str]]) -> None:
        self.words = words
        self.labels = dict(line.split(" = ", 1) for line in words["labels"])
        self.slots: dict[str, Callable[[random.Random], str]] = {
            "clause": self.clause,
            "person": self.person,
            "company": self.company,
            "address": self.address,
            "date": self.date,
            "money": self.money,
            "phone": self.phone,
            "email": self.email,
            "number": self.number,
            "percent": self.percent,
            "days": lambda rng: str(rng.randint(5, 20)),
            "small": lambda rng: str(rng.randint(1, 9)),
            "count": lambda rng: str(rng.randint(10, 9_900)),
            "year": lambda rng: str(rng.randint(1995, 2026)),
        }

    @abstractmethod
    def phrase(self, rng: random.Random, of: str, form: str) -> str:
        """A noun phrase from the word list `of` in a grammatical form of this language."""

    @abstractmethod
    def clause(self, rng: random.Random) -> str: ...

    @abstractmethod
    def heading(self, rng: random.Random) -> str: ...

    @abstractmethod
    def person(self, rng: random.Random) -> str: ...

    @abstractmethod
    def company(self, rng: random.Random) -> str: ...

    @abstractmethod
    def address(self, rng: random.Random) -> str: ...

    @abstractmethod
    def date(self, rng: random.Random) -> str: ...

    @abstractmethod
    def amount(self, cents: int) -> str:
        """A sum as it stands in a column of figures."""

    @abstractmethod
    def money(self, rng: random.Random) -> str: ...

    @abstractmethod
    def phone(self, rng: random.Random) -> str: ...

    @abstractmethod
    def ids(self, rng: random.Random) -> list[tuple[str, str]]:
        """Tax, bank and register numbers with their names."""

    def fill(self, pattern: str, rng: random.Random) -> str:
        """The pattern with every `{slot}` and `{list form}` filled in."""
        return SLOT.sub(lambda m: self._slot(m[1], m[2], rng), pattern)

    def _slot(self, name: str, form: str | None, rng: random.Random) -> str:
        if (maker := self.slots.get(name)) is not None:
            return maker(rng)
        return self.phrase(rng, name, form) if form else rng.choice(self.words[name])

    def line(self, section: str, rng: random.Random) -> str:
        """One line of a section of patterns, filled in and capitalised."""
        return self.written(rng.choice(self.words[section]), rng)

    def written(self, pattern: str, rng: random.Random) -> str:
        """A pattern filled in as a sentence of its own."""
        text = self.fill(pattern, rng).replace("..", ".")
        return text[0].upper() + text[1:]

    def sentence(self, rng: random.Random) -> str:
        text = self.line("sentences", rng)
        return text if text.endswith(".") else text + "."

    def paragraph(self, rng: random.Random, sentences: int) -> str:
        return self.joint.join(self.sentence(rng) for _ in range(sentences))

    def percent(self, rng: random.Random) -> str:
        return f"{rng.randint(1, 60)}.{rng.randint(0, 9)}%"

    def day(self, rng: random.Random) -> tuple[int, int, int]:
        return rng.randint(1, 28), rng.randint(1, 12), rng.randint(1995, 2026)

    def number(self, rng: random.Random) -> str:
        kind = rng.randrange(3)
        if kind == 0:
            return str(rng.randint(3, 9_999))
        if kind == 1:
            return f"{rng.randint(1, 99):02d}-{rng.randint(1, 99):02d}/{rng.randint(1, 9_999)}"
        return f"{self.letters(rng, 2)}-{self.digits(rng, 5)}"

    def email(self, rng: random.Random) -> str:
        name = "".join(rng.choice(("ba", "do", "ki", "le", "mar", "no", "pet", "ra", "son", "ti", "vel")) for _ in range(3))
        host = "".join(rng.choice(("alfa", "beta", "com", "doc", "info", "net", "prom", "tek", "ver")) for _ in range(2))
        return f"{name}{rng.choice(('', '.', '_'))}{self.digits(rng, 2)}@{host}.{rng.choice(('ru', 'com', 'org', 'net'))}"

    def iban(self, rng: random.Random) -> str:
        return f"GB{self.digits(rng, 2)} {self.letters(rng, 4)} " + " ".join(self.digits(rng, 4) for _ in range(3))

    def digits(self, rng: random.Random, count: int) -> str:
        return str(rng.randint(1, 9)) + "".join(str(rng.randint(0, 9)) for _ in range(count - 1))

    def letters(self, rng: random.Random, count: int) -> str:
        return "".join(rng.choice("ABCDEFGHKLMNPRSTUVWXYZ") for _ in range(count))
