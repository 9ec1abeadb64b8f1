"""KaTeX is found in one place or the other, and its absence is an error that says what to install."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocrtune.errors import ResourceError
from ocrtune.katex import katex_dist, katex_version


def _installed(folder: Path) -> Path:
    (folder / "dist").mkdir(parents=True)
    (folder / "dist" / "katex.min.css").touch()
    (folder / "dist" / "katex.min.js").write_text('var katex={version:"1.2.3",render:r}')
    return folder / "dist"


def _npm(folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n[ \"$*\" = 'root -g' ] && echo {root}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.delenv("OCRTUNE_KATEX", raising=False)


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCRTUNE_KATEX", str(_installed(tmp_path / "katex")))
    assert (katex_dist(), katex_version()) == ((tmp_path / "katex" / "dist").resolve(), "1.2.3")


def test_npm_names_the_folder_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dist = _installed(tmp_path / "root" / "katex")
    _npm(tmp_path, tmp_path / "root", monkeypatch)
    assert katex_dist() == dist.resolve()


def test_npm_is_asked_again_where_it_would_answer_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dist = _installed(tmp_path / "root" / "katex")
    with monkeypatch.context() as elsewhere:
        (tmp_path / "bare").mkdir()
        _npm(tmp_path / "bare", tmp_path / "bare", elsewhere)
        with pytest.raises(ResourceError, match="cannot be found"):
            katex_dist()
    _npm(tmp_path, tmp_path / "root", monkeypatch)
    assert katex_dist() == dist.resolve()


def test_a_folder_that_is_named_and_wrong_is_not_replaced_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(tmp_path / "root" / "katex")
    _npm(tmp_path, tmp_path / "root", monkeypatch)
    monkeypatch.setenv("OCRTUNE_KATEX", str(tmp_path))
    with pytest.raises(ResourceError, match=r"no katex\.min\.js"):
        katex_dist()


def test_without_it_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _npm(tmp_path, tmp_path / "root", monkeypatch)
    with pytest.raises(ResourceError, match="cannot be found") as caught:
        katex_dist()
    assert "npm install -g katex" in str(caught.value.hint)
    assert katex_version() == "none"
