"""A parsed document for word processors, through pandoc."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
from collections.abc import Iterator

from ocrtune import rendering
from ocrtune.contracts import Artefact
from ocrtune.core import Document, Page
from ocrtune.errors import InputError, MissingExtraError, ResourceError
from ocrtune.exporters._html import page_html
from ocrtune.exporters._page import Shown
from ocrtune.options import ExportOptions

SECONDS = 300
NO_DATA = b"Could not find data file"
HINT = "write the document as html and convert that by hand, or leave docx out of --formats"


class Docx:
    """Headings, lists, tables and formulas as such; figures are cut out of the page and embedded. File: `<stem>.docx`.

    pandoc sees cleaned HTML only, and looks at no file and no address.
    """

    name = "docx"

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    def export(self, document: Document, stem: str) -> Iterator[Artefact]:
        pandoc = shutil.which("pandoc")
        if pandoc is None:
            raise MissingExtraError(
                "DOCX is written by pandoc, which is not installed",
                hint="install pandoc 2.15 or later (https://pandoc.org/installing.html), or leave docx out of --formats",
            )
        source = "".join(page_html(stem, document.pages, headers=self.options.headers, figure=_data_uri))
        yield Artefact(f"{stem}.docx", _converted(pandoc, source, stem))


def _converted(pandoc: str, source: str, stem: str) -> bytes:
    done = _ran([pandoc, "--sandbox"], source, stem)
    if NO_DATA in done.stderr:
        # Distributions build pandoc with its templates as files, which the sandbox cannot see. The HTML names no file and no
        # address either way: what is left of a model's own words after cleaning are links, and those are not followed.
        done = _ran([pandoc], source, stem)
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise ResourceError(f"pandoc could not write {stem}.docx: {said[0]}", hint=HINT)
    return done.stdout


def _ran(pandoc: list[str], source: str, stem: str) -> subprocess.CompletedProcess[bytes]:
    command = [*pandoc, "--from=html", "--to=docx", "--output=-"]
    try:
        return subprocess.run(command, input=source.encode(), capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as cause:
        raise ResourceError(f"pandoc did not finish {stem}.docx within {SECONDS} s", hint=HINT) from cause


def _data_uri(page: Page, part: Shown) -> str | None:
    """The figure's pixels; None where its page cannot be opened any more."""
    if page.image is None or part.region.box is None:
        return None
    try:
        picture = rendering.picture(page.image)
    except InputError:
        return None
    left, top, right, bottom = part.region.box.to_pixels(*picture.size)
    buffer = io.BytesIO()
    picture.crop((int(left), int(top), max(int(right + 0.999), int(left) + 1), max(int(bottom + 0.999), int(top) + 1))).save(
        buffer, "PNG"
    )
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
