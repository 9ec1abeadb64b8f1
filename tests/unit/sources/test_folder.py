"""Folders of images with text files beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import TextTarget
from ocrtune.options import SourceOptions
from ocrtune.sources.folder import Folder


def test_images_find_both_kinds_of_labels_and_strays_are_named(picture: Path, tmp_path: Path) -> None:
    for name in ("b.jpg", "c.png", "empty.png"):
        shutil.copy(picture, tmp_path / name)
    for name, text in (
        ("x.txt", "раз\r\nдва\n"),
        ("b.gt.txt", "three"),
        ("lonely.txt", "no picture"),
        ("empty.txt", " \n"),
        ("d.gt.txt", "none"),
    ):
        (tmp_path / name).write_bytes(text.encode())
    records = list(Folder().read(tmp_path, SourceOptions()))
    drafts = {d.group: d.target for d in records if isinstance(d, Draft)}
    assert drafts == {"x": TextTarget(text="раз\nдва"), "b": TextTarget(text="three")}
    assert {(Path(r.where).name, r.why.split(":")[0]) for r in records if isinstance(r, Rejected)} == {
        ("c.png", "an image without a label"), ("lonely.txt", "a label without an image"),
        ("d.gt.txt", "a label without an image"), ("empty.txt", "the label is empty")}  # fmt: skip


def test_a_folder_is_claimed_when_any_image_has_a_label(picture: Path, tmp_path: Path) -> None:
    assert not Folder().claims(tmp_path)
    (tmp_path / "x.txt").write_text("text")
    assert Folder().claims(tmp_path) and Folder().claims(picture) and not Folder().claims(tmp_path / "x.txt")


def test_one_image_can_be_named_by_itself(picture: Path, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("text")
    (draft,) = Folder().read(picture, SourceOptions())
    assert draft == Draft(picture, TextTarget(text="text"), "x", str(picture))
