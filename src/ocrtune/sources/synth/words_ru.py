"""Russian: declension and conjugation of regular words, and sentences that agree in gender, number and case."""

from __future__ import annotations

import random
from typing import NamedTuple

from ocrtune.sources.synth.language import Tongue, lexicon

HUSHING = "жшчщ"
VELAR = "гкх"
CASES = ("nom", "gen", "dat", "acc", "ins", "pre")


class Noun(NamedTuple):
    """`gender` is m, f or n; `animate` decides the accusative."""

    word: str
    gender: str
    animate: bool = False


def parse_noun(entry: str, animate: bool = False) -> Noun:
    word, _, mark = entry.partition(":")
    if mark:
        return Noun(word, mark, animate)
    last = word[-1]
    return Noun(word, {"а": "f", "я": "f", "ь": "f", "о": "n", "е": "n"}.get(last, "m"), animate)


def decline(noun: Noun, case: str, plural: bool = False) -> str:
    """A form of a regular noun (no fleeting vowels, no suppletion)."""
    forms = _plural(noun) if plural else _singular(noun)
    return forms[case]


def _singular(noun: Noun) -> dict[str, str]:
    word, stem = noun.word, noun.word[:-1]
    if noun.gender == "m":
        if word.endswith(("ь", "й")):
            forms = {"gen": stem + "я", "dat": stem + "ю", "acc": word, "ins": stem + "ем", "pre": stem + "е"}
        else:
            forms = {"gen": word + "а", "dat": word + "у", "acc": word, "ins": word + "ом", "pre": word + "е"}
        if noun.animate:
            forms["acc"] = forms["gen"]
    elif noun.gender == "n":
        soft = word.endswith("е") and not word.endswith(("ще", "це"))
        forms = {"gen": stem + ("я" if soft else "а"), "dat": stem + ("ю" if soft else "у"), "acc": word, "ins": word + "м",
                 "pre": stem + ("и" if word.endswith("ие") else "е")}  # fmt: skip
    elif word.endswith("ь"):
        forms = {"gen": stem + "и", "dat": stem + "и", "acc": word, "ins": word + "ю", "pre": stem + "и"}
    else:
        soft = word.endswith("я")
        dative = stem + ("и" if word.endswith("ия") else "е")
        genitive = stem + ("и" if soft or stem[-1] in VELAR + HUSHING else "ы")
        instrumental = "ей" if soft or stem[-1] in HUSHING + "ц" else "ой"
        forms = {"gen": genitive, "dat": dative, "acc": stem + ("ю" if soft else "у"), "ins": stem + instrumental, "pre": dative}
    return {"nom": word, **forms}


def _plural(noun: Noun) -> dict[str, str]:
    word = noun.word
    hard_m = noun.gender == "m" and not word.endswith(("ь", "й"))
    stem = word if hard_m else word[:-1]
    soft = word.endswith(("ь", "й", "я", "ие", "ье"))
    if noun.gender == "n":
        nominative = stem + ("я" if soft else "а")
    else:
        nominative = stem + ("и" if soft or stem[-1] in VELAR + HUSHING else "ы")
    vowel = "я" if soft and stem[-1] not in HUSHING else "а"
    forms = {"nom": nominative, "gen": _plural_genitive(noun, stem), "dat": f"{stem}{vowel}м", "ins": f"{stem}{vowel}ми",
             "pre": f"{stem}{vowel}х"}  # fmt: skip
    forms["acc"] = forms["gen"] if noun.animate else nominative
    return forms


def _plural_genitive(noun: Noun, stem: str) -> str:
    word = noun.word
    if word.endswith("ь") or (noun.gender == "m" and word[-1] in HUSHING):
        return stem + "ей"
    if word.endswith("й"):
        return stem + "ев"
    if noun.gender == "m":
        return stem + ("ев" if word[-1] == "ц" else "ов")
    if word.endswith(("ия", "ие")):
        return stem + "й"
    if word.endswith("ья"):
        return stem[:-1] + "ей"
    if len(stem) > 2 and stem[-1] == "к" and stem[-2] in "лзврстдпн":
        return f"{stem[:-1]}ок"
    if len(stem) > 2 and stem[-1] == "к" and stem[-2] in "чжш":
        return f"{stem[:-1]}ек"
    if word.endswith("йка"):
        return f"{word[:-3]}ек"
    if word.endswith("тво"):
        return stem
    if word.endswith("сла"):
        return f"{stem[:-1]}ел"
    return stem if not word.endswith("я") else stem + "ь"


def agree(adjective: str, noun: Noun, case: str, plural: bool = False) -> str:
    """The form of an adjective (-ый, -ий, -ой) that goes with the noun."""
    stem = adjective[:-2]
    soft = adjective.endswith("ний") and not adjective.endswith(("ский", "цкий"))
    i = "и" if soft or stem[-1] in VELAR + HUSHING else "ы"
    o = "е" if soft or (stem[-1] in HUSHING and not adjective.endswith("ой")) else "о"
    if plural:
        endings = {"nom": f"{i}е", "gen": f"{i}х", "dat": f"{i}м", "ins": f"{i}ми", "pre": f"{i}х"}
        endings["acc"] = endings["gen"] if noun.animate else endings["nom"]
    elif noun.gender == "f":
        oblique = f"{o}й"
        endings = {"nom": "яя" if soft else "ая", "gen": oblique, "dat": oblique, "acc": "юю" if soft else "ую", "ins": oblique,
                   "pre": oblique}  # fmt: skip
    else:
        endings = {"gen": f"{o}го", "dat": f"{o}му", "ins": f"{i}м", "pre": f"{o}м"}
        endings["nom"] = f"{o}е" if noun.gender == "n" else adjective[-2:]
        endings["acc"] = endings["gen"] if noun.animate and noun.gender == "m" else endings["nom"]
    return stem + endings[case]


def conjugate(infinitive: str, noun: Noun, tense: str, plural: bool = False) -> str:
    """Third person "present", or "past", of a regular verb on -ать, -ять or -овать."""
    if tense == "past":
        return infinitive[:-2] + ("ли" if plural else {"m": "л", "f": "ла", "n": "ло"}[noun.gender])
    stem = infinitive[:-5] + "у" if infinitive.endswith("овать") else infinitive[:-2]
    return stem + ("ют" if plural else "ет")


class Russian(Tongue):
    """`language` "ru"."""

    code = "ru"

    def __init__(self) -> None:
        super().__init__(lexicon("ru"))
        self.things = [parse_noun(w) for w in self.words["things"]]
        self.actions = [parse_noun(w) for w in self.words["actions"]]
        self.people = [parse_noun(w, animate=True) for w in self.words["people"]]

    def noun_phrase(self, rng: random.Random, case: str, *, of: str = "things", depth: int = 1) -> tuple[str, Noun, bool]:
        """Words of a phrase in the case, its head and whether it is plural."""
        noun: Noun = rng.choice(getattr(self, of))
        plural = of != "actions" and rng.random() < 0.35
        words = [decline(noun, case, plural)]
        if rng.random() < 0.55:
            words.insert(0, agree(rng.choice(self.words["adjectives"]), noun, case, plural))
        if depth and rng.random() < 0.4:
            words.append(self.noun_phrase(rng, "gen", depth=depth - 1)[0])
        return " ".join(words), noun, plural

    def phrase(self, rng: random.Random, of: str, form: str) -> str:
        """`form` is a case (nom, gen, dat, acc, ins, pre); for the list "verbs" the list its subject comes from."""
        if of == "verbs":
            return conjugate(rng.choice(self.words["verbs"]), Noun("", "m"), "present")
        return self.noun_phrase(rng, form, of=of, depth=0)[0]

    def clause(self, rng: random.Random) -> str:
        subject, noun, plural = self.noun_phrase(rng, "nom", of=rng.choice(("things", "things", "actions", "people")))
        verb = conjugate(rng.choice(self.words["verbs"]), noun, rng.choice(("present", "present", "past")), plural)
        adverb = f"{rng.choice(self.words['adverbs'])} " if rng.random() < 0.25 else ""
        return f"{subject} {adverb}{verb} {self.noun_phrase(rng, 'acc')[0]}"

    def heading(self, rng: random.Random) -> str:
        text = self.noun_phrase(rng, "nom", of=rng.choice(("things", "actions")), depth=1)[0]
        return text[0].upper() + text[1:]

    def person(self, rng: random.Random) -> str:
        surname, patronymic = rng.choice(self.words["surnames"]), rng.choice(self.words["patronymics"])
        name = rng.choice(self.words["men"])
        if rng.random() < 0.5:
            surname, patronymic, name = surname + "а", patronymic[:-2] + "на", rng.choice(self.words["women"])
        if rng.random() < 0.5:
            return f"{surname} {name[0]}. {patronymic[0]}."
        return f"{surname} {name} {patronymic}"

    def company(self, rng: random.Random) -> str:
        name = rng.choice(self.words["company_heads"]) + rng.choice(self.words["company_tails"])
        return f"{rng.choice(('ООО', 'ООО', 'АО', 'ПАО', 'НПО'))} «{name}»"

    def address(self, rng: random.Random) -> str:
        street = rng.choice(self.words["streets"])
        city = rng.choice(self.words["cities"])
        return f"{rng.randint(101, 690)}{rng.randint(0, 999):03d}, г. {city}, ул. {street}, д. {rng.randint(1, 180)}"

    def date(self, rng: random.Random) -> str:
        day, month, year = self.day(rng)
        if rng.random() < 0.5:
            return f"{day:02d}.{month:02d}.{year}"
        return f"{day} {self.words['months'][month - 1]} {year} г."

    def amount(self, cents: int) -> str:
        return f"{cents // 100:,}".replace(",", " ") + f",{cents % 100:02d}"

    def percent(self, rng: random.Random) -> str:
        return f"{rng.randint(1, 60)},{rng.randint(0, 9)} %"

    def money(self, rng: random.Random) -> str:
        return f"{self.amount(rng.randint(5_000, 90_000_000))} руб."

    def phone(self, rng: random.Random) -> str:
        return f"+7 ({rng.randint(300, 999)}) {rng.randint(100, 999)}-{rng.randint(0, 99):02d}-{rng.randint(0, 99):02d}"

    def ids(self, rng: random.Random) -> list[tuple[str, str]]:
        return [("ИНН", self.digits(rng, 10)), ("КПП", self.digits(rng, 9)), ("Р/с", "40702810" + self.digits(rng, 12)),
                ("БИК", "04" + self.digits(rng, 7))]  # fmt: skip
