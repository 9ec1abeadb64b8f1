"""Ten thousand replies with something wrong: none raises, and no region is lost that the damage did not touch."""

import json
import random
import string

import pytest

from ocrtune.core import Size
from ocrtune.dialects.grounding import GroundingQwen25
from ocrtune.dialects.layout import Layout

TIMES = 10_000
SEES = Size(1000, 1400)
TEXTS = [
    "The first paragraph.",
    "\\frac{a}{b} + x^{2}",
    "Кириллица «в кавычках»",
    '繁體中文 "quoted"',
    "a {brace} and a [bracket]",
    "line\nline",
    "<table><tr><td>0</td><td>0</td></tr></table>",
    "émoji \U0001f600",
    "comma, colon: and }, {",
    "the last one",
]
JOINTS = [
    ", ",
    ", ",
    ", ",
    "",
    " ",
    "\n",
    ",",
    ", ,",
    "}",
    "]",
    "```",
    "```json\n",
    "\n\n",
    "\nHere is the layout:\n",
    "\n...\n",
    "</s>",
]
OPENINGS = ["[", "", "[[", '{"layout": [', "```json\n[", "Sure! ["]
CLOSINGS = ["]", "", "]}", "]\n```", "]]]"]
JUNK = ["", ",", "}", "{", "]", "[", "```", "null", '"', "\ufffd", "\\", "</s>"]


def cells(box: str, label: str, text: str) -> list[str]:
    made = []
    for i, said in enumerate(TEXTS):
        cell = {box: [10 + i, 100 * i + 5, 900, 100 * i + 80], label: "Text" if label == "category" else said, text: said}
        made.append(json.dumps(cell, ensure_ascii=False))
    return made


def between(objects: list[str], dice: random.Random) -> str:
    """Damage before, between and behind the objects."""
    rest = "".join(dice.choice(JOINTS) + cell for cell in objects[1:])
    return dice.choice(OPENINGS) + objects[0] + rest + dice.choice(CLOSINGS)


KEYS = [(Layout(), ("bbox", "category", "text")), (GroundingQwen25(), ("bbox_2d", "label", "text"))]


@pytest.mark.parametrize(("dialect", "keys"), KEYS)
def test_damage_between_regions_loses_none(dialect: Layout | GroundingQwen25, keys: tuple[str, str, str]) -> None:
    dice, objects = random.Random(5), cells(*keys)
    whole = [r.text for r in dialect.decode(f"[{', '.join(objects)}]", sees=SEES).regions]
    assert len(whole) == len(TEXTS)
    for _ in range(TIMES // 4):
        reply = between(objects, dice)
        said = [r.text for r in dialect.decode(reply, sees=SEES).regions]
        assert [text for text in said if text in whole] == whole, reply


def test_an_end_anywhere_keeps_what_was_finished() -> None:
    objects = cells("bbox", "category", "text")
    reply = f"[{', '.join(objects)}]"
    ends = [reply.index(cell) + len(cell) for cell in objects]
    whole = [r.text for r in Layout().decode(reply, sees=SEES).regions]
    for cut in range(len(reply)):
        said = [r.text for r in Layout().decode(reply[:cut], sees=SEES).regions]
        finished = sum(end <= cut for end in ends)
        assert said[:finished] == whole[:finished]


def test_any_damage_at_all_raises_nothing_and_keeps_what_came_before_it() -> None:
    dice, objects = random.Random(6), cells("bbox", "category", "text")
    reply = f"[{', '.join(objects)}]"
    ends = [reply.index(cell) + len(cell) for cell in objects]
    whole = [r.text for r in Layout().decode(reply, sees=SEES).regions]
    for _ in range(TIMES // 2):
        at, gone = dice.randrange(len(reply)), dice.choice([0, 1, 1, 2, 5, 40])
        new = dice.choice([*JUNK, dice.choice(string.printable), reply[at : at + dice.randrange(80)]])
        said = [r.text for r in Layout().decode(reply[:at] + new + reply[at + gone :], sees=SEES).regions]
        before = sum(end < at for end in ends)
        assert said[:before] == whole[:before]
