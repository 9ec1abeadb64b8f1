"""What a dataset holds, for people: a table, histograms and example pictures."""

from __future__ import annotations

import io
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ocrtune.core import BoxesTarget, RegionsTarget, Sample, Size, Target, target_text
from ocrtune.errors import InputError
from ocrtune.imaging import contact_sheet, open_image
from ocrtune.labelling import labels_of

if TYPE_CHECKING:
    from PIL.Image import Image

PATCH_PIXELS = 28 * 28  # of one visual token in Qwen2-VL and most of its successors
SCRIPTS = {"LATIN": "Latn", "CYRILLIC": "Cyrl", "CJK": "Hani", "HIRAGANA": "Kana", "KATAKANA": "Kana", "HANGUL": "Hang",
           "ARABIC": "Arab", "HEBREW": "Hebr", "GREEK": "Grek", "DEVANAGARI": "Deva", "THAI": "Thai", "TIBETAN": "Tibt",
           "KANNADA": "Knda", "ARMENIAN": "Armn", "GEORGIAN": "Geor", "SYRIAC": "Syrc", "BENGALI": "Beng"}  # fmt: skip
PERCENTILES = (0, 5, 50, 95, 100)
EXAMPLES = 18

Splits = Mapping[str, Sequence[Sample]]
Tokens = Callable[[Size], int]


class Measures(NamedTuple):
    """One row per sample."""

    characters: list[int]
    pixels: list[int]
    tokens: list[int]


@lru_cache(maxsize=8192)
def _script(character: str) -> str | None:
    if not character.isalpha():
        return None
    return SCRIPTS.get(unicodedata.name(character, "").split(" ")[0].split("-")[0], "Zyyy")


def script_of(text: str) -> str | None:
    """The ISO 15924 code of the script most letters belong to ("Cyrl", "Latn", "Hani" …); None without letters."""
    counts = Counter(filter(None, map(_script, text)))
    return counts.most_common(1)[0][0] if counts else None


def patch_tokens(size: Size) -> int:
    """Visual tokens by rule of thumb: one for 28×28 pixels."""
    return max(1, round(size.width * size.height / PATCH_PIXELS))


def language_of(sample: Sample) -> str:
    """The language tag, else the script of the text, else "none"."""
    return sample.tags.get("language") or script_of(target_text(sample.target) or "" if sample.target else "") or "none"


def measure(samples: Sequence[Sample], tokens: Tokens) -> Measures:
    sizes = [Size(s.images[0].width or 1, s.images[0].height or 1) for s in samples]
    texts = [(target_text(s.target) if s.target else None) or "" for s in samples]
    return Measures([len(t) for t in texts], [s.width * s.height for s in sizes], [tokens(s) for s in sizes])


def table(splits: Splits, tokens: Tokens, notes: Mapping[str, str]) -> str:
    """The statistics as Markdown: size of the splits, percentiles, languages, layout kinds, then `notes`."""
    measures = {name: measure(samples, tokens) for name, samples in splits.items()}
    size_rows = [
        [name, len(s), len({x.group for x in s}), sum(measures[name].characters), sum(measures[name].tokens)]
        for name, s in splits.items()
    ]
    spread = [
        [name, quantity, *_percentiles(values)]
        for name, m in measures.items()
        for quantity, values in m._asdict().items()
        if values
    ]
    return "\n".join([
        "# What the dataset holds",
        "",
        *_markdown(["split", "samples", "documents", "characters", "visual tokens"], size_rows),
        "## Spread",
        "",
        *_markdown(["split", "per sample", "least", "5 %", "median", "95 %", "most"], spread),
        "## Languages (the tag, else the script)",
        "",
        *_counts(splits, lambda s: [language_of(s)], "language"),
        "## Kinds of samples",
        "",
        *_counts(splits, _kinds, "kind"),
        "## How it was made",
        "",
        *_markdown(["what", "value"], [[k, v] for k, v in notes.items()]),
    ])  # fmt: skip


def _percentiles(values: Sequence[int]) -> list[int]:
    ordered = sorted(values)
    return [ordered[round(p / 100 * (len(ordered) - 1))] for p in PERCENTILES]


def _markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (list(head), ["---"] * len(head), *lines)] + [""]


def _counts(splits: Splits, kinds: Callable[[Sample], list[str]], title: str) -> list[str]:
    counts = {name: Counter(kind for sample in samples for kind in kinds(sample)) for name, samples in splits.items()}
    every = sorted({kind for c in counts.values() for kind in c}, key=lambda kind: -sum(c[kind] for c in counts.values()))
    return _markdown([title, *splits], [[kind, *(counts[name][kind] for name in splits)] for kind in every])


def _kinds(sample: Sample) -> list[str]:
    if isinstance(sample.target, RegionsTarget):
        return [f"region: {region.kind}" for region in sample.target.regions]
    if isinstance(sample.target, BoxesTarget):
        return [f"box: {region.kind}" for region in sample.target.boxes] + ["box: ignored"] * len(sample.target.ignored)
    return [f"{sample.task}: {sample.target.kind}" if sample.target else f"{sample.task}: no target"]


def charts(splits: Splits, tokens: Tokens) -> bytes:
    """Histograms of text length, picture size and visual tokens, and the languages, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    measures = {name: measure(samples, tokens) for name, samples in splits.items() if samples}
    figure = Figure(figsize=(11, 7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2).flatten()
    titles = {"characters": "characters per sample", "pixels": "pixels per picture", "tokens": "visual tokens per picture"}
    for axis, (quantity, title) in zip(axes, titles.items(), strict=False):
        axis.hist([getattr(m, quantity) for m in measures.values()], bins=30, stacked=True, label=list(measures))
        axis.set(title=title, ylabel="samples")
        axis.legend()
    languages = Counter(language_of(s) for samples in splits.values() for s in samples).most_common(12)
    axes[3].barh([name[:20].replace("$", r"\$") for name, _ in reversed(languages)], [count for _, count in reversed(languages)])
    axes[3].set(title="language (the tag, else the script)", xlabel="samples")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=90)
    return out.getvalue()


def examples(splits: Splits, open_path: Callable[[str], str]) -> bytes:
    """A contact sheet of samples taken evenly from all splits, each with its text and its boxes (ignored ones in blue), as PNG.

    `open_path` finds an image file.
    """
    filled = {name: samples for name, samples in splits.items() if samples}
    cells = []
    for name, samples in filled.items():
        count = min(len(samples), max(1, EXAMPLES // len(filled)))
        for index in range(count):
            sample = samples[index * len(samples) // count]
            text = (target_text(sample.target) if sample.target else None) or ", ".join(labels_of(sample.target) or ())
            try:
                image = with_boxes(open_image(open_path(sample.images[0].path)), sample.target)
            except InputError:
                continue  # an example less; the sample itself was checked when it was written
            cells.append((image, f"{name}: {' '.join(text.split())}"))
    out = io.BytesIO()
    contact_sheet(cells).save(out, format="PNG")
    return out.getvalue()


def with_boxes(image: Image, target: Target | None) -> Image:
    """The picture with outlines of the target's regions drawn on it."""
    from PIL import ImageDraw

    if not isinstance(target, BoxesTarget | RegionsTarget):
        return image
    draw = ImageDraw.Draw(image)
    wide = max(1, round(max(image.size) / 300))
    regions = target.boxes if isinstance(target, BoxesTarget) else target.regions
    ignored = target.ignored if isinstance(target, BoxesTarget) else ()
    for region, colour in (*((r, (220, 30, 30)) for r in regions), *((r, (40, 70, 230)) for r in ignored)):
        if region.box is not None:
            left, top, right, bottom = region.box.to_pixels(*image.size)
            corners = ((left, top), (right, top), (right, bottom), (left, bottom))
            outline = [(x * image.width, y * image.height) for x, y in region.box.polygon or ()] or list(corners)
            draw.line([*outline, outline[0]], fill=colour, width=wide)
    return image
