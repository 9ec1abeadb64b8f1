"""Small pages with known lines and boxes, to teach the nano reader to find what it reads.

    python recipes/nano/pages.py --out runs/pages --count 4000
    ocrtune prepare runs/pages/pages.jsonl --into data/pages --val 64 --test 200
    ocrtune train data/pages models/nano --dialect grounding-qwen2 --method full --lora.vision --lora.merger

Each page shows one to four lines of English at places of their own. Labels are ms-swift's `objects`, in pixels.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
from PIL import Image
from render import SEEN, cut, draw, english, fonts
from tqdm import tqdm

WIDTH, HEIGHT = 256, 160
LONGEST = 24  # characters of a line
Corners = tuple[int, int, int, int]


def page(rng: random.Random, faces: tuple[str, ...], sentences: tuple[str, ...]) -> tuple[np.ndarray, list[tuple[str, Corners]]]:
    """Grey pixels and, from top to bottom, each line's text with the box of its ink."""
    paper = np.full((HEIGHT, WIDTH), 255, np.uint8)
    found: list[tuple[str, Corners]] = []
    top = rng.randint(0, 24)
    for _ in range(rng.randint(1, 4)):
        text = cut(rng, rng.choice(sentences), rng.randint(4, LONGEST))
        image = draw(rng, [text], rng.choice(faces), rng.randint(11, 18)).image
        rows, columns = np.nonzero(image < 128)
        if not len(rows) or image.shape[1] > WIDTH or top + image.shape[0] > HEIGHT:
            continue
        left = rng.randint(0, WIDTH - image.shape[1])
        place = paper[top : top + image.shape[0], left : left + image.shape[1]]
        np.minimum(place, image, out=place)
        ink = (left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1)
        found.append((text, tuple(int(edge) for edge in ink)))
        top += image.shape[0] + rng.randint(0, 24)
    return paper, found


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--out", type=Path, required=True)
    ask.add_argument("--count", type=int, default=4000)
    ask.add_argument("--seed", type=int, default=7)
    args = ask.parse_args()
    faces, sentences = fonts(SEEN), english()[0]
    (args.out / "images").mkdir(parents=True, exist_ok=True)
    with (args.out / "pages.jsonl").open("w", encoding="utf-8") as labels:
        for number in tqdm(range(args.count), unit="page"):
            rng = random.Random(f"{args.seed}/{number}")
            pixels, lines = page(rng, faces, sentences)
            if not lines:
                continue
            name = f"images/{number:05}.png"
            Image.fromarray(noisy(rng, pixels)).save(args.out / name)
            record = {
                "messages": [
                    {"role": "user", "content": "<image>Find and read the lines."},
                    {"role": "assistant", "content": "<ref-object><bbox>" * len(lines)},
                ],
                "images": [name],
                "objects": {"ref": [text for text, _ in lines], "bbox": [box for _, box in lines]},
            }
            labels.write(json.dumps(record, ensure_ascii=False) + "\n")


def noisy(rng: random.Random, pixels: np.ndarray) -> np.ndarray:
    """Grey paper, pale ink and grain: a scan that leaves every line where it is."""
    paper, ink = rng.uniform(200, 255), rng.uniform(0, 90)
    grain = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(0, 10), pixels.shape)
    return np.clip(ink + (paper - ink) * pixels / 255.0 + grain, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
