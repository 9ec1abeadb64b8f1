from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from ocrtune.cli.main import main
from ocrtune.verbs import doctor
from ocrtune.verbs.doctor import Config, run


def test_every_finding_says_what_it_is_needed_for_and_how_to_get_it() -> None:
    checks = run(Config()).checks
    assert {check.group for check in checks} == {"system", "training", "gpu", "engines", "benchmarks", "fonts", "versions"}
    assert all(check.needed_for and check.found for check in checks)
    assert all(check.remedy for check in checks if check.state == "missing")


def test_the_report_counts_its_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--only", "system"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok       python")
    assert lines[-1].endswith("missing")


def test_json_has_every_finding(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--only", "engines", "--json"])
    found = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert found["tesseract data"]["state"] in ("ok", "missing")


def test_versions_that_packages_refuse_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requires", lambda name: ["numpy<1.0", "torch; extra == 'never'"] if name == "pillow" else [])
    (clash,) = [check for check in run(Config(only="versions")).checks if check.name == "pillow"]
    assert clash.state == "warn" and f"wants numpy<1.0, but {version('numpy')} is here" in clash.found


def test_tools_from_elsewhere_are_missing_for_a_reason_and_found_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("OCRTUNE_KATEX", str(tmp_path))
    monkeypatch.setenv("OCRTUNE_WORDNET", str(tmp_path))
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    (tmp_path / "tessdata").mkdir()
    (tmp_path / "tessdata" / "xyz.traineddata").touch()
    found = {check.name: check for check in (*run(Config(only="benchmarks")).checks, *run(Config(only="engines")).checks)}
    assert {found[name].state for name in ("KaTeX", "XeTeX", "WordNet", "pandoc")} == {"missing"}
    assert "has no katex.min.js" in found["KaTeX"].found and "npm install -g katex" in (found["KaTeX"].remedy or "")
    assert "texlive-xetex" in (found["XeTeX"].remedy or "") and found["tesseract data"].found == "xyz"
    (tmp_path / "katex.min.css").touch()
    (tmp_path / "katex.min.js").write_text('var katex={version:"1.2.3",render:r}')
    (tmp_path / "pandoc").write_text("#!/bin/sh\necho pandoc 2.9.2.1\n")
    (tmp_path / "pandoc").chmod(0o755)
    found = {check.name: check for check in (*run(Config(only="benchmarks")).checks, *run(Config(only="engines")).checks)}
    assert (found["KaTeX"].state, found["KaTeX"].found) == ("ok", f"1.2.3 at {tmp_path.resolve()}")
    assert found["pandoc"].state == "warn" and found["pandoc"].found.startswith("2.9.2.1 at ")


def test_it_works_where_only_the_core_is_installed() -> None:
    """Without torch and friends in sight, everything optional is reported as missing instead of failing."""
    code = (
        "import sys, importlib.metadata as m\n"
        "from ocrtune.verbs import doctor\n"
        "real = doctor.version\n"
        "def version(name):\n"
        "    if name in ('torch', 'transformers', 'peft', 'rapidocr'): raise m.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "doctor.version = version\n"
        "states = {c.name: c.state for c in doctor.run(doctor.Config(only='training')).checks}\n"
        "assert states['torch'] == states['peft'] == 'missing', states\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
