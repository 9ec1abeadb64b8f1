"""How long pages are for a model: their sizes from file headers, their tokens from its processor, or from its config alone."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ocrtune.contracts import Dialect, Family
from ocrtune.core import ImageRef, Noun, Sample, Size
from ocrtune.core.weights import Weights
from ocrtune.errors import InputError
from ocrtune.imaging import IMAGE_SUFFIXES, frame_count, open_image, open_pdf, page_size
from ocrtune.memory import Row
from ocrtune.sampling import SPLITS, load_split

BARS, WIDEST = 12, 40
CHARACTERS_PER_TOKEN = 2.0  # where no tokenizer is there to ask: between English (about 4) and Chinese (about 1)
FACTOR_MERGED = 2  # patches a side that become one visual token, in nearly every model with whole patches
TURNED = 5  # EXIF orientations from here on swap the sides
ORIENTATION = 0x0112


class Page(NamedTuple):
    """A sample, and the split of the dataset that it is in (None: no dataset)."""

    sample: Sample
    split: str | None = None


class Found(NamedTuple):
    """Pages, and the files that are none, with why."""

    pages: list[Page]
    rejected: list[str]


class Measured(NamedTuple):
    """A page as the model gets it. `seen` is the size of its (first) picture there."""

    page: Page
    seen: Size
    row: Row


class Lengths(NamedTuple):
    """What could be measured, in order, and what could not, with why."""

    rows: list[Measured]
    rejected: list[str]


class Ruler(Protocol):
    """What a model makes of pictures and text."""

    def sees(self, size: Size) -> Size: ...

    def visual(self, seen: Size) -> int: ...

    def words(self, ask: str, sizes: Sequence[Size], answer: str | None) -> tuple[int, int]:
        """Tokens of the text in all, with the frame around it and around pictures of these sizes, and of the answer."""


# --- finding ------------------------------------------------------------------------------------------------------------


def find_pages(path: Path, dpi: int) -> Found:
    """The samples of a dataset folder, all splits; else every picture and PDF page at or below `path`, without targets."""
    splits = [name for name in SPLITS if (path / f"{name}.jsonl").is_file()]
    if splits:
        return Found([Page(sample, name) for name in splits for sample in load_split(path, name)], [])
    files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
    found = Found([], [])
    for file in files:
        kind = file.suffix.lower()
        if kind not in IMAGE_SUFFIXES | {".pdf"}:
            continue
        name = str(file.relative_to(path)) if path.is_dir() else file.name
        try:
            sizes = list(_pdf_sizes(file, dpi) if kind == ".pdf" else _image_sizes(file))
        except InputError as why:
            found.rejected.append(str(why))
            continue
        found.pages.extend(_page(file, name, size, number, len(sizes)) for number, size in enumerate(sizes, start=1))
    return found


def _page(file: Path, name: str, size: Size, number: int, count: int) -> Page:
    ref = ImageRef(path=str(file), width=size.width, height=size.height)
    return Page(Sample(id=f"{name} page {number}" if count > 1 else name, group=name, images=(ref,)))


def _pdf_sizes(file: Path, dpi: int) -> Iterator[Size]:
    with open_pdf(file) as document:
        for index in range(len(document)):
            page = document[index]
            try:
                yield page_size(page, dpi)
            finally:
                page.close()


def _image_sizes(file: Path) -> Iterator[Size]:
    """Upright sizes of all frames: of the first from its header where that is enough, else from its pixels."""
    for frame in range(frame_count(file)):
        yield (_header_size(file) if frame == 0 else None) or Size(*open_image(file, frame=frame).size)


def _header_size(file: Path) -> Size | None:
    from PIL import Image as Pillow

    with warnings.catch_warnings(), contextlib.suppress(OSError, SyntaxError, ValueError, Pillow.DecompressionBombError):
        warnings.simplefilter("ignore")
        with Pillow.open(file) as image:
            turned = int(image.getexif().get(ORIENTATION, 1)) >= TURNED
            return Size(image.height, image.width) if turned else Size(image.width, image.height)
    return None


# --- measuring ----------------------------------------------------------------------------------------------------------


class ProcessorRuler:
    """Asks the model's own processor. Exact."""

    def __init__(self, family: Family, processor: Any) -> None:
        self._family, self._processor = family, processor
        self._known: dict[Size, int] = {}
        self._frames: dict[tuple[str, int], int] = {}

    def sees(self, size: Size) -> Size:
        return self._family.sees(self._processor, size)

    def visual(self, seen: Size) -> int:
        if seen not in self._known:
            self._known[seen] = self._family.visual_tokens(self._processor, seen)
        return self._known[seen]

    def words(self, ask: str, sizes: Sequence[Size], answer: str | None) -> tuple[int, int]:
        key = ask, len(sizes)
        if key not in self._frames:
            other = sum(self.visual(self.sees(size)) for size in sizes) + len(self._family.answer_ids(self._processor, ""))
            self._frames[key] = self._family.length(self._processor, ask, sizes, "") - other
        labels = 0 if answer is None else len(self._family.answer_ids(self._processor, answer))
        return self._frames[key] + labels, labels


class PatchRuler:
    """Whole patches as in Qwen2-VL, from the config alone: for models whose processor is not there. An estimate."""

    def __init__(self, weights: Weights, max_pixels: int | None) -> None:
        side = math.isqrt(weights.merged) if weights.merged > 1 else FACTOR_MERGED
        self._tile = (weights.patch or 14) * side
        self._most = max_pixels

    def sees(self, size: Size) -> Size:
        shrink = math.sqrt(min(1.0, (self._most or math.inf) / (size.width * size.height)))
        width, height = (max(1, (round if shrink == 1 else math.floor)(side * shrink / self._tile)) for side in size)
        return Size(width * self._tile, height * self._tile)

    def visual(self, seen: Size) -> int:
        return (seen.width // self._tile) * (seen.height // self._tile)

    def words(self, ask: str, sizes: Sequence[Size], answer: str | None) -> tuple[int, int]:
        labels = 0 if answer is None else math.ceil(len(answer) / CHARACTERS_PER_TOKEN) + 1
        return math.ceil(len(ask) / CHARACTERS_PER_TOKEN) + 10 + labels, labels


def measure(pages: Iterable[Page], ruler: Ruler, dialect: Dialect, *, reply: int) -> Lengths:
    """Tokens of every page. One without a target is taken to need `reply` tokens to answer."""
    found = Lengths([], [])
    for page in pages:
        sample = page.sample
        try:
            sizes = [Size(i.width, i.height) if i.width and i.height else Size(*open_image(i.path).size) for i in sample.images]
            seen = [ruler.sees(size) for size in sizes]
            ask = dialect.ask(sample, sees=seen[0])
            answer = None if sample.target is None else dialect.encode(sample.target, sees=seen[0])
            text, labels = ruler.words(ask, sizes, answer)
        except InputError as why:
            found.rejected.append(f"{sample.id}: {why}")
            continue
        extra = reply if answer is None else 0
        row = Row(sum(map(ruler.visual, seen)), text + extra, labels + extra)
        found.rows.append(Measured(page, seen[0], row))
    return found


# --- showing ------------------------------------------------------------------------------------------------------------


class Bin(Noun):
    """How many values lie from `low` to `high`, both included."""

    low: int
    high: int
    count: int


def histogram(values: Sequence[int]) -> list[Bin]:
    """Counts in at most BARS equal steps of a round width, from the smallest value to the largest."""
    low, high = min(values), max(values)
    step = _round_up(max(1, math.ceil((high - low + 1) / BARS)))
    start = low // step * step
    counts = Counter((value - start) // step for value in values)
    edges = range(start, high + 1, step)
    return [Bin(low=at, high=at + step - 1, count=counts[index]) for index, at in enumerate(edges)]


def _round_up(value: int) -> int:
    unit = int(10 ** (len(str(value)) - 1))
    return next(unit * n for n in (1, 2, 5, 10) if unit * n >= value)


def bars(bins: Sequence[Bin]) -> list[str]:
    """The histogram as lines of text."""
    most = max(b.count for b in bins)
    wide = len(str(bins[-1].high))
    return [f"{b.low:>{wide}}–{b.high:<{wide}} {'█' * math.ceil(WIDEST * b.count / most):<{WIDEST}} {b.count}" for b in bins]


def chart(rows: Sequence[Measured]) -> bytes:
    """Histograms of visual tokens and of whole sequences, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    whole = {
        "visual tokens per page": [r.row.visual for r in rows],
        "tokens per page, text included": [r.row.length for r in rows],
    }
    for axis, (title, values) in zip(figure.subplots(1, 2), whole.items(), strict=True):
        axis.hist(values, bins=30, color="#3b6ea5")
        axis.axvline(max(values), color="#b5452c", linewidth=1, label=f"longest: {max(values):,}")
        axis.set(title=title, ylabel="pages")
        axis.legend()
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=90)
    return out.getvalue()
