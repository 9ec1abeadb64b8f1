"""Options of the face itself, the same for every command, and how they and a verb's options are put together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ocrtune.api import DEFAULT_RUNS
from ocrtune.cli.flags import Typed, complain
from ocrtune.config import Section, dotted, load, merge, read_yaml
from ocrtune.errors import ConfigError

F = TypeVar("F", bound="Face")
S = TypeVar("S", bound=Section)


class Face(BaseModel):
    """What every command understands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runs: Path | None = Field(None, description="folder of all runs ($OCRTUNE_RUNS, else ./runs)")
    as_json: bool = Field(False, alias="json", description="the result as JSON on standard output")
    quiet: bool = Field(False, description="only warnings and errors")
    verbose: bool = Field(False, description="also what other libraries have to say")
    traceback: bool = Field(False, description="show where an error came from")
    help: bool = Field(False, description="this page")

    @property
    def root(self) -> Path:
        return self.runs or Path(os.environ.get("OCRTUNE_RUNS") or DEFAULT_RUNS)


class VerbFace(Face):
    """What every verb understands besides."""

    config: list[Path] = Field([], description="YAML file of options; several are laid over each other, the last wins")
    assignments: list[str] = Field([], alias="set", description="one option as a.b=value, the value being YAML")
    into: Path | None = Field(None, description="the run directory (named after the options when absent)")
    fresh: bool = Field(False, description="start over even if this run is done or half done")
    dry_run: bool = Field(False, description="say what would happen, and stop")


class Asked(NamedTuple):
    """The options that were asked for, and for each dotted name where it came from."""

    options: dict[str, Any]
    origins: dict[str, str]


def read_face(kind: type[F], typed: Typed) -> F:
    """The face's own options. Raises ConfigError with everything that is wrong with the line."""
    try:
        return kind.model_validate(typed.face)
    except ValidationError as cause:
        wrong = [f"--{error['loc'][0]}: {error['msg']}" for error in cause.errors()]
        raise complain([*typed.problems, *wrong]) from cause


def read_section(section: type[S], typed: Typed) -> S:
    """Options that come from the line alone. Raises ConfigError with everything that is wrong."""
    problems = list(typed.problems)
    try:
        chosen, _ = load(section, None, typed.options)
    except ConfigError as error:
        raise complain([*problems, *error.problems]) from error
    if problems:
        raise complain(problems)
    return chosen


def read_options(name: str, section: type[Section], typed: Typed, face: VerbFace) -> Asked:
    """Options from YAML, then --set, then flags. Raises ConfigError listing every problem of the line and the values."""
    options: dict[str, Any] = {}
    origins: dict[str, str] = {}
    problems = list(typed.problems)
    layers = [(str(file), _recipe(file, name)) for file in face.config]
    layers += [("--set", _assigned(face.assignments, problems)), ("command line", typed.options)]
    for origin, values in layers:
        options = merge(options, values)
        origins |= dict.fromkeys(flat(values), origin)
    try:
        load(section, None, options)
    except ConfigError as error:
        problems += [_with_origin(problem, origins) for problem in error.problems]
    if problems:
        raise complain(problems)
    return Asked(options, origins)


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted names of the leaves of nested options."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _recipe(file: Path, verb: str) -> dict[str, Any]:
    """The options in a file, which may say which verb they are for."""
    content = read_yaml(file)
    meant = content.pop("verb", verb)
    if meant != verb:
        raise ConfigError(f"{file} holds options of {meant!r}, not of {verb!r}", hint=f"ocrtune {meant} --config {file}")
    return content


def _assigned(assignments: list[str], problems: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name:
            problems.append(f"--set {text}: must look like name=value")
            continue
        try:
            values[name.replace("-", "_")] = yaml.safe_load(value)
        except yaml.YAMLError:
            problems.append(f"--set {text}: the value is not YAML")
    return dotted(values)


def _with_origin(problem: str, origins: Mapping[str, str]) -> str:
    """Say which file a wrong option came from; what was typed needs no telling."""
    name = problem.partition(":")[0]
    origin = next((where for option, where in origins.items() if option == name or option.startswith(f"{name}.")), None)
    return f"{problem} (in {origin})" if origin and origin != "command line" else problem
