"""DOCX through pandoc."""

from __future__ import annotations

import io
import re
import shutil
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from ocrtune.core import Box, Document, ImageRef, Page, Region
from ocrtune.errors import MissingExtraError, ResourceError
from ocrtune.exporters.docx import Docx
from ocrtune.options import ExportOptions

pandoc = pytest.mark.skipif(shutil.which("pandoc") is None, reason="pandoc is not installed")


def parts(page: Page) -> dict[str, bytes]:
    (only,) = Docx(ExportOptions()).export(Document(source="a.png", pages=(page,)), "a")
    assert only.name == "a.docx"
    with zipfile.ZipFile(io.BytesIO(only.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pandoc
def test_text_tables_formulas_and_figures_are_in_the_file(tmp_path: Path) -> None:
    Image.new("RGB", (200, 100), "red").save(tmp_path / "a.png")
    regions = (
        Region(kind="title", text="Отчёт 報告"),
        Region(kind="table", markup="html", text="<table><tr><th colspan=2>a</th></tr><tr><td>b</td><td>c</td></tr></table>"),
        Region(kind="formula", markup="latex", text=r"\frac{a}{b}"),
        Region(kind="picture", box=Box(left=0.25, top=0, right=0.75, bottom=0.5)),
    )
    image = ImageRef(path=str(tmp_path / "a.png"), width=200, height=100)
    found = parts(Page(number=1, width=200, height=100, image=image, regions=regions))
    text = found["word/document.xml"].decode()
    assert "Отчёт 報告" in text and "Heading1" in text and "<w:tbl>" in text and "<m:f>" in text
    (media,) = (content for name, content in found.items() if name.startswith("word/media/"))
    assert Image.open(io.BytesIO(media)).size == (100, 50)


@pandoc
def test_pandoc_reads_no_file_for_a_hostile_model(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")
    texts = (
        f'<img src="{secret}">',
        f"![x]({secret.as_uri()})",
        f'<iframe src="{secret.as_uri()}"></iframe>',
        f"\\input{{{secret}}}",
    )
    regions = tuple(Region(markup=m, text=t) for t in texts for m in ("html", "markdown", "latex", "plain"))  # type: ignore[arg-type]
    found = parts(Page(number=1, regions=regions))
    assert not any(b"hunter2" in content for content in found.values())
    assert not [name for name in found if name.startswith("word/media/")]
    targets = re.findall(r'Target="(\w+:[^"]*)"', found["word/_rels/document.xml.rels"].decode())
    assert not [target for target in targets if target.startswith("file")]


@pandoc
def test_thousands_of_tables_that_a_model_never_closed_are_written_at_once() -> None:
    region = Region(kind="table", markup="html", text="".join(f"<table><tr><td>n{n}" for n in range(3000)))
    start = time.monotonic()
    document = parts(Page(number=1, regions=(region,)))["word/document.xml"].decode()
    assert "n2999" in document and time.monotonic() - start < 60  # with all of their levels pandoc takes hours


def test_without_pandoc_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError) as caught:
        parts(Page(number=1))
    assert "pandoc" in str(caught.value.hint)


def test_what_pandoc_says_when_it_fails_is_in_the_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "pandoc"
    fake.write_text("#!/bin/sh\n/bin/echo 'out of paper' >&2\nexit 9\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ResourceError, match="out of paper"):
        parts(Page(number=1))
