"""A dataset that `ocrtune prepare` made before, as a whole or one split of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import Problem
from ocrtune.errors import InputError
from ocrtune.labelling import labels_of, problems_of
from ocrtune.options import SourceOptions
from ocrtune.sampling import SPLITS, load_split

MANIFEST = "dataset.json"


class Dataset:
    """Samples of all splits with a target; groups, tasks, questions and tags are kept, splits are made anew."""

    name = "dataset"

    def claims(self, path: Path) -> bool:
        if path.is_dir():
            return (path / MANIFEST).is_file() and any((path / f"{split}.jsonl").is_file() for split in SPLITS)
        return path.suffix == ".jsonl" and path.stem in SPLITS and (path.parent / MANIFEST).is_file()

    def read(self, path: Path, options: SourceOptions) -> Iterator[Draft | Rejected]:
        folder, splits = (path, SPLITS) if path.is_dir() else (path.parent, (path.stem,))
        for split in splits:
            if (folder / f"{split}.jsonl").is_file():
                yield from _read_split(folder, split)


def _read_split(folder: Path, split: str) -> Iterator[Draft | Rejected]:
    try:
        samples = load_split(folder, split)
    except InputError as cause:
        yield Rejected(str(folder / f"{split}.jsonl"), str(cause))
        return
    for number, sample in enumerate(samples, start=1):
        where = f"{folder / split}.jsonl line {number}"
        image = Path(sample.images[0].path)
        if sample.target is None:
            yield Rejected(where, "the sample has no target")
        elif len(sample.images) > 1:
            yield Rejected(where, f"{len(sample.images)} images in one record; a sample shows exactly one")
        elif not image.is_file():
            missing = Problem(kind="missing-picture", detail=str(image))
            yield Rejected(where, f"no such image: {image}", (*problems_of(sample.target), missing), labels_of(sample.target))
        else:
            yield Draft(image, sample.target, sample.group, where, sample.task, sample.question, sample.tags, sample.box,
                        problems_of(sample.target), labels_of(sample.target))  # fmt: skip
