"""`ocrtune VERB …`: flags made from the verb's options, YAML files, the plan, the run, and what is said at the end."""

from __future__ import annotations

from typing import Any

from ocrtune.api import Outcome, Plan, execute, jsonable, load_verb, plan
from ocrtune.cli.console import before_imports, bold, print_json, set_up, table
from ocrtune.cli.face import Asked, VerbFace, flat, read_face, read_options
from ocrtune.cli.flags import Flags
from ocrtune.cli.help import page

PARTIAL = 10


def command(argv: list[str]) -> int:
    """Run the verb `argv[0]`; the return value is the exit code (10 when some samples failed)."""
    before_imports(argv)
    verb = load_verb(argv[0])
    flags = Flags(verb.config, VerbFace)
    typed = flags.parse(argv[1:])
    if typed.face.get("help"):
        print(page(verb.name, verb.doc, flags))
        return 0
    face = read_face(VerbFace, typed)
    asked = read_options(verb.name, verb.config, typed, face)
    set_up(quiet=face.quiet, verbose=face.verbose)
    if face.dry_run:
        _show_plan(plan(verb, asked.options, into=face.into, runs=face.root), asked, face)
        return 0
    outcome = execute(verb, asked.options, into=face.into, runs=face.root, fresh=face.fresh)
    if face.as_json:
        print_json(outcome.summary())
    elif not face.quiet:
        print(_told(outcome))
    if (objection := outcome.objection) is not None:
        raise objection
    return PARTIAL if outcome.run is not None and outcome.run.status == "partial" else 0


def _show_plan(made: Plan, asked: Asked, face: VerbFace) -> None:
    values = made.config.model_dump(mode="json")
    intent = "start over" if face.fresh else _intent(made)
    where = str(made.path) if made.path else None
    if face.as_json:
        origins = {name: _origin(name, asked) for name in flat(values)}
        print_json({"verb": made.verb.name, "options": values, "origins": origins, "run": where, "intent": intent})
        return
    rows = [(name, _short(_at(values, name)), _origin(name, asked)) for name in flat(values)]
    print(table(("option", "value", "from"), rows))
    print(f"\n{intent}: {where}" if where else f"\n{intent}")


def _intent(made: Plan) -> str:
    if made.path is None:
        return "would answer and leave no run directory"
    if made.status is None:
        return "would start a new run"
    if made.status == "done":
        return "already done"
    return f"would resume ({made.status})"


def _origin(name: str, asked: Asked) -> str:
    """Where an option came from; a section or list given as a whole counts for what is inside it."""
    parts = name.split(".")
    found = (asked.origins.get(".".join(parts[:n])) for n in range(len(parts), 0, -1))
    return next((origin for origin in found if origin), "default")


def _at(values: dict[str, Any], name: str) -> Any:
    at: Any = values
    for part in name.split("."):
        at = at[part]
    return at


def _told(outcome: Outcome) -> str:
    """What a finished verb has to say: its result's short figures, then the run and its outputs."""
    if _speaks(outcome.result):
        lines = [str(outcome.result)]
    else:
        lines = [f"{name}: {text}" for name, text in _figures(jsonable(outcome.result)).items()]
    if outcome.run is None:
        return "\n".join(lines)
    status = "already done" if outcome.already else outcome.run.status
    lines.append(f"{bold(status)}: {outcome.run.path}")
    if outcome.run.status == "partial" and outcome.run.manifest.message:
        lines.append(f"  {outcome.run.manifest.message}")
    lines += [f"  {role}: {path}" for role, path in outcome.outputs.items()]
    return "\n".join(lines)


def _speaks(result: Any) -> bool:
    """Whether the result's class says itself how it is told (a `__str__` of its own, not a tuple's or a model's)."""
    return "__str__" in vars(type(result))


def _figures(result: Any) -> dict[str, str]:
    """The plain values of a result by name; what is nested is in its files."""
    if not isinstance(result, dict):
        return {} if result is None else {"result": _short(result)}
    return {name.replace("_", " "): _short(value) for name, value in result.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)
