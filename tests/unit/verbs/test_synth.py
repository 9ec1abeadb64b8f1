"""`synth` from its options to the files on disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ocrtune.config import load
from ocrtune.core import Document
from ocrtune.errors import ConfigError
from ocrtune.runs import RunDir
from ocrtune.verbs import synth

OPTIONS = {
    "renderer": "fpdf2",
    "fonts": ["DejaVu Sans"],
    "languages": ["ru", "en"],
    "count": 3,
    "templates": ["letter", "invoice"],
}


def start(root: Path, **more: object) -> tuple[synth.Config, RunDir]:
    config, asked = load(synth.Config, None, {**OPTIONS, **more})
    return config, RunDir.create("synth", config, root=root, asked=asked)


def test_documents_stand_with_their_truth_and_tags(tmp_path: Path) -> None:
    config, into = start(tmp_path)
    made = synth.run(config, into)
    assert made.documents == 6
    assert RunDir.open(into.path, root=tmp_path).status == "done"
    assert into.manifest.outputs == {"documents": "documents"}
    names = sorted(p.name for p in made.folder.glob("*.pdf"))
    assert names[:3] == ["en-invoice-0002.pdf", "en-letter-0001.pdf", "en-letter-0003.pdf"]
    truth = Document.model_validate_json((made.folder / "ru-letter-0001.truth.json").read_text("utf-8"))
    assert truth.source == "ru-letter-0001.pdf"
    assert made.pages == sum(len(synth.read_truth(p).pages) for p in made.folder.glob("*.truth.json"))
    tags = json.loads((made.folder / "ru-letter-0001.tags.json").read_text("utf-8"))
    assert tags == {"language": "ru", "template": "letter", "font": "DejaVu Sans", "renderer": "fpdf2"}


def test_a_second_run_keeps_what_is_there(tmp_path: Path) -> None:
    config, into = start(tmp_path)
    folder = synth.run(config, into).folder
    lost, kept = folder / "ru-letter-0003.pdf", folder / "ru-letter-0001.pdf"
    before, stamp = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    synth.run(config, into)
    assert lost.read_bytes() == before
    assert kept.stat().st_mtime_ns == stamp


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    script = (
        "import json, sys\nfrom pathlib import Path\nfrom ocrtune.config import load\nfrom ocrtune.runs import RunDir\n"
        "from ocrtune.verbs import synth\nconfig, _ = load(synth.Config, None, json.loads(sys.argv[1]))\n"
        "synth.run(config, RunDir.create('synth', config, root=Path(sys.argv[2])))\n"
    )
    options = {**OPTIONS, "count": 12}
    worker = subprocess.Popen([sys.executable, "-c", script, json.dumps(options), str(tmp_path)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("*/documents/*.pdf"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    survived = {p: p.stat().st_mtime_ns for p in tmp_path.glob("*/documents/*.pdf")}
    assert 4 <= len(survived) < 24
    config, into = start(tmp_path, count=12)
    assert synth.run(config, into).documents == 24
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in survived.items())
    assert not list(into.path.glob("documents/.*"))


@pytest.mark.parametrize(
    ("options", "problem"),
    [({"languages": ["rus"]}, r"no 'rus' \(did you mean ru\?\)"), ({"templates": ["letters"]}, "did you mean letter")],
)
def test_wrong_names_are_refused_before_there_is_a_run(options: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load(synth.Config, None, options)


def test_auto_takes_a_renderer_that_can_run_here(tmp_path: Path) -> None:
    config, _ = start(tmp_path, renderer="auto")
    assert synth.choose(config).missing() is None
