"""Datasets as lists of samples: loading, filtering, splitting by document, and proving that splits do not leak.

A dataset directory holds `train.jsonl`, `val.jsonl`, `test.jsonl` (one `Sample` per line, image paths relative to the
folder), `images/` and `dataset.json` (a `DatasetManifest`).
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import JsonValue, ValidationError

from ocrtune.core import Noun, Sample, digest, target_text
from ocrtune.errors import InputError

SPLITS = ("train", "val", "test")
HASH_BITS = 6  # of 64: re-encoding, scaling and slight shifts of a picture stay below it
TEXT_LIKENESS = 90.0  # percent, rapidfuzz ratio on the normalised text
LEAKS_LISTED = 200


class Leak(NamedTuple):
    """Two samples in different splits that show the same thing: `held_out` is in val or test (or val against test)."""

    kind: Literal["exact", "near"]
    held_out: str
    other: str
    distance: int
    likeness: float


class SplitCount(Noun):
    samples: int
    groups: int
    digest: str


class LeakReport(Noun):
    """How many pairs across splits are alike; `pairs` lists the first of them as (kind, held-out id, other id)."""

    exact: int = 0
    near: int = 0
    dropped: int = 0
    hash_bits: int = HASH_BITS
    text_likeness: float = TEXT_LIKENESS
    pairs: tuple[tuple[str, str, str], ...] = ()


class DatasetManifest(Noun):
    """`dataset.json`: what the dataset holds and how it came about. `filters` and `dropped` are the same for all splits;
    `problems` counts the defects of labels by kind."""

    schema_number: int = 1
    splits: dict[str, SplitCount]
    seed: int
    group_by: str
    filters: dict[str, str]
    dropped: dict[str, int]
    rejected: int
    sources: dict[str, int]
    leaks: LeakReport
    problems: dict[str, int] = {}


class Filters(NamedTuple):
    """Bounds on a sample, None where there is none. Lengths are characters of the target's text."""

    min_chars: int = 1
    max_chars: int | None = None
    max_pixels: int | None = None

    def verdict(self, text: str | None, pixels: int) -> str | None:
        """Which filter drops a sample of this text and picture size; None keeps it. No text of its own: length is not judged."""
        length = None if text is None else len(text.strip())
        if length is not None and length < self.min_chars:
            return "min_chars"
        if length is not None and self.max_chars is not None and length > self.max_chars:
            return "max_chars"
        if self.max_pixels is not None and pixels > self.max_pixels:
            return "max_pixels"
        return None

    def described(self) -> dict[str, str]:
        return {name: str(value) for name, value in self._asdict().items() if value is not None}


class Shares(NamedTuple):
    """How much of the data each held-out split gets: below 1 a ratio of the samples, from 1 on a number of samples."""

    val: float = 0.0
    test: float = 0.0


class Hashed(NamedTuple):
    """A sample with the perceptual hash of its (first) picture."""

    sample: Sample
    picture: int


def load_split(dataset: Path | str, split: str) -> list[Sample]:
    """The samples of one split in file order, image paths made absolute. A split that is kept empty gives [].

    Raises InputError when the folder, the split or a line is missing or broken.
    """
    folder = Path(dataset)
    file = folder / f"{split}.jsonl"
    if not file.is_file():
        there = sorted(p.stem for p in folder.glob("*.jsonl") if p.stem in SPLITS) if folder.is_dir() else []
        what = (
            f"it has {', '.join(there)}" if there else "it is no dataset folder" if folder.is_dir() else "there is no such folder"
        )
        raise InputError(f"{folder} has no split {split!r}: {what}", hint="make one with `ocrtune prepare`")
    lines = file.read_text("utf-8").split("\n")  # not splitlines(): text may hold U+2028
    return [_absolute(_parse(line, f"{file} line {number}"), folder) for number, line in enumerate(lines, start=1) if line]


def _parse(line: str, where: str) -> Sample:
    try:
        return Sample.parse_line(line)
    except ValidationError as cause:
        why = cause.errors()[0]["msg"]
        raise InputError(f"{where}: not a sample ({why})", hint="make the dataset again with `ocrtune prepare`") from cause


def _absolute(sample: Sample, folder: Path) -> Sample:
    images = tuple(i.model_copy(update={"path": str((folder / i.path).resolve())}) for i in sample.images)
    return sample.model_copy(update={"images": images})


def benchmark_digest(samples: Iterable[Sample]) -> str:
    """What is asked and expected, whatever the paths and the order: ids, tasks, questions, picture contents, targets."""
    rows: list[JsonValue] = []
    for s in sorted(samples, key=lambda s: s.id):
        target = s.target.model_dump(mode="json") if s.target else None
        rows.append([s.id, s.task, s.question, [i.sha256 or i.path for i in s.images], target])
    return digest(rows)


def group_key(by: str) -> Callable[[Sample], str]:
    """What must stay together: "document" (the source document), "sample" (nothing), or the value of a tag."""
    if by == "document":
        return lambda sample: sample.group
    if by == "sample":
        return lambda sample: sample.id
    return lambda sample: sample.tags.get(by, sample.group)


def split_groups(samples: Sequence[Sample], shares: Shares, *, seed: int, by: str = "document") -> dict[str, list[Sample]]:
    """Train, val and test without a group in two of them, each in the order of `samples`.

    Groups are taken in an order that depends on their name and the seed only; a group goes to test, then to val, while that
    brings the split's number of samples nearer to what was asked for. Raises InputError when there are too few groups.
    """
    key = group_key(by)
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(key(sample), []).append(sample)
    wanted = {name: _wanted(share, len(samples)) for name, share in (("test", shares.test), ("val", shares.val))}
    needed = 1 + sum(count > 0 for count in wanted.values())
    if len(groups) < needed:
        raise InputError(
            f"{needed} splits need {needed} or more groups (by {by}); the number of groups is {len(groups)}",
            hint="add documents, turn splits off with --val 0 --test 0, or split within documents with --group-by sample",
        )
    place = _place(groups, wanted, seed)
    out: dict[str, list[Sample]] = {name: [] for name in SPLITS}
    for sample in samples:
        out[place.get(key(sample), "train")].append(sample)
    return out


def far_off(counts: Mapping[str, int], shares: Shares) -> list[str]:
    """A sentence for each held-out split with less than half or more than double of what was asked for."""
    asked = {name: _wanted(share, sum(counts.values())) for name, share in shares._asdict().items()}
    return [
        f"{name} has {counts[name]} samples where {count} were asked for: documents stay whole, and there are too few of them"
        for name, count in asked.items()
        if not count / 2 <= counts[name] <= count * 2
    ]


def _wanted(share: float, total: int) -> int:
    return round(share * total) or 1 if 0 < share < 1 else int(share)


def _place(groups: Mapping[str, Sequence[Sample]], wanted: Mapping[str, int], seed: int) -> dict[str, str]:
    order = sorted(groups, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest())
    place: dict[str, str] = {}
    for index, (split, count) in enumerate(wanted.items()):
        filled = 0
        spare = 1 + sum(c > 0 for c in list(wanted.values())[index + 1 :])  # groups that the splits after this one need
        for name in order:
            size = len(groups[name])
            if name in place or filled >= count or len(groups) - len(place) <= spare:
                continue
            if filled == 0 or abs(filled + size - count) < abs(filled - count):
                place[name] = split
                filled += size
    return place


def normal_text(sample: Sample) -> str:
    """The target's text for comparison: NFKC, case folded, one space between words."""
    text = target_text(sample.target) if sample.target else None
    return " ".join(unicodedata.normalize("NFKC", text or "").casefold().split())


def drop_duplicates(samples: Sequence[Hashed]) -> tuple[list[Hashed], int]:
    """Without repetitions of the same picture file with the same question and answer (the first stays), and how many went.

    Answers are compared as text where they have one, else as they are.
    """
    seen: set[tuple[object, ...]] = set()
    kept = []
    for item in samples:
        sample = item.sample
        answer = normal_text(sample) or (sample.target and digest(sample.target.model_dump(mode="json")))
        mark = (sample.images[0].sha256, sample.question, sample.box and digest(sample.box.model_dump(mode="json")), answer)
        if mark not in seen:
            kept.append(item)
        seen.add(mark)
    return kept, len(samples) - len(kept)


def find_leaks(splits: Mapping[str, Sequence[Hashed]], *, hash_bits: int = HASH_BITS, likeness: float = TEXT_LIKENESS,
               progress: Callable[[Iterable[Any]], Iterable[Any]] = iter) -> list[Leak]:  # fmt: skip
    """Pairs across splits whose pictures differ in at most `hash_bits` of 64 and whose texts are alike.

    "exact" is the same picture file or the same hash, and the same text. A sample with neither text nor a plain target is
    judged by its picture alone. Test is compared with train and val, val with train.
    """
    leaks: list[Leak] = []
    others = list(splits.get("train", ()))
    for name in ("val", "test"):
        held_out = splits.get(name, ())
        table = _HashTable(others)
        for item in progress(held_out):
            leaks += table.alike(item, hash_bits, likeness)
        others = [*others, *held_out]
    return leaks


class _HashTable:
    """Samples to look near-duplicates up in, by brute force over an array of hashes (10⁴ × 10⁵ takes seconds)."""

    def __init__(self, items: Sequence[Hashed]) -> None:
        import numpy as np

        self._items = items
        self._texts = [normal_text(i.sample) for i in items]
        self._hashes = np.array([i.picture for i in items], dtype=">u8").view(np.uint8).reshape(len(items), 8)
        self._ones = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)

    def alike(self, item: Hashed, hash_bits: int, likeness: float) -> list[Leak]:
        import numpy as np
        from rapidfuzz import fuzz

        if not self._items:
            return []
        own = np.array([item.picture], dtype=">u8").view(np.uint8)
        distances = self._ones[self._hashes ^ own].sum(axis=1)
        text = normal_text(item.sample)
        found = []
        for index in np.flatnonzero(distances <= hash_bits).tolist():
            other, distance = self._items[index].sample, int(distances[index])
            score = 100.0 if text == self._texts[index] else fuzz.ratio(text, self._texts[index], score_cutoff=likeness)
            if score < likeness:
                continue
            same = distance == 0 or other.images[0].sha256 == item.sample.images[0].sha256
            kind: Literal["exact", "near"] = "exact" if same and score == 100.0 else "near"
            found.append(Leak(kind, item.sample.id, other.id, distance, score))
        return found


def leak_report(leaks: Sequence[Leak], *, dropped: int = 0) -> LeakReport:
    kinds = Counter(leak.kind for leak in leaks)
    pairs = tuple((leak.kind, leak.held_out, leak.other) for leak in leaks[:LEAKS_LISTED])
    return LeakReport(exact=kinds["exact"], near=kinds["near"], dropped=dropped, pairs=pairs)


def count_split(samples: Sequence[Sample]) -> SplitCount:
    return SplitCount(samples=len(samples), groups=len({s.group for s in samples}), digest=benchmark_digest(samples))
