"""The options of every verb, as the faces, the recipes and the reference show them."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel

from ocrtune.api import load_verb
from ocrtune.cli.face import VerbFace, read_face, read_options
from ocrtune.cli.flags import Flags
from ocrtune.cli.help import page, split_doc
from ocrtune.cli.main import COMMANDS, main
from ocrtune.cli.reference import pages
from ocrtune.config import option_names
from ocrtune.verbs import VERBS

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
PAGES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "reference")]
SHELL = re.compile(r"^\s*```(?:sh|bash|console)\n(.*?)```", re.DOTALL | re.MULTILINE)


def fields(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Dotted names of all options with their descriptions."""
    for name, field in section.model_fields.items():
        yield prefix + name, field.description
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from fields(kind, f"{prefix}{name}.")


def understood(words: list[str]) -> None:
    """Raises ConfigError when the command line of a verb is wrong."""
    verb = load_verb(words[0])
    typed = Flags(verb.config, VerbFace).parse(words[1:])
    read_options(verb.name, verb.config, typed, read_face(VerbFace, typed))


@pytest.mark.parametrize("name", VERBS)
def test_every_option_has_a_description(name: str) -> None:
    assert [option for option, text in fields(load_verb(name).config) if not text] == []


@pytest.mark.parametrize("name", VERBS)
def test_no_option_hides_one_of_the_face(name: str) -> None:
    face = {field.alias or option for option, field in VerbFace.model_fields.items()} | {"verb", "rest"}
    assert face & load_verb(name).config.model_fields.keys() == set()


@pytest.mark.parametrize("name", VERBS)
def test_help_has_examples_and_they_are_right(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example that starts with `ocrtune` is a command line that would be accepted."""
    monkeypatch.chdir(ROOT)
    verb = load_verb(name)
    _, examples = split_doc(verb.doc)
    lines = [shlex.split(line, comments=True) for line in examples if line.startswith("ocrtune ")]
    assert any(words[1] == name for words in lines), "no example of the verb itself"
    for words in lines:
        if words[1] in VERBS:
            understood(words[1:])
        else:
            assert words[1] in COMMANDS, words


@pytest.mark.parametrize("name", VERBS)
def test_help_fits_the_page_and_shows_every_option(name: str) -> None:
    verb = load_verb(name)
    flags = Flags(verb.config, VerbFace)
    text = page(name, verb.doc, flags)
    assert [flag.names[0] for flag in flags.option_flags if flag.names[0] not in text] == []
    assert main([name, "--help"]) == 0


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda file: file.stem)
def test_recipes_name_their_verb_and_fit_its_options(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    content = yaml.safe_load(recipe.read_text("utf-8"))
    assert content.get("verb") in VERBS
    understood([content["verb"], "--config", str(recipe)])


@pytest.mark.parametrize("page", PAGES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_commands_in_the_documentation_are_right(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `ocrtune` line of a shell block is accepted; options files that only the reader has are left out."""
    monkeypatch.chdir(ROOT)
    blocks = "".join(SHELL.findall(page.read_text("utf-8"))).replace("\\\n", " ")
    for line in (line.strip().removeprefix("$ ") for line in blocks.splitlines()):
        words = shlex.split(line.partition(" > ")[0], comments=True) if line.startswith("ocrtune ") else []
        if words:
            assert words[1] in {*VERBS, *COMMANDS, "--help", "--version"}, line
        files = [Path(words[at + 1]) for at, word in enumerate(words) if word == "--config"]
        if words and words[1] in VERBS and "--help" not in words and all(file.exists() for file in files):
            understood(words[1:])


def test_the_command_line_holds_no_option_of_a_verb() -> None:
    """Nowhere in cli/ is a verb named, nor a flag that is not the face's own."""
    own = {f"--{(field.alias or name).replace('_', '-')}" for name, field in VerbFace.model_fields.items()}
    own |= {"--help", "--version"}
    options = {f"--{name.replace('_', '-')}" for verb in VERBS for name in option_names(load_verb(verb).config)}
    for file in (ROOT / "src/ocrtune/cli").glob("*.py"):
        words = {node.value for node in ast.walk(ast.parse(file.read_text("utf-8")))
                 if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip
        assert words & VERBS.keys() == set(), file
        assert words & (options - own) == set(), file


def test_the_reference_is_up_to_date() -> None:
    """`make docs` writes it anew."""
    folder = ROOT / "docs" / "reference"
    assert {file.name: file.read_text("utf-8") for file in folder.glob("*.md")} == pages()
