"""Where KaTeX is installed: it comes from npm, not from PyPI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from ocrtune.errors import ResourceError

PLACE = "OCRTUNE_KATEX"
SCRIPT, STYLE = "katex.min.js", "katex.min.css"
INSTALL = f"npm install -g katex, or set {PLACE} to a folder with {SCRIPT} and {STYLE}"
DECIDE = ("PATH", "HOME", "PREFIX")  # on npm's root, beside its own npm_config_…: by PATH it finds node
PATIENCE = 30.0  # seconds for npm, which starts slowly


def katex_dist() -> Path:
    """The folder with `katex.min.js`, `katex.min.css`, `fonts`: `$OCRTUNE_KATEX`, else npm's global one. Raises ResourceError."""
    if named := os.environ.get(PLACE):
        if (missing := _missing(Path(named))) is not None:
            raise ResourceError(f"{PLACE} names {named}, which has no {missing}", hint=INSTALL)
        return Path(named).resolve()
    root = _npm_root()
    if root is None or _missing(root / "katex" / "dist") is not None:
        looked = "npm is not installed" if root is None else f"it is not in {root}"
        raise ResourceError(f"KaTeX cannot be found: {PLACE} is not set, and {looked}", hint=INSTALL)
    return (root / "katex" / "dist").resolve()


def katex_version() -> str:
    """What the script says of itself; "none" without KaTeX."""
    try:
        script = (katex_dist() / SCRIPT).read_text("utf-8", errors="replace")
    except (ResourceError, OSError):
        return "none"
    found = re.search(r'version:\s*"(\d[\w.-]*)"', script)
    return found[1] if found else "unknown"


def _missing(folder: Path) -> str | None:
    return next((name for name in (SCRIPT, STYLE) if not (folder / name).is_file()), None)


def _npm_root() -> Path | None:
    npm = shutil.which("npm")
    said = {name: value for name, value in os.environ.items() if name.lower().startswith("npm_config_") or name in DECIDE}
    return None if npm is None else _asked(npm, frozenset(said.items()))


@cache
def _asked(npm: str, _: frozenset[tuple[str, str]]) -> Path | None:
    """What npm says in such an environment; it is slow, and asked for each page."""
    try:
        asked = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, timeout=PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return Path(asked.stdout.strip()) if asked.stdout.strip() else None
