"""Chinese in simplified and traditional characters: one list of pairs, each side with its own usage."""

from __future__ import annotations

import random

from ocrtune.sources.synth.language import Tongue, lexicon


def side(entry: str, traditional: bool) -> str:
    """One side of `simplified|traditional`; an entry without a bar, or a label, serves both."""
    name, equals, value = entry.rpartition(" = ")
    left, _, right = value.partition("|")
    return f"{name}{equals}{(right or left) if traditional else left}"


class Chinese(Tongue):
    """What the two scripts share."""

    cjk = True
    comma, colon, joint = "，", "：", ""
    traditional: bool

    def __init__(self) -> None:
        super().__init__({name: [side(e, self.traditional) for e in entries] for name, entries in lexicon("zh").items()})

    def phrase(self, rng: random.Random, of: str, form: str) -> str:
        noun = rng.choice(self.words[of])
        return f"{rng.choice(self.words['adjectives'])}{noun}" if rng.random() < 0.55 else noun

    def clause(self, rng: random.Random) -> str:
        subject = self.phrase(rng, rng.choice(("things", "things", "people", "people")), "")
        adverb = rng.choice(self.words["adverbs"]) if rng.random() < 0.35 else ""
        owner = f"{rng.choice(self.words['things'])}的" if rng.random() < 0.3 else ""
        return f"{subject}{adverb}{rng.choice(self.words['verbs'])}{owner}{self.phrase(rng, 'things', '')}"

    def sentence(self, rng: random.Random) -> str:
        return self.line("sentences", rng) + "。"

    def paragraph(self, rng: random.Random, sentences: int) -> str:
        return super().paragraph(rng, 2 * sentences)

    def heading(self, rng: random.Random) -> str:
        return f"{rng.choice(self.words['things'])}{rng.choice(self.words['actions'])}"

    def person(self, rng: random.Random) -> str:
        return rng.choice(self.words["surnames"]) + "".join(rng.choice(self.words["given"]) for _ in range(rng.choice((1, 2, 2))))

    def company(self, rng: random.Random) -> str:
        name = rng.choice(self.words["company_heads"]) + rng.choice(self.words["company_heads"])
        return f"{name}{rng.choice(self.words['company_tails'])}有限公司"

    def address(self, rng: random.Random) -> str:
        mark = "號" if self.traditional else "号"
        street, city = rng.choice(self.words["streets"]), rng.choice(self.words["cities"])
        return f"{city}市{street}路{rng.randint(1, 680)}{mark}"

    def date(self, rng: random.Random) -> str:
        day, month, year = self.day(rng)
        if rng.random() < 0.25:
            return f"{year}-{month:02d}-{day:02d}"
        return f"{year}年{month}月{day}日"

    def amount(self, cents: int) -> str:
        return f"{cents // 100:,}.{cents % 100:02d}"

    def phone(self, rng: random.Random) -> str:
        return f"0{rng.randint(10, 99)}-{rng.randint(2000, 9999)}{rng.randint(1000, 9999)}"


class Simplified(Chinese):
    """`language` "zh-Hans"."""

    code = "zh-Hans"
    traditional = False

    def money(self, rng: random.Random) -> str:
        return f"{self.amount(rng.randint(5_000, 90_000_000))}元"

    def ids(self, rng: random.Random) -> list[tuple[str, str]]:
        return [("税号", f"91{self.digits(rng, 6)}{self.letters(rng, 2)}{self.digits(rng, 8)}"), ("账号", self.digits(rng, 19))]


class Traditional(Chinese):
    """`language` "zh-Hant"."""

    code = "zh-Hant"
    traditional = True

    def money(self, rng: random.Random) -> str:
        return f"新臺幣{self.amount(rng.randint(5_000, 90_000_000))}元"

    def ids(self, rng: random.Random) -> list[tuple[str, str]]:
        return [("統一編號", self.digits(rng, 8)), ("帳號", self.digits(rng, 14))]
