"""How well a model finds and reads the lines of small pages (`pages.py`), and a picture of it.

    ocrtune evaluate data/pages --model runs/train-… --dialect grounding-qwen2 --into runs/found
    python recipes/nano/found.py data/pages runs/found --picture found.png

A line counts as found when a box of its own covers it with IoU ≥ 0.5, as read when the text is right, too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

from ocrtune.core import Box, BoxesTarget, Prediction, Region, Sample
from ocrtune.plugins import DIALECTS
from ocrtune.runs import read_lines
from ocrtune.sampling import load_split

SHOWN, COLUMNS, SCALE = 9, 3, 2
GREEN, RED = (0, 140, 70), (200, 40, 30)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    wide = min(a.right, b.right) - max(a.left, b.left)
    high = min(a.bottom, b.bottom) - max(a.top, b.top)
    both = max(0.0, wide) * max(0.0, high)
    either = sum((x.right - x.left) * (x.bottom - x.top) for x in (a, b)) - both
    return both / either if either else 0.0


def matched(truth: tuple[Region, ...], said: list[Region]) -> list[tuple[Region, Region]]:
    """Pairs of IoU ≥ 0.5, the best first, each region once."""
    pairs = [(overlap(t.box, s.box), n, m) for n, t in enumerate(truth) for m, s in enumerate(said) if t.box and s.box]
    used: tuple[set[int], set[int]] = (set(), set())
    found = []
    for share, n, m in sorted(pairs, reverse=True):
        if share >= 0.5 and n not in used[0] and m not in used[1]:
            used[0].add(n), used[1].add(m)
            found.append((truth[n], said[m]))
    return found


def drawn(sample: Sample, said: list[Region], right: list[Region]) -> Image.Image:
    image = Image.open(sample.images[0].path).convert("RGB")
    image = image.resize((image.width * SCALE, image.height * SCALE))
    pen = ImageDraw.Draw(image)
    for region in said:
        if region.box:
            colour = GREEN if region in right else RED
            edges = region.box.to_pixels(*image.size)
            pen.rectangle(edges, outline=colour, width=2)
            pen.text((edges[0], edges[3] + 2), region.text, fill=colour)
    return image


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("data", type=Path)
    ask.add_argument("run", type=Path, help="run directory of an evaluation of its test split")
    ask.add_argument("--dialect", default="grounding-qwen2")
    ask.add_argument("--picture", type=Path)
    args = ask.parse_args()
    dialect = DIALECTS.get(args.dialect)()
    replies = {p.sample_id: p for p in read_lines(args.run / "predictions.jsonl", Prediction)}
    true = offered = hit = read = 0
    pictures = []
    for sample in load_split(args.data, "test"):
        if sample.id not in replies or not isinstance(sample.target, BoxesTarget):
            continue
        reply = replies[sample.id]
        said = list(dialect.decode(reply.text or "", sees=reply.sees[0] if reply.sees else None).regions)
        pairs = matched(sample.target.boxes, said)
        right = [s for t, s in pairs if s.text == t.text]
        true, offered, hit, read = true + len(sample.target.boxes), offered + len(said), hit + len(pairs), read + len(right)
        pictures.append(drawn(sample, said, right))
    for name, count in (("found", hit), ("found and read", read)):
        recall, precision = count / max(true, 1), count / max(offered, 1)
        mean = 2 * recall * precision / (recall + precision) if count else 0.0
        print(f"{name}: recall {recall:.3f} precision {precision:.3f} hmean {mean:.3f} ({true} lines)")
    if args.picture and pictures:
        chosen = pictures[:SHOWN]
        wide, high = (max(p.size[i] for p in chosen) + 8 for i in (0, 1))
        sheet = Image.new("RGB", (wide * COLUMNS, high * -(-len(chosen) // COLUMNS)), "white")
        for n, picture in enumerate(chosen):
            sheet.paste(picture, (n % COLUMNS * wide, n // COLUMNS * high))
        sheet.save(args.picture)


if __name__ == "__main__":
    main()
