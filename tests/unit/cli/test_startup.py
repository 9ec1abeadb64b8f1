"""`--help` and `--version` stay light: what they import is counted, not timed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ocrtune.verbs import VERBS

SHOW = "import sys; from ocrtune.cli.main import main; main([{flag!r}]); print('|', *sorted(sys.modules), file=sys.stderr)"


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_overview_and_version_import_no_dependency(flag: str) -> None:
    done = subprocess.run([sys.executable, "-c", SHOW.format(flag=flag)], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.partition("|")[2].split())
    own = {name for name in loaded if name.startswith("ocrtune")}
    assert own == {"ocrtune", "ocrtune.cli", "ocrtune.cli.main", "ocrtune.errors", "ocrtune.verbs"}
    assert not {name for name in loaded if name.split(".")[0] in ("pydantic", "yaml", "argparse", "logging", "tqdm", "numpy")}


def test_overview_lists_every_verb() -> None:
    done = subprocess.run([sys.executable, "-m", "ocrtune"], capture_output=True, text=True, check=True)
    for name, summary in VERBS.items():
        assert f"{name} " in done.stdout and summary in done.stdout


def test_the_package_as_a_module_ends_with_the_exit_code_of_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "ocrtune", "pasre"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "did you mean parse?" in done.stderr
