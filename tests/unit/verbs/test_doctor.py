from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from ocrtune.cli.main import main
from ocrtune.verbs import doctor
from ocrtune.verbs.doctor import Config, run


def test_every_finding_says_what_it_is_needed_for_and_how_to_get_it() -> None:
    checks = run(Config()).checks
    assert {check.group for check in checks} == {"system", "training", "gpu", "engines", "fonts", "versions"}
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
