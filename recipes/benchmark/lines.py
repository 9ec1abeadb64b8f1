"""A small local benchmark in the form of OCRBench: lines of text drawn here, each with the question what it says.

    python recipes/benchmark/lines.py demo/lines

writes `demo/lines/OCRBench.json` and its pictures. Two of OCRBench's types are used: English lines are "Regular Text
Recognition", Russian ones "Irregular Text Recognition", so that the table shows both. Everything is a function of the seed.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

TYPES = {"en": "Regular Text Recognition", "ru": "Irregular Text Recognition"}
WORDS = {
    "en": "invoice total amount paid date order number street house bank account customer price delivery address",
    "ru": "счёт итого сумма оплачено дата заказ номер улица дом банк клиент цена доставка адрес получатель договор",
}
FACES = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSans-Bold.ttf")
SIZE, MARGIN = 20, 6


def line(draw: random.Random, language: str) -> str:
    words = [draw.choice(WORDS[language].split()) for _ in range(draw.randint(1, 3))]
    if draw.random() < 0.4:
        words.append(str(draw.randint(1, 9999)))
    text = " ".join(words)
    return text.capitalize() if draw.random() < 0.5 else text


def drawn(text: str, face: str) -> Image.Image:
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / face), SIZE)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("RGB", (int(right - left) + 2 * MARGIN, int(bottom - top) + 2 * MARGIN), "white")
    ImageDraw.Draw(image).text((MARGIN - left, MARGIN - top), text, font=font, fill="black")
    return image


def write(folder: Path, *, count: int, seed: int, question: str) -> Path:
    """`count` different lines of each language; gives the data file."""
    draw = random.Random(seed)
    used: set[str] = set()
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for language in TYPES:
        for number in range(count):
            while (text := line(draw, language)) in used:
                pass
            used.add(text)
            face = draw.choice(FACES)
            name = f"images/{language}-{number:03}.png"
            drawn(text, face).save(folder / name)
            rows.append({"dataset_name": f"lines-{language}", "id": len(rows), "image_path": name, "question": question,
                         "answers": text, "type": TYPES[language]})  # fmt: skip
    file = folder / "OCRBench.json"
    file.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return file


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", type=Path)
    ask.add_argument("--count", type=int, default=60, help="lines of each language")
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--question", default="OCR:", help="what is asked; the nano was trained with OCR:")
    given = ask.parse_args()
    print(write(given.folder, count=given.count, seed=given.seed, question=given.question))


if __name__ == "__main__":
    main()
