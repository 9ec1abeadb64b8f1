"""Reading order of block boxes against people's: how often the block that follows is the right one.

    python benchmarks/reading_order.py FOLDER …

A folder holds either CVAT annotations (`*_annotations.xml`: boxes, and polylines labelled `reading_order`) or an OmniDocBench
json (`layout_dets` with `order`). Only blocks that have a place in the order are given to the sorter.

next: share of blocks followed by the right block; pairs: share of pairs in the right order.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

from defusedxml.ElementTree import parse

from ocrtune.core import Size
from ocrtune.layout import Rect, order

LEAST = 3  # blocks; the order of two says nothing


class Case(NamedTuple):
    """A page; `boxes` are in the true order."""

    name: str
    size: Size
    boxes: list[Rect]
    kinds: list[str]


class Counts(NamedTuple):
    next_right: int
    nexts: int
    pairs_right: int
    pairs: int

    def __add__(self, other: tuple[int, ...]) -> Counts:  # type: ignore[override]
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))

    def __str__(self) -> str:
        return (
            f"next {self.next_right:4}/{self.nexts:<4} {self.next_right / max(self.nexts, 1):6.1%}"
            f"   pairs {self.pairs_right / max(self.pairs, 1):6.1%}"
        )


def cases(folder: Path) -> Iterator[Case]:
    for path in sorted(folder.glob("*_annotations.xml")):
        for image in parse(path).iter("image"):
            yield from _cvat(image)
    for path in sorted(folder.glob("*.json")):
        pages = json.loads(path.read_text())
        for page in pages if isinstance(pages, list) else []:
            yield _omnidocbench(page, folder / "images")


def _cvat(image) -> Iterator[Case]:  # type: ignore[no-untyped-def]
    """The longest polyline is the page's; others order the inside of one of its blocks."""
    boxes = [(tuple(float(b.get(k)) for k in ("xtl", "ytl", "xbr", "ybr")), b.get("label")) for b in image.iter("box")]
    paths = [[tuple(map(float, p.split(","))) for p in line.get("points").split(";")]
             for line in image.iter("polyline") if line.get("label") == "reading_order"]  # fmt: skip
    if not paths:
        return
    found: list[tuple[Rect, str]] = []
    for x, y in max(paths, key=len):
        around = [b for b in boxes if b[0][0] <= x <= b[0][2] and b[0][1] <= y <= b[0][3]]
        if around:
            smallest = min(around, key=lambda b: (b[0][2] - b[0][0]) * (b[0][3] - b[0][1]))
            if smallest not in found:
                found.append(smallest)
    size = Size(int(image.get("width")), int(image.get("height")))
    yield Case(image.get("name")[:16], size, [b for b, _ in found], [k for _, k in found])


def _omnidocbench(page: dict, images: Path) -> Case:  # type: ignore[type-arg]
    """The size is that of the picture: the annotation gives width and height the wrong way round on half of the pages."""
    from PIL import Image

    ordered = sorted((d for d in page["layout_dets"] if d["order"] is not None), key=lambda d: d["order"])
    boxes = [(min(d["poly"][::2]), min(d["poly"][1::2]), max(d["poly"][::2]), max(d["poly"][1::2])) for d in ordered]
    place = page["page_info"]
    name = Path(place["image_path"]).stem
    with Image.open(images / place["image_path"]) as picture:
        size = Size(*picture.size)
    return Case(name[:18] + "…" + name[-12:], size, boxes, [d["category_type"] for d in ordered])


def count(got: list[int]) -> Counts:
    """`got` holds the true places in the order found; right is 0, 1, 2 …"""
    follows = set(pairwise(got))
    at = {true: place for place, true in enumerate(got)}
    pairs = [(a, b) for a, b in combinations(range(len(got)), 2)]
    return Counts(
        sum((i, i + 1) in follows for i in range(len(got) - 1)), len(got) - 1, sum(at[a] < at[b] for a, b in pairs), len(pairs)
    )


def by_top(boxes: list[Rect], size: Size) -> list[int]:
    return sorted(range(len(boxes)), key=lambda i: (boxes[i][1], boxes[i][0]))


def draw(case: Case, got: list[int], path: Path) -> None:
    """The blocks with their true place (black) and the found one (red where the step to it is wrong)."""
    from PIL import Image, ImageDraw, ImageFont

    scale = 1400 / max(case.size)
    picture = Image.new("RGB", (round(case.size.width * scale), round(case.size.height * scale)), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(16)
    follows = set(pairwise(got))
    for i, (box, kind) in enumerate(zip(case.boxes, case.kinds, strict=True)):
        left, top, right, bottom = (v * scale for v in box)
        wrong = i > 0 and (i - 1, i) not in follows
        pen.rectangle((left, top, right, bottom), outline="red" if wrong else "green", width=2)
        pen.text((left + 3, top + 1), f"{i}: {got.index(i)} {kind[:6]}", fill="red" if wrong else "black", font=font)
    picture.save(path)


def measure(folder: Path, sorters: dict[str, Callable[[list[Rect], Size], list[int]]], pictures: Path | None) -> None:
    pages = [case for case in cases(folder) if len(case.boxes) >= LEAST]
    for name, sorter in sorters.items():
        total, means = Counts(0, 0, 0, 0), []
        print(f"\n{folder.name}: {name}, {len(pages)} pages")
        for case in pages:
            shuffled = sorted(range(len(case.boxes)), key=lambda i: hash(case.boxes[i]))
            got = [shuffled[i] for i in sorter([case.boxes[i] for i in shuffled], case.size)]
            counts = count(got)
            total += counts
            means.append(counts.next_right / counts.nexts)
            if name == "ocrtune":
                print(f"  {case.name:32} {len(got):3} blocks  {counts}")
                if pictures is not None and counts.next_right < counts.nexts:
                    draw(case, got, pictures / f"{case.name}.png")
        print(f"  all: {total}   mean over pages {sum(means) / max(len(means), 1):6.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="folders with annotations")
    parser.add_argument("--draw", type=Path, help="folder for pictures of the pages with mistakes")
    options = parser.parse_args()
    if options.draw is not None:
        options.draw.mkdir(parents=True, exist_ok=True)
    for folder in options.folders:
        measure(folder, {"top to bottom": by_top, "ocrtune": order}, options.draw)


if __name__ == "__main__":
    main()
