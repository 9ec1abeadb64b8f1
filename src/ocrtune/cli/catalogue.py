"""`ocrtune schema` and `ocrtune plugins`: what there is, for people and for programs."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ocrtune.api import load_verb
from ocrtune.cli.command import serve
from ocrtune.cli.console import print_json, table
from ocrtune.cli.face import Face
from ocrtune.config import Section
from ocrtune.plugins import SHELVES
from ocrtune.verbs import VERBS


class SchemaOptions(Section):
    """Which verbs."""

    verbs: list[str] = Field([], description="verbs to print; all when absent")


class NoOptions(Section):
    """Nothing to choose."""


def schema(argv: list[str]) -> int:
    return serve("schema", SchemaOptions, _print_schema, argv, places=("verbs",))


def plugins(argv: list[str]) -> int:
    return serve("plugins", NoOptions, _print_plugins, argv)


def _print_schema(options: SchemaOptions, face: Face) -> None:
    """Print the options of verbs as JSON Schema.

    Examples:
      ocrtune schema train
      ocrtune schema prepare evaluate
    """
    names = options.verbs or list(VERBS)
    schemas: dict[str, Any] = {name: load_verb(name).config.model_json_schema() for name in names}
    print_json(schemas if len(names) > 1 else schemas[names[0]])


def _print_plugins(options: NoOptions, face: Face) -> None:
    """List what can be named as a source, generator, dialect, engine, metric, family, trainer or exporter.

    Examples:
      ocrtune plugins
      ocrtune plugins --json
    """
    found = {shelf.kind: shelf.names() for shelf in SHELVES}
    if face.as_json:
        print_json(found)
    else:
        print(table(("kind", "names"), [(kind, ", ".join(names)) for kind, names in found.items()]))
