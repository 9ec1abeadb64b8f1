"""Options: declared once as a verb's `Config`, loaded from YAML and overrides, described as a schema.

Order: defaults < YAML < overrides (what the user typed always wins). Everything wrong is reported together.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, JsonValue, ValidationError

from ocrtune.core import digest
from ocrtune.errors import ConfigError

S = TypeVar("S", bound="Section")


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _unicode(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{os.fsencode(name).decode('utf-8', 'replace')!r} is no Unicode: rename the file") from None
    return names


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), AfterValidator(_unicode)]
"""Paths or names; one alone may be written without brackets."""


class Section(BaseModel):
    """A group of options. Every field has a description, which is its help text; unknown keys are refused.

    `json_schema_extra` of a field says more: `positional` (may stand without its name), `also` (names that other tools have for
    it), `pace` (decides how fast or how patiently work goes on, not what comes of it).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    def identity(self) -> dict[str, Any]:
        """What makes two runs the same one: all options that decide on the result, unless a section knows more of them. A run
        goes on at another pace."""
        return self.model_dump(mode="json", exclude={n for n in type(self).model_fields if said(type(self), n, "pace")})


def said(section: type[BaseModel], name: str, key: str) -> Any:
    """What `json_schema_extra` of a field says under `key`, None when it says nothing."""
    extra = section.model_fields[name].json_schema_extra
    return extra.get(key) if isinstance(extra, dict) else None


def load(section: type[S], file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> tuple[S, dict[str, Any]]:
    """The options and what was asked for explicitly. Raises ConfigError listing every problem at once."""
    asked = merge(read_yaml(file) if file else {}, dict(overrides or {}))
    try:
        return section.model_validate(asked), asked
    except ValidationError as cause:
        problems = tuple(_problem(section, error) for error in cause.errors())
        where = f" in {file}" if file else ""
        raise ConfigError(
            f"{len(problems)} wrong option{'s' * (len(problems) > 1)}{where}:\n" + "\n".join(f"  - {p}" for p in problems),
            hint="the command's --help lists every option with its type",
            problems=problems,
        ) from cause


def read_yaml(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except FileNotFoundError as cause:
        raise ConfigError(f"no such options file: {file}", hint="recipes/ holds ready ones") from cause
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as cause:
        raise ConfigError(f"cannot read {file} as YAML: {cause}") from cause
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{file} must hold options by name, but holds a {type(content).__name__}")
    if nameless := [key for key in content if not isinstance(key, str)]:
        raise ConfigError(
            f"{file}: an option is called {nameless[0]!r}, which is no name", hint="quote it if it is meant as text"
        )
    return content


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, section by section."""
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        out[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return out


def dotted(assignments: Mapping[str, Any]) -> dict[str, Any]:
    """`{"lora.rank": 8}` as nested sections."""
    out: dict[str, Any] = {}
    for name, value in assignments.items():
        *path, last = name.split(".")
        at = out
        for part in path:
            if not isinstance(at.get(part), dict):  # the later assignment wins
                at[part] = {}
            at = at[part]
        at[last] = value
    return out


def config_digest(config: Section) -> str:
    return digest(config.identity())


def to_yaml(values: Mapping[str, JsonValue]) -> str:
    return yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True)


def option_names(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted names of all options, sections included."""
    for name, field in section.model_fields.items():
        yield prefix + name
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from option_names(kind, f"{prefix}{name}.")


def closest(name: str, known: Iterator[str] | list[str]) -> str:
    """` (did you mean X?)`, or nothing."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {found[0]}?)" if found else ""


def _problem(section: type[BaseModel], error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{name}: there is no such option{closest(name, option_names(section))}"
    if error["type"] == "missing":
        return f"{name}: required, but not given"
    given = f", got {error['input']!r}" if name and not isinstance(error["input"], dict) else ""
    return f"{name + ': ' if name else ''}{error['msg']}{given}"
