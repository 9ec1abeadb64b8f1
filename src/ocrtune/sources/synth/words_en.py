"""English: plurals, third-person forms, articles, and everyday formats of dates, money and telephone numbers."""

from __future__ import annotations

import random

from ocrtune.sources.synth.language import Tongue, lexicon

VOWELS = "aeiou"


def plural(noun: str) -> str:
    """The plural of a regular noun; also the third person of a regular verb."""
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in VOWELS:
        return noun[:-1] + "ies"
    return noun + "s"


def past(verb: str) -> str:
    """The past of a regular verb; the doubled consonants are those of this word list."""
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in VOWELS:
        return verb[:-1] + "ied"
    if verb in ("plan", "control", "submit"):
        return f"{verb}{verb[-1]}ed"
    return verb + "ed"


def article(phrase: str) -> str:
    return f"an {phrase}" if phrase[0] in VOWELS and not phrase.startswith(("uni", "use")) else f"a {phrase}"


class English(Tongue):
    """`language` "en"."""

    code = "en"

    def __init__(self) -> None:
        super().__init__(lexicon("en"))

    def phrase(self, rng: random.Random, of: str, form: str) -> str:
        """`form` is a, the, bare (no article) or plural."""
        noun = rng.choice(self.words[of])
        noun = plural(noun) if form == "plural" else noun
        text = f"{rng.choice(self.words['adjectives'])} {noun}" if rng.random() < 0.5 else noun
        if form == "a":
            return f"the {text}" if of == "actions" else article(text)
        return f"the {text}" if form == "the" else text

    def clause(self, rng: random.Random) -> str:
        subject = rng.choice(("things", "things", "actions", "people"))
        several = subject != "actions" and rng.random() < 0.35
        head = self.phrase(rng, subject, "plural") if several else self.phrase(rng, subject, rng.choice(("the", "a")))
        verb = rng.choice(self.words["verbs"])
        verb = past(verb) if rng.random() < 0.4 else verb if several else plural(verb)
        adverb = f"{rng.choice(self.words['adverbs'])} " if rng.random() < 0.25 else ""
        tail = f" of {self.phrase(rng, 'things', 'the')}" if rng.random() < 0.4 else ""
        return f"{'the ' * several}{head} {adverb}{verb} {self.phrase(rng, 'things', rng.choice(('a', 'the')))}{tail}"

    def heading(self, rng: random.Random) -> str:
        text = f"{self.phrase(rng, 'actions', 'bare')} of {self.phrase(rng, 'things', 'plural')}"
        return text[0].upper() + text[1:]

    def person(self, rng: random.Random) -> str:
        middle = f" {rng.choice('ABCDEFGHJKLMPRSTW')}." if rng.random() < 0.3 else ""
        return f"{rng.choice(self.words['names'])}{middle} {rng.choice(self.words['surnames'])}"

    def company(self, rng: random.Random) -> str:
        name = f"{rng.choice(self.words['company_heads'])} {rng.choice(self.words['company_tails'])}"
        return f"{name} {rng.choice(('Ltd', 'Inc.', 'LLC', 'plc'))}"

    def address(self, rng: random.Random) -> str:
        kind = rng.choice(("Street", "Road", "Avenue", "Lane"))
        return f"{rng.randint(1, 290)} {rng.choice(self.words['streets'])} {kind}, {rng.choice(self.words['cities'])}"

    def date(self, rng: random.Random) -> str:
        day, month, year = self.day(rng)
        if rng.random() < 0.3:
            return f"{day:02d}/{month:02d}/{year}"
        return f"{day} {self.words['months'][month - 1]} {year}"

    def amount(self, cents: int) -> str:
        return f"{cents // 100:,}.{cents % 100:02d}"

    def money(self, rng: random.Random) -> str:
        return f"{rng.choice('£$€')}{self.amount(rng.randint(5_000, 9_000_000))}"

    def phone(self, rng: random.Random) -> str:
        return f"+44 {rng.randint(20, 29)} {rng.randint(1000, 9999)} {rng.randint(1000, 9999)}"

    def ids(self, rng: random.Random) -> list[tuple[str, str]]:
        return [
            ("VAT No.", f"GB{self.digits(rng, 9)}"),
            ("IBAN", self.iban(rng)),
            ("BIC", self.letters(rng, 6) + self.digits(rng, 2)),
        ]
