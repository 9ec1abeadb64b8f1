"""A folder of Markdown, a file for each page as OmniDocBench and olmOCR-bench have them, as samples and predictions."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ocrtune.core import Failure, Prediction, Sample
from ocrtune.errors import InputError
from ocrtune.inference import PREDICTIONS
from ocrtune.runs import RunDir
from ocrtune.verbs._imports import Brought

RUN = "run.json"  # of the folders that runs are
SUFFIXES = (".md", ".mmd")
NAMED = 5
_REPEAT = re.compile(r"(.+)_repeat(\d+)")

log = logging.getLogger("ocrtune")


class _Page(NamedTuple):
    """What one file answers, and which of several answers it is."""

    sample: str
    repeat: int


def is_folder(place: Path) -> bool:
    """Whether there is Markdown in it, and it is no run."""
    return place.is_dir() and not (place / RUN).exists() and any(_files(place))


def bring_folder(folder: Path, known: Sequence[Sample], into: RunDir) -> Brought:
    """The files as predictions of the run `into`.

    A file is called like the picture of its sample (`a.md` or `a.jpg.md` for `a.jpg`) or, with its folders, like the sample's id,
    with `_repeat<k>` where a page was read several times: then each reading is a sample of its own. Samples without a file are
    failed requests. Raises InputError when nothing matches, or files say different things about one page.
    """
    answers: dict[str, dict[int, Path]] = defaultdict(dict)
    strangers = []
    sample_of = _Names(known)
    for file in sorted(_files(folder)):
        page = sample_of(file.relative_to(folder))
        if page is None:
            strangers.append(file.relative_to(folder).as_posix())
        elif (other := answers[page.sample].setdefault(page.repeat, file)) is not file:
            raise InputError(f"{other} and {file} are both about {page.sample!r}", hint="keep one of them")
    if not answers:
        raise InputError(
            f"none of the {len(strangers)} Markdown files in {folder} belongs to the data, such as {strangers[0]}",
            hint="files are called like the pictures of the data: a.md for a.jpg; for olmOCR-bench <pdf>_pg<page>_repeat<k>.md",
        )
    absent = [_called(sample) for sample in known if sample.id not in answers]
    _warn(folder, absent, len(known), strangers)
    within = {file.parent for files in answers.values() for file in files.values()} - {folder}
    into.link(**{f"predictions {part.relative_to(folder).as_posix()}": str(part.resolve()) for part in sorted(within)})
    samples, predictions = _repeated(known, answers)
    into.write(PREDICTIONS, predictions)
    return Brought(
        samples, {p.sample_id: p for p in predictions}, {"engine": "markdown", "model": folder.resolve().name}, None, {}
    )


def _called(sample: Sample) -> str:
    """As the file is called that is not there."""
    image = sample.images[0]
    return f"{sample.id if image.page else Path(image.path).stem}.md"


def _warn(folder: Path, absent: Sequence[str], pages: int, strangers: Sequence[str]) -> None:
    for names, what in (
        (absent, f"of {pages} pages have no file: each counts as a failed request, an empty page"),
        (strangers, "files belong to no page of the data and are left out"),
    ):
        if names:
            log.warning("%s: %d %s: %s%s", folder, len(names), what, ", ".join(names[:NAMED]), " …" if len(names) > NAMED else "")


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())


class _Names:
    """Which sample a file is about."""

    def __init__(self, known: Sequence[Sample]) -> None:
        self._ids = {sample.id for sample in known}
        self._pictures: list[dict[str, list[str]]] = [defaultdict(list) for _ in range(3)]
        for sample in known:
            if sample.images[0].page is None:
                name = Path(sample.images[0].path)
                for table, key in zip(self._pictures, (name.stem, name.name, name.stem.replace(".pdf", "")), strict=True):
                    table[key].append(sample.id)

    def __call__(self, file: Path) -> _Page | None:
        """Raises InputError for the name of a picture that several samples are about."""
        name = file.with_suffix("")
        if (sample := self._sample(name)) is not None:
            return _Page(sample, 1)
        repeat = _REPEAT.fullmatch(name.name)
        sample = self._sample(name.with_name(repeat[1])) if repeat else None
        return _Page(sample, int(repeat[2])) if repeat and sample is not None else None

    def _sample(self, name: Path) -> str | None:
        found = next((table[name.name] for table in self._pictures if name.name in table), [])
        if len(found) > 1:
            raise InputError(
                f"{name}.md may be about {found[0]!r} or {found[1]!r}: {len(found)} samples have a picture of that name",
                hint="folders of Markdown are for data with one sample to a page",
            )
        return found[0] if found else next((i for i in (name.as_posix(), name.name) if i in self._ids), None)


def _repeated(known: Sequence[Sample], answers: Mapping[str, Mapping[int, Path]]) -> tuple[list[Sample], list[Prediction]]:
    """Samples keep their ids where no page was read twice; a page without a file was not read in each of the repeats."""
    every = {repeat: None for files in answers.values() for repeat in sorted(files)}
    several = any(len(files) > 1 for files in answers.values())
    samples, predictions = [], []
    for sample in known:
        files: Mapping[int, Path | None] = answers.get(sample.id) or (every if several else {1: None})
        for repeat, file in sorted(files.items()):
            name = f"{sample.id}_repeat{repeat}" if several else sample.id
            samples.append(sample.model_copy(update={"id": name}))
            predictions.append(_prediction(name, file))
    return samples, predictions


def _prediction(name: str, file: Path | None) -> Prediction:
    if file is None:
        return Prediction(sample_id=name, finish="error", error=Failure(kind="no answer", message="there is no file about it"))
    try:
        return Prediction(sample_id=name, text=file.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as cause:
        raise InputError(f"{file} cannot be read as UTF-8 ({cause})") from cause
