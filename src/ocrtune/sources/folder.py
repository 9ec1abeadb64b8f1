"""A folder of images with their text beside them: `x.png` + `x.txt`, or `x.gt.txt` as OCR engines write it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import TextTarget
from ocrtune.imaging import IMAGE_SUFFIXES
from ocrtune.options import SourceOptions

LABEL_SUFFIXES = (".gt.txt", ".txt")


class Folder:
    """The images of one folder (not of those below it), each a document of its own."""

    name = "folder"

    def claims(self, path: Path) -> bool:
        if path.is_file():
            return path.suffix.lower() in IMAGE_SUFFIXES and _label_of(path) is not None
        return path.is_dir() and (any(map(self.claims, _images(path))) or any(path.glob("*.gt.txt")))

    def read(self, path: Path, options: SourceOptions) -> Iterator[Draft | Rejected]:
        if path.is_file():
            yield _draft(path)
            return
        images = _images(path)
        stems = {_stem(p.name) for p in images}
        for image in images:
            yield _draft(image)
        for label in sorted(p for p in path.iterdir() if p.name.lower().endswith(".txt") and p.is_file()):
            if _stem(label.name.removesuffix(".txt").removesuffix(".gt") + ".") not in stems:
                yield Rejected(str(label), "a label without an image")


def _images(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _label_of(image: Path) -> Path | None:
    return next((file for s in LABEL_SUFFIXES if (file := image.with_name(_stem(image.name) + s)).is_file()), None)


def _draft(image: Path) -> Draft | Rejected:
    label = _label_of(image)
    if label is None:
        return Rejected(str(image), f"an image without a label: there is no {_stem(image.name)}.txt beside it")
    try:
        text = label.read_text("utf-8-sig").strip("\r\n")
    except (UnicodeDecodeError, OSError) as cause:
        return Rejected(str(label), f"the label is not UTF-8 text ({cause})")
    if not text.strip():
        return Rejected(str(label), "the label is empty")
    return Draft(image, TextTarget(text=text.replace("\r\n", "\n")), _stem(image.name), str(image))
