"""Document templates: invoice, letter, contract, report, columns. A pure function of language, seed and number."""

from __future__ import annotations

import random
from collections.abc import Callable

from ocrtune.config import closest
from ocrtune.errors import ConfigError
from ocrtune.sources.synth.language import Tongue
from ocrtune.sources.synth.model import Block, Flow, Manuscript, Style
from ocrtune.sources.synth.words_en import English
from ocrtune.sources.synth.words_ru import Russian
from ocrtune.sources.synth.words_zh import Simplified, Traditional

Writer = Callable[[Tongue, random.Random, int], tuple[Flow, ...]]

TONGUES: dict[str, Callable[[], Tongue]] = {"ru": Russian, "en": English, "zh-Hant": Traditional, "zh-Hans": Simplified}
SHEETS = {"A4": (210.0, 297.0), "A5": (148.0, 210.0), "Letter": (215.9, 279.4)}
ACCENTS = ((0, 0, 0), (0, 0, 0), (30, 60, 110), (110, 30, 30), (40, 80, 50), (70, 70, 70))
# Paper and side margins per template, chosen so that lines hold 25 to 60 letters of 9 to 13 points.
PAPERS: dict[str, tuple[tuple[str, float, float], ...]] = {
    "invoice": (("A4", 16, 24), ("Letter", 18, 24)),
    "letter": (("A5", 17, 24), ("A4", 38, 52)),
    "contract": (("A4", 15, 20), ("A5", 16, 20)),
    "report": (("A5", 15, 20), ("A4", 30, 44)),
    "columns": (("A4", 15, 22), ("Letter", 16, 24)),
}


def tongue(language: str) -> Tongue:
    """The words and grammar of a language. Raises ConfigError for one that is not spoken here."""
    if (kind := TONGUES.get(language)) is None:
        raise ConfigError(
            f"no words for language {language!r}{closest(language, list(TONGUES))}", hint=f"languages: {', '.join(TONGUES)}"
        )
    return kind()


def compose(speech: Tongue, template: str, number: int, *, seed: int, pages: int = 1) -> Manuscript:
    """Document `number` of a language and template. The same arguments give the same document on every machine."""
    if (writer := TEMPLATES.get(template)) is None:
        raise ConfigError(
            f"no template {template!r}{closest(template, list(TEMPLATES))}", hint=f"templates: {', '.join(TEMPLATES)}"
        )
    rng = random.Random(f"{seed}/{speech.code}/{template}/{number}")
    style = dress(template, rng)
    header = rng.choice((speech.company(rng), f"{speech.labels['number']} {speech.number(rng)}", speech.date(rng)))
    if template == "columns":
        header = f"{rng.choice(speech.words['papers'])} · {speech.labels['issue']} {rng.randint(1, 400)}"
    footer = speech.labels[rng.choice(("page", "page", "pages_short"))]
    name = f"{speech.code}-{template}-{number:04d}"
    flows = writer(speech, rng, pages)
    return Manuscript(name, speech.code, template, speech.cjk, style, header, footer, flows)


def dress(template: str, rng: random.Random) -> Style:
    sheet, low, high = rng.choice(PAPERS[template])
    width, height = SHEETS[sheet]
    return Style(
        width=width,
        height=height,
        margin=round(rng.uniform(low, high), 1),
        top=round(rng.uniform(20, 28), 1),
        size=round(rng.uniform(9, 10.5) if sheet == "A5" else rng.uniform(9.5, 12.5), 1),
        leading=round(rng.uniform(1.25, 1.5), 2),
        face=rng.randrange(10_000),
        justify=rng.random() < 0.4,
        ruled=rng.choice(("grid", "grid", "lines", "zebra")),
        accent=rng.choice(ACCENTS),
    )


def text(words: str, *, small: bool = False, keep: bool = False) -> Block:
    return Block("text", words, small=small, keep=keep)


def seal(speech: Tongue, rng: random.Random) -> Block:
    return Block("stamp", f"{speech.company(rng)}\n{speech.labels['stamp']}")


def keys(pairs: list[tuple[str, str]]) -> Block:
    """Keys and values side by side."""
    return Block("table", rows=tuple(pairs))


def invoice(speech: Tongue, rng: random.Random, pages: int) -> tuple[Flow, ...]:
    label = speech.labels
    blocks = [Block("title", f"{label['invoice']} {label['number']} {speech.number(rng)}", align=rng.choice(("left", "center")))]
    blocks.append(keys([(label["date"], speech.date(rng)), *_party(speech, rng, "seller"), *_party(speech, rng, "buyer")]))
    for _ in range(pages):
        blocks.append(text(speech.line("requests", rng)))
        blocks.append(_items(speech, rng))
    blocks.append(Block("section-header", label["terms"]))
    blocks += [text(speech.line("clauses", rng)) for _ in range(rng.randint(2, 4))]
    return (Flow(1, (*blocks, *_signatures(speech, rng, ("director", "accountant")))),)


def _party(speech: Tongue, rng: random.Random, role: str) -> list[tuple[str, str]]:
    label = speech.labels
    known = [(label[role], speech.company(rng)), (label["address"], speech.address(rng))]
    extras = [*speech.ids(rng), (label["phone"], speech.phone(rng)), (label["email"], speech.email(rng))]
    return known + rng.sample(extras, k=min(len(extras), rng.randint(2, 4)))


def _items(speech: Tongue, rng: random.Random) -> Block:
    """Goods with quantities and prices that add up."""
    label = speech.labels
    rows: list[tuple[str, ...]] = [(label["number"], *(label[k] for k in ("item", "quantity", "unit", "price", "sum")))]
    total = 0
    for number, item in enumerate(rng.sample(speech.words["goods"], k=rng.randint(4, 10)), start=1):
        quantity, price = rng.randint(1, 60), rng.randint(1_000, 900_000)
        total += quantity * price
        unit = rng.choice(speech.words["units"])
        rows.append((str(number), item, str(quantity), unit, speech.amount(price), speech.amount(quantity * price)))
    tax = total * 20 // 100
    for name, cents in (("subtotal", total), ("vat", tax), ("total", total + tax)):
        rows.append(("", label[name], "", "", "", speech.amount(cents)))
    return Block("table", rows=tuple(rows), head=1, figures=(2, 4, 5))


def _signatures(speech: Tongue, rng: random.Random, roles: tuple[str, ...]) -> list[Block]:
    """Lines to sign on and usually a stamp, all on one page."""
    stamped = rng.random() < 0.7
    lines = [
        text(f"{speech.labels[role]} ____________ {speech.person(rng)}", keep=stamped or role != roles[-1]) for role in roles
    ]
    return [*lines, seal(speech, rng)] if stamped else lines


def letter(speech: Tongue, rng: random.Random, pages: int) -> tuple[Flow, ...]:
    label, comma, colon = speech.labels, speech.comma, speech.colon
    blocks = [
        Block("title", speech.company(rng), align=rng.choice(("left", "center"))),
        Block(
            "text",
            f"{speech.address(rng)}{comma}{label['phone']}{colon}{speech.phone(rng)}{comma}{speech.email(rng)}",
            small=True,
        ),
        text(f"{label['outgoing']} {speech.number(rng)} {label['from']} {speech.date(rng)}"),
        Block("text", f"{label['to']}{colon}{speech.person(rng)}{comma}{speech.company(rng)}", align="right"),
        Block("section-header", f"{label['subject']}{colon}{speech.heading(rng)}"),
        text(speech.line("salutations", rng)),
    ]
    for _ in range(rng.randint(3, 5) * pages):
        blocks.append(text(speech.line("requests", rng) + speech.joint + speech.paragraph(rng, rng.randint(1, 3))))
    blocks.append(text(speech.line("closings", rng), keep=True))
    return (Flow(1, (*blocks, *_signatures(speech, rng, ("director",)))),)


def contract(speech: Tongue, rng: random.Random, pages: int) -> tuple[Flow, ...]:
    label, comma, colon = speech.labels, speech.comma, speech.colon
    opening = (
        Block("title", f"{label['contract']} {label['number']} {speech.number(rng)}", align="center"),
        text(f"{label['city']} {rng.choice(speech.words['cities'])}{comma}{speech.date(rng)}"),
    )
    body: list[Block] = []
    for party in ("party_a", "party_b"):
        body.append(text(f"{label[party]}{colon}{speech.company(rng)}{comma}{label['director']} {speech.person(rng)}"))
    heads = rng.sample(speech.words["clause_heads"], k=min(len(speech.words["clause_heads"]), rng.randint(4, 6) * pages))
    for number, head in enumerate(heads, start=1):
        body.append(Block("section-header", f"{number}. {head}"))
        body += [Block("list-item", f"{number}.{point}. {speech.line('clauses', rng)}") for point in range(1, rng.randint(3, 5))]
    closing = _signatures(speech, rng, ("party_a", "party_b"))
    return Flow(1, opening), Flow(rng.choice((1, 2)), tuple(body)), Flow(1, tuple(closing))


def report(speech: Tongue, rng: random.Random, pages: int) -> tuple[Flow, ...]:
    label, comma, colon = speech.labels, speech.comma, speech.colon
    blocks = [
        Block("title", f"{label['report']}{colon}{speech.heading(rng)}", align=rng.choice(("left", "center"))),
        text(f"{label['author']}{colon}{speech.person(rng)}{comma}{speech.date(rng)}"),
    ]
    for number in range(1, rng.randint(2, 3) * pages + 1):
        blocks.append(Block("section-header", f"{number}. {speech.heading(rng)}"))
        blocks += [text(speech.paragraph(rng, rng.randint(2, 4))) for _ in range(rng.randint(1, 2))]
        blocks += [Block("list-item", f"• {speech.sentence(rng)}") for _ in range(rng.choice((0, 2, 3)))]
        if rng.random() < 0.75:
            blocks += [Block("caption", f"{label['table']} {number}. {speech.heading(rng)}"), _indicators(speech, rng)]
    blocks += [Block("section-header", label["conclusion"]), text(speech.paragraph(rng, 3))]
    return (Flow(1, tuple(blocks)),)


def _indicators(speech: Tongue, rng: random.Random) -> Block:
    names = ("indicator", "plan", "fact", "change")
    rows: list[tuple[str, ...]] = [tuple(speech.labels[name] for name in names)]
    for _ in range(rng.randint(3, 7)):
        plan, change = rng.randint(1_000, 9_000_000), rng.randint(-300, 300)
        shown = f"{change / 10:+.1f}".replace("+", "") if speech.cjk else f"{change / 10:.1f}"
        shown = shown.replace(".", ",") if speech.code == "ru" else shown
        rows.append((speech.heading(rng), speech.amount(plan), speech.amount(plan * (1000 + change) // 1000), shown))
    return Block("table", rows=tuple(rows), head=1, figures=(1, 2, 3))


def columns(speech: Tongue, rng: random.Random, pages: int) -> tuple[Flow, ...]:
    head = (
        Block("title", rng.choice(speech.words["papers"]), align="center"),
        Block("text", f"{speech.date(rng)} · {speech.heading(rng)}", align="center", small=True),
    )
    body: list[Block] = []
    for _ in range(rng.randint(2, 3) * pages):
        body.append(Block("section-header", speech.heading(rng)))
        body.append(text(speech.person(rng), small=True))
        body += [text(speech.paragraph(rng, rng.randint(2, 4))) for _ in range(rng.randint(2, 4))]
    return Flow(1, head), Flow(2, tuple(body))


TEMPLATES: dict[str, Writer] = {
    "invoice": invoice,
    "letter": letter,
    "contract": contract,
    "report": report,
    "columns": columns,
}
